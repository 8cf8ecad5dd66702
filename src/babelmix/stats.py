"""Is one system better than another? Paired over questions, for the figure that a setting reports.

    rng = numpy.random.default_rng(13)
    settings = ("monolingual", "crosslingual", "multilingual")
    differences = holm([paired_difference(hybrid, contrastive, s, rng, resamples=2000) for s in settings])
    differences[2].mean, differences[2].low, differences[2].high, differences[2].p_holm

The unit of sampling is the question: its translations and its language pairs rise and fall together, and
counting them as independent would make every interval too narrow.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from babelmix.errors import UserError
from babelmix.evaluate import QueryScores


@dataclass(frozen=True, slots=True)
class Difference:
    """First system minus second, in mAP."""

    mean: float
    low: float  # 95 % interval, percentile bootstrap over questions
    high: float
    p: float  # two-sided sign-flip permutation test over questions
    p_holm: float  # p corrected for its family; equal to p for a family of one
    questions: int


def paired_difference(
    first: QueryScores, second: QueryScores, setting: str, rng: np.random.Generator, resamples: int
) -> Difference:
    """Compare the mAP of two systems in one setting.

    The figure is the setting's own: the mean over languages, or language pairs, of the mean over their
    queries. The bootstrap draws questions with replacement (Efron and Tibshirani 1993, percentile
    interval). The permutation test flips the sign of all differences of a question at once, with the
    observed one counted among the permutations, so that p is never 0 (Phipson and Smyth 2010).

    Args:
        first: scores of one system, of G languages or pairs and N questions in this setting.
        second: scores of the other on the same queries.
        setting: "monolingual", "crosslingual" or "multilingual".
        rng: source of the resamples; the same state gives the same numbers.
        resamples: bootstrap samples, and permutations.

    Raises:
        UserError: the two were not scored on the same queries, or the setting has none.
    """
    for column in ("setting", "question", "query_language", "passage_language"):
        if not np.array_equal(getattr(first, column), getattr(second, column)):
            how = "evaluate both systems on the same benchmark"
            raise UserError("the two systems were scored on different queries", where=column, how=how)
    mask, group_names = first.groups(setting)
    if not mask.any():
        how = "choose a setting that the benchmark has"
        raise UserError("no queries to compare", where=f"setting {setting!r}", how=how)
    total, count = _per_question(first, second, mask, group_names)
    questions = len(total)

    observed = _figure(total.sum(axis=0), count.sum(axis=0))
    weights = rng.multinomial(questions, np.full(questions, 1 / questions), size=resamples).astype(np.float64)
    low, high = np.percentile(_figure(weights @ total, weights @ count), (2.5, 97.5))

    # Flipping signs leaves the counts alone, so the figure is a signed sum of one share for each question.
    share = (total / count.sum(axis=0)).mean(axis=1)
    flipped = rng.choice((-1.0, 1.0), size=(resamples, questions)) @ share
    # Equal sums come in another order: a hair's breadth keeps them from counting as smaller.
    as_extreme = np.abs(flipped) >= abs(share.sum()) * (1 - 1e-9)
    p = (1 + int(np.count_nonzero(as_extreme))) / (1 + resamples)
    return Difference(float(observed), float(low), float(high), p, p, questions)


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


def _per_question(
    first: QueryScores, second: QueryScores, mask: NDArray[np.bool_], group_names: NDArray[np.str_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the summed differences and the number of queries of each question in each group, both [N, G]."""
    questions, question = np.unique(first.question[mask], return_inverse=True)
    groups, group = np.unique(group_names, return_inverse=True)
    difference = first.average_precision[mask] - second.average_precision[mask]
    cell, shape = question * len(groups) + group, (len(questions), len(groups))
    total = np.bincount(cell, weights=difference, minlength=shape[0] * shape[1])
    count = np.bincount(cell, minlength=shape[0] * shape[1]).astype(np.float64)
    return total.astype(np.float64).reshape(shape), count.reshape(shape)


def _figure(total: NDArray[np.float64], count: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean over groups, the last axis, of total / count; a group without queries is left out."""
    present = count > 0
    means = np.divide(total, count, out=np.zeros_like(total), where=present)
    return means.sum(axis=-1) / present.sum(axis=-1)
