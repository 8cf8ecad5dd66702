"""Contrastive entropy over the size, as a power law: what scaling laws of dense retrieval are fitted to.

found = entropy_scaling(design, "hybrid", "pooled")
found.law.exponent, found.exponent.limits(0.95)
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from babelmix.evaluation.crossed import Estimate
from babelmix.study.fit_quality import FitQuality, fit_quality
from babelmix.study.power_law import PowerLaw, fit_power_law, sizes_missing
from babelmix.study.scores import StudyScores
from babelmix.workspace import DEV

ENTROPIES = ("pooled", "crosslingual", "monolingual")  # as contrastive_entropy names them


@dataclass(frozen=True, slots=True)
class EntropyScaling:
    """Of one system in one scope."""

    nats: NDArray[np.float64]  # [sizes], means over seeds
    law: PowerLaw | None  # None with less than three sizes
    exponent: Estimate | None  # over seeds; None with one
    quality: FitQuality | None
    with_floor: PowerLaw | None  # None with less than four sizes
    by_seed: NDArray[np.float64]  # exponents, [seeds]


def entropy_scaling(found: StudyScores, system: str, scope: str) -> EntropyScaling | None:
    """Fit entropy = a * N^-b (Fang et al. 2024, arXiv 2403.18684); None where a run has no such figure.

    There is one figure for a training, not one for a question. So the interval is over seeds alone: Student's t of the
    exponents of the seeds, each fitted over all sizes.

    Args:
        found: the scores.
        system: an objective.
        scope: a name in ENTROPIES.
    """
    design = found.design
    nats: list[list[float]] = []
    for size in design.sizes:
        row: list[float] = []
        for record in design.main[size, system]:
            scored = record.facts.systems[system].get(DEV)
            entropy = (scored.contrastive_entropy or {}).get(scope) if scored else None
            if entropy is None:
                return None
            row += [entropy] if record.run.seed in found.seeds else []
        nats.append(row)
    by_seed = np.array(nats)
    if not by_seed.size:
        return None
    means = by_seed.mean(axis=1)
    if sizes_missing(found.parameters) or not (by_seed > 0).all():
        return EntropyScaling(means, None, None, None, None, np.array([]))
    law = fit_power_law(found.parameters, means)
    exponents = np.array([fit_power_law(found.parameters, own).exponent for own in by_seed.T])
    with_floor = None
    if not sizes_missing(found.parameters, floor=True):
        with_floor = fit_power_law(found.parameters, means, floor=True)
    quality = fit_quality(found.parameters, means)
    return EntropyScaling(means, law, over_seeds(law.exponent, exponents), quality, with_floor, exponents)


def over_seeds(figure: float, by_seed: NDArray[np.float64]) -> Estimate | None:
    """Return a figure with Student's t over the figures of the seeds, float64 [seeds]; None with one seed."""
    if len(by_seed) < 2:
        return None
    return Estimate(figure, float(by_seed.std(ddof=1) / np.sqrt(len(by_seed))), len(by_seed) - 1)
