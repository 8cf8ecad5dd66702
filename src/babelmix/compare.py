"""Every objective against the reference, in every setting of every benchmark.

for row in compare(results, settings):
    row.setting, row.difference.mean, row.verdict    # "multilingual", 0.058, "better"
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from babelmix.config import Settings
from babelmix.evaluate import QueryScores
from babelmix.results import SETTINGS, Results
from babelmix.stats import Difference, holm, paired_difference


@dataclass(frozen=True, slots=True)
class Comparison:
    """One objective against the reference, in one setting of one benchmark."""

    benchmark: str
    objective: str
    reference: str
    setting: str
    difference: Difference

    @property
    def verdict(self) -> str:
        """A word for the difference: better or worse only where the 95 % interval excludes zero."""
        if self.difference.low > 0:
            return "better"
        return "worse" if self.difference.high < 0 else "no difference shown"


def reference_of(objectives: Sequence[str]) -> str:
    """Return the objective that the others are held against: contrastive, or else the first."""
    return "contrastive" if "contrastive" in objectives else objectives[0]


def compare(results: Results, settings: Settings) -> list[Comparison]:
    """Hold every objective against the reference; p_holm is corrected over all comparisons returned.

    Each comparison starts its generator from the seed, so that one more benchmark leaves the other figures as
    they are. Raises UserError where two variants were not scored on the same queries.
    """
    reference = reference_of(settings.objectives)
    found: list[Comparison] = []
    for benchmark in settings.benchmarks:
        base = _read_scores(results.per_query[reference][benchmark])
        for objective in settings.objectives:
            if objective == reference:
                continue
            scores = _read_scores(results.per_query[objective][benchmark])
            for setting in SETTINGS:
                if results.evaluations[objective][benchmark]["settings"][setting]["map"] is not None:
                    rng = np.random.default_rng(settings.seed)
                    difference = paired_difference(scores, base, setting, rng, settings.evaluate.resamples)
                    found.append(Comparison(benchmark, objective, reference, setting, difference))
    corrected = holm([row.difference for row in found])
    return [replace(row, difference=difference) for row, difference in zip(found, corrected, strict=True)]


def _read_scores(file: Path) -> QueryScores:
    with np.load(file) as columns:
        return QueryScores(**columns)
