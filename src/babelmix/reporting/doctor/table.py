"""The checks as text of 100 columns, and as JSON.

print(as_text(checks))
"""

import textwrap
from collections.abc import Sequence
from dataclasses import asdict
from itertools import groupby, zip_longest
from typing import Any

from babelmix.common.one_line import one_line
from babelmix.reporting.doctor.check import Check, failing

WIDTH = 100
_WHAT, _FOUND = 14, 40
_VERDICT = 8


def as_text(checks: Sequence[Check]) -> str:
    """Return a table: a check a row, its remedy below it, groups apart; the last line says whether a run can start."""
    lines: list[str] = []
    for group, members in groupby(checks, key=lambda check: check.group):
        lines += ["", group]
        for check in members:
            lines += _rows(check)
    return "\n".join([*lines[1:], "", conclusion(checks)])


def as_dict(checks: Sequence[Check]) -> dict[str, Any]:
    """Return the same as names and values for other programs."""
    return {"ready": not failing(checks), "checks": [asdict(check) for check in checks]}


def conclusion(checks: Sequence[Check]) -> str:
    """Return whether `dvc repro` can run here, and else what it lacks."""
    lacking = failing(checks)
    if lacking:
        return f"`dvc repro` cannot run here: {', '.join(check.what for check in lacking)}"
    slow = [check.what for check in checks if check.verdict == "slow"]
    return "`dvc repro` can run here" + (f"; not at its best: {', '.join(slow)}" if slow else "")


def _rows(check: Check) -> list[str]:
    rest = WIDTH - _VERDICT - _WHAT - _FOUND - 5
    columns = (
        _wrapped(check.verdict, _VERDICT),
        _wrapped(check.what, _WHAT),
        _wrapped(check.found, _FOUND),
        _wrapped(check.purpose, rest),
    )
    widths = (_VERDICT, _WHAT, _FOUND, rest)
    lines = [
        "  " + " ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in zip_longest(*columns, fillvalue="")
    ]
    if check.remedy:
        indent = " " * (_VERDICT + 3)
        lines += textwrap.wrap(
            f"-> {one_line(check.remedy)}", WIDTH, initial_indent=indent, subsequent_indent=f"{indent}   "
        )
    return lines


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(one_line(text), width) or [""]
