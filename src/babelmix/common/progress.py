"""What a command shows its user: a progress bar, notes, and one closing line.

with progress("train hybrid", 300) as step:
    step(1)
done("wrote models/hybrid", "dvc repro")
"""

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from babelmix.common.one_line import one_line

if TYPE_CHECKING:
    from rich.console import Console

NOTE = 2000  # the most characters of a note or closing line


@contextmanager
def progress(label: str, total: int | None) -> Generator[Callable[[int], None]]:
    """Yield a function that advances a progress bar by some units of work; silent if stderr is not a terminal.

    `total`: the number of all units, None if unknown.
    """
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.markup import escape
    from rich.progress import Progress, TimeRemainingColumn

    columns = (*Progress.get_default_columns()[:-1], TimeRemainingColumn())
    with Progress(*columns, console=terminal(stderr=True), transient=True) as bar:
        task = bar.add_task(escape(one_line(label, 60)), total=total)
        yield lambda units: bar.advance(task, units)


def terminal(*, stderr: bool = False) -> "Console":
    """Return a rich console without markup: names such as `[/b]` or `:x:` are printed unchanged."""
    from rich.console import Console

    return Console(stderr=stderr, markup=False, emoji=False)


def say(what: str) -> None:
    """Print a note for the user on stderr."""
    print(f"babelmix: {one_line(what, NOTE)}", file=sys.stderr, flush=True)


def done(what: str, following: str) -> None:
    """Print the closing line: what was written, and what to run next."""
    print(f"babelmix: {one_line(what, NOTE)}; next: {one_line(following)}")
