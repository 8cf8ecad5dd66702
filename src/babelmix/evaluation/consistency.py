"""Consistency of retrieval over languages: do the translations of one question get the same passages?

mrc_at_10(qrels, ranks)              # 1 if all translations of each question have the same ten best passages
"""

import numpy as np

from babelmix.benchmarks.qrels import Qrels
from babelmix.evaluation.ranks import Ranks


def mrc_at_10(qrels: Qrels, ranks: Ranks) -> float | None:
    """Return MRC@10, multilingual retrieval consistency: how much of their ten best two translations share.

    For two queries a and b of one question it is |top(a) & top(b)| / k, where top holds the ten best passages of the
    pool and k is 10, or the size of the pool if that is smaller. The mean is over the pairs of a question, then over
    the questions with several queries. We found no published definition, so this one is ours. The order within the ten
    does not matter, nor whether they are right: a system that always returns the same ten has 1.

    A query without a right answer in the pool has no ranking and is left out. A system that finds fewer than k passages
    shares only those. Returns None if no question has two queries.
    """
    ranked = np.unique(qrels.query)
    _, question = np.unique([qrels.queries[row].parallel_id for row in ranked], return_inverse=True)
    queries = np.bincount(question)
    if queries.max() < 2:
        return None
    top = ranks.top[ranked]
    found = top >= 0
    # A passage that c of a question's queries have among their ten best is shared by c (c - 1) / 2 pairs.
    size = len(qrels.passage_language)
    shared, count = np.unique((question[:, None] * size + top)[found], return_counts=True)
    pairs_sharing = np.bincount(shared // size, weights=count * (count - 1) / 2, minlength=len(queries))
    several = queries > 1
    pairs = queries[several] * (queries[several] - 1) / 2
    return float((pairs_sharing[several] / (pairs * top.shape[1])).mean())
