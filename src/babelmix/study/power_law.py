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
STARTS = (0.05, 0.5, 0.9)  # of the floor, as shares of the smallest error
EDGE = 1e-3  # a floor nearer to 0 or to the smallest error, as a share of that error, is at its bound


@dataclass(frozen=True, slots=True)
class PowerLaw:
    """error = floor + exp(level) * (N / middle)^-exponent."""

    middle: float  # parameters, the geometric mean of the fitted sizes
    level: float  # log of (error - floor) at the middle
    exponent: float
    floor: float = 0.0
    identified: bool = True  # False: the data do not tell the floor; it is at its bound

    def error(self, parameters: Any) -> Floats:
        """Return the error at these numbers of parameters, of any shape."""
        x = np.log(np.asarray(parameters, dtype=np.float64) / self.middle)
        return self.floor + np.exp(self.level - self.exponent * x)


def sizes_missing(parameters: Any, *, floor: bool = False) -> int:
    """Return how many different sizes a fit lacks; 0 if there are enough."""
    return max(0, (SIZES_WITH_FLOOR if floor else SIZES) - len(np.unique(np.asarray(parameters))))


def fit_power_law(parameters: Any, errors: Any, *, floor: bool = False, near: PowerLaw | None = None) -> PowerLaw:
    """Fit error = a * N^-b, or with a floor error = c + a * N^-b with 0 <= c < the smallest error.

    Without a floor this is a straight line through the logarithms, solved exactly. With a floor the sum of squares of
    log errors is minimised from fixed starts of c (Levenberg and Marquardt; c is the smallest error times a logistic
    function of a free number), and the best is kept. If no floor fits better than none, the floor is 0 and `identified`
    is False.

    Args:
        parameters: float [P], numbers of parameters above 0, P points of at least 3 different sizes, 4 with a floor.
        errors: float [P], above 0.
        floor: whether there is one.
        near: the fit of nearly the same errors, with an identified floor; the only start then.

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
    return _with_floor(x, logs, plain, near) if floor else plain


def _with_floor(x: Floats, logs: Floats, plain: PowerLaw, near: PowerLaw | None) -> PowerLaw:
    from scipy.optimize import least_squares  # half a second that commands without a fit need not wait for

    least = float(np.exp(logs.min()))

    def parts(at: Floats) -> tuple[Floats, float]:
        return np.exp(at[0] - at[1] * x), least / (1 + float(np.exp(-at[2])))  # the floor stays within its bounds

    def residuals(at: Floats) -> Floats:
        rest, floor = parts(at)
        return np.log(floor + rest) - logs

    def slopes(at: Floats) -> Floats:
        rest, floor = parts(at)
        return (
            np.stack([rest, -x * rest, np.full_like(x, floor * (1 - floor / least))], axis=1) / (floor + rest)[:, None]
        )

    jacobian: Any = slopes  # scipy's types know its names alone
    starts: list[tuple[float, float, float]] = []
    for share in STARTS if near is None else ():
        above = np.log(np.exp(logs) - share * least)
        slope = float((x - x.mean()) @ above / np.square(x - x.mean()).sum())
        starts.append((float(above.mean()) - slope * float(x.mean()), -slope, share))
    if near is not None:
        starts.append((near.level, near.exponent, min(near.floor / least, 1 - EDGE)))
    best, floor, cost = (
        (plain.level, plain.exponent),
        0.0,
        float(np.square(plain.level - plain.exponent * x - logs).sum()) / 2,
    )
    for level, exponent, share in starts:
        start = [level, exponent, -np.log(1 / share - 1)]
        found: Any = least_squares(residuals, start, jacobian, method="lm", ftol=1e-15, xtol=1e-15, gtol=1e-15)
        if found.cost < cost * (1 - 1e-9):
            best, floor, cost = (float(found.x[0]), float(found.x[1])), parts(found.x)[1], float(found.cost)
    if floor <= EDGE * least:
        return PowerLaw(plain.middle, plain.level, plain.exponent, 0.0, identified=False)
    return PowerLaw(plain.middle, *best, floor, identified=floor < (1 - EDGE) * least)
