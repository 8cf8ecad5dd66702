"""Keep the k best passages of each query while scores arrive in blocks."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

GROUP = 32  # scores, of which `kth_or_less` uses only the largest


class Top:
    """The k best passages of each query so far, under the order (-score, passage)."""

    def __init__(self, queries: int, k: int) -> None:
        """Start with scores of minus infinity."""
        self.passage: NDArray[np.int64] = np.full((queries, k), np.iinfo(np.int64).max)  # [queries, k], best first
        self.score: NDArray[np.float32] = np.full((queries, k), -np.inf, dtype=np.float32)

    def merge(
        self, query: NDArray[np.integer[Any]], passage: NDArray[np.integer[Any]], score: NDArray[np.float32]
    ) -> None:
        """Add (query, passage, score) triples, [n]; each (query, passage) may be added once only."""
        count, k = self.passage.shape
        query = np.concatenate([np.repeat(np.arange(count), k), query])
        passage = np.concatenate([self.passage.ravel(), passage.astype(np.int64)])
        score = np.concatenate([self.score.ravel(), score])
        order = np.lexsort((passage, -score, query))
        first = np.searchsorted(query[order], np.arange(count))
        kept = order[first[:, None] + np.arange(k)]
        self.passage, self.score = passage[kept], score[kept]


def kth_or_less(values: NDArray[np.float32], k: int) -> NDArray[np.float32]:
    """Return, for each row of [n, m] with m >= k, a lower bound of its k-th largest value: [n].

    The bound is the k-th largest maximum over groups of the row, which is fast. With few groups it is the k-th largest
    value itself. The values of a group lie `groups` apart, so that whole runs of groups are compared at once.
    """
    groups = values.shape[1] // GROUP
    if groups >= 4 * k:
        values = values[:, : groups * GROUP].reshape(len(values), GROUP, groups).max(axis=1)
    return np.partition(values, -k, axis=1)[:, -k]
