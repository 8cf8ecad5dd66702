"""The file of a system's probes, and its tables for the terminal.

write_results(Path("metrics/probes/hybrid.json"), "hybrid", found, settings, machine)
print(as_text(found))
read_results(Path("metrics/probes/hybrid.json")).probes["xling"].answers()["en-de"]     # bool [queries]

The file has, in this order: the system, the headline numbers, the settings, the machine, and each probe with all its
numbers. `right` has for each direction or language which queries are right at rank 1: their number, and their bits in
base64, so that two encoders can be compared query by query.
"""

import base64
import binascii
import json
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from babelmix.common.errors import UserError
from babelmix.common.fields import fields_checked
from babelmix.common.files import new_file
from babelmix.common.reading import parse_json, read_text
from babelmix.probes.probe import Found
from babelmix.probes.settings import ProbeSettings

WIDTH = 100  # of a table, in characters
KEYS = ("system", "headline", "settings", "probes")
HOW = "restore it, or probe the model again"


class Right(BaseModel):
    """Which queries are right at rank 1."""

    queries: Annotated[int, Field(ge=1)]
    bits: str  # of the queries in their order, eight a byte, the first the highest; base64


class Probed(BaseModel):
    """What one probe found, as far as two encoders are compared by it; the file has more."""

    model_config = ConfigDict(extra="ignore")

    by_direction: dict[str, dict[str, dict[str, float]]] = Field(default_factory=dict[str, dict[str, dict[str, float]]])
    right: dict[str, Right] = Field(default_factory=dict[str, Right])

    def answers(self) -> dict[str, NDArray[np.bool_]]:
        """Return direction or language -> bool [queries], whether each is right at rank 1; ValueError for bad bits."""
        return {name: _unpacked(one) for name, one in self.right.items()}


class Results(BaseModel):
    """A file of results."""

    system: str
    headline: dict[str, float]
    settings: ProbeSettings
    machine: str
    probes: dict[str, Probed]


def write_results(file: Path, system: str, found: Mapping[str, Found], settings: ProbeSettings, machine: str) -> None:
    """Write what probes found, by their name; the same numbers give the same bytes."""
    content: dict[str, Any] = {
        "system": system,
        "headline": {
            f"{name}.{measure}": value for name, one in found.items() for measure, value in one.headline.items()
        },
        "settings": settings.model_dump(mode="json", exclude={"systems"}),
        "machine": machine,
        "probes": {
            name: {
                "left_out": dict(one.left_out),
                "about": dict(one.about),
                **one.scores,
                "right": {part: _packed(right) for part, right in one.right.items()},
            }
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


def read_results(file: Path) -> Results:
    """Read a file of results; UserError for one that is damaged, lacks a field or has bits that do not fit."""
    value = parse_json(read_text(file), str(file))
    with fields_checked(str(file)):
        found = Results.model_validate(value)
    for name, probed in found.probes.items():
        try:
            probed.answers()
        except ValueError as error:
            raise UserError(str(error), where=f"{file}, probes, {name}, right", how=HOW) from error
    return found


def _packed(right: NDArray[np.bool_]) -> dict[str, Any]:
    return Right(queries=len(right), bits=base64.b64encode(np.packbits(right).tobytes()).decode()).model_dump()


def _unpacked(right: Right) -> NDArray[np.bool_]:
    try:
        content = base64.b64decode(right.bits, validate=True)
    except binascii.Error as error:
        raise ValueError("the bits are not base64") from error
    if len(content) != -(-right.queries // 8):
        raise ValueError(f"{len(content)} bytes for {right.queries} queries")
    return np.unpackbits(np.frombuffer(content, dtype=np.uint8), count=right.queries).astype(np.bool_)


def as_text(found: Mapping[str, Found]) -> str:
    """Return the table of each probe, and what it left out, as lines of at most 100 characters."""
    return "\n\n".join("\n".join(_lines(one)) for one in found.values())


def _lines(found: Found) -> Iterator[str]:
    table = found.table
    yield table.title
    cells = [table.head, *table.rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        first, *rest = (cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        yield " ".join((first.strip().ljust(widths[0]), *rest))
    lost = ", ".join(f"{number:,} {reason}" for reason, number in found.left_out.items())
    for text in filter(None, (table.about, lost and f"Left out: {lost}.")):
        yield from textwrap.wrap(text, WIDTH)
