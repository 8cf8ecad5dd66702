"""Rows of vectors, in memory or in shards on disk: babelmix's own or those of any other program.

    passages = open_rows(Path("vectors"), "passages")
    passages.shape                     # (13014, 384)
    passages[8192:9000]                # read from disk now, as unit vectors
    Picked(passages, np.array([2, 0]))[:]      # the third row, then the first

A row on disk is a float16 unit vector, or a float32 or float64 vector of any length, normalised when it is read.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from babelmix.common.arrays import whole_arrays
from babelmix.common.errors import UserError


class Rows(Protocol):
    """Vectors, one a row, in memory or on disk."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows and dimensions."""
        ...

    def __getitem__(self, key: Any, /) -> NDArray[np.floating[Any]]:
        """Return the rows of a slice, or of an ascending array of row numbers."""
        ...


def open_rows(folder: Path, name: str) -> "UnitRows":
    """Open `<name>.npy`, or the shards `<name>-*.npy` in the order of their names, as unit vectors on disk."""
    return UnitRows(open_shards(folder, name))


def open_shards(folder: Path, name: str) -> "Shards":
    """Open `<name>.npy`, or the shards `<name>-*.npy` in the order of their names, without normalising the rows."""
    return Shards(sorted(folder.glob(f"{name}-*.npy")) or [folder / f"{name}.npy"])


def unit_rows(vectors: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    """Return vectors whose dot products float64 sums exactly: float16 unchanged, others as unit vectors.

    Other types are divided by their length and rounded to whole multiples of 2^-24, float32's step just below 1. Then
    products are multiples of 2^-48, and sums below 32 are exact in float64. A zero vector stays zero: the scorer
    refuses it with its row number.
    """
    if vectors.dtype == np.float16:
        return vectors
    with np.errstate(invalid="ignore"):  # NaN or infinity / infinity: the scorer refuses the row
        wide = vectors.astype(np.float64)
        # Powers of two keep the squares of very long and very short vectors within float64 and change no other bits.
        _, power = np.frexp(np.abs(wide).max(axis=-1, keepdims=True, initial=0))
        wide = np.ldexp(wide, -power)
        length = np.linalg.norm(wide, axis=-1, keepdims=True)
        unit = np.divide(wide, length, out=np.zeros_like(wide), where=length > 0)
        return (np.round(unit * 2.0**24) / 2.0**24).astype(np.float32)


@dataclass(frozen=True, slots=True)
class _File:
    """A .npy file of rows: where its values begin, and their shape and type."""

    path: Path
    start: int  # byte at which the values begin
    shape: tuple[int, int]
    dtype: np.dtype[Any]

    def rows(self, first: int, stop: int) -> NDArray[np.floating[Any]]:
        count = self.shape[1] * (stop - first)
        at = self.start + first * self.shape[1] * self.dtype.itemsize
        return np.fromfile(self.path, self.dtype, count, offset=at).reshape(stop - first, self.shape[1])

    def pick(self, rows: NDArray[np.integer[Any]]) -> NDArray[np.floating[Any]]:
        return np.memmap(self.path, self.dtype, "r", self.start, self.shape)[rows]


class Shards:
    """Rows of several .npy files as one array, read on demand: no row is kept in memory."""

    def __init__(self, files: Sequence[Path]) -> None:
        """Read the files' headers; UserError if a file is missing, damaged or has other dimensions than the first."""
        self._files = [_header(file) for file in files]
        self._ends = np.cumsum([file.shape[0] for file in self._files])
        for file in self._files:
            if file.shape[1] != self._files[0].shape[1]:
                what = f"{file.shape[1]} dimensions, where {files[0].name} has {self._files[0].shape[1]}"
                raise UserError(what, where=str(file.path), how="embed all shards with one model")

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and dimensions."""
        return int(self._ends[-1]), self._files[0].shape[1]

    def __getitem__(self, key: Any, /) -> NDArray[np.floating[Any]]:
        """Return the rows of a slice, or of an ascending array of row numbers, unchanged."""
        parts: list[NDArray[np.floating[Any]]] = []
        if isinstance(key, slice):
            start, stop, _ = key.indices(self.shape[0])
            for file, end in zip(self._files, self._ends.tolist(), strict=True):
                begin = end - file.shape[0]
                if start < end and stop > begin:
                    parts.append(file.rows(max(start, begin) - begin, min(stop, end) - begin))
        else:
            cuts = np.searchsorted(key, self._ends).tolist()
            for file, end, low, high in zip(self._files, self._ends.tolist(), [0, *cuts], cuts, strict=False):
                if high > low:
                    parts.append(file.pick(key[low:high] - (end - file.shape[0])))
        return np.concatenate(parts) if parts else np.empty((0, self.shape[1]), dtype=np.float16)


class UnitRows:
    """Rows of any length as unit vectors for exact sums; see unit_rows."""

    def __init__(self, rows: Rows) -> None:
        """Wrap rows in memory or on disk."""
        self._rows = rows

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows and dimensions."""
        return self._rows.shape

    def __getitem__(self, key: Any, /) -> NDArray[np.floating[Any]]:
        """Return the rows of a slice, or of an ascending array of row numbers."""
        return unit_rows(self._rows[key])


class Picked:
    """A selection of other rows, in any order, read on demand."""

    def __init__(self, rows: Rows, picked: NDArray[np.integer[Any]]) -> None:
        """Row i is row `picked[i]` of `rows`."""
        self._rows, self._picked = rows, picked

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows and dimensions."""
        return len(self._picked), self._rows.shape[1]

    def __getitem__(self, key: Any, /) -> NDArray[np.floating[Any]]:
        """Return the rows of a slice, or of an array of row numbers."""
        wanted = self._picked[key]
        order = np.argsort(wanted, kind="stable")  # so that rows on disk are read in order
        found = self._rows[wanted[order]]
        rows = np.empty_like(found)
        rows[order] = found
        return rows


def _header(path: Path) -> _File:
    how = "embed the benchmark again, or save the vectors with numpy.save as a float array [rows, dimensions]"
    if not path.exists():
        raise UserError("no such file", where=str(path), how="run `babelmix embed --output` with this folder")
    with whole_arrays(str(path), what=".npy array", how=how):
        array = np.load(path, mmap_mode="r", allow_pickle=False)
        if not isinstance(array, np.memmap):  # an .npz under this name
            raise ValueError("several arrays")
    if array.ndim != 2 or array.dtype.kind != "f" or not array.flags.c_contiguous or 0 in array.shape:
        raise UserError(f"an array of {array.dtype}, shape {array.shape}", where=str(path), how=how)
    return _File(path, int(array.offset), array.shape, array.dtype)
