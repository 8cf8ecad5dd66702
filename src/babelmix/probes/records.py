"""The file of a system's probes, as far as encoders are compared by it.

read_results(Path("metrics/probes/hybrid.json")).probes["xling"].answers()["en-de"]     # bool [queries]

`right` has for each direction or language which queries are right at rank 1: their number, and their bits in base64, so
that two encoders can be compared query by query.
"""

import base64
import binascii
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


def packed(right: NDArray[np.bool_]) -> Right:
    """Return bool [queries] as a file has them."""
    return Right(queries=len(right), bits=base64.b64encode(np.packbits(right).tobytes()).decode())


def _unpacked(right: Right) -> NDArray[np.bool_]:
    try:
        content = base64.b64decode(right.bits, validate=True)
    except binascii.Error as error:
        raise ValueError("the bits are not base64") from error
    if len(content) != -(-right.queries // 8):
        raise ValueError(f"{len(content)} bytes for {right.queries} queries")
    return np.unpackbits(np.frombuffer(content, dtype=np.uint8), count=right.queries).astype(np.bool_)
