"""Ours against a named opponent in the same run: the rows that `make speed` prints, and how a pair is timed.

ours, theirs, _ = against(benchmark, ours=call, opponents={"faiss IndexFlatIP": other}, rounds=5)     # median seconds
ratio("exact top 100 of 1 million", "faiss IndexFlatIP", ours=ours, theirs=theirs["faiss IndexFlatIP"], unit="s")
"""

import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import Any

HEAD = ("row", "opponent", "ours", "theirs", "unit", "ratio", "target", "peak GiB")
# VmHWM is the peak of that process alone: what getrusage tells begins with the peak of the process that started it.
PRINT_PEAK = """
import re
from pathlib import Path
print("peak KiB", re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
"""


@dataclass(frozen=True)
class Ratio:
    """One row. `unit`: with "/s" at its end more is better, otherwise less; a ratio above 1 is in our favour."""

    row: str
    opponent: str
    ours: float
    theirs: float | None
    unit: str
    target: str
    peak_gib: float | None

    @property
    def ratio(self) -> float | None:
        """How many times better ours is; None without an opponent."""
        if self.theirs is None:
            return None
        return self.ours / self.theirs if self.unit.endswith("/s") else self.theirs / self.ours

    def cells(self) -> tuple[str, ...]:
        """The row as the texts of the table."""
        ratio = "–" if self.ratio is None else f"{self.ratio:.2f}"
        values = (f"{self.ours:.4g}", "–" if self.theirs is None else f"{self.theirs:.4g}", self.unit)
        peak = "–" if self.peak_gib is None else f"{self.peak_gib:.2f}"
        return (self.row, self.opponent, *values, ratio, self.target, peak)


class Recorder:
    """The fixture `ratio`: call it once for a row, with benchmarks on."""

    def __init__(self) -> None:
        self.rows: list[Ratio] = []

    def __call__(
        self,
        row: str,
        opponent: str = "–",
        *,
        ours: float,
        theirs: float | None = None,
        unit: str = "s",
        target: str = "–",
        peak_gib: float | None = None,
    ) -> None:
        """Add a row to the table of `make speed`; nothing here is an assertion.

        Args:
            row: what was measured, and on how much.
            opponent: whose `theirs` is, with its version or options; a dash if there is none.
            ours, theirs: in `unit`: "s" and the like, where less is better, or "pairs/s" and the like.
            unit: of both.
            target: in words, such as "2 times" or "at most .001".
            peak_gib: peak memory of a process of its own that did our part, see `peak_of`.
        """
        self.rows.append(Ratio(row, opponent, ours, theirs, unit, target, peak_gib))


def against(
    benchmark: Any, *, ours: Callable[[], Any], opponents: Mapping[str, Callable[[], Any]], rounds: int = 5
) -> tuple[float, dict[str, float], dict[str, Any]]:
    """Time ours and all opponents in turn, `rounds` times after one that does not count: a machine's speed drifts.

    Returns the median seconds of ours, those of each opponent, and what each call returned last, ours under "ours".
    With benchmarks off everything runs once and the seconds mean nothing.
    """
    seconds: dict[str, list[float]] = {name: [] for name in opponents}
    results: dict[str, Any] = {}

    def theirs() -> None:
        for name, call in opponents.items():
            started = perf_counter()
            results[name] = call()
            seconds[name].append(perf_counter() - started)

    counts = {"rounds": rounds, "warmup_rounds": 1} if benchmark.enabled else {}
    results["ours"] = benchmark.pedantic(ours, setup=theirs, **counts)
    own = benchmark.stats["median"] if benchmark.enabled else 0.0
    return own, {name: median(values[1:] or values) for name, values in seconds.items()}, results


def peak_of(code: str, *arguments: object) -> float:
    """Run Python code in a process of its own and return its peak memory in GiB; `sys.argv` has the arguments."""
    command = [sys.executable, "-c", code + PRINT_PEAK, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(re.findall(r"peak KiB (\d+)", done.stdout)[-1]) / 2**20


def plain_table(rows: list[Ratio]) -> list[str]:
    """The table for a terminal, a line each."""
    lines = [HEAD, *(row.cells() for row in rows)]
    widths = [max(len(line[number]) for line in lines) for number in range(len(HEAD))]
    left = (0, 1, 4, 6)  # columns of words
    return [
        "  ".join(
            text.ljust(width) if number in left else text.rjust(width)
            for number, (text, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]
