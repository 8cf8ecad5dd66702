"""The file of a system's probes, and its tables for the terminal.

write_results(Path("metrics/probes/hybrid.json"), "hybrid", found, settings)
print_tables(found, terminal())

The file has, in this order: the system, the headline numbers, the settings, and each probe with all its numbers.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from babelmix.common.errors import UserError
from babelmix.common.files import new_file
from babelmix.probes.probe import Found
from babelmix.probes.settings import ProbeSettings

if TYPE_CHECKING:
    from rich.console import Console

KEYS = ("system", "headline", "settings", "probes")


def write_results(file: Path, system: str, found: Mapping[str, Found], settings: ProbeSettings) -> None:
    """Write what probes found, by their name; the same numbers give the same bytes."""
    content: dict[str, Any] = {
        "system": system,
        "headline": {
            f"{name}.{measure}": value for name, one in found.items() for measure, value in one.headline.items()
        },
        "settings": settings.model_dump(mode="json"),
        "probes": {
            name: {"left_out": dict(one.left_out), "about": dict(one.about), **one.scores}
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


def print_tables(found: Mapping[str, Found], console: "Console") -> None:
    """Print the table of each probe, and what was left out; a table has at most 100 columns."""
    from rich.table import Table

    for one in found.values():
        shown = Table(title=one.table.title, title_justify="left", box=None, pad_edge=False, padding=(0, 1, 0, 0))
        for number, head in enumerate(one.table.head):
            shown.add_column(head, justify="right" if number else "left", no_wrap=True)
        for row in one.table.rows:
            shown.add_row(*row)
        console.print(shown)
        lost = ", ".join(f"{number:,} {reason}" for reason, number in one.left_out.items())
        for line in filter(None, (one.table.about, lost and f"Left out: {lost}.")):
            console.print(line)
        console.print()
