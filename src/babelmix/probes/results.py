"""Write the file of a system's probes, and its tables for the terminal.

write_results(Path("metrics/probes/hybrid.json"), "hybrid", found, settings, machine)
print(as_text(found))

The file has, in this order: the system, the headline numbers, the settings, the machine, and each probe with all its
numbers and which queries are right. probes/records.py reads it again.
"""

import json
import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from babelmix.common.errors import UserError
from babelmix.common.files import new_file
from babelmix.probes.probe import Found
from babelmix.probes.records import packed
from babelmix.probes.settings import ProbeSettings

WIDTH = 100  # of a table, in characters
KEYS = ("system", "headline", "settings", "probes")


def write_results(file: Path, system: str, found: Mapping[str, Found], settings: ProbeSettings, machine: str) -> None:
    """Write what probes found, by their name; the same numbers give the same bytes."""
    content: dict[str, Any] = {
        "system": system,
        "headline": {
            f"{name}.{measure}": value for name, one in found.items() for measure, value in one.headline.items()
        },
        "settings": settings.model_dump(mode="json", exclude={"systems"}),
        "machine": machine,
        "probes": {
            name: {
                "left_out": dict(one.left_out),
                "about": dict(one.about),
                **one.scores,
                "right": {part: right.model_dump() for part, right in packed(one.right, one.units).items()},
            }
            for name, one in found.items()
        },
    }
    try:
        text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
    except ValueError as error:
        how = "look at the model: it gives vectors that are not finite"
        raise UserError("a score is not a finite number", where=str(file), how=how) from error
    with new_file(file) as stream:
        stream.write(text + "\n")


def as_text(found: Mapping[str, Found]) -> str:
    """Return the table of each probe, and what it left out, as lines of at most 100 characters."""
    return "\n\n".join("\n".join(_lines(one)) for one in found.values())


def _outside(about: Mapping[str, Any]) -> str:
    """Return what the word lists lack, over all directions; empty for a probe without lists."""
    counts = Counter[str]()
    for own in about.values():
        counts.update(own if isinstance(own, dict) else {})
    return ", ".join(f"{number:,} {what}" for what, number in counts.items() if number)


def _lines(found: Found) -> Iterator[str]:
    table = found.table
    yield table.title
    cells = [table.head, *table.rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        first, *rest = (cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        yield " ".join((first.strip().ljust(widths[0]), *rest))
    lost = ", ".join(f"{number:,} {reason}" for reason, number in found.left_out.items())
    outside = _outside(found.about)
    for text in filter(None, (table.about, lost and f"Left out: {lost}.", outside and f"Kept: {outside}.")):
        yield from textwrap.wrap(text, WIDTH)
