"""Average precision, nDCG and recall of rankings, from the ranks of the relevant passages alone.

rankings, values = measures(ranking, rank, relevance)     # values: [6, N], the rows in the order of MEASURES
mean_of_means(values[0], languages)                   # mAP, in which every language weighs the same
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

MEASURES = {  # name in files -> column of QueryScores
    "map": "average_precision",
    "map_at_20": "average_precision_at_20",
    "ndcg_at_10": "ndcg_at_10",
    "recall_at_1": "recall_at_1",
    "recall_at_10": "recall_at_10",
    "recall_at_100": "recall_at_100",
}
MEASURE_NAMES = {  # name in files -> what readers see
    "map": "mAP",
    "map_at_20": "mAP@20",
    "ndcg_at_10": "nDCG@10",
    "recall_at_1": "recall@1",
    "recall_at_10": "recall@10",
    "recall_at_100": "recall@100",
}


def measures(
    ranking: NDArray[np.integer[Any]], rank: NDArray[np.number[Any]], relevance: NDArray[np.integer[Any]]
) -> tuple[NDArray[np.integer[Any]], NDArray[np.float64]]:
    """Compute the measures of many rankings from the ranks of their relevant passages.

    Average precision is the mean over the relevant passages of the precision at their ranks, over the whole ranking.
    AP@20 follows XTREME-R (arXiv 2104.07412): the sum of the precisions at ranks up to 20, divided by
    min(relevant, 20). nDCG@10 follows trec_eval: the sum of relevance / log2(1 + rank) over ranks up to 10, divided by
    the sum for the best order. Recall@k is the share of the relevant passages within the first k.

    Args:
        ranking: int [R], the ranking that each relevant passage belongs to, in any order.
        rank: int or float [R], its 1-based rank there; infinite for a passage that was not found, which scores zero.
        relevance: int [R], the passage's relevance, 1 or more; only nDCG uses it.

    Returns:
        The distinct rankings in ascending order, [N], and their AP, AP@20, nDCG@10, recall@1, @10 and @100,
        [6, N] in [0, 1].
    """
    order = np.lexsort((rank, ranking))
    rank, relevance = rank[order], relevance[order]
    distinct, start, of_ranking, relevant = np.unique(
        ranking[order], return_index=True, return_inverse=True, return_counts=True
    )
    place = np.arange(len(rank)) - start[of_ranking]  # 0 for the first relevant passage of a ranking
    precision = (place + 1) / rank
    best = relevance[np.lexsort((-relevance, of_ranking))]  # in the best order, ranking by ranking
    ideal = np.bincount(of_ranking, weights=best / np.log2(place + 2) * (place < 10))
    values = [
        np.bincount(of_ranking, weights=precision) / relevant,
        np.bincount(of_ranking, weights=precision * (rank <= 20)) / np.minimum(relevant, 20),
        np.bincount(of_ranking, weights=relevance / np.log2(rank + 1.0) * (rank <= 10)) / ideal,
        *(np.bincount(of_ranking, weights=rank <= k) / relevant for k in (1, 10, 100)),
    ]
    return distinct, np.array(values)


def group_means(values: NDArray[Any], groups: NDArray[np.str_]) -> dict[str, float]:
    """Return the mean of each group, by name in alphabetical order; `groups`, [N], has the group of each value."""
    names, code = np.unique(groups, return_inverse=True)
    means = np.bincount(code, weights=values) / np.bincount(code)
    return dict(zip(names.tolist(), means.tolist(), strict=True))


def mean_of_means(values: NDArray[Any], groups: NDArray[np.str_]) -> float | None:
    """Return the mean of the group means, so that a large group weighs no more; None without values."""
    means = group_means(values, groups)
    return sum(means.values()) / len(means) if means else None
