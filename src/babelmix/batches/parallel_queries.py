"""Parallel queries: each query of a batch in one more language, for a loss that compares the two.

    rows, languages = parallel_queries(units, batch, seed=13, step=1)    # query rows[i] is also in languages[i]

The languages come from a generator of their own, so that asking for them changes no batch.
"""

import numpy as np

from babelmix.batches.sampler import Batch
from babelmix.batches.units import Units


def parallel_queries(units: Units, batch: Batch, *, seed: int, step: int) -> tuple[list[int], list[str]]:
    """Return the rows of a batch whose unit has a query in another language, ascending, and one such language each.

    The language is drawn uniformly from the unit's languages without that of the row's query; it may be that of the
    row's passage. Step `step` (from 1) draws from `numpy.random.default_rng([seed, step, 1])`.
    """
    rng = np.random.default_rng([seed, step, 1])
    rows, languages = list[int](), list[str]()
    for row, (unit, query, _) in enumerate(batch.rows):
        others = [lang for lang in units.languages if lang != query and units.rows[lang][unit] >= 0]
        if others:
            rows.append(row)
            languages.append(others[rng.integers(len(others))])
    return rows, languages
