"""The mean over questions and seeds with its standard error, where every seed is scored on every question.

    found = crossed_mean([values])              # values [seeds, questions]
    found.mean, found.limits(0.95), found.p_differs()

A score is modelled as mean + seed + question + rest, with seeds and questions drawn at random and crossed. Other seeds
and other questions would have given another mean. The standard error covers both.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ROUNDING = 1e-12  # a mean or a standard error below this is zero but for rounding; measures are of the order of 1


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean; (mean - truth) / standard_error is taken to follow Student's t."""

    mean: float
    standard_error: float  # infinite where a task has one question: nothing says how much questions differ
    degrees: float  # degrees of freedom of t

    def limits(self, confidence: float) -> tuple[float, float]:
        """Return the two-sided interval of this confidence, such as .95."""
        if self.standard_error == 0:
            return self.mean, self.mean
        from scipy.special import stdtrit  # what only reads scores need not wait for its import

        half = float(stdtrit(self.degrees, (1 + confidence) / 2)) * self.standard_error
        return self.mean - half, self.mean + half

    def p_differs(self) -> float:
        """Return the two-sided p of the hypothesis that the truth is 0.

        Without any spread, p is 1 for a mean of 0 and 0 for any other: all seeds and questions differ alike.
        """
        return min(1.0, 2 * min(self.p_above(0), self.p_below(0)))

    def p_above(self, value: float) -> float:
        """Return the one-sided p of the hypothesis that the truth is `value` or less."""
        return self._tail(self.mean - value)

    def p_below(self, value: float) -> float:
        """Return the one-sided p of the hypothesis that the truth is `value` or more."""
        return self._tail(value - self.mean)

    def _tail(self, distance: float) -> float:
        if self.standard_error == 0:
            return 0.0 if distance > 0 else 1.0
        from scipy.special import stdtr

        return float(stdtr(self.degrees, -distance / self.standard_error))


def crossed_mean(tasks: Sequence[NDArray[np.float64]]) -> Estimate:
    """Estimate the mean over tasks of the mean over seeds and questions, with T fixed tasks.

    Each task has questions of its own. The seeds are those of the trainings, so they are common to all tasks: a good
    seed lifts them all, and T tasks do not average it away.

    With mean squares of the two-way analysis of variance without replication, the variance of the mean is A + B - C:

        A = variance over seeds of the mean over tasks / S          (S - 1 degrees of freedom)
        B = sum over tasks of MS_question / (T^2 S Q)               (Q - 1)
        C = sum over tasks of MS_rest / (T^2 S Q)                   ((S - 1)(Q - 1))

    For one task that is (MS_seed + MS_question - MS_rest) / (S Q). C is in A and in B, so it is taken out once. The
    estimate is at least max(A, B): the difference of two noisy figures may otherwise fall below what either shows
    alone. Degrees of freedom are Satterthwaite's (Biometrics Bulletin 2, 1946, equation 17) for the sum of A, B and
    C. With one seed the variance is B, and the interval says nothing about other seeds.

    Args:
        tasks: for each, values [S, Q] with the same S >= 1 and its own Q >= 1.
    """
    seeds, count = len(tasks[0]), len(tasks)
    by_seed = np.mean([values.mean(axis=1) for values in tasks], axis=0)
    mean = float(by_seed.mean())
    mean = 0.0 if abs(mean) < ROUNDING else mean
    if any(values.shape[1] == 1 for values in tasks):
        return Estimate(mean, np.inf, 1)
    questions = [(values.mean(axis=0).var(ddof=1) / values.shape[1], values.shape[1] - 1) for values in tasks]
    terms = [(float(part) / count**2, degrees) for part, degrees in questions]  # (part of the variance, its degrees)
    variance = b = sum(part for part, _ in terms)
    if seeds > 1:
        a = float(by_seed.var(ddof=1)) / seeds
        rest = [_rest(values) for values in tasks]
        c = sum(part for part, _ in rest) / count**2
        variance = max(a + b - c, a, b)
        terms += [(a, seeds - 1), *((part / count**2, degrees) for part, degrees in rest)]
    if variance < ROUNDING**2:
        return Estimate(mean, 0, 1)
    degrees = variance**2 / sum(part**2 / own for part, own in terms)
    return Estimate(mean, float(np.sqrt(variance)), degrees)


def _rest(values: NDArray[np.float64]) -> tuple[float, int]:
    """Return MS_rest / (S Q), and its degrees of freedom."""
    seeds, questions = values.shape
    rest = values - values.mean(axis=0) - values.mean(axis=1, keepdims=True) + values.mean()
    degrees = (seeds - 1) * (questions - 1)
    return float(np.square(rest).sum()) / degrees / values.size, degrees
