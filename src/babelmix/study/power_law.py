"""The error of an encoder as a power of its size, with and without a floor.

    law = fit_power_law(parameters, errors)                       # error = a * N^-b
    law.exponent, law.error(21e6)
    fit_power_law(parameters, errors, floor=True).floor           # error = c + a * N^-b

The fit is least squares of the logarithm of the error: a tenth more error weighs the same at every size.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
SIZES, SIZES_WITH_FLOOR = 3, 4  # different sizes that a fit needs: one more than it has parameters
STARTS = (0.02, 0.25, 0.5, 0.75, 0.95)  # of the floor, as shares of the smallest error
EDGE = 1e-3  # a floor nearer to 0 or to the smallest error, as a share of that error, is at its bound


@dataclass(frozen=True, slots=True)
class PowerLaw:
    """error = floor + exp(level) * (N / middle)^-exponent."""

    middle: float  # parameters, the geometric mean of the fitted sizes
    level: float  # log of (error - floor) at the middle
    exponent: float
    floor: float = 0.0
    identified: bool = True  # False: the data do not tell the floor; it is at its bound

    @property
    def factor(self) -> float:
        """Return a of a * N^-b."""
        return float(np.exp(self.level + self.exponent * np.log(self.middle)))

    def error(self, parameters: Any) -> Floats:
        """Return the error at these numbers of parameters, of any shape."""
        x = np.log(np.asarray(parameters, dtype=np.float64) / self.middle)
        return self.floor + np.exp(self.level - self.exponent * x)


def sizes_missing(parameters: Any, *, floor: bool = False) -> int:
    """Return how many different sizes a fit lacks; 0 if there are enough."""
    return max(0, (SIZES_WITH_FLOOR if floor else SIZES) - len(np.unique(np.asarray(parameters))))


def fit_power_law(parameters: Any, errors: Any, *, floor: bool = False) -> PowerLaw:
    """Fit error = a * N^-b, or with a floor error = c + a * N^-b with 0 <= c < the smallest error.

    Without a floor this is a straight line through the logarithms, solved exactly. With a floor the sum of squares of
    log errors is minimised from fixed starts of c (scipy's trust region with bounds), and the best is kept; if no floor
    fits better than none, the floor is 0 and `identified` is False.

    Args:
        parameters: float [P], numbers of parameters above 0, P points of at least 3 different sizes, 4 with a floor.
        errors: float [P], above 0.

    Raises:
        ValueError: there are too few sizes, or an error has no logarithm.
    """
    n, e = np.asarray(parameters, dtype=np.float64), np.asarray(errors, dtype=np.float64)
    if lacking := sizes_missing(n, floor=floor):
        raise ValueError(f"{lacking} more sizes are needed")
    if not (np.isfinite(e).all() and (e > 0).all()):
        raise ValueError("an error has no logarithm")
    middle = float(np.exp(np.log(np.unique(n)).mean()))
    x, logs = np.log(n / middle), np.log(e)
    slope = float((x - x.mean()) @ logs / np.square(x - x.mean()).sum())
    plain = PowerLaw(middle, float(logs.mean() - slope * x.mean()), -slope)
    return _with_floor(x, logs, plain) if floor else plain


def _with_floor(x: Floats, logs: Floats, plain: PowerLaw) -> PowerLaw:
    from scipy.optimize import least_squares  # half a second that commands without a fit need not wait for

    least = float(np.exp(logs.min()))

    def residuals(at: Floats) -> Floats:
        return np.log(at[2] + np.exp(at[0] - at[1] * x)) - logs

    def slopes(at: Floats) -> Floats:
        rest = np.exp(at[0] - at[1] * x)
        return np.stack([rest, -x * rest, np.ones_like(x)], axis=1) / (at[2] + rest)[:, None]

    bounds = ([-np.inf, -np.inf, 0.0], [np.inf, np.inf, least])
    none = np.array([plain.level, plain.exponent, 0.0])
    best, cost = none, float(np.square(residuals(none)).sum()) / 2
    for share in STARTS:
        above = np.log(np.exp(logs) - share * least)
        slope = float((x - x.mean()) @ above / np.square(x - x.mean()).sum())
        start = [float(above.mean()) - slope * float(x.mean()), -slope, share * least]
        found: Any = least_squares(residuals, start, slopes, bounds, ftol=1e-15, xtol=1e-15, gtol=1e-15, x_scale="jac")
        if found.cost < cost * (1 - 1e-9):
            best, cost = found.x, float(found.cost)
    level, exponent, floor = (float(value) for value in best)
    if floor <= EDGE * least:
        return PowerLaw(plain.middle, plain.level, plain.exponent, 0.0, identified=False)
    return PowerLaw(plain.middle, level, exponent, floor, identified=floor < (1 - EDGE) * least)
