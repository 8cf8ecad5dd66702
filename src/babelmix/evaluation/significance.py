"""Is one system better than another, or as good? A paired comparison over questions and seeds, of a scope's figure.

    differences = holm([paired_difference([hybrid], [contrastive], scope) for scope in SCOPES])
    differences[2].mean, differences[2].low, differences[2].high, differences[2].p_holm, differences[2].verdict

Nothing is drawn at random: intervals and p come from the mean squares over questions and seeds, see `crossed`. The
translations of a question and its language pairs rise and fall together, so they count as one sample; so do the
questions of an article, see `articles`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from babelmix.common.errors import UserError
from babelmix.evaluation.articles import by_article
from babelmix.evaluation.crossed import Estimate, crossed_mean
from babelmix.evaluation.query_scores import QueryScores
from babelmix.evaluation.question_values import question_values
from babelmix.evaluation.settings import EQUIVALENCE_BOUND


@dataclass(frozen=True, slots=True)
class Interval:
    """One system's score in a measure."""

    mean: float
    low: float  # 95 % interval over questions and, if there are several, seeds; infinite for one question
    high: float
    questions: int
    seeds: int


@dataclass(frozen=True, slots=True)
class Difference:
    """First system minus second, in the compared measure."""

    mean: float
    low: float  # 95 % interval over questions and, if there are several, seeds; infinite for one question
    high: float
    lower: float  # one-sided: the truth is above it with 95 % confidence
    bound: float  # differences below it count as none
    p: float  # two-sided, that there is no difference
    p_equivalent: float  # that the difference is `bound` or more, either way: two one-sided tests
    p_holm: float  # p corrected for its family; equal to p for a family of one
    p_equivalent_holm: float  # p_equivalent corrected for its family, which is another
    questions: int
    by_seed: tuple[float, ...]  # the difference of each pair of trainings, in the order given

    @property
    def verdict(self) -> str:
        """Return "better" or "worse" if p_holm < .05, else "equivalent" if p_equivalent_holm < .05.

        Otherwise nothing is shown: "no difference shown". The interval excludes zero wherever p_holm < .05.
        """
        if self.p_holm < 0.05:
            return "better" if self.mean > 0 else "worse"
        return "equivalent" if self.p_equivalent_holm < 0.05 else "no difference shown"

    @property
    def no_worse(self) -> bool:
        """True if the loss is below the bound with 95 % confidence; a "better" or a small "worse" can be so too.

        It is not corrected for the number of rows. It holds for one row that was named before looking, and for the
        claim that *all* of several rows are no worse (an intersection-union test, Berger 1982); not for a row picked
        among many.
        """
        return self.lower > -self.bound


def paired_difference(
    first: Sequence[QueryScores],
    second: Sequence[QueryScores],
    scope: str,
    measure: str = "average_precision",
    bound: float = EQUIVALENCE_BOUND,
) -> Difference:
    """Compare the means of a measure of two systems in one scope.

    The compared figure is the one that the scope reports: the mean over languages, or language pairs, of the mean over
    their queries; then over seeds. Interval and p are those of Student's t, with questions and seeds as crossed random
    effects (`crossed_mean`). With one seed they are over questions alone, and say nothing about other trainings. With
    one question the interval is infinite and p is 1. Equivalence is shown by two one-sided tests against the bound
    (Schuirmann 1987).

    Args:
        first: scores of one system, for each seed, of G languages or pairs and N questions in this scope.
        second: scores of the other on the same queries, with the same seeds in the same order.
        scope: a name in SCOPES.
        measure: a column of QueryScores.
        bound: the largest difference that counts as none, in the unit of the measure; above 0.

    Raises:
        UserError: the two were not scored on the same queries or have other numbers of seeds, or the scope is empty.
    """
    return pooled_difference([(first, second)], scope, measure, bound)


