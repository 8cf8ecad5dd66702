"""Choose one of several forms of an encoder on the dev splits, never on a benchmark.

choose({0.25: {"dev": 0.81, "native-dev": 0.60}, 0.5: {"dev": 0.84, "native-dev": 0.58}})       # 0.5
pooled_map(read_qrels(folder), CosineScorer(queries, passages))                                 # 0.84
"""

from collections.abc import Mapping
from typing import TypeVar

import numpy as np

from babelmix.benchmarks.qrels import Qrels
from babelmix.common.errors import UserError
from babelmix.evaluation.evaluate import evaluate
from babelmix.retrieval.scorers import Scorer

T = TypeVar("T")


def pooled_map(qrels: Qrels, scores: Scorer) -> float:
    """Return the multilingual mAP of a form on a dev split, rounded as in the files of scores; UserError for none."""
    score = evaluate(qrels, scores).mean("multilingual")
    if score is None:
        raise UserError("no query to choose by", where=qrels.name, how="build the benchmark again")
    return round(score, 6)


def choose(pooled: Mapping[T, Mapping[str, float]]) -> T:
    """Return the form with the highest mean, over the dev splits, of multilingual mAP; of equals the first.

    Args:
        pooled: form -> dev split -> mAP in the pool of all languages, forms in the order of how much they change.
    """
    return max(pooled, key=lambda form: float(np.mean(list(pooled[form].values()))))
