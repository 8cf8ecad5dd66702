"""Does the size change what the batches buy: the answer, the scores and the fits over sizes, in Markdown.

print(to_markdown(designs(read_all_records(HERE.study), study), study, {"contrastive": 1.0, "hybrid": 0.5}))
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence

from babelmix.evaluation.significance import Difference, Interval, holm, interval_of
from babelmix.reporting.dev_choice import marked
from babelmix.reporting.scaling_fits import fit_tables
from babelmix.reporting.scaling_gap import gap_tables
from babelmix.reporting.scaling_rows import pairs_of, systems_of
from babelmix.reporting.tables import DASH, SIGNS, count, number, signed, table
from babelmix.study.design import Design
from babelmix.study.gains import gains, step_gains
from babelmix.study.rates import at_an_end
from babelmix.study.scores import StudyScores
from babelmix.study.settings import Study
from babelmix.study.verdict import verdict
from babelmix.workspace import BM25, UNTRAINED

SHORTCUTS = (
    "Read with care: all sizes are cut from one published checkpoint by leaving out layers. That damages the smaller "
    "ones (see untrained), and the training repairs them too, so a size is no training from scratch. The weights "
    "come from 4 bits. The makers tuned the checkpoint on question answering data, which may hold passages of these "
    "benchmarks. The Portuguese training pairs and NFCorpus's queries in six languages were translated by machine. "
    "Trainings of the first seed chose the learning rates, so of that seed the best of several are shown, and of no "
    "other."
)
SCORES = (
    "Mean over all seeds of the size, ± half of the 95 % interval over questions and seeds, with one seed over "
    "questions alone. The questions of an article of XQuAD count as one. mAP; of BEIR tasks nDCG@10. † uses the "
    "passages of the index, without labels; dev chose the form."
)


def to_markdown(found: Sequence[Design], study: Study, alphas: Mapping[str, float]) -> str:
    """Return a section for each device: figures from different devices are not mixed in one table.

    Args:
        found: as `designs` returns them.
        study: the settings.
        alphas: objective -> share of monolingual batches, of those that have one number.
    """
    return "\n\n".join(text for design in found for text in _section(design, study, alphas, several=len(found) > 1))


def _section(design: Design, study: Study, alphas: Mapping[str, float], *, several: bool) -> Iterator[str]:
    found = StudyScores(design, study)
    if several:
        yield f"## On {design.device}"
    yield f"**{verdict(design, study)}**"
    if design.sizes:
        own = (f"{size} {', '.join(map(str, design.seeds[size]))}" for size in design.sizes)
        yield f"Seeds: {'; '.join(own)}. Machine: {'; '.join(design.machines)}."
    if design.left_out:
        yield "\n".join(["Left out:", "", *(f"- {line}" for line in design.left_out)])
    if not (design.sizes and found.scores):
        return
    yield from _scores(found)
    yield from _differences(found)
    yield SHORTCUTS
    if ends := at_an_end(design, study):
        yield ends
    yield from fit_tables(found, alphas)
    yield from gap_tables(found)
    yield from _steps(found)


def _scores(found: StudyScores) -> Iterator[str]:
    rows: list[Sequence[str]] = []
    for size in found.design.sizes:
        millions = f"{found.design.parameters[size] / 1e6:.1f}"
        for system in (*systems_of(found), *([found.freed] if found.freed else []), UNTRAINED, BM25):
            cells = [
                shown_interval(interval_of(found.values(size, system, score)))
                if found.has(system, score, size)
                else DASH
                for score in found.scores
            ]
            if set(cells) != {DASH}:
                rows.append((size, millions, marked(system), *cells))
    yield "### Scores"
    yield SCORES
    yield table(("size", "N, millions", "system", *(score.name for score in found.scores)), rows)


def _differences(found: StudyScores) -> Iterator[str]:
    if not found.others:
        return
    by_pair = {pair: [gains(found, *pair, score) for score in found.scores] for pair in pairs_of(found)}
    family: dict[tuple[str, ...], Difference] = {
        (size, f"{marked(first)} − {marked(second)}", score.name): by_size[size]
        for size in found.design.sizes
        for (first, second), own in by_pair.items()
        for score, by_size in zip(found.scores, own, strict=True)
    }
    yield "### Differences"
    yield _how(len(family), next(iter(family.values())).bound)
    yield changes_table(family, ("size", "systems"), [score.name for score in found.scores])


def _steps(found: StudyScores) -> Iterator[str]:
    design = found.design
    if not (design.steps and found.others):
        return
    asked = [score for score in found.scores if score.benchmark == found.study.benchmarks[0]]
    by_factor = {
        (name, score.name): step_gains(found, name, found.reference, score) for name in found.others for score in asked
    }
    tested = iter(holm([one for own in by_factor.values() for one in own.values()]))
    corrected = {(*where, factor): next(tested) for where, own in by_factor.items() for factor in own}
    factors = sorted({factor for factor, _ in design.steps})
    rows = [
        (
            count(design.steps[factor, found.reference][0].facts.steps),
            f"{name} − {found.reference}",
            *(change(corrected[name, score.name, factor]) for score in asked),
        )
        for factor in factors
        for name in found.others
    ]
    size = found.study.steps.size if found.study.steps else ""
    seeds = ", ".join(str(one.run.seed) for one in design.steps[factors[0], found.reference])
    yield f"### With fewer and more steps, {size}"
    yield (
        "An advantage that more training closes is no advantage of the batches. "
        f"Seeds: {seeds}. {_how(len(corrected), next(iter(corrected.values())).bound)}"
    )
    yield table(("steps", "systems", *(score.name for score in asked)), rows)


def _how(rows: int, bound: float) -> str:
    return (
        "First system minus second, paired over questions and, where a size has several, seeds; ± half of the 95 % "
        "interval. Holm's correction "
        f"over all {count(rows)} differences of this table: ▲ better, ▼ worse, = equivalent within {bound:g}, · no "
        "difference shown. The sentence on top is a family of its own, corrected over its sizes."
    )


def shown_interval(found: Interval) -> str:
    """Return a score with half of its interval: "0.259 ±0.008"."""
    return f"{number(found.mean)}{_half(found)}"


def changes_table(family: Mapping[tuple[str, ...], Difference], head: Sequence[str], columns: Sequence[str]) -> str:
    """Return a table of differences, corrected by Holm over all of them; a dash where there is none.

    Args:
        family: the cells of a row's head and the name of its column -> difference.
        head: what the cells of a row's head are.
        columns: in their order.
    """
    return table((*head, *columns), change_rows(family, columns, change))


def change_rows(
    family: Mapping[tuple[str, ...], Difference], columns: Sequence[str], cell: Callable[[Difference], str]
) -> list[tuple[str, ...]]:
    """Return the rows of `changes_table`; `cell` writes a corrected difference."""
    tested = dict(zip(family, holm(list(family.values())), strict=True))
    return [
        (*row, *(cell(tested[*row, column]) if (*row, column) in tested else DASH for column in columns))
        for row in dict.fromkeys(key[:-1] for key in family)
    ]


def change(difference: Difference) -> str:
    """Return a difference with half of its interval and the sign of its verdict: "+0.021 ±0.004 ▲"."""
    return f"{signed(difference.mean)}{_half(difference)} {SIGNS[difference.verdict]}"


def _half(found: Interval | Difference) -> str:
    half = (found.high - found.low) / 2
    return f" ±{number(half)}" if math.isfinite(half) else ""
