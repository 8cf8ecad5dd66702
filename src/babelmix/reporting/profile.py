"""Where the time of a training step goes: the figures of a profile, as a table for a terminal and in Markdown.

render(found, terminal())
write_markdown(found, Path("profile.md"))
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from babelmix.common.errors import UserError
from babelmix.common.files import new_file
from babelmix.common.outputs import claim_file
from babelmix.reporting.floors import Floors, Work
from babelmix.reporting.step_parts import OTHER, PARTS
from babelmix.reporting.tables import count, table

if TYPE_CHECKING:
    from rich.console import Console

TITLE = "# Profile of a training step"
HEAD = ("part", "ms a step", "share")
LARGEST = 4  # operators in no table that are named


@dataclass(frozen=True)
class Profile:
    """What was measured; times are seconds, the parts and `unknown` milliseconds a step.

    `what`: the encoder, the objective and the precision in words. `steps`: how many of each kind were measured.
    `pairs`, `tokens`: of one step, the tokens on average. `plain_s`: the median step without a profiler. `profiled_s`:
    the mean step under it, of which `parts` is the division; `unknown`: {operator: ms} of the part `OTHER`.
    """

    what: str
    machine: str
    steps: int
    pairs: int
    tokens: float
    plain_s: float
    profiled_s: float
    parts: dict[str, float]
    unknown: dict[str, float]
    todo: Work
    floors: Floors


def rows(found: Profile) -> list[tuple[str, str, str]]:
    """Return (part, milliseconds, share) of every part that took time, the longest first, and of the whole step."""
    total = 1000 * found.profiled_s
    parts = sorted(((name, found.parts.get(name, 0.0)) for name in PARTS), key=lambda part: -part[1])
    listed = [(name, f"{value:.1f}", f"{value / total:.1%}") for name, value in parts if value]
    return [*listed, ("the whole step", f"{total:.1f}", "100.0%")]


def sentences(found: Profile) -> list[str]:
    """Return what stands beside the table: the step without a profiler, and the gap to both floors."""
    plain, floors = 1000 * found.plain_s, found.floors
    overhead = found.profiled_s / found.plain_s - 1
    lines = [
        f"Without the profiler, in turn with it: {plain:.1f} ms a step (median), {found.pairs / found.plain_s:.1f} "
        f"pairs and {count(round(found.tokens / found.plain_s))} tokens a second. The profiler adds {overhead:.1%}.",
        f"Floor of operations: {found.todo.operations / 1e9:.1f} GFLOP at {floors.operations_per_s / 1e9:.0f} GFLOP/s, "
        f"the speed of the layers' own products: {1000 * floors.operations_s:.1f} ms. The step takes "
        f"{found.plain_s / floors.operations_s:.2f} times as long.",
        f"Floor of bytes: {found.todo.bytes / 1e6:.0f} MB at {floors.bytes_per_s / 1e9:.1f} GB/s, the speed of a copy: "
        f"{1000 * floors.bytes_s:.1f} ms. The step takes {found.plain_s / floors.bytes_s:.2f} times as long.",
    ]
    if found.unknown:
        largest = sorted(found.unknown.items(), key=lambda item: -item[1])[:LARGEST]
        lines.append(f"Of {OTHER}: {', '.join(f'{name} {value:.1f} ms' for name, value in largest)}.")
    return lines


def to_markdown(found: Profile) -> str:
    """Return the profile in Markdown: the machine, the table and the sentences."""
    what = f"{found.what}; {found.pairs} pairs and {found.tokens:.0f} tokens a step, {found.steps} steps."
    return "\n\n".join((TITLE, what, f"{found.machine}.", table(HEAD, rows(found)), *sentences(found))) + "\n"


def render(found: Profile, console: "Console") -> None:
    """Print the profile on a terminal."""
    from rich.table import Table

    shown = Table(title=f"{found.what}; {found.pairs} pairs a step, {found.steps} steps", title_justify="left")
    for number, name in enumerate(HEAD):
        shown.add_column(name, justify="right" if number else "left")
    for row in rows(found):
        shown.add_row(*row)
    console.print(f"{found.machine}.", highlight=False)
    console.print(shown)
    for line in sentences(found):
        console.print(line, highlight=False)


def claim_markdown(file: Path) -> None:
    """Raise UserError where `file` cannot be written, or is there and `write_markdown` did not write it."""
    if claim_file(file).exists() and not file.read_bytes().startswith(f"{TITLE}\n".encode()):
        how = "choose another output, or move that file away"
        raise UserError("the output exists, and babelmix did not write it", where=str(file), how=how)


def write_markdown(found: Profile, file: Path) -> None:
    """Write the profile as Markdown into a file that `claim_markdown` let pass."""
    with new_file(file) as stream:
        stream.write(to_markdown(found))
