"""Whether more training closes the gap: the same recipes with fewer and more steps."""

from babelmix.evaluation.significance import difference_of, holm, interval_of
from babelmix.reporting.answer.document import Paragraph, Section, Table
from babelmix.reporting.answer.scores import POOL
from babelmix.reporting.answer.words import STAR, gained, listed, scored
from babelmix.study.design import Design, stacked
from babelmix.study.settings import Study


def steps_section(design: Design, study: Study, suffix: str) -> Section | None:
    """Return the scores by the number of steps; None where no such run is finished."""
    if not design.steps or study.steps is None:
        return None
    benchmark, (reference, *others) = study.benchmarks[0], study.objectives
    factors = sorted({factor for factor, _ in design.steps})
    values = {key: stacked(records, key[1], benchmark, POOL) for key, records in design.steps.items()}
    pairs = [(factor, name) for factor in factors for name in others]
    differences = holm([difference_of([values[f, name] - values[f, reference]]) for f, name in pairs])
    tested = dict(zip(pairs, differences, strict=True))
    rows = [
        (
            f"{design.steps[factor, reference][0].facts.steps:,}",
            *(scored(interval_of(values[factor, name])) for name in study.objectives),
            *(gained(tested[factor, name]) for name in others),
        )
        for factor in factors
    ]
    seeds = listed([str(one.run.seed) for one in design.steps[factors[0], reference]])
    text = (
        f"An advantage that more training closes is no advantage. The same recipes at size {study.steps.size} with "
        f"other numbers of steps, in the pool of {benchmark}; seeds: {seeds}. {STAR}"
    )
    head = ("steps", *study.objectives, *(f"{name} − {reference}" for name in others))
    table = Table("Pool, mAP, by the number of steps", head, tuple(rows))
    return Section(f"steps{suffix}", "Does more training close the gap?", (Paragraph(text), table))
