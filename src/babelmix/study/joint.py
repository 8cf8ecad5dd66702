"""One fit for all objectives, with alpha, the share of monolingual batches, as a term.

    fits = joint_fits(parameters, {1.0: contrastive, 0.5: hybrid, 0.0: crosslingual})
    fits[1].terms["b1"].mean          # of log error = k + k1 alpha - (b + b1 alpha) log N
    fits[1].left_out                  # how far off it forecasts a size that it has not seen

A term of the same weight at all sizes shifts the line; a term times log N turns it. Whether the turn is needed is asked
twice: by the interval of b1, and by which form forecasts a size best that it has not seen.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from babelmix.evaluation.crossed import Estimate, crossed_mean
from babelmix.study.delta import influence_values
from babelmix.study.exponents import can_fit
from babelmix.study.power_law import sizes_missing

Floats = NDArray[np.float64]
SMALLEST = (0.01, 0.03, 0.1, 0.3, 1.0)  # eps of the power of the share, which is 0 for contrastive batches


@dataclass(frozen=True, slots=True)
class JointFit:
    """One form of the dependence on alpha."""

    name: str
    eps: float | None  # of the power of the share
    terms: dict[str, Estimate]  # name -> estimate over questions and seeds
    r2: float  # of the log errors
    largest: float  # the largest |error - fit|
    left_out: float | None  # root mean square of error - forecast, each size left out once; None with three sizes


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A form that is linear in its terms, but for eps; `basis` gives the columns of the level, by alpha and eps."""

    name: str
    names: tuple[str, ...]
    basis: Callable[[Floats, float], list[Floats]]
    turning: int = 1  # how many columns of the basis also turn the line

    def columns(self, alpha: Floats, x: Floats, eps: float) -> Floats:
        """Return float64 [points, terms], in the order of the names: level and slope of each column."""
        found: list[Floats] = []
        for place, column in enumerate(self.basis(alpha, eps)):
            found += [column, -column * x] if place < self.turning else [column]
        return np.stack(found, axis=1)


def _levels(alpha: Floats, eps: float) -> list[Floats]:
    return [np.ones_like(alpha), alpha]


def _curved(alpha: Floats, eps: float) -> list[Floats]:
    return [np.ones_like(alpha), alpha, alpha * alpha]


def _share(alpha: Floats, eps: float) -> list[Floats]:
    return [np.ones_like(alpha), -np.log(1 - alpha + eps)]


CANDIDATES = (
    _Candidate("shift", ("k", "b", "k1"), _levels),
    _Candidate("turn", ("k", "b", "k1", "b1"), _levels, 2),
    _Candidate("bend", ("k", "b", "k1", "b1", "k2", "b2"), _curved, 3),
    _Candidate("power of the share", ("k", "b", "g"), _share),
)


def joint_fits(parameters: Floats, errors: Mapping[float, Floats]) -> list[JointFit]:
    """Fit the candidates to all sizes and objectives at once, by linear least squares of the log error.

    - shift: log error = k + k1 alpha - b log N. The sizes' lines are parallel.
    - turn: log error = k + k1 alpha - (b + b1 alpha) log N.
    - bend: k2 alpha^2 and b2 alpha^2 log N besides; with three alphas, a line for each.
    - power of the share: error = A N^-b (p + eps)^-g with p = 1 - alpha, the share of cross-lingual batches, and eps
      the best of a fixed grid, as p is 0 for contrastive batches. A share as a factor p^-g with g the same at all sizes
      is the form of He et al. 2024 (arXiv 2410.12883) for the share of a language family in pretraining; here it is
      taken over to batches.

    N is over the geometric mean of the sizes, so that k is the level in their middle.

    Args:
        parameters: float64 [K], small first.
        errors: alpha -> float64 [K, S, Q], of the same seeds and questions.

    Returns:
        The candidates that the number of alphas allows; none with less than three sizes or one alpha.
    """
    alphas = sorted(errors)
    if len(alphas) < 2 or not all(can_fit(parameters, own) for own in errors.values()):
        return []
    cells = np.concatenate([errors[alpha] for alpha in alphas])
    alpha = np.repeat(np.array(alphas, dtype=np.float64), len(parameters))
    middle = np.log(parameters).mean()
    x = np.tile(np.log(parameters) - middle, len(alphas))
    allowed = CANDIDATES if len(alphas) > 2 else CANDIDATES[:2]  # two alphas tell no curve from a line
    return [_fitted(one, alpha, x, cells) for one in allowed]


def _fitted(candidate: _Candidate, alpha: Floats, x: Floats, cells: Floats) -> JointFit:
    means = cells.mean(axis=(1, 2))
    logs = np.log(means)
    eps = _best_eps(candidate, alpha, x, logs)
    columns = candidate.columns(alpha, x, eps)
    solve = np.linalg.pinv(columns)
    values = influence_values(lambda e: (solve @ np.log(e)).tolist(), cells)
    fit = columns @ (solve @ logs)
    left_out = None
    if not sizes_missing(np.unique(x)[1:]):
        misses: list[float] = []
        for size in np.unique(x):
            kept = x != size
            own = _best_eps(candidate, alpha[kept], x[kept], logs[kept])
            terms = np.linalg.pinv(candidate.columns(alpha[kept], x[kept], own)) @ logs[kept]
            expected = np.exp(candidate.columns(alpha[~kept], x[~kept], own) @ terms)
            misses += np.square(means[~kept] - expected).tolist()
        left_out = float(np.sqrt(np.mean(misses)))
    return JointFit(
        candidate.name,
        eps if candidate.basis is _share else None,
        {name: crossed_mean([one]) for name, one in zip(candidate.names, values, strict=True)},
        1 - float(np.square(fit - logs).sum() / np.square(logs - logs.mean()).sum()),
        float(np.abs(np.exp(fit) - means).max()),
        left_out,
    )


def _best_eps(candidate: _Candidate, alpha: Floats, x: Floats, logs: Floats) -> float:
    """Return the eps of least squares; of equals, such as where the form has none, the first."""

    def squares(eps: float) -> float:
        columns = candidate.columns(alpha, x, eps)
        return round(float(np.square(columns @ (np.linalg.pinv(columns) @ logs) - logs).sum()), 12)

    return min(SMALLEST, key=squares)
