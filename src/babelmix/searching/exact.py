"""Exact search in the rows of an index that no approximate index covers.

    rows = ExactRows(vectors, live, codes)
    rows.best(query, 10)                    # rows and scores of the best ten, best first
    rows.best(query, 10, codes=[2])         # of one language

A float32 product, which is fast, proposes candidates; those are scored again in float64, where the sum is exact (see
retrieval/scorers.py). So scores and order are those of `babelmix evaluate`, bit for bit.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from babelmix.retrieval.vectors import Rows

READ = 8192  # rows that are read at once


class Found:
    """Rows of an index and their scores, best first: under (-score, row)."""

    __slots__ = ("rows", "scores")

    def __init__(self, rows: NDArray[np.int64], scores: NDArray[np.float32]) -> None:
        self.rows, self.scores = rows, scores

    @classmethod
    def best(cls, rows: NDArray[np.int64], scores: NDArray[np.float32], k: int) -> "Found":
        """Return the k best of any rows."""
        order = np.lexsort((rows, -scores))[:k]
        return cls(rows[order], scores[order])


def exact_scores(query: NDArray[np.float64], vectors: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return the exact dot products of a query, [d], and rows, [n, d], rounded once to float32."""
    return np.einsum("d,nd->n", query, vectors.astype(np.float64)).astype(np.float32)


class ExactRows:
    """Rows in memory as float32, those of a language next to each other."""

    def __init__(self, vectors: Rows, rows: NDArray[np.int64], codes: NDArray[np.int16]) -> None:
        """Take vectors of all rows of the index, the ascending rows that are searched here, and their languages."""
        order = np.lexsort((rows, codes))
        self._rows = rows[order]
        self._matrix = np.empty((len(rows), vectors.shape[1]), dtype=np.float32)
        for start in range(0, len(rows), READ):
            part = rows[start : start + READ]
            self._matrix[start : start + READ] = vectors[part]
        self._matrix = self._matrix[order] if np.any(np.diff(order) != 1) else self._matrix
        known, starts, counts = np.unique(codes[order], return_index=True, return_counts=True)
        parts = zip(known.tolist(), starts.tolist(), counts.tolist(), strict=True)
        self._range = {code: (start, start + count) for code, start, count in parts}

    def best(self, query: NDArray[np.float64], k: int, codes: Sequence[int] | None = None) -> Found:
        """Return the k best rows for a query, [d]: of all, or of the languages with these codes."""
        ranges = [(0, len(self._rows))] if codes is None else [self._range[c] for c in codes if c in self._range]
        narrow = query.astype(np.float32)
        scores = [self._matrix[start:end] @ narrow for start, end in ranges if end > start]
        if not scores or k < 1:
            return Found(np.empty(0, np.int64), np.empty(0, np.float32))
        at = np.concatenate([np.arange(start, end) for start, end in ranges if end > start])
        score = np.concatenate(scores)
        if len(score) > k:
            at = at[score >= np.partition(score, -k)[-k] - _margin(query)]
        return Found.best(self._rows[at], exact_scores(query, self._matrix[at]), k)

    def ranks(self, query: NDArray[np.float64], wanted: Sequence[int]) -> list[int]:
        """Return the rank of each of these rows, all of which are here, for a query, [d]: under (-score, row)."""
        score, margin = self._matrix @ query.astype(np.float32), _margin(query)
        ranks: list[int] = []
        for row in wanted:
            at = np.flatnonzero(self._rows == row)
            own = exact_scores(query, self._matrix[at])[0]
            near = np.flatnonzero(np.abs(score - own) <= margin)
            exact = exact_scores(query, self._matrix[near])
            before = (exact > own) | ((exact == own) & (self._rows[near] < row))
            ranks.append(1 + int(np.count_nonzero(score > own + margin)) + int(np.count_nonzero(before)))
        return ranks


def _margin(query: NDArray[np.float64]) -> np.float32:
    """Return how far two float32 sums may be apart whose exact sums are equal."""
    # |float32 sum - exact sum| <= d * 2^-24 * |q| |p| for both scores, see retrieval/search.py
    return np.float32(2.2 * len(query) * 2.0**-24)
