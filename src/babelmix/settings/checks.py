"""Checks across sections of params.yaml: names that must exist, and settings that exclude one another."""

from collections.abc import Iterable, Sequence
from itertools import product
from pathlib import Path

from babelmix.benchmarks.own import OWN, own_files, unknown_benchmark
from babelmix.benchmarks.registry import BENCHMARKS
from babelmix.common.errors import UserError, quoted, shown, unknown_name
from babelmix.common.languages import LANGUAGES
from babelmix.corpus.registry import PAIR_SOURCES
from babelmix.encoder.settings import Average
from babelmix.lexicon.registry import LEXICONS
from babelmix.settings.names import BESIDE_BENCHMARKS, SYSTEMS, check_name
from babelmix.settings.schema import Settings
from babelmix.study.settings import STEPS_ARM, Study
from babelmix.translate.hops import check_target, parse_route
from babelmix.workspace import DEBIASINGS, NATIVE_DEV, UNTRAINED


def check_settings(settings: Settings, path: str) -> None:
    """Raise UserError for the first contradiction within the settings; `path` names the file."""
    _check_names(settings, path)
    _check_sources(settings, path)
    _check_routes(settings, path)
    _check_objectives(settings, path)
    _check_averages(settings, path)
    _check_benchmarks(settings, path)
    _check("lexicon", settings.probes, LEXICONS, f"{path}, probes")
    if settings.study:
        _check_study(settings, settings.study, path)


def check_own_benchmarks(settings: Settings, path: Path) -> None:
    """Raise UserError for a benchmark that is neither known nor has files below data/own, beside the settings.

    Also for one that is both: its files would be passed over.
    """
    root = path.parent / OWN
    for name in settings.benchmarks:
        if name in BENCHMARKS and (shadowed := own_files(name, root)) is not None:
            what = f"{quoted(name)} is a known benchmark, and has files of yours too"
            raise UserError(what, where=str(shadowed), how=f"call yours something else, such as my-{name}")
    named = {"benchmarks": settings.benchmarks, "benchmark.translated": settings.benchmark.translated}
    if settings.study:
        named["study.benchmarks"] = settings.study.benchmarks
    for where, names in named.items():
        for name in names:
            if name not in BENCHMARKS and own_files(name, root) is None:
                raise unknown_benchmark(name, f"{path}, {where}", root)


def _check_names(settings: Settings, path: str) -> None:
    for name in settings.objective_presets:
        check_name(name, f"{path}, objective", SYSTEMS)
    for name in settings.model.presets:
        check_name(name, f"{path}, model.presets")
    _check("size", (settings.model.size,), settings.model.presets, f"{path}, model.size")
    _check("size", settings.model.teachers, settings.model.presets, f"{path}, model.teachers")
    _check("objective", settings.objectives, settings.objective_presets, f"{path}, objectives")
    _check("language", settings.pairs.languages, LANGUAGES, f"{path}, pairs.languages")


def _check_sources(settings: Settings, path: str) -> None:
    for name, table in settings.source.items():
        check_name(name, f"{path}, source", frozenset((*PAIR_SOURCES, *BENCHMARKS, *LEXICONS)))
        if table.language:
            _check("language", (table.language,), LANGUAGES, f"{path}, source.{name}.language")
    _check("source", settings.sources, (*PAIR_SOURCES, *settings.source), f"{path}, sources")
    needing = [name for name in settings.sources if name in PAIR_SOURCES and PAIR_SOURCES[name].needs_english]
    if needing and "en" not in settings.pairs.languages:
        how = f"add en: the other languages of {needing[0]} are aligned to it"
        raise UserError("English is missing", where=f"{path}, pairs.languages", how=how)

    if all(settings.source_language(name) is None for name in settings.sources):
        how = "add one of texts, such as libreoffice-help: the dev split is made of texts"
        raise UserError("there are only dictionaries", where=f"{path}, sources", how=how)


def _check_routes(settings: Settings, path: str) -> None:
    translate = settings.translate
    for language, route in translate.routes.items():
        where = f"{path}, translate.routes.{shown(language)}"
        check_target(parse_route(route, where), language, where)
    for language, routes in translate.candidates.items():
        where = f"{path}, translate.candidates.{shown(language)}"
        for route in routes:
            check_target(parse_route(route, where), language, where)
    _check("language", translate.languages, translate.routes, f"{path}, translate.languages")


