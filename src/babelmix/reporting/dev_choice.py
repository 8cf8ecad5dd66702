"""What reports choose, by the dev splits alone: the best debiasing of an encoder, and the recipe to recommend.

    figures = {"hybrid": DevFigures(pooled=0.61, monolingual=0.70), "hybrid+shift": ...}
    best_debiasing(figures, "hybrid", DEBIASINGS)       # "hybrid+shift"
    recommended(figures, reference="hybrid", bound=0.005)

The figure is the mean of the pooled (multilingual) mAP over the dev split of the pairs and, where `benchmarks:` names
it, the dev split of the native pool. No score of a test benchmark chooses anything.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from babelmix.workspace import BY_INDEX, DEBIASINGS, encoder_of


@dataclass(frozen=True, slots=True)
class DevFigures:
    """A system's mAP on the dev splits: in the pool of all languages, and in monolingual search."""

    pooled: float
    monolingual: float


def dev_figures(evaluations: Iterable[dict[str, Any]]) -> DevFigures:
    """Return the means over evaluations: of each dev split, and of each seed where there are several."""
    scopes = [evaluation["scopes"] for evaluation in evaluations]
    pooled, mono = ([one[scope]["map"] for one in scopes] for scope in ("multilingual", "monolingual"))
    return DevFigures(fmean(pooled), fmean(value or 0.0 for value in mono))  # no monolingual search: equal for all


def best_debiasing(figures: Mapping[str, DevFigures], encoder: str, debiasings: Sequence[str] = DEBIASINGS) -> str:
    """Return the debiased form of an encoder with the highest pooled figure; of equal ones the first debiasing's.

    A form without a figure is left out, unless it is the only one: then nothing is to choose.
    """
    forms = [encoder + debiasing for debiasing in debiasings]
    known = [form for form in forms if form in figures]
    return max(known, key=lambda form: figures[form].pooled) if known else forms[0]


def recommended(
    figures: Mapping[str, DevFigures], *, reference: str, bound: float, transductive: bool = True
) -> str | None:
    """Return the system with the highest pooled figure whose monolingual figure keeps up with the reference's.

    Args:
        figures: by system.
        reference: the system whose monolingual figure, less `bound`, is the least that is accepted.
        bound: in mAP.
        transductive: False leaves out the forms that need the passages of the index.

    Returns the first of equal systems; None where no system keeps up, which needs a reference without figures.
    """
    if reference not in figures:
        return None
    least = figures[reference].monolingual - bound
    kept = [
        name
        for name, found in figures.items()
        if found.monolingual >= least and (transductive or not is_transductive(name))
    ]
    return max(kept, key=lambda name: figures[name].pooled)


def is_transductive(system: str) -> bool:
    """Whether the system's debiasing was estimated on the passages of the index that it searches."""
    return system.removeprefix(encoder_of(system)) in BY_INDEX


def marked(system: str) -> str:
    """Return the system's name as tables show it, with a dagger if it is transductive."""
    return f"{system}†" if is_transductive(system) else system
