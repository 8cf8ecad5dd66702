"""The uncertainty of a figure that is computed from many errors, such as an exponent: the delta method.

    values = influence_values(lambda errors: [fit_power_law(n, errors).exponent], cells)[0]       # [seeds, questions]
    crossed_mean([values]).limits(0.95)

A figure f(e_1, ..., e_K) of mean errors moves by sum_k (df / de_k) * (change of e_k). So question q in replicate s has
the value f + sum_k (df / de_k) * (error[k, s, q] - e_k). Their mean is f, and their spread over questions and seeds
gives its standard error, as `crossed_mean` computes it for a score.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
STEP = 1e-4  # of an error, as a share of it, for the numeric derivative


def influence_values(figures: Callable[[Floats], Sequence[float]], cells: Floats) -> Floats:
    """Return float64 [M, S, Q], for each of M figures a value for each replicate and question.

    A replicate is a seed over all cells: one training of every size and system. Trainings of different sizes are
    independent even with the same seed, although their batches are equal. A complete set of trainings is a draw of the
    whole figure either way, so its spread over replicates is right whether the sizes of one seed rise together or not.

    Args:
        figures: errors float64 [K] -> M figures; smooth near the mean errors.
        cells: float64 [K, S, Q], the error of each cell (a size, or a size of a system), replicate and question.
    """
    errors = cells.mean(axis=(1, 2))
    centred = cells - errors[:, None, None]
    slopes = np.zeros((len(figures(errors)), len(errors)))
    for cell, error in enumerate(errors):
        ends: list[Floats] = []
        for sign in (1, -1):
            moved = errors.copy()
            moved[cell] += sign * STEP * error
            ends.append(np.asarray(figures(moved), dtype=np.float64))
        slopes[:, cell] = (ends[0] - ends[1]) / (2 * STEP * error)
    moves = (slopes @ centred.reshape(len(errors), -1)).reshape(len(slopes), *cells.shape[1:])
    return np.asarray(figures(errors), dtype=np.float64)[:, None, None] + moves
