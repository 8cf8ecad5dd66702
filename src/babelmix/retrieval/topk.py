"""The k best passages of each query so far, kept while blocks of scores come in."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

GROUP = 32  # scores, of which only the largest is looked at when the best are first sought


class Top:
    """The k best passages of each query so far, under the order (-score, passage)."""

    def __init__(self, queries: int, k: int) -> None:
        """Begin with nothing: scores of minus infinity."""
        self.passage: NDArray[np.int64] = np.full((queries, k), np.iinfo(np.int64).max)  # [queries, k], best first
        self.score: NDArray[np.float32] = np.full((queries, k), -np.inf, dtype=np.float32)

    def merge(
        self, query: NDArray[np.integer[Any]], passage: NDArray[np.integer[Any]], score: NDArray[np.float32]
    ) -> None:
        """Take in (query, passage, score) triples, [n]; no pair may come twice."""
        count, k = self.passage.shape
        query = np.concatenate([np.repeat(np.arange(count), k), query])
        passage = np.concatenate([self.passage.ravel(), passage.astype(np.int64)])
        score = np.concatenate([self.score.ravel(), score])
        order = np.lexsort((passage, -score, query))
        first = np.searchsorted(query[order], np.arange(count))
        kept = order[first[:, None] + np.arange(k)]
        self.passage, self.score = passage[kept], score[kept]


def kth_or_less(values: NDArray[np.float32], k: int) -> NDArray[np.float32]:
    """Return, for each row of [n, m] with m >= k, a number that at least k of the row reach, quickly: [n].

    The k-th largest of the maxima of groups of the row, or, where groups would be few, of the row itself.
    """
    groups = values.shape[1] // GROUP
    if groups >= 4 * k:
        values = values[:, : groups * GROUP].reshape(len(values), groups, GROUP).max(axis=2)
    return np.partition(values, -k, axis=1)[:, -k]