def _check_objectives(settings: Settings, path: str) -> None:
    tables = [settings.source[name] for name in settings.sources if name in settings.source]
    known = frozenset((*settings.pairs.languages, *settings.translate.languages))
    known |= LANGUAGES if any(table.dictionary for table in tables) else {str(table.language) for table in tables}
    words = any(settings.source_language(name) is None for name in settings.sources)
    for name, objective in settings.objective_presets.items():
        chosen = name in settings.objectives
        where = f"{path}, objective.{name}"
        _check("language", objective.languages or (), known if chosen else LANGUAGES, f"{where}.languages")
        if objective.lexicon and chosen and not words:
            how = f"add one: -S 'sources=[{','.join((*settings.sources, 'xling-train'))}]', or one of your own"
            raise UserError("no dictionary is among sources", where=f"{where}.lexicon", how=how)
        if objective.teacher and chosen and objective.teacher not in settings.model.teachers:
            how = f"add it: -S 'model.teachers=[{shown(objective.teacher)}]'"
            what = f"{quoted(objective.teacher)} is not among model.teachers"
            raise UserError(what, where=f"{where}.teacher", how=how)


def _check_averages(settings: Settings, path: str) -> None:
    """Check all averages by their names, and those in use by their parts: objectives may be replaced as a whole."""
    for name, average in settings.average.items():
        where, parts = f"{path}, average.{shown(name)}", (average.first, average.second)
        check_name(name, f"{path}, average", SYSTEMS | {*settings.objective_presets})
        _check_once("encoder", parts, where)
        if name not in settings.averages:
            continue
        _check("encoder", parts, (UNTRAINED, *settings.objective_presets), where)
        for part in parts:
            if part not in (UNTRAINED, *settings.objectives):
                how = f"add it: -S 'objectives=[{','.join((*settings.objectives, part))}]'"
                raise UserError(f"{quoted(part)} is not among objectives", where=where, how=how)
    _check("average", settings.averages, settings.average, f"{path}, averages")
    encoders = (UNTRAINED, *settings.objectives, *settings.averages)
    _check("encoder", settings.probe.systems, encoders, f"{path}, probe.systems")


def _check_benchmarks(settings: Settings, path: str) -> None:
    benchmark = settings.benchmark
    _check_benchmark_names(settings, settings.benchmarks, f"{path}, benchmarks")
    for name, split in benchmark.splits.items():
        where = f"{path}, benchmark.splits"
        check_name(name, where)
        check_name(split, f"{where}.{name}")
        if name in BENCHMARKS and not BENCHMARKS[name].splits:
            raise UserError(f"{name} has only one split", where=where, how=f"take {name} out")
    where = f"{path}, benchmark.query_languages"
    _check("language", benchmark.query_languages, settings.translate.routes, where)
    where = f"{path}, benchmark.translated"
    for name in benchmark.translated:
        check_name(name, where)
        if name in BENCHMARKS:
            what = f"{name} is not a benchmark of your own"
            raise UserError(what, where=where, how=f"take {name} out: BEIR's are translated without it")
    _check_once("benchmark", benchmark.translated, where)
    if benchmark.languages != "all":
        _check("language", benchmark.languages, LANGUAGES, f"{path}, benchmark.languages")


def _check_benchmark_names(settings: Settings, names: tuple[str, ...], where: str) -> None:
    """Raise UserError, at `where`, for a name that no benchmark can have, or one that comes twice."""
    taken = BESIDE_BENCHMARKS | {*PAIR_SOURCES, *LEXICONS, *settings.source}
    for name in names:
        if name not in BENCHMARKS:
            if "/" in name:
                how = f"write its name, {shown(Path(name).name)}, and put its files below {OWN}"
                raise UserError(f"{quoted(name)} is a path", where=where, how=how)
            check_name(name, where, taken)
    _check_once("benchmark", names, where)


def check_study_names(settings: Settings, study: Study, path: str) -> None:
    """Raise UserError for a size, objective or average of the study that the settings do not have.

    For the command that runs the study: the others must work where objectives are replaced as a whole.
    """
    _check("size", study.sizes, settings.model.presets, f"{path}, study.sizes")
    _check("objective", study.objectives, settings.objective_presets, f"{path}, study.objectives")
    for name, arm in study.arms.items():
        _check("objective", arm.objectives, settings.objective_presets, f"{path}, study.arms.{shown(name)}.objectives")
    if study.averages:
        where = f"{path}, study.averages.names"
        _check("average", study.averages.names, settings.average, where)
        for name in study.averages.names:
            _check_study_average(settings.average[name], name, study, where)


