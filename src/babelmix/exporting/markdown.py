"""Tables in Markdown, for the cards of models and data sets.

table(("form", "MB"), [("onnx", "1.5")], figures=True)      # "| form | MB |\n| --- | ---: |\n| onnx | 1.5 |"
"""

from collections.abc import Iterable, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, figures: bool = False) -> str:
    """Return a table, each row on one line; `figures`: all columns but the first are aligned to the right.

    >>> table(("licence", "rows"), [("MIT|ISC", "7")]).splitlines()[-1]
    '| MIT\\\\|ISC | 7 |'
    """
    rest = "---:" if figures else "---"
    lines = [head, ["---", *[rest] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(map(_cell, line)) + " |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
