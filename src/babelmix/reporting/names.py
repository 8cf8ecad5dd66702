"""What readers see in place of the names in files: scopes and measures, and signs."""

from babelmix.evaluation.query_scores import SCOPES

POOL_FIRST = SCOPES[::-1]  # the order of the main scores and of comparisons: the multilingual pool first
SCOPE_NAMES = {"monolingual": "monolingual", "crosslingual": "cross-lingual", "multilingual": "multilingual"}
SCOPE_TITLES = {"monolingual": "Monolingual", "crosslingual": "Cross-lingual", "multilingual": "Multilingual pool"}
MEASURE_NAMES = {
    "map": "mAP",
    "map_at_20": "mAP@20",
    "ndcg_at_10": "nDCG@10",
    "recall_at_1": "recall@1",
    "recall_at_10": "recall@10",
    "recall_at_100": "recall@100",
}
RIGHT = "✓"  # marks a right answer
MEASURE_TITLES = MEASURE_NAMES | {"map": "mean average precision", "map_at_20": "mean average precision at 20"}