def _check_arms(study: Study, path: str) -> None:
    """Check the arms against the study; a name must not look like a number of steps, such as x2."""
    for name, arm in study.arms.items():
        where = f"{path}, study.arms.{shown(name)}"
        check_name(name, f"{path}, study.arms")
        if STEPS_ARM.fullmatch(name):
            how = "call it something else, such as twice"
            raise UserError(f"{quoted(name)} is a number of steps", where=where, how=how)
        _check_once("objective", arm.objectives, f"{where}.objectives")
        _check("size", tuple(arm.seeds), study.sizes, f"{where}.seeds")
        for size, seeds in arm.seeds.items():
            _check_once("seed", seeds, f"{where}.seeds.{size}")
        _check("objective", (arm.rate_of,) if arm.rate_of else arm.objectives, study.objectives, f"{where}.rate_of")
        for change in arm.change:
            if "=" not in change:
                raise UserError(f"{quoted(change)} changes nothing", where=f"{where}.change", how="write NAME=VALUE")


def _check_arms_once(study: Study, path: str) -> None:
    """Raise UserError for a training that two entries name: an arm of steps alone, and `study.steps` or another arm."""
    named: dict[tuple[str, str, float, int], str] = {}
    if study.steps:
        cells = product((study.steps.size,), study.objectives, study.steps.factors, study.steps.seeds)
        named = dict.fromkeys(cells, "study.steps")
    for name, arm in study.arms.items():
        for size, seeds in arm.seeds.items() if not arm.change and not arm.rate_of else ():
            for cell in product((size,), arm.objectives, (arm.steps,), seeds):
                where = f"study.arms.{name}"
                if (other := named.setdefault(cell, where)) != where:
                    what = f"{size}, {cell[1]}, seed {cell[3]} with {arm.steps:g} times the steps is of {other} too"
                    raise UserError(what, where=f"{path}, {where}.seeds.{size}", how="name the training once")


def _check_study(settings: Settings, study: Study, path: str) -> None:
    """Check all that needs no other section but the benchmarks' names, see `check_study_names`."""
    _check_once("size", study.sizes, f"{path}, study.sizes")
    _check_once("objective", study.objectives, f"{path}, study.objectives")
    _check_once("seed", study.seeds, f"{path}, study.seeds")
    _check_benchmark_names(settings, study.benchmarks, f"{path}, study.benchmarks")
    if NATIVE_DEV not in study.benchmarks:
        how = f"add {NATIVE_DEV}: learning rates are chosen on it"
        raise UserError(f"{NATIVE_DEV} is missing", where=f"{path}, study.benchmarks", how=how)
    _check_factors(study.rate_factors, f"{path}, study.rate_factors")
    _check("debiasing", study.forms, DEBIASINGS, f"{path}, study.forms")
    _check_arms(study, path)
    _check_arms_once(study, path)
    if study.steps:
        where = f"{path}, study.steps"
        _check("size", (study.steps.size,), study.sizes, f"{where}.size")
        _check("seed", study.steps.seeds, study.seeds, f"{where}.seeds")
        _check_factors(study.steps.factors, f"{where}.factors")
    if study.averages:
        where = f"{path}, study.averages"
        _check("size", study.averages.sizes, study.sizes, f"{where}.sizes")
        _check("seed", study.averages.seeds, study.seeds, f"{where}.seeds")
        _check_once("average", study.averages.names, f"{where}.names")


def _check_study_average(average: Average, name: str, study: Study, where: str) -> None:
    """Raise UserError for an average that no single training of the study can make."""
    owners = [one for one in study.objectives if name.startswith(f"{one}-")]
    if not owners:
        how = f"call it after its objective, such as {study.objectives[0]}-{name}"
        raise UserError(f"{quoted(name)} does not begin with an objective of the study", where=where, how=how)
    for owner in owners:  # `planned` gives it to each
        for part in (average.first, average.second):
            if part not in (UNTRAINED, owner):
                what = f"{quoted(name)} needs {quoted(part)}, which a run of {owner} does not train"
                raise UserError(what, where=where, how=f"take an average of {owner} and {UNTRAINED}")


def _check_factors(factors: tuple[float, ...], where: str) -> None:
    for factor in factors:
        if factor <= 0:
            raise UserError(f"{factor:g} is not above 0", where=where, how="write a factor such as 0.5 or 2")
    _check_once("factor", factors, where)


def _check(kind: str, names: tuple[str | int, ...], valid: Iterable[str | int], where: str) -> None:
    """Raise UserError, at `where`, for a name that is not valid or comes twice."""
    choices = frozenset(valid)
    for name in names:
        if name not in choices:
            raise unknown_name(kind, str(name), map(str, choices), where=where)
    _check_once(kind, names, where)


def _check_once(kind: str, names: Sequence[str | float], where: str) -> None:
    seen: set[str | float] = set()
    for name in names:
        if name in seen:
            shown_name = quoted(name) if isinstance(name, str) else f"{name:g}"
            raise UserError(f"{kind} {shown_name} comes twice", where=where, how="name it once")
        seen.add(name)
