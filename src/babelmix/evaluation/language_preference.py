"""Language preference of a pooled ranking: do answers in the query's own language come before equal ones in others?

    preference = language_preference(qrels, ranks)
    preference.lpr, preference.lpr_expected          # .83 where .17 would be no preference
    preference.recall_across_at_10                   # TLR@10: how many answers in other languages are found

Every figure is a mean over the queries of a language, then over the query languages.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from babelmix.benchmarks.qrels import Qrels
from babelmix.evaluation.measures import mean_of_means
from babelmix.evaluation.ranks import Ranks


@dataclass(frozen=True, slots=True)
class Preference:
    """The preference of one system on one benchmark; a figure is None if no query allows it."""

    lpr: float | None  # share of queries whose first right answer is in their own language
    lpr_expected: float | None  # the same without any preference: the share of right answers in the own language
    recall_same_at_10: float | None  # of the right answers in the query's language, the share within the first 10
    recall_same_at_100: float | None
    recall_across_at_10: float | None  # TLR@10: the same of the right answers in all other languages
    recall_across_at_100: float | None


def language_preference(qrels: Qrels, ranks: Ranks) -> Preference:
    """Measure the preference of the pooled ranking.

    LPR, the language preference rate (named by arXiv 2605.07249), takes the queries that have right answers in the pool
    both in their own language and in another, and of which the system finds one. `lpr_expected` is the mean of
    own / (own + other) over the same queries, where own and other count their right answers in the pool: without any
    preference each of them is the first with equal probability.

    Recall takes the ranks in the pool, and leaves out queries without such answers. A lost or not found answer counts
    in the denominators. `recall_across_at_k` is TLR@k, target-language recall.
    """
    query_language = np.array([query.lang for query in qrels.queries])
    languages = np.array(qrels.languages)
    rank = np.where(ranks.found, ranks.pool, np.inf)
    own = languages[qrels.passage_language[qrels.passage]] == query_language[qrels.query]

    query, start, right = np.unique(qrels.query, return_index=True, return_counts=True)
    same = np.add.reduceat(own, start, dtype=np.int64)
    first_same = np.minimum.reduceat(np.where(own, rank, np.inf), start)
    first_across = np.minimum.reduceat(np.where(own, np.inf, rank), start)
    chosen = (same > 0) & (same < right) & np.isfinite(np.minimum(first_same, first_across))
    asked_in = query_language[query[chosen]]

    asked = np.concatenate([qrels.query, qrels.lost_query])
    rank = np.concatenate([rank, np.full(len(qrels.lost_query), np.inf)])
    own = np.concatenate([own, languages[qrels.lost_language] == query_language[qrels.lost_query]])

    def recall(of: NDArray[np.bool_], k: int) -> float | None:
        answered, number, count = np.unique(asked[of], return_inverse=True, return_counts=True)
        return mean_of_means(np.bincount(number, weights=rank[of] <= k) / count, query_language[answered])

    return Preference(
        lpr=mean_of_means((first_same < first_across)[chosen], asked_in),
        lpr_expected=mean_of_means((same / right)[chosen], asked_in),
        recall_same_at_10=recall(own, 10),
        recall_same_at_100=recall(own, 100),
        recall_across_at_10=recall(~own, 10),
        recall_across_at_100=recall(~own, 100),
    )
