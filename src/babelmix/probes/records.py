"""The file of a system's probes, as far as encoders are compared by it.

read_results(Path("metrics/probes/hybrid.json")).probes["xling"].answers()["en-de"]     # bool [queries]

`right` has for each direction or language which queries are right at rank 1: their number, and their bits in base64, so
that two encoders can be compared query by query. It has also what each query asks for, its unit: the row of XLING, the
English sentence of Tatoeba. Queries of one unit in many languages are one sample.
"""

import base64
import binascii
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from babelmix.common.errors import UserError
from babelmix.common.fields import fields_checked
from babelmix.common.reading import parse_json, read_text
from babelmix.probes.settings import ProbeSettings

HOW = "restore it, or probe the model again"


class Right(BaseModel):
    """Which queries are right at rank 1."""

    queries: Annotated[int, Field(ge=1)]
    bits: str  # of the queries in their order, eight a byte, the first the highest; base64
    units: str  # a number for each query, common to all parts: int32 differences from the one before, zlib, base64


class Probed(BaseModel):
    """What one probe found, as far as two encoders are compared by it; the file has more."""

    model_config = ConfigDict(extra="ignore")

    by_direction: dict[str, dict[str, dict[str, float]]] = Field(default_factory=dict[str, dict[str, dict[str, float]]])
    right: dict[str, Right] = Field(default_factory=dict[str, Right])

    def answers(self) -> dict[str, NDArray[np.bool_]]:
        """Return direction or language -> bool [queries], whether each is right at rank 1; ValueError for bad bits."""
        return {name: _unpacked(one) for name, one in self.right.items()}

    def units(self) -> dict[str, NDArray[np.int32]]:
        """Return direction or language -> int32 [queries], what each query asks for; ValueError for bad bytes."""
        return {name: _unpacked_units(one) for name, one in self.right.items()}


class Results(BaseModel):
    """A file of results."""

    system: str
    headline: dict[str, float]
    settings: ProbeSettings
    machine: str
    probes: dict[str, Probed]


def read_results(file: Path) -> Results:
    """Read a file of results; UserError for one that is damaged, lacks a field or has bits that do not fit."""
    value = parse_json(read_text(file), str(file))
    with fields_checked(str(file)):
        found = Results.model_validate(value)
    for name, probed in found.probes.items():
        try:
            probed.answers()
            probed.units()
        except ValueError as error:
            raise UserError(str(error), where=f"{file}, probes, {name}, right", how=HOW) from error
    return found


def packed(right: Mapping[str, NDArray[np.bool_]], units: Mapping[str, Sequence[str]]) -> dict[str, Right]:
    """Return part -> bool [queries] and the unit of each query as a file has them.

    Units are numbered in the order in which the parts name them first.
    """
    numbers: dict[str, int] = {}
    found: dict[str, Right] = {}
    for part, answers in right.items():
        if len(units[part]) != len(answers):
            raise ValueError(f"{part}: {len(units[part])} units of {len(answers)} queries")
        own = np.array([numbers.setdefault(unit, len(numbers)) for unit in units[part]], dtype="<i4")
        content = zlib.compress(np.diff(own, prepend=np.int32(0)).astype("<i4").tobytes(), 9)
        bits = base64.b64encode(np.packbits(answers).tobytes()).decode()
        found[part] = Right(queries=len(answers), bits=bits, units=base64.b64encode(content).decode())
    return found


def _unpacked_units(right: Right) -> NDArray[np.int32]:
    reader, whole = zlib.decompressobj(), 4 * right.queries
    try:
        content = reader.decompress(_decoded(right.units, "units"), whole + 1)
    except zlib.error as error:
        raise ValueError("the units are not zlib's") from error
    if len(content) != whole:
        raise ValueError(f"units of other than {right.queries} queries")
    return np.cumsum(np.frombuffer(content, dtype="<i4"), dtype=np.int32)


def _decoded(text: str, what: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(f"the {what} are not base64") from error


def _unpacked(right: Right) -> NDArray[np.bool_]:
    content = _decoded(right.bits, "bits")
    if len(content) != -(-right.queries // 8):
        raise ValueError(f"{len(content)} bytes for {right.queries} queries")
    return np.unpackbits(np.frombuffer(content, dtype=np.uint8), count=right.queries).astype(np.bool_)
