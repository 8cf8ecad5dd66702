"""Scorers: a system's scores of every query against every passage, block by block.

scorer = Cosines(query_vectors, passage_vectors)
scorer.against(slice(0, 1000))(numpy.array([0, 1]))     # float32 [2, 1000]
"""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from babelmix.common.errors import UserError
from babelmix.retrieval.vectors import Rows

PASSAGES = 16384  # rows scored at once where pairs are asked for: bounds memory, has no part in the result


class Scores(Protocol):
    """A system's scores, float32 and comparable over all passages: cosines, or BM25.

    `not_found` is the score of a passage that the system did not retrieve, below which there is none; None where every
    passage is retrieved.
    """

    @property
    def not_found(self) -> float | None:
        """The score that means "not found": BM25's zero; None for vectors."""
        ...

    @property
    def shape(self) -> tuple[int, int]:
        """The number of queries and of passages."""
        ...

    def against(self, passages: slice) -> Callable[[NDArray[np.intp]], NDArray[np.float32]]:
        """Return a function from query rows, [n], to their scores with these passages, [n, passages], a new array."""
        ...

    def pairs(self, query: NDArray[np.integer[Any]], passage: NDArray[np.integer[Any]]) -> NDArray[np.float32]:
        """Return the score of each (query row, passage row), [n], equal to that of `against` to the last bit."""
        ...


class Cosines:
    """Scores of unit vectors: the dot product rounded once to float32.

    The sum runs in float64, where the products of float16 unit vectors, and of float32 ones that are whole multiples
    of 2^-24 (see vectors.unit_rows), and all their partial sums are exact: a score depends on its two vectors alone,
    never on block size, threads or position, and equal vectors tie exactly.
    """

    not_found = None  # whatever the angle, every passage is retrieved

    def __init__(self, queries: Rows, passages: Rows, *, where: str = "embeddings") -> None:
        """Take [Q, d] and [P, d] vectors; UserError where the dimensions differ; `where` names them in errors."""
        if queries.shape[1] != passages.shape[1]:
            what = f"queries have {queries.shape[1]} dimensions, passages {passages.shape[1]}"
            raise UserError(what, where=where, how="embed both with one model")
        self._queries = checked(queries[:], f"{where}, queries")
        self._passages, self._where = passages, where

    @property
    def shape(self) -> tuple[int, int]:
        """The number of queries and of passages."""
        return len(self._queries), self._passages.shape[0]

    def against(self, passages: slice) -> Callable[[NDArray[np.intp]], NDArray[np.float32]]:
        """Return a function from query rows to their cosines with these passages; see Scores."""
        rows = checked(self._passages[passages], f"{self._where}, passages", passages.start).T
        return lambda query: (self._queries[query] @ rows).astype(np.float32)

    def pairs(self, query: NDArray[np.integer[Any]], passage: NDArray[np.integer[Any]]) -> NDArray[np.float32]:
        """Return the cosine of each (query, passage); see Scores."""
        scores = np.empty(len(query), dtype=np.float32)
        order = np.argsort(passage, kind="stable")  # on disk, rows are read in their order
        for start in range(0, len(order), PASSAGES):
            part = order[start : start + PASSAGES]
            rows = checked(self._passages[passage[part]], f"{self._where}, passages", passage[part])
            scores[part] = np.einsum("nd,nd->n", self._queries[query[part]], rows)
        return scores


def checked(
    vectors: NDArray[np.floating[Any]], where: str, rows: int | NDArray[np.integer[Any]] = 0
) -> NDArray[np.float64]:
    """Return the vectors in float64, seen to be unit vectors; `rows` is the first one's row, or the row of each."""
    wide = vectors.astype(np.float64)
    check_lengths(np.einsum("nd,nd->n", wide, wide), where, rows)
    return wide


def check_lengths(square: NDArray[np.floating[Any]], where: str, rows: int | NDArray[np.integer[Any]] = 0) -> None:
    """Refuse squared lengths, [n], that are not 1 to within 2 %, as a UserError that names the row."""
    if len(square) == 0 or (square.min() > 0.98 and square.max() < 1.02):  # false where a number is not finite
        return
    place = int(np.argmax(~((square > 0.98) & (square < 1.02))))
    row = rows + place if isinstance(rows, int) else int(rows[place])
    length = float(np.sqrt(square[place]))
    what = "a zero vector" if length == 0 else f"a vector of length {length:.3g}, not 1"
    if not np.isfinite(length):
        what = "a number that is not finite"
    how = f"look at that text (line {row + 1} of its file) and embed again; float32 rows need no unit length"
    raise UserError(what, where=f"{where}, row {row}", how=how)
