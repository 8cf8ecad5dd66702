"""Language bias of a multilingual ranking: do equally relevant passages rank equally in whatever language?

    bias = language_bias(benchmark, ranks)
    bias.rank_distance              # 10 for a perfect ranking of XQuAD-R, 10,845.8 for a random one
    bias.language_share_top10       # hold it against bias.language_share_pool

Every figure is the mean over the queries of a language, then over the query languages.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc

from babelmix.rank import Ranks
from babelmix.records import Benchmark


@dataclass(frozen=True, slots=True)
class Bias:
    """The bias of one system on one benchmark; None where no query allows the figure."""

    rank_distance: float | None  # largest minus smallest pool rank of a query's relevant passages, in ranks
    rank_distance_random: float | None  # what a random ranking is expected to have on the same queries
    rank_distance_by: dict[str, float]  # query language -> rank distance
    max_rank: float  # Max@R: how far down the pool all relevant passages have been met
    language_share_top10: dict[str, float]  # passage language -> share of the ten best of the pool; sums to 1
    language_share_pool: dict[str, float]  # passage language -> share of the pool; sums to 1
    same_language_share_top10: float | None  # share of the ten best that are in the query's language
    peer: float  # probability of equal expected rank, see peer()


def language_bias(benchmark: Benchmark, ranks: Ranks) -> Bias:
    """Measure the bias of the pooled ranking.

    Rank distance leaves out queries with one relevant passage, which have no distance. A query language without
    passages in the pool takes no part in the same-language share.
    """
    languages = benchmark.languages
    query_language = np.array([query.lang for query in benchmark.queries])
    passage_language = np.array([languages.index(passage.lang) for passage in benchmark.passages], dtype=np.int8)
    query, start, relevant = np.unique(ranks.query, return_index=True, return_counts=True)
    best, worst = np.minimum.reduceat(ranks.pool, start), np.maximum.reduceat(ranks.pool, start)
    several = relevant > 1
    distance = group_means((worst - best)[several], query_language[query[several]])
    random = expected_rank_distance(len(benchmark.passages), relevant[several])

    in_language = ranks.top_languages[:, :, None] == np.arange(len(languages))
    shares = in_language.mean(axis=1)  # [Q, languages]
    known = np.isin(query_language, languages)
    own = shares[known, np.searchsorted(languages, query_language[known])]
    share_of = {language: group_means(shares[:, i], query_language) for i, language in enumerate(languages)}
    return Bias(
        rank_distance=_mean(distance),
        rank_distance_random=_mean(group_means(random, query_language[query[several]])),
        rank_distance_by=distance,
        max_rank=float(np.mean(list(group_means(worst, query_language[query]).values()))),
        language_share_top10={lang: float(np.mean(list(means.values()))) for lang, means in share_of.items()},
        language_share_pool={
            lang: float(np.mean(passage_language == i)) for i, lang in enumerate(languages)
        },
        same_language_share_top10=_mean(group_means(own, query_language[known])),
        peer=float(
            np.mean(
                list(
                    group_means(
                        peer(ranks.query, passage_language[ranks.passage], ranks.pool), query_language[query]
                    ).values()
                )
            )
        ),
    )
