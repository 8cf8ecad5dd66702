"""Exact search: the best passages of each query, over vectors in memory or in shards on disk.

    best = search(query_vectors, open_rows(Path("data/embeddings/hybrid/miracl-sw"), "passages"), 100)
    best.passage[0], best.score[0]     # the first query's best hundred, best first

Order and scores are those of evaluation/ranks.py, bit for bit: score descending, then passage ascending. A float32
product, twice as fast, only proposes candidates: every passage that it cannot rule out is scored again exactly. Memory
is bounded by one block of passages, whatever the number of passages.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from babelmix.retrieval.scorers import CosineScorer, check_lengths
from babelmix.retrieval.topk import Top, kth_or_less
from babelmix.retrieval.vectors import Rows

PASSAGES = 8192  # in a block: 32 MB of scores for 1,000 queries
QUERIES = 1024


@dataclass(frozen=True, slots=True)
class Best:
    """The k best passages of each query, best first; fewer than k if there are fewer passages."""

    passage: NDArray[np.int64]  # [Q, k] row
    score: NDArray[np.float32]  # [Q, k]


def search(
    queries: Rows,
    passages: Rows,
    k: int,
    *,
    where: str = "embeddings",
    on_progress: Callable[[int], None] = lambda passages: None,
) -> Best:
    """Return the k best passages of each query under the order (-score, passage).

    Args:
        queries: [Q, d] unit vectors.
        passages: [P, d] unit vectors; read once for every 1,024 queries, in blocks.
        k: how many to keep.
        where: names the vectors in errors.
        on_progress: gets the number of passages scored since its last call, anew for every 1,024 queries.

    Raises:
        UserError: the dimensions differ, a vector is zero, or a number is not finite.
    """
    CosineScorer(queries, passages, where=where)  # for its checks
    kept = min(k, passages.shape[0])
    parts = [
        _search_block(queries[start : start + QUERIES], passages, kept, where, on_progress)
        for start in range(0, queries.shape[0], QUERIES)
    ]
    if not parts:
        return Best(np.empty((0, kept), dtype=np.int64), np.empty((0, kept), dtype=np.float32))
    return Best(np.concatenate([part.passage for part in parts]), np.concatenate([part.score for part in parts]))


def _search_block(
    queries: NDArray[np.floating[Any]], passages: Rows, k: int, where: str, on_progress: Callable[[int], None]
) -> Best:
    exact, fast = queries.astype(np.float64), queries.astype(np.float32)
    # |float32 sum - exact sum| <= d * 2^-24 * |q| |p| (Higham 2002, eq. 3.5) holds for both scores of a comparison. The
    # rest covers the rounding of the exact score and lengths that are 1 only up to float16's rounding.
    margin = np.float32(2.2 * queries.shape[1] * 2.0**-24)
    top = Top(len(queries), k)
    scores = np.empty((len(queries), min(PASSAGES, passages.shape[0])), dtype=np.float32)
    found: list[tuple[NDArray[np.integer[Any]], ...]] = []
    waiting = 0
    for start in range(0, passages.shape[0], PASSAGES):
        rows = passages[start : min(start + PASSAGES, passages.shape[0])]
        narrow = rows.astype(np.float32)
        check_lengths(np.einsum("nd,nd->n", narrow, narrow), f"{where}, passages", start)
        block = np.matmul(fast, narrow.T, out=scores[:, : len(rows)])
        limit = top.score[:, -1]
        if start == 0 and len(rows) > k:  # no score is kept yet, so the whole block would be proposed
            limit = kth_or_less(block, k)
        query, column = np.divmod(np.flatnonzero(block > (limit - margin)[:, None]), len(rows))
        for first in range(0, len(query), PASSAGES):  # in parts: bounds memory if there are many candidates
            q, c = query[first : first + PASSAGES], column[first : first + PASSAGES]
            score = np.einsum("nd,nd->n", exact[q], rows[c].astype(np.float64)).astype(np.float32)
            found.append((q, c + start, score))
        waiting += len(query)
        if waiting > len(queries) * k // 2 or (found and start + PASSAGES >= passages.shape[0]):
            q, p, score = (np.concatenate(column) for column in zip(*found, strict=True))
            top.merge(q, p, score)
            found, waiting = [], 0
        on_progress(len(rows))
    return Best(top.passage, top.score)
