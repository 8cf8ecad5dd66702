"""Several DVC experiments side by side: a row for each size and system, means over seeds, intervals over both.

    runs = read_experiments(Path("."), ["small-s13", "small-s14", "large-s13", "large-s14"], "xquad-r")
    print(to_markdown(runs))

DVC reads the metrics of an experiment from its cache or its remote: nothing is checked out, and the workspace does not
change. It reads experiments of the last release too, see `common.old_names` and `settings.renamed`.
"""

import io
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from babelmix.common.errors import UserError
from babelmix.common.files import new_binary_file
from babelmix.evaluation.query_scores import SCOPES, QueryScores
from babelmix.evaluation.score_files import parse_evaluation, read_query_scores
from babelmix.evaluation.significance import holm
from babelmix.reporting.compare import Comparison, contrast
from babelmix.reporting.names import MEASURE_NAMES, SCOPE_NAMES
from babelmix.reporting.results import parse_parameters, systems_of
from babelmix.reporting.tables import TESTS, interval, number, signed, table, tests, tests_explained
from babelmix.settings.params import Settings, parse_settings
from babelmix.workspace import HERE


@dataclass(frozen=True, slots=True)
class Experiment:
    """The scores of one experiment on one benchmark; the dictionaries are by system."""

    name: str
    settings: Settings
    evaluations: dict[str, dict[str, Any]]
    scores: dict[str, QueryScores]


def experiment_names(root: Path, benchmark: str) -> list[str]:
    """Return the names, sorted, of the current commit's experiments whose settings name the benchmark."""
    from dvc.repo import Repo

    with Repo(str(root)) as repo:
        found: dict[Any, list[tuple[str, Any]]] = repo.experiments.ls(rev="HEAD")
    names = sorted(name for group in found.values() for name, *_ in group)
    return [name for name in names if benchmark in _settings(_files(root, name), name).benchmarks]


def read_experiments(root: Path, names: Sequence[str], benchmark: str) -> list[Experiment]:
    """Read what these experiments measured on a benchmark, small models first, then by seed.

    Raises UserError: an experiment that does not exist, was not scored on the benchmark, or whose results the cache no
    longer has; two with the same size and seed; two that differ in more than size and seed.
    """
    found = [_read(root, name, benchmark) for name in names]
    if not found:
        how = "run `make results`, or dvc exp run, and name the experiments"
        raise UserError("no experiments to compare", where=str(root), how=how)
    seen: dict[tuple[str, int], str] = {}
    for run in found:
        settings, key = run.settings, _key(run)
        if key in seen:
            what = f"{seen[key]} and {run.name} both have size {key[0]} and seed {key[1]}"
            raise UserError(what, where="experiments", how="name one of them, or `dvc exp remove` the other")
        seen[key] = run.name
        for field in ("objectives", "objective_presets", "pairs", "translate", "train", "embed", "benchmark"):
            if getattr(settings, field) != getattr(found[0].settings, field):
                what = f"{found[0].name} and {run.name} differ in {field.removesuffix('_presets')}"
                raise UserError(
                    what, where=str(HERE.params), how="compare experiments that differ in size and seed alone"
                )
    presets = found[0].settings.model.presets
    return sorted(found, key=lambda run: (presets[run.settings.model.size].layers or 0, *_key(run)))


def encoder_sizes(root: Path, runs: Sequence[Experiment]) -> dict[str, int]:
    """Return size -> number of parameters outside the embeddings, small models first.

    UserError for an experiment without this number, which an older release made.
    """
    from dvc.exceptions import DvcException

    found: dict[str, int] = {}
    for size, group in by_size(runs).items():
        name, path = group[0].name, str(HERE.encoder_metrics)
        try:
            text = _text(_files(root, name), path, name)
        except (DvcException, OSError) as error:
            how = "run it again: an older release did not count parameters"
            raise UserError(f"cannot be read ({error})", where=f"{path} of {name}", how=how) from error
        found[size] = parse_parameters(text, f"{path} of {name}")[1]
    return dict(sorted(found.items(), key=lambda item: item[1]))


def compare_experiments(runs: Sequence[Experiment]) -> dict[str, list[Comparison]]:
    """Make the report's comparisons for each size, over its seeds; p_holm is corrected over all of them.

    They are one table, with the equivalence bound of the first run.
    """
    found: list[tuple[str, Comparison]] = []
    for size, group in by_size(runs).items():
        scores = {system: [run.scores[system] for run in group] for system in group[0].scores}
        found += [(size, row) for row in contrast(group[0].evaluations, scores, runs[0].settings)]
    corrected = holm([row.difference for _, row in found])
    rows: dict[str, list[Comparison]] = {}
    for (size, row), difference in zip(found, corrected, strict=True):
        rows.setdefault(size, []).append(replace(row, difference=difference))
    return rows


