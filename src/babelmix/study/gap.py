"""What two languages cost: the monolingual score minus the cross-lingual one, over the size.

gaps = gaps_of(parameters, mono, cross)         # errors [sizes, seeds, questions]
gaps.by_size[0].mean, gaps.slope.limits(0.95)
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from babelmix.evaluation.crossed import Estimate, crossed_mean

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Gaps:
    """Of one system."""

    by_size: tuple[Estimate, ...]  # small first
    slope: Estimate | None  # change of the gap for ten times the parameters; None with one size


def gaps_of(parameters: Floats, mono: Floats, cross: Floats) -> Gaps:
    """Return the gap at each size and its slope over log10 of the size, paired over questions and seeds.

    The slope is that of the least squares line, so it is a weighted sum of the gaps and needs no approximation.

    Args:
        parameters: float64 [K], small first.
        mono: float64 [K, S, Q], errors in the query's own language.
        cross: float64 [K, S, Q], errors in the other languages, of the same questions.
    """
    gaps = cross - mono
    x = np.log10(parameters)
    slope = None
    if len(np.unique(x)) > 1:
        weight = (x - x.mean()) / np.square(x - x.mean()).sum()
        slope = crossed_mean([(weight @ gaps.reshape(len(x), -1)).reshape(gaps.shape[1:])])
    return Gaps(tuple(crossed_mean([own]) for own in gaps), slope)


def slope_per_tenfold(parameters: Floats, gaps: Floats) -> float:
    """Return the slope of the least squares line of gaps [P] over log10 of parameters [P]."""
    x = np.log10(parameters)
    return float((x - x.mean()) @ gaps / np.square(x - x.mean()).sum())
