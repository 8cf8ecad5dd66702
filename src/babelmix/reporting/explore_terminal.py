"""An entry of `explore` in the terminal: two systems side by side in a wide one, else one below the other.

    render(entry, Console())

There is no colour if the console is not a terminal. Every text is cut to its line.
"""

from typing import TYPE_CHECKING

from babelmix.reporting.explore import RANKS, Entry, View, by_language, one_line, summarise
from babelmix.reporting.names import RIGHT

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

SIDE_BY_SIDE = 120  # columns of a terminal for two lists side by side
LEFT_TO_RIGHT = "\u200e"  # invisible
# Of a terminal's 256 colours, some that are readable on black and on white; the n-th language has the n-th colour.
COLOURS = (33, 166, 35, 170, 136, 38, 99, 160, 64, 205, 67, 130)


def render(entry: Entry, console: "Console") -> None:
    """Print an entry: two systems side by side from 120 columns on, else one below the other."""
    from rich.table import Table
    from rich.text import Text

    query = entry.query
    colour = {lang: f"color({COLOURS[place % len(COLOURS)]})" for place, lang in enumerate(entry.languages)}
    console.print(Text(one_line(query.text), style="bold"))
    if query.id:
        console.print(Text.assemble((query.lang, colour[query.lang]), (f" · question {query.parallel_id}", "dim")))
    else:
        console.print(Text("free text without known right answers", style="dim"))
    if entry.english:
        console.print(Text(f"in English: {one_line(entry.english)}", style="dim"))
    digits = max((len(f"{view.answers[-1].rank:,}") for view in entry.views if view.answers), default=0)
    if len(entry.views) == 2 and console.width >= SIDE_BY_SIDE:
        grid = Table.grid(expand=True)
        grid.add_column(ratio=1)
        grid.add_column(width=3)
        grid.add_column(ratio=1)
        # A left-to-right mark before the ranks: an Arabic text on the left would pull the number to its side.
        left, right = (
            _blocks(view, colour, digits, lead) for view, lead in zip(entry.views, ("", LEFT_TO_RIGHT), strict=True)
        )
        for one, other in zip(left, right, strict=True):
            grid.add_row(one, "", other)
        console.print(grid)
    else:
        for view in entry.views:
            console.print(*_blocks(view, colour, digits, ""), sep="\n")


def _blocks(view: View, colour: dict[str, str], digits: int, lead: str) -> "list[RenderableType]":
    """Return a view's title, its hits, the ranks of its right answers in `digits` columns, and its figures."""
    from rich.columns import Columns
    from rich.table import Table
    from rich.text import Text

    hits = Table.grid(padding=(0, 1), expand=True)
    hits.add_column(justify="right", min_width=2, no_wrap=True)
    hits.add_column(width=1)
    hits.add_column(no_wrap=True)
    hits.add_column(no_wrap=True)
    hits.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    for hit in view.hits:
        mark = Text(RIGHT if hit.relevant else "", style="bold green")
        lang, score = Text(hit.lang, style=colour[hit.lang]), Text(f"{hit.score:.3f}", style="dim")
        text = Text(one_line(hit.text), style="bold" if hit.relevant else "")
        hits.add_row(Text(f"{lead}{hit.rank}"), mark, lang, score, text)
    blocks: list[RenderableType] = [Text.assemble("\n", (one_line(view.system), "bold underline")), hits]
    if view.answers:
        ranks = [
            Text.assemble((answer.lang, colour[answer.lang]), (f" {answer.rank:>{digits},}", _weight(answer.rank)))
            for answer in by_language(view.answers[:RANKS])
        ]
        if len(view.answers) > RANKS:
            ranks.append(Text(f"and {len(view.answers) - RANKS:,} more", style="dim"))
        blocks += [Text("\nranks of the right answers", style="dim"), Columns(ranks, padding=(0, 2))]
    if view.average_precision is not None:
        blocks.append(Text(summarise(view), style="dim"))
    return blocks


def _weight(rank: int) -> str:
    """Return the style of a rank: bold up to 10, faint above 100."""
    return "bold" if rank <= 10 else "" if rank <= 100 else "dim"
