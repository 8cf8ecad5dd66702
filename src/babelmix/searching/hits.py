"""Hits for a terminal, a line each, and as JSON.

as_table(hits)          # rank, language, score, standing, title and the beginning of the text
to_json(query, hits)    # {"query": ..., "hits": [{"id": ..., "score": ...}]}
"""

import json
from collections.abc import Sequence
from dataclasses import asdict

from babelmix.common.one_line import one_line
from babelmix.common.progress import terminal
from babelmix.searching.index import Hit

WIDEST = 100  # columns of the table
_SHOWN = 300  # characters of a text that may be shown


def as_table(hits: Sequence[Hit]) -> None:
    """Print hits as a table; each text is cut to its line."""
    from rich.table import Table
    from rich.text import Text

    console = terminal()
    if not hits:
        console.print("no hits")
        return
    table = Table.grid(padding=(0, 1), expand=True)
    for _ in range(4):
        table.add_column(justify="right", no_wrap=True)
    table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    table.add_row("", "", Text("score", style="dim"), Text("standing", style="dim"), "")
    for hit in hits:
        text = one_line(" ".join(hit.text.split())[:_SHOWN], _SHOWN)
        title = f"{one_line(hit.title, 60)}: " if hit.title else ""
        scores = f"{hit.score:.3f}", f"{hit.standing:+.1f}"
        table.add_row(str(hit.rank), hit.language or "–", *scores, Text.assemble((title, "bold"), text))
    console.print(table, width=min(console.width, WIDEST))


def to_json(query: str, hits: Sequence[Hit]) -> str:
    """Return a query and its hits as JSON."""
    return json.dumps({"query": query, "hits": [asdict(hit) for hit in hits]}, ensure_ascii=False, indent=1)