def to_markdown(runs: Sequence[Experiment]) -> str:
    """Return two tables: the scores of every size and system, and the differences between systems."""
    groups = by_size(runs)
    rows = [(size, system, *cells) for size, group in groups.items() for system, cells in _score_rows(group).items()]
    first = next(iter(runs[0].evaluations.values()))
    name, benchmark = MEASURE_NAMES[first["main_score"]], first["benchmark"]
    bound = runs[0].settings.evaluate.equivalence_bound
    seeds = "; ".join(f"{size} {', '.join(str(run.settings.seed) for run in group)}" for size, group in groups.items())
    compared = [
        (
            size,
            f"{row.first} − {row.second}",
            SCOPE_NAMES[row.scope],
            signed(row.difference.mean),
            interval(row.difference),
            *tests(row.difference),
            " ".join(signed(value) for value in row.difference.by_seed),
            row.difference.verdict,
        )
        for size, found in compare_experiments(runs).items()
        for row in found
    ]
    head = (
        "size",
        "system",
        f"mono {name}",
        f"cross {name}",
        f"multi {name}",
        "multi R@10",
        "rank distance",
        "of random",
    )
    return "\n\n".join(
        [
            f"{benchmark}; means over seeds ± standard deviation. Seeds: {seeds}.",
            table(head, rows),
            "Differences; 95 % interval of Student's t over questions (the translations of a question together) and "
            f"seeds; a size with one seed has it over questions alone. {tests_explained(bound)}",
            table(
                ("size", "systems", "scope", "difference", "95 % interval", *TESTS, "each seed", "verdict"), compared
            ),
        ]
    )


def write_into(file: Path, name: str, text: str) -> None:
    """Replace the text between the markers `<!-- babelmix compare: begin NAME -->` and `end` in a Markdown file.

    The rest of the file keeps its bytes. UserError as for `check_into`.
    """
    before, after = _around(file, name)
    with new_binary_file(file) as stream:
        stream.write(b"%b\n%b\n%b" % (before, text.encode(), after))


def check_into(files: Iterable[Path], name: str) -> None:
    """Raise UserError, before any work, for a file that does not exist, or lacks the markers in their order."""
    for file in files:
        _around(file, name)


def _around(file: Path, name: str) -> tuple[bytes, bytes]:
    """Return the bytes before and after the place of a table, with its markers."""
    begin, end = (f"<!-- babelmix compare: {edge} {name} -->" for edge in ("begin", "end"))
    try:
        content = file.read_bytes()
    except OSError as error:
        how = "name an existing Markdown file"
        raise UserError(f"cannot be read ({error.strerror})", where=str(file), how=how) from error
    before, found, rest = content.partition(begin.encode())
    _, closed, after = rest.partition(end.encode())
    if not (found and closed):
        raise UserError("no place for the table", where=str(file), how=f"put the lines {begin} and {end} there")
    return before + found, closed + after


def _read(root: Path, name: str, benchmark: str) -> Experiment:
    from dvc.exceptions import DvcException

    files = _files(root, name)
    settings = _settings(files, name)
    evaluations: dict[str, dict[str, Any]] = {}
    scores: dict[str, QueryScores] = {}
    try:
        for system in systems_of(settings.objectives):
            file, per_query = (str(find(system, benchmark)) for find in (HERE.scores, HERE.query_scores))
            evaluations[system] = parse_evaluation(_text(files, file, name), f"{file} of {name}")
            scores[system] = read_query_scores(io.BytesIO(files.read_bytes(per_query)), f"{per_query} of {name}")
    except (DvcException, OSError) as error:
        how = f"run it with benchmarks=[{benchmark}], or name others (`dvc exp list`)"
        raise UserError(f"cannot be read ({error})", where=f"experiment {name}", how=how) from error
    return Experiment(name, settings, evaluations, scores)


def _files(root: Path, name: str) -> Any:
    """Return the file system of an experiment, as Git and DVC have it."""
    from dvc import api
    from dvc.exceptions import DvcException
    from scmrepo.exceptions import SCMError

    try:
        files: Any = api.DVCFileSystem(str(root), rev=name)
        files.ls("", detail=False)  # looks the revision up
    except (DvcException, SCMError, OSError) as error:
        how = "name one that `dvc exp list` shows, or a commit"
        raise UserError(f"no such experiment ({error})", where=f"experiment {name}", how=how) from error
    return files


def _settings(files: Any, name: str) -> Settings:
    return parse_settings(_text(files, str(HERE.params), name), f"{HERE.params} of {name}")


def _text(files: Any, path: str, name: str) -> str:
    try:
        return files.read_text(path, encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UserError("not UTF-8 text", where=f"{path} of {name}", how="make the experiment again") from error


def by_size(runs: Sequence[Experiment]) -> dict[str, list[Experiment]]:
    """Return size -> its experiments, one a seed, in the order given."""
    groups: dict[str, list[Experiment]] = {}
    for run in runs:
        groups.setdefault(run.settings.model.size, []).append(run)
    return groups


def _score_rows(group: Sequence[Experiment]) -> dict[str, tuple[str, ...]]:
    rows: dict[str, tuple[str, ...]] = {}
    for system, evaluation in group[0].evaluations.items():
        found = [run.evaluations[system] for run in group]
        measure = evaluation["main_score"]
        rows[system] = (
            *(_mean([one["scopes"][scope][measure] for one in found]) for scope in SCOPES),
            _mean([one["scopes"]["multilingual"]["recall_at_10"] for one in found]),
            _mean([one["bias"]["rank_distance"] for one in found], ".1f"),
            _mean([one["bias"]["rank_distance_share"] for one in found], ".1%"),
        )
    return rows


def _mean(values: Sequence[float | None], form: str = ".3f") -> str:
    known = [value for value in values if value is not None]
    if not known:
        return number(None)
    spread = f" ± {statistics.stdev(known):{form}}" if len(set(known)) > 1 else ""
    return f"{statistics.fmean(known):{form}}{spread}"


def _key(run: Experiment) -> tuple[str, int]:
    return run.settings.model.size, run.settings.seed
