"""The exponents of the error over the size, and their differences, with intervals over questions and seeds.

found = scaling_of(parameters, errors)                        # errors [sizes, seeds, questions]
found.law.exponent, found.exponent.limits(0.95), found.quality.r2
interaction(parameters, hybrid, contrastive).exponent.mean    # exponent(hybrid) - exponent(contrastive)
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from babelmix.evaluation.crossed import Estimate, crossed_mean
from babelmix.evaluation.significance import Difference, difference_of
from babelmix.study.delta import influence_values
from babelmix.study.fit_quality import FitQuality, fit_quality, slope_scatter
from babelmix.study.power_law import PowerLaw, fit_power_law, sizes_missing

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Scaling:
    """How the error of one system falls with its size."""

    law: PowerLaw
    exponent: Estimate
    scatter: float  # standard error of the exponent by how far the sizes are from the line
    quality: FitQuality
    with_floor: PowerLaw | None  # None with less than four sizes
    floor_exponent: Estimate | None  # None where the data do not tell the floor
    floor: Estimate | None
    floor_quality: FitQuality | None


@dataclass(frozen=True, slots=True)
class Interaction:
    """How the advantage of one system over another changes with the size."""

    exponent: Difference  # exponent of the first minus that of the second: above 0, the first gains more with size
    gain: Difference  # slope of (error of the second - error of the first) over log10 of the size: score a tenfold
    odds: Difference | None  # the same of the log odds of the scores, log(score / error); None with a score of 0
    exponent_over_sizes: tuple[float, float]  # 95 % interval by how far the sizes are from a line, t of K - 2
    gain_over_sizes: tuple[float, float]  # the same of the gain
    odds_over_sizes: tuple[float, float] | None  # the same of the log odds


def scaling_of(parameters: Floats, errors: Floats) -> Scaling | None:
    """Return the fits of one system, and their intervals; None with less than three sizes, or an error of 0.

    The intervals are those of these sizes: they say what other questions and seeds would give. What other sizes would
    give is another matter; `scatter` says how far these sizes are from one line.

    Args:
        parameters: float64 [K], small first.
        errors: float64 [K, S, Q].
    """
    if not can_fit(parameters, errors):
        return None
    means = errors.mean(axis=(1, 2))
    law = fit_power_law(parameters, means)
    exponent = crossed_mean(list(influence_values(lambda e: [fit_power_law(parameters, e).exponent], errors)))
    scatter, quality = slope_scatter(np.log(parameters), np.log(means)), fit_quality(parameters, means)
    if sizes_missing(parameters, floor=True):
        return Scaling(law, exponent, scatter, quality, None, None, None, None)
    with_floor = fit_power_law(parameters, means, floor=True)
    own: list[Estimate | None] = [None, None]
    if with_floor.identified:
        values = influence_values(lambda e: _floor_figures(parameters, e, with_floor), errors)
        own = [crossed_mean([one]) for one in values]
    return Scaling(
        law, exponent, scatter, quality, with_floor, own[0], own[1], fit_quality(parameters, means, floor=True)
    )


def interaction(parameters: Floats, first: Floats, second: Floats) -> Interaction | None:
    """Compare the exponents of two systems, paired over questions and seeds; None as for `scaling_of`.

    Equal exponents mean that one error is the same share of the other at every size. The slope of the plain difference
    is given too: a constant share is a shrinking difference where errors fall. Whether a gain grows may depend on the
    scale, so the log odds are a third one: there .05 to .06 is as much as .94 to .95.

    The intervals are over questions and seeds, of these sizes. Those "over sizes" ask another question: would other
    sizes show the same? They are of a line through the K log ratios of the two errors, and through the K gains, by how
    they scatter around it.

    Args:
        parameters: float64 [K].
        first: float64 [K, S, Q], errors of the first system.
        second: errors of the second, of the same seeds and questions.
    """
    if not (can_fit(parameters, first) and can_fit(parameters, second)):
        return None
    size, x = len(parameters), np.log10(parameters)
    weight = (x - x.mean()) / np.square(x - x.mean()).sum()

    def figures(e: Floats) -> list[float]:
        fits = [fit_power_law(parameters, own).exponent for own in (e[:size], e[size:])]
        return [fits[0] - fits[1], float(weight @ (e[size:] - e[:size]))]

    def log_odds(e: Floats) -> list[float]:
        odds = np.log((1 - e) / e)
        return [float(weight @ (odds[:size] - odds[size:]))]

    cells, means = np.concatenate([first, second]), [own.mean(axis=(1, 2)) for own in (first, second)]
    exponent, gain = (difference_of([one]) for one in influence_values(figures, cells))
    odds = odds_over_sizes = None
    if max(own.max() for own in means) < 1:
        odds = difference_of(list(influence_values(log_odds, cells)))
        odds_over_sizes = _over_sizes(x, np.log((1 - means[0]) / means[0]) - np.log((1 - means[1]) / means[1]))
    return Interaction(
        exponent,
        gain,
        odds,
        _over_sizes(np.log(parameters), np.log(means[1] / means[0])),
        _over_sizes(x, means[1] - means[0]),
        odds_over_sizes,
    )


def can_fit(parameters: Floats, errors: Floats) -> bool:
    """Return whether there are three sizes and one seed of all, and every mean error has a logarithm."""
    return errors.size > 0 and not sizes_missing(parameters) and bool((errors.mean(axis=(1, 2)) > 0).all())


def _over_sizes(x: Floats, y: Floats) -> tuple[float, float]:
    slope = float(np.polyfit(x, y, 1)[0])
    return Estimate(slope, slope_scatter(x, y), len(x) - 2).limits(0.95)


def _floor_figures(parameters: Floats, errors: Floats, near: PowerLaw) -> list[float]:
    law = fit_power_law(parameters, errors, floor=True, near=near)
    return [law.exponent, law.floor]
