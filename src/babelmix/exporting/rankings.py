"""The best passages of each topic, best first, for any scorer: what a run file lists.

for topic, (passages, scores) in enumerate(rankings(scorer, qrels, topics, 1000)):
    topics.names[topic], passages[0], scores[0]

The order is that of evaluation/ranks.py: score descending, then passage ascending; a passage that is the query itself,
or that the system did not find, is not listed. Memory is bounded by one block of scores.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from babelmix.benchmarks.qrels import Qrels
from babelmix.exporting.topics import ALL, Topics
from babelmix.retrieval.scorers import Scorer
from babelmix.retrieval.topk import Top, kth_or_less

TOPICS, PASSAGES = 256, 16384  # scored at once: 16 MB; this does not change the result

Ranking = tuple[NDArray[np.int64], NDArray[np.float32]]  # rows of the passages, and their scores


def rankings(scorer: Scorer, qrels: Qrels, topics: Topics, most: int) -> Iterator[Ranking]:
    """Yield the ranking of each topic in order, of at most `most` passages."""
    least = -np.inf if scorer.not_found is None else scorer.not_found
    kept = min(most, len(qrels.passage_language))
    for start in range(0, len(topics.query), TOPICS):
        part = slice(start, start + TOPICS)
        top = _best(scorer, qrels, topics.query[part], topics.language[part], kept)
        for passage, score in zip(top.passage, top.score, strict=True):
            found = score > least
            yield passage[found], score[found]


def _best(scorer: Scorer, qrels: Qrels, query: NDArray[np.int64], language: NDArray[np.int64], kept: int) -> Top:
    top = Top(len(query), kept)
    for start in range(0, len(qrels.passage_language), PASSAGES):
        block = slice(start, min(start + PASSAGES, len(qrels.passage_language)))
        values = scorer.score_block(block)(query)
        other = (qrels.passage_language[block] != language[:, None]) & (language[:, None] != ALL)
        values[other] = -np.inf
        _bar_itself(values, qrels, query, block)
        chosen = values > top.score[:, -1:]  # of equals, the earlier passage stays
        if values.shape[1] > kept:
            chosen &= values >= kth_or_less(values, kept)[:, None]
        row, column = np.nonzero(chosen)
        top.merge(row, column + start, values[row, column])
    return top


def _bar_itself(values: NDArray[np.float32], qrels: Qrels, query: NDArray[np.int64], block: slice) -> None:
    """Move passages that are the query itself below every other score, in place."""
    if not len(qrels.itself_query):
        return
    first, last = (np.searchsorted(qrels.itself_query, query, side) for side in ("left", "right"))
    for row in np.flatnonzero(last > first).tolist():
        passage = qrels.itself_passage[first[row] : last[row]]
        here = (passage >= block.start) & (passage < block.stop)
        values[row, passage[here] - block.start] = -np.inf
