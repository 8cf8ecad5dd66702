"""The history of a training or a pre-training as CSV, a row for each step.

write_history(history, Step, Path("metrics/history/hybrid.csv"))
"""

import csv
from collections.abc import Sequence
from dataclasses import astuple, fields
from pathlib import Path
from typing import Any

from babelmix.common.files import new_file


def write_history(history: Sequence[Any], kind: type[Any], path: Path) -> None:
    """Write the rows of a history, whose fields are the columns; numbers have six digits, None is empty.

    Args:
        history: instances of `kind`.
        kind: a dataclass. Its first two fields, the step and what its batch is, are written as they are.
        path: the file.
    """
    with new_file(path) as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(column.name for column in fields(kind))
        for row in history:
            step, batch, *numbers = astuple(row)
            writer.writerow([step, batch, *("" if value is None else f"{value:.6g}" for value in numbers)])
