"""Hard negatives on disk: for each training query, wrong passages of its language; see `mining`.

found = read_negatives(Path("data/negatives/contrastive.npz"))
aligned(found, index)                                        # int32 [rows of index, 1]: unit numbers, -1 for none
"""

from collections.abc import Sized
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from babelmix.common.arrays import read_arrays
from babelmix.common.errors import UserError
from babelmix.common.files import new_binary_file
from babelmix.common.id_arrays import pack, unpack
from babelmix.corpus.index import PairIndex
from babelmix.training.teacher import positions

HOW = "run `babelmix mine` again"
ARRAYS = ("units", "units_ends", "languages", "unit", "lang", "negatives")  # of an .npz file of negatives


@dataclass(frozen=True, slots=True)
class Negatives:
    """The mined passages of each (unit, language), rows ascending by language, then unit.

    `units` and `languages` are those of the index they were mined on, ascending; the numbers are positions in them.
    """

    units: tuple[str, ...]
    languages: tuple[str, ...]
    unit: NDArray[np.int32]  # [n]
    lang: NDArray[np.int16]  # [n]
    negatives: NDArray[np.int32]  # [n, k] units of the passages, hardest first, then -1


def aligned(negatives: Negatives, index: PairIndex) -> NDArray[np.int32]:
    """Return the negatives of each row of an index, as unit numbers of that index: int32 [rows, k].

    A row ends with -1 if nothing was mined for it, or if a negative's unit is no longer in the train split in the row's
    language. The human and the machine-translated pair of one unit and language get the same negatives.
    """
    unit = positions(negatives.units, index.units)
    lang = positions(negatives.languages, index.languages)
    languages = len(index.languages)
    mined = np.flatnonzero((unit[negatives.unit] >= 0) & (lang[negatives.lang] >= 0))
    spoken = lang[negatives.lang[mined], None]
    number = np.append(unit, -1)[negatives.negatives[mined]]
    unit_lang = index.unit.astype(np.int64) * languages + index.lang
    number[~np.isin(number * languages + spoken, unit_lang[~index.dev])] = -1
    number = np.take_along_axis(number, np.argsort(number < 0, axis=1, kind="stable"), axis=1)
    found = np.full((len(unit_lang), negatives.negatives.shape[1]), -1, dtype=np.int32)
    own = unit[negatives.unit[mined]] * languages + spoken[:, 0]
    order = np.argsort(own)
    position = np.searchsorted(own[order], unit_lang)
    known = np.flatnonzero(np.append(own[order], -1)[position] == unit_lang)
    found[known] = number[order[position[known]]]
    return found


def write_negatives(path: Path, negatives: Negatives) -> None:
    """Write the negatives as an .npz file without pickle; equal negatives give equal bytes."""
    with new_binary_file(path) as stream:
        np.savez(
            stream,
            allow_pickle=False,
            languages=np.array(negatives.languages, dtype=np.str_),
            unit=negatives.unit,
            lang=negatives.lang,
            negatives=negatives.negatives,
            **pack("units", negatives.units),
        )


def read_negatives(path: Path) -> Negatives:
    """Read what `write_negatives` wrote; UserError if the file is missing, damaged, or has other arrays."""
    content, ends, languages, unit, lang, negatives = read_arrays(path, ARRAYS, what="negatives", how=HOW)
    try:
        units = unpack(content, ends)
    except ValueError as error:
        raise UserError("the arrays are not hard negatives", where=str(path), how=HOW) from error
    named = languages.dtype.kind == "U" and languages.ndim == 1
    numbers = (unit.dtype, lang.dtype, negatives.dtype) == (np.int32, np.int16, np.int32)
    shapes = unit.ndim == 1 and negatives.ndim == 2 and unit.shape == lang.shape == negatives.shape[:1]
    if not (named and numbers and shapes and _within(unit, units) and _within(lang, languages)):
        raise UserError("the arrays are not hard negatives", where=str(path), how=HOW)
    if not _within(negatives, units, least=-1):
        raise UserError("a negative of an unknown unit", where=str(path), how=HOW)
    return Negatives(units, tuple(languages.tolist()), unit, lang, negatives)


def _within(numbers: NDArray[np.integer[Any]], names: Sized, least: int = 0) -> bool:
    """Return whether all numbers are at least `least` and positions in `names`."""
    return bool(((numbers >= least) & (numbers < len(names))).all())
