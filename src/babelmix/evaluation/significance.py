"""Is one system better than another? Paired over questions, and over seeds, for the figure that a setting reports.

    rng = numpy.random.default_rng(13)
    settings = ("monolingual", "crosslingual", "multilingual")
    differences = holm([paired_difference([hybrid], [contrastive], s, rng, resamples=2000) for s in settings])
    differences[2].mean, differences[2].low, differences[2].high, differences[2].p_holm

The unit of sampling is the question: its translations and its language pairs rise and fall together, and
counting them as independent would make every interval too narrow. Trainings that differ in the seed alone are
sampled too, where there are several.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from babelmix.common.errors import UserError
from babelmix.evaluation.evaluate import QueryScores


@dataclass(frozen=True, slots=True)
class Interval:
    """One system's score in a measure."""

    mean: float
    low: float  # 95 % interval, percentile bootstrap over questions and, where there are several, seeds
    high: float
    questions: int


@dataclass(frozen=True, slots=True)
class Difference:
    """First system minus second, in the measure that was compared."""

    mean: float
    low: float  # 95 % interval, percentile bootstrap over questions and, where there are several, seeds
    high: float
    p: float  # two-sided sign-flip permutation test over questions
    p_holm: float  # p corrected for its family; equal to p for a family of one
    questions: int
    by_seed: tuple[float, ...]  # the difference of each pair of trainings, in the order given

    @property
    def verdict(self) -> str:
        """A word: better or worse only where the 95 % interval excludes zero and the corrected p is below .05."""
        if self.p_holm >= 0.05 or self.low <= 0 <= self.high:
            return "no difference shown"
        return "better" if self.low > 0 else "worse"


def paired_difference(
    first: Sequence[QueryScores],
    second: Sequence[QueryScores],
    setting: str,
    rng: np.random.Generator,
    resamples: int,
    measure: str = "average_precision",
) -> Difference:
    """Compare the means of a measure, mAP unless told otherwise, of two systems in one setting.

    The figure is the setting's own: the mean over languages, or language pairs, of the mean over their
    queries; then over seeds. The bootstrap draws questions with replacement and, independently, seeds (Efron
    and Tibshirani 1993, percentile interval); with two or three seeds it still understates what other seeds
    would do, so each one's difference is told. The permutation test flips the sign of all differences of a
    question at once, averaged over seeds, with the observed one counted among the permutations, so that p is
    never 0 (Phipson and Smyth 2010); it speaks of these trainings.

    Args:
        first: scores of one system, for each seed, of G languages or pairs and N questions in this setting.
        second: scores of the other on the same queries, with the same seeds in the same order.
        setting: "monolingual", "crosslingual" or "multilingual".
        rng: source of the resamples; the same state gives the same numbers.
        resamples: bootstrap samples, and permutations.
        measure: a column of QueryScores.

    Raises:
        UserError: the two were not scored on the same queries, or the setting has none.
    """
    _check_same_queries((*first, *second))
    mask, cells, count = _cells(first[0], setting)
    changes = [getattr(a, measure)[mask] - getattr(b, measure)[mask] for a, b in zip(first, second, strict=True)]
    totals = [_sums(change, cells, count) for change in changes]
    by_seed = tuple(float(_figure(total.sum(axis=0), count.sum(axis=0))) for total in totals)
    low, high = _bootstrap(totals, count, rng, resamples)

    # Flipping signs leaves the counts alone, so the figure is a signed sum of one share for each question.
    share = (np.mean(totals, axis=0) / count.sum(axis=0)).mean(axis=1)
    flipped = rng.choice((-1.0, 1.0), size=(resamples, len(count))) @ share
    # Equal sums come in another order: a hair's breadth keeps them from counting as smaller.
    as_extreme = np.abs(flipped) >= abs(share.sum()) * (1 - 1e-9)
    p = (1 + int(np.count_nonzero(as_extreme))) / (1 + resamples)
    return Difference(sum(by_seed) / len(by_seed), low, high, p, p, len(count), by_seed)


def score_interval(
    scores: Sequence[QueryScores], setting: str, rng: np.random.Generator, resamples: int, measure: str
) -> Interval:
    """Return one system's score in one setting, over seeds, with the interval that `paired_difference` has.

    Intervals of two systems that overlap do not say that the systems are equal: hard questions are hard for both, and
    only the paired difference takes that out. Arguments and errors as for `paired_difference`.
    """
    _check_same_queries(scores)
    mask, cells, count = _cells(scores[0], setting)
    totals = [_sums(getattr(one, measure)[mask], cells, count) for one in scores]
    by_seed = [float(_figure(total.sum(axis=0), count.sum(axis=0))) for total in totals]
    low, high = _bootstrap(totals, count, rng, resamples)
    return Interval(sum(by_seed) / len(by_seed), low, high, len(count))


def holm(family: Sequence[Difference]) -> tuple[Difference, ...]:
    """Return the differences, in the order given, with p_holm corrected for all of the family.

    Holm's step-down (1979): the i-th smallest of m p-values times (m - i + 1), never below one before it,
    at most 1.
    """
    corrected: dict[int, float] = {}
    floor = 0.0
    for step, position in enumerate(sorted(range(len(family)), key=lambda i: family[i].p)):
        floor = max(floor, min(1.0, (len(family) - step) * family[position].p))
        corrected[position] = floor
    return tuple(replace(difference, p_holm=corrected[i]) for i, difference in enumerate(family))


def _check_same_queries(systems: Sequence[QueryScores]) -> None:
    for scores in systems:
        for column in ("setting", "parallel_id", "query_language", "passage_language"):
            if not np.array_equal(getattr(systems[0], column), getattr(scores, column)):
                how = "evaluate both systems on the same benchmark"
                raise UserError("the two systems were scored on different queries", where=column, how=how)


def _cells(scores: QueryScores, setting: str) -> tuple[NDArray[np.bool_], NDArray[np.intp], NDArray[np.float64]]:
    """Return the mask of a setting's rows, the cell (question, group) of each, and the rows by question and group."""
    mask, group_names = scores.groups(setting)
    if not mask.any():
        how = "choose a setting that the benchmark has"
        raise UserError("no queries to compare", where=f"setting {setting!r}", how=how)
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
    """Return the number of each row's question and of its group, and how many there are of either."""
    questions, question_number = np.unique(question, return_inverse=True)
    groups, group_number = np.unique(group, return_inverse=True)
    return question_number, group_number, (len(questions), len(groups))


def _figure(total: NDArray[np.float64], count: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean over groups, the last axis, of total / count; a group without queries is left out."""
    present = count > 0
    means = np.divide(total, count, out=np.zeros_like(total), where=present)
    return means.sum(axis=-1) / present.sum(axis=-1)
