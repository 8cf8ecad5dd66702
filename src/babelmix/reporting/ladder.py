"""A public ladder: the monolingual and cross-lingual retrieval of encoders of many sizes, as others published it.

    for family in families(read_ladder()):
        family.name, family.slope           # change of the gap mono - cross for ten times the parameters

The scores in ladder.csv are MLQARetrieval of mteb, test, nDCG@10, means over 7 monolingual and 42 cross-lingual pairs
of languages, from embeddings-benchmark/results at commit f4cc6c8b365a3c779dbc708d6affe0b0355b2ddf; only models with all
49 pairs. Each pair has a pool of its own, so a gap below zero is no proof of no bias. The models are trained with
recipes of their own, so only those of one family are compared. The families are ours, by the models' names.
"""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np

from babelmix.study.gap import slope_per_tenfold

LADDER = Path(__file__).parent / "ladder.csv"
SIZES = 3  # of a family whose slope is shown


@dataclass(frozen=True, slots=True)
class Rung:
    """One published model."""

    model: str
    family: str
    parameters: float  # all of them, the embeddings too, which some models do not tell apart
    embeddings: float | None  # parameters of them
    mono: float  # nDCG@10
    cross: float

    @property
    def gap(self) -> float:
        """Return mono - cross."""
        return self.mono - self.cross


@dataclass(frozen=True, slots=True)
class Family:
    """Models of one name in several sizes, small first."""

    name: str
    rungs: tuple[Rung, ...]

    @property
    def slope(self) -> float:
        """Return the change of the gap for ten times the parameters, by least squares."""
        gaps = np.array([one.gap for one in self.rungs])
        return slope_per_tenfold(np.array([one.parameters for one in self.rungs]), gaps)


def read_ladder() -> tuple[Rung, ...]:
    """Return the published models, small first."""
    with LADDER.open(encoding="utf-8", newline="") as stream:
        found = [
            Rung(
                row["model"],
                row["family"],
                float(row["parameters_millions"]) * 1e6,
                float(row["embeddings_millions"]) * 1e6 if row["embeddings_millions"] else None,
                float(row["mono"]),
                float(row["cross"]),
            )
            for row in csv.DictReader(stream)
        ]
    return tuple(sorted(found, key=lambda rung: rung.parameters))


def families(rungs: Iterable[Rung]) -> tuple[Family, ...]:
    """Return the families with at least three sizes, by name."""
    grouped = groupby(sorted(rungs, key=lambda rung: (rung.family, rung.parameters)), key=lambda rung: rung.family)
    found = (Family(name, tuple(own)) for name, own in grouped)
    return tuple(one for one in found if len({rung.parameters for rung in one.rungs}) >= SIZES)
