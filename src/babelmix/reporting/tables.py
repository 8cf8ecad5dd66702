"""Numbers and tables in Markdown.

table(("system", "mAP"), [("hybrid", number(0.5))])      # "| system | mAP |\n| --- | ---: |\n| hybrid | 0.500 |"
"""

from collections.abc import Iterable, Sequence
from typing import Any

from babelmix.evaluation.significance import Difference


def table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return a Markdown table; all columns but the first are aligned to the right."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def interval(difference: Difference) -> str:
    """Return the 95 % interval in words: "+0.010 to +0.020"."""
    return f"{signed(difference.low)} to {signed(difference.high)}"


def number(value: float | None, form: str = ".3f") -> str:
    """Return a figure, or a dash for None."""
    return "–" if value is None else format(value, form)


def count(value: int) -> str:
    """Return a count with commas between thousands."""
    return f"{value:,}"


def signed(value: float) -> str:
    """Return a difference with its sign; the minus is U+2212."""
    return f"{value:+.3f}".replace("-", "−")
