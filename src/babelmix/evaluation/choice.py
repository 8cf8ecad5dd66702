"""Choose one of several forms of an encoder on the dev splits, never on a benchmark.

choose({0.25: {"dev": 0.81, "native-dev": 0.60}, 0.5: {"dev": 0.84, "native-dev": 0.58}})       # 0.5
"""

from collections.abc import Mapping
from typing import TypeVar

import numpy as np

T = TypeVar("T")


def choose(pooled: Mapping[T, Mapping[str, float]]) -> T:
    """Return the form with the highest mean, over the dev splits, of multilingual mAP; of equals the first.

    Args:
        pooled: form -> dev split -> mAP in the pool of all languages, forms in the order of how much they change.
    """
    return max(pooled, key=lambda form: float(np.mean(list(pooled[form].values()))))