def pooled_difference(
    tasks: Sequence[tuple[Sequence[QueryScores], Sequence[QueryScores]]],
    scope: str,
    measure: str = "average_precision",
    bound: float = EQUIVALENCE_BOUND,
) -> Difference:
    """Compare two systems in the mean over tasks, such as those of BEIR, each with questions of its own.

    Every task weighs the same. The tasks are the ones that are asked about, not a sample of tasks. A seed is one
    training, so its effect is common to all tasks. Arguments and errors as for `paired_difference`; UserError for
    tasks with other numbers of seeds, and without tasks.
    """
    if not tasks:
        raise UserError("no tasks to compare", where=f"scope {scope!r}", how="give the scores of one task or more")
    values: list[NDArray[np.float64]] = []
    questions: list[Sequence[str]] = []
    for first, second in tasks:
        _check_seeds(len(first), len(second))
        _check_seeds(len(tasks[0][0]), len(first))
        _check_same_queries((*first, *second))
        pairs = zip(first, second, strict=True)
        values.append(np.array([question_values(a, scope, measure, b) for a, b in pairs]))
        questions.append(first[0].questions(scope))
    samples = [by_article(own, ids) for own, ids in zip(values, questions, strict=True)]
    return replace(difference_of(samples, bound), questions=sum(map(len, questions)))


def difference_of(tasks: Sequence[NDArray[np.float64]], bound: float = EQUIVALENCE_BOUND) -> Difference:
    """Return the difference whose values are given, see `paired_difference`.

    Args:
        tasks: of each task float64 [seeds, samples], values of the first system minus those of the second, see
            `question_values` and `by_article`.
        bound: as for `paired_difference`.
    """
    return _difference(crossed_mean(tasks), tasks, bound)


def _difference(found: Estimate, tasks: Sequence[NDArray[np.float64]], bound: float) -> Difference:
    p, p_equivalent = found.p_differs(), max(found.p_above(-bound), found.p_below(bound))
    return Difference(
        found.mean,
        *found.limits(0.95),
        lower=found.limits(0.90)[0],
        bound=bound,
        p=p,
        p_equivalent=p_equivalent,
        p_holm=p,
        p_equivalent_holm=p_equivalent,
        questions=sum(task.shape[1] for task in tasks),
        by_seed=tuple(np.mean([task.mean(axis=1) for task in tasks], axis=0).tolist()),
    )


def score_interval(scores: Sequence[QueryScores], scope: str, measure: str) -> Interval:
    """Return one system's score in one scope, over seeds, with an interval as in `paired_difference`.

    Overlapping intervals of two systems do not show that the systems are equal: hard questions are hard for both, and
    only the paired difference removes that effect. Arguments and errors as for `paired_difference`.
    """
    _check_same_queries(scores)
    questions = scores[0].questions(scope)
    values = np.array([question_values(one, scope, measure) for one in scores])
    return replace(interval_of(by_article(values, questions)), questions=len(questions))


def interval_of(values: NDArray[np.float64]) -> Interval:
    """Return the score whose values are given, float64 [seeds, samples], see `score_interval`."""
    found = crossed_mean([values])
    return Interval(found.mean, *found.limits(0.95), questions=values.shape[1], seeds=values.shape[0])


def holm(family: Sequence[Difference]) -> tuple[Difference, ...]:
    """Return the differences, in the order given, with p_holm and p_equivalent_holm corrected for all of the family.

    Holm's step-down (1979): the i-th smallest of m p-values times (m - i + 1), at least the one before it, at most 1.
    A table is one family. Differences and equivalences are two questions, each corrected over all rows of the table.
    """
    differs = _corrected(family, lambda difference: difference.p)
    equivalent = _corrected(family, lambda difference: difference.p_equivalent)
    return tuple(
        replace(difference, p_holm=one, p_equivalent_holm=other)
        for difference, one, other in zip(family, differs, equivalent, strict=True)
    )


def _corrected(family: Sequence[Difference], p_of: Callable[[Difference], float]) -> list[float]:
    p = [p_of(difference) for difference in family]
    corrected, floor = [0.0] * len(p), 0.0
    for step, position in enumerate(sorted(range(len(p)), key=p.__getitem__)):
        floor = max(floor, min(1.0, (len(p) - step) * p[position]))
        corrected[position] = floor
    return corrected


def _check_seeds(one: int, other: int) -> None:
    if one != other or not one:
        how = "give one evaluation of each for every seed, in the same order"
        raise UserError(f"{one} trainings are compared with {other}", where="seeds", how=how)


def _check_same_queries(systems: Sequence[QueryScores]) -> None:
    for scores in systems:
        for column in ("scope", "parallel_id", "query_language", "passage_language"):
            if not np.array_equal(getattr(systems[0], column), getattr(scores, column)):
                how = "evaluate both systems on the same benchmark"
                raise UserError("the two systems were scored on different queries", where=column, how=how)
