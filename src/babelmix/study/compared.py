"""Scores and differences of a design with their intervals, over questions and seeds, from the committed values."""

from babelmix.evaluation.significance import Difference, Interval, difference_of, interval_of
from babelmix.study.design import Design


def interval(design: Design, size: str, system: str, benchmark: str, scope: str) -> Interval:
    """Return a system's score with its 95 % interval."""
    return interval_of(design.values(size, system, benchmark, scope))


def difference(design: Design, size: str, first: str, second: str, benchmark: str, scope: str) -> Difference:
    """Return the first system minus the second; both have the same seeds."""
    return difference_of([design.values(size, first, benchmark, scope) - design.values(size, second, benchmark, scope)])
