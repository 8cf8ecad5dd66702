"""Numbers as the report writes them.

scored(interval)                # "0.259 (0.250 to 0.268)"
gained(difference)              # "+0.034 (+0.030 to +0.038)*"
"""

import math
from collections.abc import Sequence

from babelmix.evaluation.significance import Difference, Interval
from babelmix.reporting.tables import interval, number, signed

STAR = "* with p < .05 after Holm's correction over the table."


def scored(found: Interval) -> str:
    """Return a score with its 95 % interval; without one for a single question."""
    if not math.isfinite(found.high):
        return number(found.mean)
    return f"{number(found.mean)} ({number(found.low)} to {number(found.high)})"


def gained(found: Difference) -> str:
    """Return a difference with its 95 % interval, and a star where Holm's correction leaves p below .05."""
    return f"{signed(found.mean)} ({interval(found)}){'*' if found.p_holm < 0.05 else ''}"


def millions(count: int) -> str:
    """Return a number of parameters: "10.6 M"."""
    return f"{count / 1e6:,.1f} M"


def listed(words: Sequence[str]) -> str:
    """Return "a, b and c"."""
    return f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else "".join(words)
