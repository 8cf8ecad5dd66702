"""Language bias of a multilingual ranking: do equally relevant passages rank equally in every language?

    bias = language_bias(qrels, ranks)
    bias.rank_distance              # 10 for a perfect ranking of XQuAD-R, 10,845.8 for a random one
    bias.language_share_top10       # to compare with bias.language_share_pool

Every figure but MRC@10 is a mean over the queries of a language, then over the query languages.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from babelmix.benchmarks.qrels import Qrels
from babelmix.evaluation.consistency import mrc_at_10
from babelmix.evaluation.language_preference import Preference, language_preference
from babelmix.evaluation.measures import group_means, mean_of_means
from babelmix.evaluation.ranks import Ranks


@dataclass(frozen=True, slots=True)
class Bias:
    """The bias of one system on one benchmark; a figure is None if no query allows it."""

    rank_distance: float | None  # largest minus smallest pool rank of a query's relevant passages, in ranks
    rank_distance_random: float | None  # its expectation for a random ranking of the same queries
    rank_distance_by: dict[str, float]  # query language -> rank distance
    max_rank: float | None  # Max@R: the 1-based pool rank of the last relevant passage
    language_share_top10: dict[str, float]  # passage language -> share of the ten best; sums to 1 if any was found
    language_share_pool: dict[str, float]  # passage language -> share of the pool; sums to 1
    language_share_by: dict[str, dict[str, float]]  # query language -> passage language -> share of the ten best
    same_language_share_top10: float | None  # share of the ten best that are in the query's language
    peer: float | None  # probability of equal expected rank, see peer()
    preference: Preference  # LPR, and recall in the query's language and in others
    mrc_at_10: float | None  # how far the translations of a question have the same ten best, see consistency

    @property
    def rank_distance_share(self) -> float | None:
        """Rank distance divided by that of a random ranking: 1 is chance."""
        if self.rank_distance is None or self.rank_distance_random is None:
            return None
        return self.rank_distance / self.rank_distance_random


def language_bias(qrels: Qrels, ranks: Ranks) -> Bias:
    """Measure the bias of the pooled ranking.

    Rank distance leaves out queries with one relevant passage, which have no distance. The same-language share leaves
    out query languages without passages in the pool. In a pool of one language (BEIR) no ranking can prefer another
    language: rank distance, same-language share and PEER are None.

    A passage that was not found has the last rank in rank distance, Max@R and PEER; all such passages share this rank.
    The language shares count the found passages among the ten best, and leave out a query that finds nothing. A passage
    that is the query itself is not in the query's ranking.
    """
    languages = qrels.languages
    query_language = np.array([query.lang for query in qrels.queries])
    pool_size = np.bincount(qrels.passage_language, minlength=len(languages))

    query, start, relevant = np.unique(qrels.query, return_index=True, return_counts=True)
    lang = query_language[query]
    worst = np.maximum.reduceat(ranks.pool, start)
    distance = worst - np.minimum.reduceat(ranks.pool, start)
    mixed = len(languages) > 1
    several = (relevant > 1) & mixed
    ranked = len(qrels.passage_language) - np.bincount(qrels.itself_query, minlength=len(query_language))[query]
    random = expected_rank_distance(ranked, relevant)

    answered_in = np.array(languages)[qrels.passage_language[qrels.passage]]
    found = ranks.top >= 0
    finds = found.any(axis=1)
    top_language = np.where(found, qrels.passage_language[ranks.top], -1)[finds]
    counts = (top_language[:, :, None] == np.arange(len(languages))).sum(axis=1)  # [queries that find, languages]
    shares = counts / counts.sum(axis=1, keepdims=True)
    share_by: dict[str, dict[str, float]] = {}
    for i, name in enumerate(languages):
        for asked, share in group_means(shares[:, i], query_language[finds]).items():
            share_by.setdefault(asked, {})[name] = share
    own = [share_by[asked][asked] for asked in share_by if mixed and asked in languages]
    return Bias(
        rank_distance=mean_of_means(distance[several], lang[several]),
        rank_distance_random=mean_of_means(random[several], lang[several]),
        rank_distance_by=group_means(distance[several], lang[several]),
        max_rank=mean_of_means(worst, lang),
        language_share_top10={
            name: sum(shares[name] for shares in share_by.values()) / max(len(share_by), 1) for name in languages
        },
        language_share_pool=dict(zip(languages, (pool_size / pool_size.sum()).tolist(), strict=True)),
        language_share_by=share_by,
        same_language_share_top10=sum(own) / len(own) if own else None,
        peer=mean_of_means(peer(qrels.query, answered_in, ranks.pool), lang) if mixed else None,
        preference=language_preference(qrels, ranks),
        mrc_at_10=mrc_at_10(qrels, ranks),
    )


def expected_rank_distance(
    passages: int | NDArray[np.integer[Any]], relevant: NDArray[np.integer[Any]]
) -> NDArray[np.float64]:
    """Return the expected rank distance of a random ranking of N passages, in ranks.

    With k relevant among N the smallest rank is expected at (N + 1) / (k + 1) and the largest at k times that
    (order statistics of a draw without replacement), so the distance is (N + 1)(k - 1) / (k + 1).
    """
    return (passages + 1) * (relevant - 1) / (relevant + 1)


def peer(
    query: NDArray[np.integer[Any]], language: NDArray[np.str_], rank: NDArray[np.integer[Any]]
) -> NDArray[np.float64]:
    """Return PEER, the probability of equal expected rank, of every query.

    The p-value of a Kruskal-Wallis test that a query's relevant passages have the same expected rank in
    each language (Yang, Jänich, Mayfield and Lawrie, SIGIR 2024, arXiv 2405.00978), with no rank cut-off
    and all weight on the relevant level. As in the authors' package peer_measure, H is computed on the
    ranks in the ranking itself, H = (n - 1) * sum_g n_g (mean_g - mean)^2 / sum_i (rank_i - mean)^2, with
    languages - 1 degrees of freedom, and a query whose relevant passages are all in one language counts as
    fair, 1; so does a query whose relevant passages all have the same rank because none was found.

    If each language has exactly one relevant passage, as in XQuAD-R, H is n - 1 for every ranking: PEER is a
    constant (0.44 for 11 languages) and cannot tell systems apart. Rank distance can.

    Args:
        query: int [R], ascending: the query that each relevant passage belongs to.
        language: str [R], the language of the passage.
        rank: int [R], its 1-based rank in the pool; equal only for passages that were not found.

    Returns:
        float64, one value in [0, 1] for each distinct query, in ascending order.
    """
    from scipy.special import chdtrc  # what only reads scores need not wait for its import

    _, of_query, n = np.unique(query, return_inverse=True, return_counts=True)
    deviation = rank - (np.bincount(of_query, weights=rank) / n)[of_query]
    # One number for each (query, language) that occurs, and the query it belongs to.
    names, code = np.unique(language, return_inverse=True)
    numbers = of_query * len(names) + code
    group, of_group, n_group = np.unique(numbers, return_inverse=True, return_counts=True)
    group_query = group // len(names)
    group_sum = np.bincount(of_group, weights=deviation)
    between = np.bincount(group_query, weights=group_sum**2 / n_group)
    total = np.bincount(of_query, weights=deviation**2)
    groups = np.bincount(group_query)
    testable = (groups > 1) & (total > 0)
    value = np.ones(len(n))
    h = (n[testable] - 1) * between[testable] / total[testable]
    value[testable] = chdtrc(groups[testable] - 1, h)
    return value
