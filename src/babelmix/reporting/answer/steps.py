"""Whether more training closes the gap: the same recipes with fewer and more steps."""

from babelmix.evaluation.significance import holm, interval_of
from babelmix.reporting.answer.document import Paragraph, Section, Table
from babelmix.reporting.answer.scores import POOL
from babelmix.reporting.answer.words import STAR, gained, listed, scored
from babelmix.study.design import stacked
from babelmix.study.gains import step_gains
from babelmix.study.scores import Score, StudyScores


def steps_section(found: StudyScores, suffix: str) -> Section | None:
    """Return the scores by the number of steps; None where no such run is finished."""
    design, study = found.design, found.study
    if not design.steps or study.steps is None:
        return None
    benchmark, (reference, *others) = study.benchmarks[0], study.objectives
    factors = sorted({factor for factor, _ in design.steps})
    values = {key: stacked(records, key[1], benchmark, POOL) for key, records in design.steps.items()}
    pool = Score("pool", benchmark, POOL)
    gains = {(f, name): one for name in others for f, one in step_gains(found, name, reference, pool).items()}
    tested = dict(zip(gains, holm(list(gains.values())), strict=True))
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
