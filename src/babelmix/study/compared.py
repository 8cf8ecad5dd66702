"""Scores and differences of a design with their intervals, over questions and seeds, from the committed values.

    interval(design, "base", "hybrid", "xquad-r", "multilingual")                   # .259 [.25, .27]
    difference(design, "base", "hybrid", "contrastive", "xquad-r", "multilingual").verdict      # "better"

The numbers are those of `paired_difference` on the scores of every query, up to the rounding of records.
"""

import numpy as np
from numpy.typing import NDArray

from babelmix.common.errors import UserError
from babelmix.evaluation.settings import EQUIVALENCE_BOUND
from babelmix.evaluation.significance import Difference, Interval, difference_of, interval_of
from babelmix.study.design import Design
from babelmix.workspace import encoder_of


def interval(design: Design, size: str, system: str, benchmark: str, scope: str) -> Interval:
    """Return a system's score with its 95 % interval; for a baseline, which has one record, over questions alone.

    UserError where the design lacks the system, or its record these values.
    """
    return interval_of(design.values(size, system, benchmark, scope))


def difference(
    design: Design, size: str, first: str, second: str, benchmark: str, scope: str, bound: float = EQUIVALENCE_BOUND
) -> Difference:
    """Return the first system minus the second, see `difference_values`; `bound` as in `paired_difference`."""
    return difference_of([difference_values(design, size, first, second, benchmark, scope)], bound)


def difference_values(
    design: Design, size: str, first: str, second: str, benchmark: str, scope: str
) -> NDArray[np.float64]:
    """Return float64 [seeds, questions], the first system minus the second, for the seeds that both have.

    A baseline ("untrained", "bm25") has no seed: its one record is compared with every seed of the other. Two baselines
    give one row. UserError where the design lacks a system, or the two have no seed in common.
    """
    seeds = common_seeds(design, size, first, second)
    one, other = (_rows(design, size, system, benchmark, scope, seeds) for system in (first, second))
    return one - other


def common_seeds(design: Design, size: str, first: str, second: str) -> tuple[int, ...]:
    """Return the seeds of a paired difference, in the order of the first system's; none for two baselines."""
    one, other = (design.seeds_of(size, encoder_of(system)) for system in (first, second))
    common = tuple(seed for seed in one if seed in other)
    if one and other and not common:
        how = "run the missing seeds (`babelmix study`)"
        raise UserError(f"{first} and {second} have no seed in common", where=f"the study at size {size}", how=how)
    return common or one or other


def _rows(
    design: Design, size: str, system: str, benchmark: str, scope: str, seeds: tuple[int, ...]
) -> NDArray[np.float64]:
    values, own = design.values(size, system, benchmark, scope), design.seeds_of(size, encoder_of(system))
    return values[[own.index(seed) for seed in seeds]] if own else np.repeat(values, max(1, len(seeds)), axis=0)
