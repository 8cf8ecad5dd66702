"""What did not help: where a recipe loses against contrastive batches, and where a baseline beats all recipes."""

from collections.abc import Iterable, Iterator, Mapping

from babelmix.evaluation.query_scores import SCOPES
from babelmix.evaluation.significance import Difference, holm
from babelmix.reporting.answer.document import Bullets, Paragraph, Section
from babelmix.reporting.answer.recipes import Recipe
from babelmix.reporting.answer.words import listed
from babelmix.reporting.names import SCOPE_NAMES
from babelmix.reporting.tables import number, signed
from babelmix.study.compared import difference, interval
from babelmix.study.design import Design
from babelmix.study.settings import Study
from babelmix.workspace import BM25, NATIVE_DEV, UNTRAINED

Key = tuple[str, str, str, str]  # recipe or baseline, benchmark, scope, size
BASELINES = {BM25: "Word overlap (BM25)", UNTRAINED: "The encoder before training"}


def negative_section(design: Design, study: Study, suffix: str) -> Section:
    """Return each loss that Holm's correction leaves, over all benchmarks and scopes, and what baselines beat."""
    losses, beaten = _losses(design, study), _beaten(design, study)
    tested = dict(zip((*losses, *beaten), holm([*losses.values(), *beaten.values()]), strict=True))
    items = (*_lost(tested, losses, study), *_won(tested, beaten, design))
    text = (
        "All plain encoders, without debiasing. Whatever has p < .05 after Holm's correction over all comparisons of "
        "this section."
    )
    found = Bullets(items) if items else Paragraph("Nothing lost, and no baseline won.")
    return Section(f"negative{suffix}", "What did not help", (Paragraph(text), found))


def _places(design: Design, study: Study) -> list[tuple[str, str]]:
    """Return the benchmarks and scopes that every run of a design scored with values for questions."""
    runs = [(one, name) for name in study.objectives for size in design.sizes for one in design.main[size, name]]
    return [
        (benchmark, scope)
        for benchmark in study.benchmarks
        if benchmark != NATIVE_DEV
        for scope in SCOPES
        if all(
            benchmark in one.facts.systems[name] and one.score(name, benchmark, scope) is not None for one, name in runs
        )
    ]


def _losses(design: Design, study: Study) -> dict[Key, Difference]:
    """Return each recipe minus contrastive batches, by (recipe, benchmark, scope, size)."""
    reference, *others = study.objectives
    return {
        (name, benchmark, scope, size): difference(design, size, name, reference, benchmark, scope)
        for name in others
        for benchmark, scope in _places(design, study)
        for size in design.sizes
    }


def _lost(tested: Mapping[Key, Difference], losses: Iterable[Key], study: Study) -> Iterator[str]:
    lost: dict[tuple[str, str, str], list[str]] = {}
    for key in losses:
        if (row := tested[key]).verdict == "worse":
            lost.setdefault(key[:3], []).append(f"{signed(row.mean)} at {key[3]}")
    for (name, benchmark, scope), own in lost.items():
        where = f"{benchmark}, {SCOPE_NAMES[scope]}"
        yield f"{name.capitalize()} loses to {study.objectives[0]} on {where}: {listed(own)}."


def _beaten(design: Design, study: Study) -> dict[Key, Difference]:
    """Return each baseline minus the best recipe of the size, by (baseline, benchmark, scope, size)."""
    return {
        (baseline, benchmark, scope, size): difference(
            design, size, baseline, _best(design, study, size, benchmark, scope), benchmark, scope
        )
        for baseline in BASELINES
        for benchmark, scope in _places(design, study)
        for size in design.sizes
        if (size, baseline) in design.main
        and Recipe(size, baseline, "", design.main[size, baseline]).score(benchmark, scope) is not None
    }


def _best(design: Design, study: Study, size: str, benchmark: str, scope: str) -> str:
    return max(study.objectives, key=lambda name: interval(design, size, name, benchmark, scope).mean)


def _won(tested: Mapping[Key, Difference], beaten: Iterable[Key], design: Design) -> Iterator[str]:
    won: dict[tuple[str, str, str], list[str]] = {}
    for key in beaten:
        if (row := tested[key]).verdict == "better":
            baseline, benchmark, scope, size = key
            score = interval(design, size, baseline, benchmark, scope).mean
            won.setdefault(key[:3], []).append(f"{size} ({number(score)} against {number(score - row.mean)})")
    for (baseline, benchmark, scope), own in won.items():
        where = f"{benchmark}, {SCOPE_NAMES[scope]}"
        yield f"{BASELINES[baseline]} beats every recipe on {where}, at {listed(own)}."
