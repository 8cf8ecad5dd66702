"""Is one system better than another? A paired comparison over questions and seeds, of the figure that a scope reports.

    rng = numpy.random.default_rng(13)
    differences = holm([paired_difference([hybrid], [contrastive], scope, rng, resamples=2000) for scope in SCOPES])
    differences[2].mean, differences[2].low, differences[2].high, differences[2].p_holm

The bootstrap draws whole questions: the translations of a question and its language pairs rise and fall together, so
counting them as independent would make every interval too narrow. If there are several trainings that differ in the
seed alone, it draws seeds too.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from babelmix.common.errors import UserError
from babelmix.evaluation.query_scores import QueryScores


@dataclass(frozen=True, slots=True)
class Interval:
    """One system's score in a measure."""

    mean: float
    low: float  # 95 % interval, percentile bootstrap over questions and, if there are several, seeds
    high: float
    questions: int


@dataclass(frozen=True, slots=True)
class Difference:
    """First system minus second, in the compared measure."""

    mean: float
    low: float  # 95 % interval, percentile bootstrap over questions and, if there are several, seeds
    high: float
    p: float  # two-sided sign-flip permutation test over questions
    p_holm: float  # p corrected for its family; equal to p for a family of one
    questions: int
    by_seed: tuple[float, ...]  # the difference of each pair of trainings, in the order given

    @property
    def verdict(self) -> str:
        """Better or worse if the 95 % interval excludes zero and the corrected p is below .05, else no difference."""
        if self.p_holm >= 0.05 or self.low <= 0 <= self.high:
            return "no difference shown"
        return "better" if self.low > 0 else "worse"


def paired_difference(
    first: Sequence[QueryScores],
    second: Sequence[QueryScores],
    scope: str,
    rng: np.random.Generator,
    resamples: int,
    measure: str = "average_precision",
) -> Difference:
    """Compare the means of a measure of two systems in one scope.

    The compared figure is the one that the scope reports: the mean over languages, or language pairs, of the mean over
    their queries; then over seeds. The bootstrap draws questions with replacement and, independently, seeds (Efron and
    Tibshirani 1993, percentile interval). With two or three seeds the interval is still too narrow, so `by_seed` has
    the difference of each seed. The permutation test flips the sign of all differences of a question at once, averaged
    over seeds. The observed order counts as one permutation, so p is never 0 (Phipson and Smyth 2010). The test says
    nothing about other trainings.

    Args:
        first: scores of one system, for each seed, of G languages or pairs and N questions in this scope.
        second: scores of the other on the same queries, with the same seeds in the same order.
        scope: a name in SCOPES.
        rng: draws the resamples; the same state gives the same numbers.
        resamples: number of bootstrap samples, and of permutations.
        measure: a column of QueryScores.

    Raises:
        UserError: the two were not scored on the same queries, or the scope has none.
    """
    _check_same_queries((*first, *second))
    mask, cells, count = _cells(first[0], scope)
    changes = [getattr(a, measure)[mask] - getattr(b, measure)[mask] for a, b in zip(first, second, strict=True)]
    totals = [_sums(change, cells, count) for change in changes]
    by_seed = tuple(float(_figure(total.sum(axis=0), count.sum(axis=0))) for total in totals)
    low, high = _bootstrap(totals, count, rng, resamples)

    # Flipping signs does not change the counts, so the figure is a signed sum of one share for each question.
    share = (np.mean(totals, axis=0) / count.sum(axis=0)).mean(axis=1)
    flipped = rng.choice((-1.0, 1.0), size=(resamples, len(count))) @ share
    # Equal sums are added in another order: the factor keeps rounding from counting them as smaller.
    as_extreme = np.abs(flipped) >= abs(share.sum()) * (1 - 1e-9)
    p = (1 + int(np.count_nonzero(as_extreme))) / (1 + resamples)
    return Difference(sum(by_seed) / len(by_seed), low, high, p, p, len(count), by_seed)


