"""Numbers and tables in Markdown.

table(("system", "mAP"), [("hybrid", number(0.5))])      # "| system | mAP |\n| --- | ---: |\n| hybrid | 0.500 |"
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any

from babelmix.evaluation.significance import Difference

DASH = "–"  # in place of a figure that is not there
SIGNS = {"better": "▲", "worse": "▼", "equivalent": "=", "no difference shown": "·"}  # of verdicts
TESTS = ("p (Holm)", "p equivalent (Holm)", "no loss")


def table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return a Markdown table; all columns but the first are aligned to the right."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def interval(difference: Difference) -> str:
    """Return the 95 % interval in words: "+0.010 to +0.020"; of one question "not known"."""
    if not math.isfinite(difference.high):
        return "not known"
    return f"{signed(difference.low)} to {signed(difference.high)}"


def number(value: float | None, form: str = ".3f") -> str:
    """Return a figure, or a dash for None."""
    return DASH if value is None else format(value, form)


def count(value: int) -> str:
    """Return a count with commas between thousands."""
    return f"{value:,}"


def signed(value: float) -> str:
    """Return a difference with its sign; the minus is U+2212."""
    return f"{value:+.3f}".replace("-", "−")


def tests(difference: Difference) -> tuple[str, str, str]:
    """Return the cells of the columns TESTS."""
    no_loss = "yes" if difference.no_worse else "not shown"
    return f"{difference.p_holm:.4f}", f"{difference.p_equivalent_holm:.4f}", no_loss


def tests_explained(bound: float) -> str:
    """Return how the columns TESTS and the verdict of a table are read."""
    return (
        "Holm's correction over the whole table. The verdict names a direction if p (Holm) is below .05; the interval "
        f'then excludes zero. Else it is "equivalent" if p equivalent (Holm), for a difference within ±{bound:g}, is '
        f"below .05. No loss: with 95 % confidence the first system loses less than {bound:g}, each row taken alone."
    )
