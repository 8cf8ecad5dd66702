"""Hubs: passages that come first whatever is asked. Nonsense queries show them, and real queries stand beside.

nonsense = hubness(search(nonsense_vectors, passages, TOP).passage)
real = hubness(ranks.top[sampled_queries(qrels)])
nonsense.same_first, real.same_first
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from babelmix.benchmarks.qrels import Qrels
from babelmix.common.hashing import hash_order

SAMPLE = 100  # real queries, as many as nonsense queries


@dataclass(frozen=True, slots=True)
class Hubness:
    """How far the lists of different queries hold the same passages; None if no query finds any."""

    same_first: float | None  # share of the queries whose first passage is the most common first passage
    distinct_top10: float | None  # distinct passages among the ten best, divided by all of these places


def hubness(top: NDArray[np.integer[Any]]) -> Hubness:
    """Measure the hubs in the best passages of some queries, [Q, up to 10], best first; -1 where none was found.

    A query that finds nothing is left out, and so is a place without a passage.
    """
    first, places = top[:, 0][top[:, 0] >= 0], top[top >= 0]
    if not len(first):
        return Hubness(None, None)
    most = int(np.unique(first, return_counts=True)[1].max())
    return Hubness(most / len(first), len(np.unique(places)) / len(places))


def sampled_queries(qrels: Qrels) -> NDArray[np.intp]:
    """Return the rows of up to 100 queries, of different questions: those with the lowest sha256 of their ids.

    Translations of one question should have the same passages, so of each question only the first is taken.
    """
    rows: list[int] = np.unique(qrels.query).tolist()
    of_question: dict[str, int] = {}
    for row in sorted(rows, key=lambda row: hash_order(qrels.queries[row].id)):
        of_question.setdefault(qrels.queries[row].parallel_id, row)
    return np.array(list(of_question.values())[:SAMPLE], dtype=np.intp)
