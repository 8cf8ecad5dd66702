"""Scorers: a system's scores of every query against every passage, block by block.

scorer = CosineScorer(query_vectors, passage_vectors)
scorer.score_block(slice(0, 1000))(numpy.array([0, 1]))     # float32 [2, 1000]
"""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from babelmix.common.errors import UserError
from babelmix.retrieval.vectors import Rows

PAIRS = 4096  # that are scored at once, which fit the cache of a core; this does not affect the scores


class Scorer(Protocol):
    """Scores every query against every passage: float32, comparable over all passages. CosineScorer, or BM25."""

    @property
    def not_found(self) -> float | None:
        """The lowest score, of a passage that the system did not retrieve; None if every passage is retrieved."""
        ...

    @property
    def shape(self) -> tuple[int, int]:
        """The number of queries and of passages."""
        ...

    def score_block(self, passages: slice) -> Callable[[NDArray[np.intp]], NDArray[np.float32]]:
        """Return a function that scores query rows, [n], against these passages: a new array [n, passages]."""
        ...

    def pairs(self, query: NDArray[np.integer[Any]], passage: NDArray[np.integer[Any]]) -> NDArray[np.float32]:
        """Return the score of each (query row, passage row), [n], bit for bit that of `score_block`."""
        ...


class CosineScorer:
    """Scores unit vectors by their dot product, rounded once to float32.

    The sum runs in float64. There the products and all partial sums are exact, for float16 unit vectors and for
    float32 ones that are whole multiples of 2^-24 (see vectors.unit_rows). So a score depends only on its two vectors,
    never on block size, threads or position, and equal vectors tie exactly.
    """

    not_found = None  # every passage is retrieved, at any angle

    def __init__(self, queries: Rows, passages: Rows, *, where: str = "embeddings") -> None:
        """Take [Q, d] and [P, d] vectors; UserError if the dimensions differ. `where` names the vectors in errors."""
        if queries.shape[1] != passages.shape[1]:
            what = f"queries have {queries.shape[1]} dimensions, passages {passages.shape[1]}"
            raise UserError(what, where=where, how="embed both with one model")
        self._queries = checked(queries[:], f"{where}, queries")
        self._passages, self._where = passages, where

    @property
    def shape(self) -> tuple[int, int]:
        """The number of queries and of passages."""
        return len(self._queries), self._passages.shape[0]

    def score_block(self, passages: slice) -> Callable[[NDArray[np.intp]], NDArray[np.float32]]:
        """Return a function that scores query rows against these passages; see Scorer."""
        rows = checked(self._passages[passages], f"{self._where}, passages", passages.start).T
        return lambda query: (self._queries[query] @ rows).astype(np.float32)

    def pairs(self, query: NDArray[np.integer[Any]], passage: NDArray[np.integer[Any]]) -> NDArray[np.float32]:
        """Return the cosine of each (query row, passage row); see Scorer."""
        scores = np.empty(len(query), dtype=np.float32)
        order = np.argsort(passage, kind="stable")  # so that rows on disk are read in order
        for start in range(0, len(order), PAIRS):
            part = order[start : start + PAIRS]
            rows = checked(self._passages[passage[part]], f"{self._where}, passages", passage[part])
            scores[part] = np.einsum("nd,nd->n", self._queries[query[part]], rows)
        return scores


def checked(
    vectors: NDArray[np.floating[Any]], where: str, rows: int | NDArray[np.integer[Any]] = 0
) -> NDArray[np.float64]:
    """Return the vectors in float64; UserError unless all have unit length.

    `rows` is the row number of the first vector, or that of each vector; an error names it.
    """
    wide = vectors.astype(np.float64)
    check_lengths(np.einsum("nd,nd->n", wide, wide), where, rows)
    return wide


def check_lengths(square: NDArray[np.floating[Any]], where: str, rows: int | NDArray[np.integer[Any]] = 0) -> None:
    """Raise UserError, with the row, for squared lengths, [n], that differ from 1 by more than 2 %."""
    if len(square) == 0 or (square.min() > 0.98 and square.max() < 1.02):  # False for NaN
        return
    first = int(np.argmax(~((square > 0.98) & (square < 1.02))))
    row = rows + first if isinstance(rows, int) else int(rows[first])
    length = float(np.sqrt(square[first]))
    what = "a zero vector" if length == 0 else f"a vector of length {length:.3g}, not 1"
    if not np.isfinite(length):
        what = "a number that is not finite"
    how = f"look at that text (line {row + 1} of its file) and embed again; only float16 rows must have unit length"
    raise UserError(what, where=f"{where}, row {row}", how=how)
