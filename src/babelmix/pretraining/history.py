"""The history of a pre-training, a row for each step.

write_history([Step(1, "de", 4.1, 1e-5, 0.125, 0.02)], Path("metrics/pretrain/history.csv"))
"""

import csv
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

from babelmix.common.files import new_file


@dataclass(frozen=True, slots=True)
class Step:
    """One row of the history: the loss in nats, and the share of texts found in their block and among other blocks."""

    step: int
    language: str
    loss: float
    lr: float
    own: float
    other: float


def write_history(history: Sequence[Step], path: Path) -> None:
    """Write the history as CSV: the fields of `Step`."""
    with new_file(path) as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(Step.__dataclass_fields__)
        for row in history:
            numbers = (f"{value:.6g}" for value in astuple(row)[2:])
            writer.writerow([row.step, row.language, *numbers])
