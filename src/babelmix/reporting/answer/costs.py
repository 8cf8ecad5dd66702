"""What a recipe costs: seconds, memory, and dollars of compute for each point of mAP that training gains.

costs_section(design, study, "")        # Section
"""

from collections.abc import Iterable
from statistics import median

from babelmix.reporting.answer.document import Paragraph, Section, Table
from babelmix.reporting.answer.recipes import Recipe
from babelmix.reporting.tables import number, signed
from babelmix.study.design import Design
from babelmix.study.settings import Study
from babelmix.workspace import UNTRAINED

POINT = 0.01  # of mAP
HOUR = 3600


def costs_section(design: Design, study: Study, suffix: str) -> Section:
    """Return a table of every size and objective: the medians over seeds, and what the compute is worth."""
    benchmark = study.benchmarks[0]
    apart = " Seconds of two machines cannot be compared." if len(design.machines) > 1 else ""
    encoding = {size: _longest(design, study, size) for size in design.sizes}
    text = (
        f"Seconds and memory are medians over seeds, on {'; '.join(design.machines)}.{apart} A point is .01 mAP in "
        f"the pool of {benchmark}, gained over the untrained encoder of the size. The price is an assumption, "
        f"${study.dollars_per_hour:.2f} an hour for the whole machine (`study.dollars_per_hour` in `params.yaml`). "
        "Energy was not measured. A stage that DVC took from its cache has no time, and "
        "a run that waited for others took longer than it worked. Encoding the benchmarks costs the same for all "
        "recipes of a size: it is the longest of their runs, as a run that finds some vectors kept takes less."
    )
    rows = [_row(design, study, size, name, encoding[size]) for size in design.sizes for name in study.objectives]
    head = ("size", "recipe", "seeds", "training, s", "encoding, s", "peak memory, GiB", "training, $", "gain, mAP",
            "$ a point")  # fmt: skip
    return Section(f"costs{suffix}", "What it costs", (Paragraph(text), Table("Costs", head, tuple(rows), names=2)))


def _longest(design: Design, study: Study, size: str) -> float | None:
    seconds = [one.facts.seconds.get(f"embed@{name}") for name in study.objectives for one in design.main[size, name]]
    return max((own for own in seconds if own is not None), default=None)


def _row(design: Design, study: Study, size: str, objective: str, encoding: float | None) -> tuple[str, ...]:
    records, benchmark = design.main[size, objective], study.benchmarks[0]
    recipe = Recipe(size, objective, "", records)
    memory = _median(one.facts.peak_memory for one in records)
    dollars = None if recipe.seconds is None else recipe.seconds * study.dollars_per_hour / HOUR
    score = recipe.score(benchmark, "multilingual")
    before = None
    if (size, UNTRAINED) in design.main:
        before = Recipe(size, UNTRAINED, "", design.main[size, UNTRAINED]).score(benchmark, "multilingual")
    gain = None if score is None or before is None else score - before
    each = dollars / (gain / POINT) if dollars is not None and gain is not None and gain > 0 else None
    return (
        size,
        objective,
        str(len(records)),
        number(recipe.seconds, ",.0f"),
        number(encoding, ",.0f"),
        number(None if memory is None else memory / 2**30, ".1f"),
        number(dollars, ".4f"),
        "–" if gain is None else signed(gain),
        number(each, ".5f"),
    )


def _median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None
