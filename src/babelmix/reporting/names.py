"""What readers see in place of the names in files: scopes and measures, and signs."""

from babelmix.evaluation.measures import MEASURE_NAMES
from babelmix.evaluation.query_scores import SCOPES

POOL_FIRST = SCOPES[::-1]  # the order of the main scores and of comparisons: the multilingual pool first
SCOPE_NAMES = {"monolingual": "monolingual", "crosslingual": "cross-lingual", "multilingual": "multilingual"}
SCOPE_TITLES = {"monolingual": "Monolingual", "crosslingual": "Cross-lingual", "multilingual": "Multilingual pool"}
RIGHT = "✓"  # marks a right answer
MEASURE_TITLES = MEASURE_NAMES | {"map": "mean average precision", "map_at_20": "mean average precision at 20"}
