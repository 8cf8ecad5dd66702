"""What an objective gains over another at each size, and with other numbers of steps.

gains(found, "hybrid", "contrastive", found.scores[0])          # {"small": Difference, "base": Difference, ...}
step_gains(found, "hybrid", "contrastive", found.scores[0])     # {0.25: Difference, 1.0: Difference, ...}
"""

from babelmix.evaluation.significance import Difference, difference_of
from babelmix.study.design import stacked
from babelmix.study.scores import Score, StudyScores


def gains(found: StudyScores, first: str, second: str, score: Score) -> dict[str, Difference]:
    """Return size -> first minus second, paired over questions and over all seeds that the size has.

    Args:
        found: the scores.
        first: an objective, plain or debiased.
        second: another.
        score: of a benchmark that all sizes have for both.
    """
    return {
        size: difference_of([found.values(size, first, score) - found.values(size, second, score)])
        for size in found.design.sizes
    }


def step_gains(found: StudyScores, first: str, second: str, score: Score) -> dict[float, Difference]:
    """Return factor of the steps -> first minus second, at the one size that was trained with several; few first."""
    steps = found.design.steps
    factors = sorted({factor for factor, _ in steps})
    where = score.benchmark, score.scope
    return {
        factor: difference_of(
            [stacked(steps[factor, first], first, *where) - stacked(steps[factor, second], second, *where)]
        )
        for factor in factors
    }
