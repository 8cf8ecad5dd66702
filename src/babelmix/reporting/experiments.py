"""Several DVC experiments side by side: a row for each size and system, means over seeds, intervals over both.

    runs = read_experiments(Path("."), ["small-s13", "small-s14", "large-s13", "large-s14"], "xquad-r")
    print(to_markdown(runs))

DVC reads the metrics of an experiment from its cache or its remote: nothing is checked out, and the workspace does not
change. It reads experiments of the last release too, see `common.old_names` and `settings.renamed`.
"""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from babelmix.common.errors import UserError
from babelmix.common.files import new_binary_file
from babelmix.evaluation.measures import MEASURE_NAMES
from babelmix.evaluation.query_scores import SCOPES
from babelmix.evaluation.significance import holm
from babelmix.reporting.compare import Comparison, contrast, contrasts
from babelmix.reporting.dev_choice import best_debiasing, marked
from babelmix.reporting.experiment_files import (
    Experiment,
    Opened,
    by_size,
    open_experiments,
    read_dev,
    read_parameters,
    read_scores,
    scored_by_all,
)
from babelmix.reporting.names import SCOPE_NAMES
from babelmix.reporting.results import reference_of, systems_of
from babelmix.reporting.tables import TESTS, interval, number, signed, table, tests, tests_explained
from babelmix.workspace import DEBIASINGS, LIR, UNTRAINED, dev_benchmarks, encoder_of


def read_experiments(root: Path, names: Sequence[str], benchmark: str) -> list[Experiment]:
    """Read what these experiments measured on a benchmark, small models first, then by seed.

    Raises UserError: an experiment that does not exist, was not scored on the benchmark, or whose results the cache no
    longer has; two with the same size and seed; two that differ in more than size and seed.
    """
    found: list[Experiment] = []
    for group in by_size(open_experiments(root, names, ("objectives", "averages"))).values():
        known = scored_by_all(group)
        best = _best_forms(group, known)
        for run in group:
            shown = [
                system
                for system in systems_of(run.settings.objectives, run.settings.averages)
                if system == (encoder := encoder_of(system))
                or (system in known and system in (encoder + LIR, best[encoder]))
            ]
            found.append(read_scores(run, benchmark, shown, best))
    return found


def _best_forms(group: Sequence[Opened], known: frozenset[str]) -> dict[str, str]:
    """Return encoder -> its best debiased form, by the mean over seeds on the dev splits.

    An experiment of an older release has LIR alone: then nothing is to choose, and no dev split is read.
    """
    best: dict[str, str] = {}
    settings = group[0].settings
    for encoder in (UNTRAINED, *settings.objectives, *settings.averages):
        forms = [encoder + debiasing for debiasing in DEBIASINGS if encoder + debiasing in known]
        splits = dev_benchmarks(settings.benchmarks)
        best[encoder] = best_debiasing(read_dev(group, forms, splits) if len(forms) > 1 else {}, encoder)
    return best


def encoder_sizes(root: Path, runs: Sequence[Experiment]) -> dict[str, int]:
    """Return size -> number of parameters outside the embeddings, small models first.

    UserError for an experiment without this number, which an older release made.
    """
    found = {size: read_parameters(root, group[0].name)[1] for size, group in by_size(runs).items()}
    return dict(sorted(found.items(), key=lambda item: item[1]))


def compare_experiments(runs: Sequence[Experiment]) -> dict[str, list[Comparison]]:
    """Make the report's comparisons for each size, over its seeds; p_holm is corrected over all of them.

    They are one table, with the equivalence bound of the first run.
    """
    found: list[tuple[str, Comparison]] = []
    for size, group in by_size(runs).items():
        settings = group[0].settings
        free = group[0].best[reference_of(settings.objectives)]
        compared = {name for pair in contrasts(settings.objectives, free) for name in pair}
        scores = {system: [run.scores[system] for run in group] for system in compared}
        found += [(size, row) for row in contrast(group[0].evaluations, scores, runs[0].settings, free)]
    corrected = holm([row.difference for _, row in found])
    rows: dict[str, list[Comparison]] = {}
    for (size, row), difference in zip(found, corrected, strict=True):
        rows.setdefault(size, []).append(replace(row, difference=difference))
    return rows


def to_markdown(runs: Sequence[Experiment]) -> str:
    """Return two tables: the scores of every size and system, and the differences between systems."""
    groups = by_size(runs)
    rows = [
        (size, marked(system), *cells) for size, group in groups.items() for system, cells in _score_rows(group).items()
    ]
    first = next(iter(runs[0].evaluations.values()))
    name, benchmark = MEASURE_NAMES[first["main_score"]], first["benchmark"]
    bound = runs[0].settings.evaluate.equivalence_bound
    seeds = "; ".join(f"{size} {', '.join(str(run.settings.seed) for run in group)}" for size, group in groups.items())
    compared = [
        (
            size,
            f"{marked(row.first)} − {marked(row.second)}",
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
