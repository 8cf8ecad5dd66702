"""The rank of the right candidate of each query, by cosine and by CSLS.

    rank = rank_gold(queries, candidates, Gold(query, candidate))
    close = mean_similarity(candidates, source_words)
    rank = rank_gold(queries, candidates, Gold(query, candidate), closeness=close)       # by CSLS

CSLS (Conneau et al. 2018, arXiv 1710.04087) is 2 cos(x, y) - r_T(x) - r_S(y). r_S(y) is the mean of the ten highest
cosines of a candidate y to the words of the source language, so that a candidate which is near everything comes later.
r_T(x) is one number a query and changes no rank, so it is left out.

The order is that of evaluation/ranks.py: score descending, then candidate ascending. Scores are float32: two candidates
that differ by its rounding alone may change places.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from babelmix.common.processes import cores
from babelmix.probes.words import Vectors

NEIGHBOURS = 10  # of a candidate among the source words
# Rows of a product. It is fixed, so that the number of cores changes no bit; 100,000 columns are 26 MB a core.
ROWS = 64
GROUP = 32  # similarities, of which only the largest is sorted


@dataclass(frozen=True, slots=True)
class Gold:
    """Right answers as pairs of rows, int [R] each; a query may have several or none."""

    query: NDArray[np.integer[Any]]
    candidate: NDArray[np.integer[Any]]


def rank_gold(
    queries: Vectors, candidates: Vectors, gold: Gold, *, closeness: Vectors | None = None
) -> NDArray[np.int32]:
    """Return the 1-based rank of each right answer among all candidates, int32 [R], in the order of `gold`.

    Args:
        queries: [n, d] unit vectors.
        candidates: [m, d] unit vectors.
        gold: which candidates are right for which queries.
        closeness: [m] `mean_similarity` of the candidates for CSLS, None for the cosine.
    """
    order = np.argsort(gold.query, kind="stable")
    bounds = np.searchsorted(gold.query[order], np.arange(0, len(queries) + ROWS, ROWS))
    rank = np.zeros(len(order), dtype=np.int32)

    def count(number: int) -> None:
        start, mine = number * ROWS, order[bounds[number] : bounds[number + 1]]
        if not len(mine):
            return
        scores = queries[start : start + ROWS] @ candidates.T
        if closeness is not None:
            scores *= 2
            scores -= closeness
        for row in mine.tolist():
            line, right = scores[gold.query[row] - start], gold.candidate[row]
            level = line[:right] >= line[right]  # of equals, those before it are ahead
            rank[row] = 1 + np.count_nonzero(level) + np.count_nonzero(line[right + 1 :] > line[right])

    _in_threads(count, len(bounds) - 1)
    return rank


def mean_similarity(candidates: Vectors, references: Vectors, neighbours: int = NEIGHBOURS) -> Vectors:
    """Return r_S, the mean of the highest cosines of each candidate to the references, float32 [m].

    Args:
        candidates: [m, d] unit vectors.
        references: [s, d] unit vectors of words of the source language, at least one.
        neighbours: how many of the highest count; all if there are fewer references.
    """
    kept = min(neighbours, len(references))
    found = np.empty(len(candidates), dtype=np.float32)

    def average(number: int) -> None:
        rows = slice(number * ROWS, (number + 1) * ROWS)
        found[rows] = _highest(candidates[rows] @ references.T, kept).mean(axis=1)

    _in_threads(average, -(-len(candidates) // ROWS))
    return found


def best_rank(rank: NDArray[np.int32], gold: Gold, queries: int) -> NDArray[np.float64]:
    """Return the rank of each query's best right answer, float64 [queries]; infinite for a query without one."""
    best = np.full(queries, np.inf)
    np.minimum.at(best, gold.query, rank)
    return best


def _highest(values: Vectors, k: int) -> Vectors:
    """Return the k highest values of each row, [n, k], in any order.

    The k highest lie in the k groups with the highest maxima, so only these groups are looked into.
    """
    groups = values.shape[1] // GROUP
    if groups > 2 * k:
        whole = groups * GROUP
        grouped = values[:, :whole].reshape(len(values), GROUP, groups)
        chosen = np.argpartition(grouped.max(axis=1), -k, axis=1)[:, -k:]
        inside = np.take_along_axis(grouped, chosen[:, None, :], axis=2).reshape(len(values), -1)
        values = np.concatenate([inside, values[:, whole:]], axis=1)
    return np.partition(values, -k, axis=1)[:, -k:]


def _in_threads(work: Callable[[int], None], number: int) -> None:
    """Call `work` for 0, 1, ... in as many threads as there are cores, each of which multiplies alone."""
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(cores()) as workers:
        for _ in workers.map(work, range(number)):
            pass
