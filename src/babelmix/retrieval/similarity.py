"""Cosine, dot product or Euclidean distance, all scored by exact dot products of unit vectors.

    queries, passages = comparable(queries, passages, "dot")
    scorer = CosineScorer(queries, passages)         # ranks exactly as the dot products of the vectors do
    as_similarity(passages, 0.25)                    # the dot product that belongs to this score

CosineScorer handles unit vectors only. For the other two similarities we turn the vectors into unit vectors whose
products rank alike. We scale each side by a power of two, which changes no order, and round it to whole
multiples of 2^-24 (2^-25 for distances). Added dimensions bring each vector to length 1. They are multiplied by zeros
of the other side, or they hold squared lengths:

    dot          q, a, 0                p, 0, b              product q.p
    euclidean    q, 1/2, -|q|^2, a, 0   p, -|p|^2, 1/2, 0, b product q.p - |q|^2/2 - |p|^2/2, half of -|q - p|^2
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from babelmix.common.errors import UserError
from babelmix.common.similarities import Similarity
from babelmix.retrieval.vectors import Rows, UnitRows

BLOCK = 16384  # rows read at once to find the longest vector


def comparable(
    queries: Rows, passages: Rows, similarity: Similarity, *, where: str = "embeddings"
) -> tuple[Rows, Rows]:
    """Return both as unit vectors whose products rank as the similarity does: the more similar, the larger.

    For dot products and distances all passages are read once, to find the longest. Rows are converted when they are
    read.

    Args:
        queries: [Q, d] of any length.
        passages: [P, d] of any length.
        similarity: what the vectors are compared by.
        where: names the vectors in errors.

    Raises:
        UserError: a number is not finite or, for dot products, a vector is zero.
    """
    if similarity == "cosine":
        return UnitRows(queries), UnitRows(passages)
    lengths = [
        _longest(rows, f"{where}, {name}", similarity) for rows, name in ((queries, "queries"), (passages, "passages"))
    ]
    if similarity == "dot":
        one, other = (_power(length) for length in lengths)
        return _Dot(queries, one, 0, 1.0), _Dot(passages, other, 1, 2.0 ** -(one + other))
    power = _power(max(lengths)) - 1  # lengths up to 1/2
    return _Euclidean(queries, power, 0), _Euclidean(passages, power, 1)


def as_similarity(passages: Rows, score: float) -> float:
    """Convert a score against these passages back: to the cosine, the dot product, or minus the distance."""
    return passages.value(score) if isinstance(passages, _Dot | _Euclidean) else score


class _Scaled:
    """Rows times a power of two; `side` is 0 for queries, 1 for passages."""

    added: int  # number of added dimensions
    bits: int  # binary places that rounding keeps

    def __init__(self, rows: Rows, power: int, side: int) -> None:
        self._rows, self._power, self._side = rows, power, side

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows and dimensions."""
        return self._rows.shape[0], self._rows.shape[1] + self.added

    def _scaled(self, key: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the rows of a key and their squared lengths, which are exact: whole multiples of 2^-(2 bits)."""
        rows = np.ldexp(self._rows[key].astype(np.float64), self._power + self.bits)
        rows = np.ldexp(np.round(rows), -self.bits)
        return rows, np.einsum("nd,nd->n", rows, rows)


class _Dot(_Scaled):
    added, bits = 2, 24

    def __init__(self, rows: Rows, power: int, side: int, unit: float) -> None:
        super().__init__(rows, power, side)
        self._unit = unit

    def value(self, score: float) -> float:
        return score * self._unit

    def __getitem__(self, key: Any, /) -> NDArray[np.floating[Any]]:
        rows, square = self._scaled(key)
        return _filled(rows, square, self._side)


class _Euclidean(_Scaled):
    added, bits = 4, 25

    def value(self, score: float) -> float:
        return -float(np.ldexp(np.sqrt(max(-2 * score, 0.0)), -self._power))

    def __getitem__(self, key: Any, /) -> NDArray[np.floating[Any]]:
        rows, square = self._scaled(key)
        half = np.full(len(rows), 0.5)
        two = np.stack((half, -square) if self._side == 0 else (-square, half), axis=1)
        return _filled(np.concatenate([rows, two], axis=1), square + square**2 + 0.25, self._side)


def _filled(rows: NDArray[np.float64], square: NDArray[np.float64], side: int) -> NDArray[np.float64]:
    """Add two dimensions: the one of its side brings each row to length 1, the other is zero."""
    rest = np.round(np.sqrt(np.maximum(1 - square, 0)) * 2.0**24) / 2.0**24
    added = np.zeros((len(rows), 2))
    added[:, side] = rest
    return np.concatenate([rows, added], axis=1)


def _longest(rows: Rows, where: str, similarity: Similarity) -> float:
    longest = 0.0
    for start in range(0, rows.shape[0], BLOCK):
        wide = rows[start : min(start + BLOCK, rows.shape[0])].astype(np.float64)
        with np.errstate(all="ignore"):  # reported below, with its row
            length = np.sqrt(np.einsum("nd,nd->n", wide, wide))
        wrong = ~np.isfinite(length) | ((length == 0) & (similarity == "dot"))
        if wrong.any():
            row = start + int(np.argmax(wrong))
            what = "a zero vector" if length[row - start] == 0 else "a number that is not finite"
            raise UserError(what, where=f"{where}, row {row}", how="look at that text and embed again")
        longest = max(longest, float(length.max(initial=0.0)))
    return longest


def _power(length: float) -> int:
    """Return the power of two that scales a length to just below 1 or less, with a margin for rounding."""
    return -int(np.frexp(length * (1 - 2.0**-10))[1]) if length > 0 else 0
