"""What a command tells the person in front of it: a bar on long work, and one closing line.

with progress("train hybrid", 300) as step:
    step(1)
done("wrote models/hybrid", "dvc repro")
"""

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager


@contextmanager
def progress(label: str, total: int | None) -> Generator[Callable[[int], None]]:
    """Yield a function that moves a bar on by some units of work; silent where stderr is not a terminal.

    `total`: None where nobody knows.
    """
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import Progress, TimeRemainingColumn

    columns = (*Progress.get_default_columns()[:-1], TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=total)
        yield lambda units: bar.advance(task, units)


def done(what: str, following: str) -> None:
    """Print the closing line: what was written, and what to run next."""
    print(f"babelmix: {what}; next: {following}")
