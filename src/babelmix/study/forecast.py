"""The largest size, forecast from all others: the test that a fit of the past would have passed or failed.

found = forecast(parameters, hybrid)
found.error.mean, found.measured.mean, found.miss.limits(0.95)
forecast_gain(parameters, hybrid, contrastive).miss
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from babelmix.evaluation.crossed import Estimate, crossed_mean
from babelmix.study.delta import influence_values
from babelmix.study.exponents import can_fit
from babelmix.study.power_law import PowerLaw, fit_power_law, sizes_missing

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Forecast:
    """A figure of the largest size, by the fit to all other sizes, beside what was measured."""

    forecast: Estimate
    measured: Estimate
    miss: Estimate  # measured - forecast, paired over questions and seeds
    with_floor: float | None  # the forecast with a floor; None with less than four other sizes, or if they tell none


def without_largest(parameters: Floats, errors: Floats) -> PowerLaw | None:
    """Return the power law of all sizes but the largest; None where less than three are left.

    Args:
        parameters: float64 [K], small first.
        errors: float64 [K, S, Q].
    """
    if not can_fit(parameters[:-1], errors[:-1]):
        return None
    return fit_power_law(parameters[:-1], errors[:-1].mean(axis=(1, 2)))


def forecast(parameters: Floats, errors: Floats) -> Forecast | None:
    """Forecast the error of the largest size; None as for `without_largest`.

    The intervals are over questions and seeds. That a power law does not hold is not in them: it shows as a miss whose
    interval excludes zero.
    """
    if without_largest(parameters, errors) is None:
        return None
    return _forecast(parameters, errors, lambda e, floor: _largest(parameters, e, floor), lambda e: float(e[-1]))


def forecast_gain(parameters: Floats, first: Floats, second: Floats) -> Forecast | None:
    """Forecast the advantage of one system over another, error of the second - error of the first, as `forecast`."""
    if without_largest(parameters, first) is None or without_largest(parameters, second) is None:
        return None
    size = len(parameters)

    def ahead(e: Floats, floor: bool) -> float:
        return _largest(parameters, e[size:], floor) - _largest(parameters, e[:size], floor)

    return _forecast(parameters, np.concatenate([first, second]), ahead, lambda e: float(e[-1] - e[size - 1]))


def _largest(parameters: Floats, errors: Floats, floor: bool) -> float:
    return float(fit_power_law(parameters[:-1], errors[:-1], floor=floor).error(parameters[-1]))


def _forecast(
    parameters: Floats,
    cells: Floats,
    ahead: Callable[[Floats, bool], float],
    measure: Callable[[Floats], float],
) -> Forecast:
    def figures(e: Floats) -> Sequence[float]:
        expected, found = ahead(e, False), measure(e)
        return expected, found, found - expected

    expected, found, miss = (crossed_mean([values]) for values in influence_values(figures, cells))
    means = cells.mean(axis=(1, 2))
    told = not sizes_missing(parameters[:-1], floor=True) and any(
        fit_power_law(parameters[:-1], own[:-1], floor=True).identified for own in means.reshape(-1, len(parameters))
    )
    return Forecast(expected, found, miss, ahead(means, True) if told else None)
