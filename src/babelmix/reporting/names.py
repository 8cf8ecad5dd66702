"""What readers see in place of the names in files: scopes and measures, and signs."""

from babelmix.evaluation.query_scores import SCOPES

POOL_FIRST = SCOPES[::-1]  # the order of the main scores and of comparisons: the multilingual pool first
SCOPE_NAMES = {"monolingual": "monolingual", "crosslingual": "cross-lingual", "multilingual": "multilingual"}
SCOPE_TITLES = {"monolingual": "Monolingual", "crosslingual": "Cross-lingual", "multilingual": "Multilingual pool"}
MEASURE_NAMES = {"map": "mAP", "ndcg_at_10": "nDCG@10"}
RIGHT = "✓"  # marks a right answer
MEASURE_TITLES = {"map": "mean average precision", "ndcg_at_10": "nDCG@10"}
