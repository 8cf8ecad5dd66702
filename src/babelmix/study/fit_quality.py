"""How well a power law holds: what it leaves over, and how it does at a size that it has not seen.

quality = fit_quality(parameters, errors, floor=False)
quality.r2, quality.largest, quality.left_out, quality.aicc
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from babelmix.study.power_law import fit_power_law, sizes_missing

TINY = 1e-30  # in place of no squared residual at all, whose logarithm is infinite


@dataclass(frozen=True, slots=True)
class FitQuality:
    """Of one fit; None where there are too few sizes to say."""

    r2: float  # share of the variance of the log error that the fit explains
    largest: float  # the largest |error - fit|, in the unit of the error
    left_out: float | None  # root mean square of error - fit over the sizes, each left out once
    aicc: float | None  # smaller is better


def slope_scatter(x: Any, y: Any) -> float:
    """Return the standard error of the slope of a straight line through points, by what it leaves over.

    With the logarithms of sizes and errors it says how far the sizes are from a power law, and so what exponent other
    sizes might give. That other questions or seeds would give other errors is a part of it only.

    Args:
        x: float [P], of at least three different values.
        y: float [P].
    """
    from scipy.stats import linregress  # half a second that commands without a fit need not wait for

    line: Any = linregress(np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64))  # its type is untold
    return float(line.stderr)


def fit_quality(parameters: Any, errors: Any, *, floor: bool = False) -> FitQuality:
    """Fit as `fit_power_law` does, and return how well it holds.

    AICc is Akaike's criterion corrected for few points, P log(RSS / P) + 2 K + 2 K (K + 1) / (P - K - 1) with the
    residual sum of squares of log errors and K parameters, the variance among them (Hurvich and Tsai 1989, Biometrika
    76). So it needs 5 points without a floor and 6 with one.

    Args:
        parameters: float [P].
        errors: float [P].
        floor: fit a floor too.
    """
    n, e = np.asarray(parameters, dtype=np.float64), np.asarray(errors, dtype=np.float64)
    law = fit_power_law(n, e, floor=floor)
    logs, points = np.log(e), len(e)
    squares = float(np.square(np.log(law.error(n)) - logs).sum())
    spread = float(np.square(logs - logs.mean()).sum())
    count = 3 + floor
    aicc = None
    if points > count + 1:
        aicc = (
            points * float(np.log(max(squares, TINY) / points))
            + 2 * count
            + 2 * count * (count + 1) / (points - count - 1)
        )
    left_out = None
    if not sizes_missing(np.unique(n)[1:], floor=floor):
        misses: list[float] = []
        for size in np.unique(n):
            kept = n != size
            other = fit_power_law(n[kept], e[kept], floor=floor)
            misses += np.square(e[~kept] - other.error(size)).tolist()
        left_out = float(np.sqrt(np.mean(misses)))
    return FitQuality(
        1 - squares / spread if spread > TINY else 1.0, float(np.abs(e - law.error(n)).max()), left_out, aicc
    )
