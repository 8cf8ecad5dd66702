"""Print what `dvc exp show --csv` says as tables that are read at a glance: a part of `make exps`.

    dvc exp show --csv ... | python scripts/experiments.py

A table holds the experiments of one main benchmark, since scores on different benchmarks cannot be compared. Small
encoders come first, then objective, steps and seed. DVC lists commits too, each above the experiments that start from
it. They are left out. An experiment that ran another target than `scores` keeps the main scores of its commit: it is
left out too, and named. With names of 33 characters a row has 99.
"""

import csv
import sys
from collections.abc import Iterable, Mapping

Row = Mapping[str, str]
# heading -> column of DVC; a column that no experiment of a table has is left out.
TEXTS = {"experiment": "Experiment", "size": "model.size", "objective": "objective"}
COUNTS = {"seed": "seed", "steps": "train.steps"}
SCORES = {"pool": "pool", "cross": "cross", "mono": "mono"}
GAINS = {"gain": "gain"}
PARAMETERS, BENCHMARK = "non_embedding_parameters", "benchmark"
NONE = "no experiment with main scores of its own; make one: dvc exp run -S model.size=small"


def tables(rows: Iterable[Row]) -> list[str]:
    """Return the lines of all tables; empty where no experiment has main scores."""
    scored: list[Row] = []
    without: list[str] = []
    before = None
    for row in rows:
        scores = [row.get(name) for name in (BENCHMARK, TEXTS["objective"], *SCORES, *GAINS)]
        if not row["Experiment"]:
            before = scores
        elif not row.get("pool") or scores == before:
            without.append(row["Experiment"])
        else:
            scored.append(row)
    lines: list[str] = []
    for benchmark in sorted({row[BENCHMARK] for row in scored}):
        own = sorted((row for row in scored if row[BENCHMARK] == benchmark), key=_order)
        lines += [f"main score on {benchmark}", *_table(own), ""]
    if scored and without:
        lines.append(f"no main scores of their own: {', '.join(sorted(without))}")
    return lines


def _order(row: Row) -> tuple[float, str, str, int, int, str]:
    """Experiments of one size, objective and number of steps stand together."""
    size, steps, seed = row.get(PARAMETERS), row["train.steps"], row["seed"]
    parameters = float(size) if size else float("inf")
    return parameters, row["model.size"], row["objective"], int(steps or 0), int(seed or 0), row["Experiment"]


def _table(rows: list[Row]) -> list[str]:
    columns = [
        [heading, *(_shown(heading, row.get(name, "")) for row in rows)]
        for heading, name in (TEXTS | COUNTS | SCORES | GAINS).items()
        if any(row.get(name) for row in rows)
    ]
    widths = [max(map(len, column)) for column in columns]
    return [
        "  ".join(
            cell.ljust(width) if column[0] in TEXTS else cell.rjust(width)
            for cell, column, width in zip(line, columns, widths, strict=True)
        ).rstrip()
        for line in zip(*columns, strict=True)
    ]


def _shown(heading: str, value: str) -> str:
    if not value or heading in TEXTS or heading in COUNTS:
        return value
    return f"{float(value):{'+' if heading in GAINS else ''}.3f}".replace("0.", ".", 1)


def main() -> int:
    """Read DVC's table from standard input; return the exit code, 2 where there is nothing to show."""
    lines = tables(csv.DictReader(sys.stdin))
    print("\n".join(lines).rstrip() if lines else NONE, file=sys.stdout if lines else sys.stderr)
    return 0 if lines else 2


if __name__ == "__main__":
    sys.exit(main())