def score_interval(
    scores: Sequence[QueryScores], scope: str, rng: np.random.Generator, resamples: int, measure: str
) -> Interval:
    """Return one system's score in one scope, over seeds, with an interval as in `paired_difference`.

    Overlapping intervals of two systems do not show that the systems are equal: hard questions are hard for both, and
    only the paired difference removes that effect. Arguments and errors as for `paired_difference`.
    """
    _check_same_queries(scores)
    mask, cells, count = _cells(scores[0], scope)
    totals = [_sums(getattr(one, measure)[mask], cells, count) for one in scores]
    by_seed = [float(_figure(total.sum(axis=0), count.sum(axis=0))) for total in totals]
    low, high = _bootstrap(totals, count, rng, resamples)
    return Interval(sum(by_seed) / len(by_seed), low, high, len(count))


def holm(family: Sequence[Difference]) -> tuple[Difference, ...]:
    """Return the differences, in the order given, with p_holm corrected for all of the family.

    Holm's step-down (1979): the i-th smallest of m p-values times (m - i + 1), at least the one before it, at most 1.
    """
    corrected: dict[int, float] = {}
    floor = 0.0
    for step, position in enumerate(sorted(range(len(family)), key=lambda i: family[i].p)):
        floor = max(floor, min(1.0, (len(family) - step) * family[position].p))
        corrected[position] = floor
    return tuple(replace(difference, p_holm=corrected[i]) for i, difference in enumerate(family))


def _check_same_queries(systems: Sequence[QueryScores]) -> None:
    for scores in systems:
        for column in ("scope", "parallel_id", "query_language", "passage_language"):
            if not np.array_equal(getattr(systems[0], column), getattr(scores, column)):
                how = "evaluate both systems on the same benchmark"
                raise UserError("the two systems were scored on different queries", where=column, how=how)


def _cells(scores: QueryScores, scope: str) -> tuple[NDArray[np.bool_], NDArray[np.intp], NDArray[np.float64]]:
    """Return the mask of a scope's rows, the cell (question, group) of each, and the counts by question and group."""
    mask, group_names = scores.groups(scope)
    if not mask.any():
        how = "choose a scope that the benchmark has"
        raise UserError("no queries to compare", where=f"scope {scope!r}", how=how)
    question, group, shape = _numbered(scores.parallel_id[mask], group_names)
    cells = question * shape[1] + group
    count: NDArray[np.float64] = np.bincount(cells, minlength=shape[0] * shape[1]).astype(np.float64)
    return mask, cells, count.reshape(shape)


def _sums(values: NDArray[np.float64], cells: NDArray[np.intp], count: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sums of the values by question and group."""
    sums = np.bincount(cells, weights=values, minlength=count.size).astype(np.float64)
    return sums.reshape(count.shape)


def _bootstrap(
    totals: Sequence[NDArray[np.float64]], count: NDArray[np.float64], rng: np.random.Generator, resamples: int
) -> tuple[float, float]:
    """Return the 95 % interval of the figure, over questions and seeds; `totals` and `count` by question and group."""
    questions, trainings = len(count), len(totals)
    weights = rng.multinomial(questions, np.full(questions, 1 / questions), size=resamples).astype(np.float64)
    drawn = np.array([_figure(weights @ total, weights @ count) for total in totals])  # [seeds, resamples]
    seeds = rng.multinomial(trainings, np.full(trainings, 1 / trainings), size=resamples) / trainings
    low, high = np.percentile((drawn * seeds.T).sum(axis=0), (2.5, 97.5))
    return float(low), float(high)


def _numbered(
    question: NDArray[np.str_], group: NDArray[np.str_]
) -> tuple[NDArray[np.intp], NDArray[np.intp], tuple[int, int]]:
    """Return the number of each row's question, that of its group, and the counts of questions and groups."""
    questions, question_number = np.unique(question, return_inverse=True)
    groups, group_number = np.unique(group, return_inverse=True)
    return question_number, group_number, (len(questions), len(groups))


def _figure(total: NDArray[np.float64], count: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean of total / count over groups, the last axis, without groups that have no queries."""
    present = count > 0
    means = np.divide(total, count, out=np.zeros_like(total), where=present)
    return means.sum(axis=-1) / present.sum(axis=-1)
