"""Vectors as rows, in memory or on disk in shards: babelmix's own, or those of any other model.

    queries, passages = open_embeddings(Path("vectors"), Path("data/benchmarks/xquad-r"))
    passages.shape                     # (13014, 384)
    passages[8192:9000]                # read from disk now

A row on disk is float16 and of unit length, or a float32 or float64 vector, which is made a unit vector as it is read.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from babelmix.benchmark import read_passages, read_queries
from babelmix.errors import UserError


class Rows(Protocol):
    """Vectors, one a row, in memory or on disk."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows and dimensions."""
        ...

    def __getitem__(self, key: Any, /) -> NDArray[np.floating[Any]]:
        """Return the rows of a slice, or of an ascending array of row numbers."""
        ...


def open_embeddings(folder: Path, benchmark: Path) -> tuple[Rows, Rows]:
    """Open the vectors of a benchmark's queries and passages: those of `embed_benchmark`, or of any other model.

    The folder holds `queries.npy` and `passages.npy` (or shards `passages-*.npy`, in the order of their names), a row
    a text. With `queries.txt` or `passages.txt`, an id a line, rows may stand in any order and are brought into the
    benchmark's; without, they are in its order. Rows of float16 must be unit vectors; others are made so.

    Raises UserError: a missing or broken file, ids that are unknown, missing or stand twice.
    """
    return (
        _ordered(folder, "queries", (query.id for query in read_queries(benchmark))),
        _ordered(folder, "passages", (passage.id for passage in read_passages(benchmark))),
    )


def open_rows(folder: Path, name: str) -> "Shards":
    """Open `<name>.npy`, or the shards `<name>-*.npy` in the order of their names, as rows on disk."""
    files = sorted(folder.glob(f"{name}-*.npy")) or [folder / f"{name}.npy"]
    return Shards(files)


def unit_rows(vectors: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    """Return vectors whose dot products babelmix can sum exactly: float16 as they are, others as unit vectors.

    Others are divided by their length and rounded to whole multiples of 2^-24, float32's own step just below 1: then
    products are multiples of 2^-48 and sums below 32 exact in float64. A zero vector stays zero, to be refused by name.
    """
    if vectors.dtype == np.float16:
        return vectors
    wide = vectors.astype(np.float64)
    length = np.linalg.norm(wide, axis=-1, keepdims=True)
    unit = np.divide(wide, length, out=np.zeros_like(wide), where=length > 0)
    return (np.round(unit * 2.0**24) / 2.0**24).astype(np.float32)


@dataclass(frozen=True, slots=True)
class _File:
    """A .npy file of rows: where its numbers begin, and what they are."""

    path: Path
    start: int  # of the first number, in bytes
    shape: tuple[int, int]
    dtype: np.dtype[Any]

    def rows(self, first: int, stop: int) -> NDArray[np.floating[Any]]:
        count = self.shape[1] * (stop - first)
        at = self.start + first * self.shape[1] * self.dtype.itemsize
        return np.fromfile(self.path, self.dtype, count, offset=at).reshape(stop - first, self.shape[1])

    def pick(self, rows: NDArray[np.integer[Any]]) -> NDArray[np.floating[Any]]:
        return np.memmap(self.path, self.dtype, "r", self.start, self.shape)[rows]


class Shards:
    """Rows of several .npy files as one array, read when they are asked for: nothing is kept in memory."""

    def __init__(self, files: Sequence[Path]) -> None:
        """Look at the files' headers; UserError for one that is missing, broken or unlike the others."""
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
        """Return the rows of a slice, or of an ascending array of row numbers, ready for exact sums."""
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
        return unit_rows(np.concatenate(parts) if parts else np.empty((0, self.shape[1]), dtype=np.float16))


def _header(path: Path) -> _File:
    how = "embed the benchmark again, or save the vectors with numpy.save as [rows, dimension] numbers"
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError as error:
        raise UserError(
            "no such file", where=str(path), how="run `babelmix embed --output` with this folder"
        ) from error
    except (ValueError, EOFError) as error:
        raise UserError("not a whole .npy array", where=str(path), how=how) from error
    if array.ndim != 2 or array.dtype.kind != "f" or not array.flags.c_contiguous or 0 in array.shape:
        raise UserError(f"an array of {array.dtype}, shape {array.shape}", where=str(path), how=how)
    return _File(path, int(array.offset), array.shape, array.dtype)


def _ordered(folder: Path, name: str, ids: Iterator[str]) -> Rows:
    rows, file = open_rows(folder, name), folder / f"{name}.txt"
    if not file.is_file():
        return rows
    row_of: dict[str, int] = {}
    for row, line in enumerate(file.read_text(encoding="utf-8").splitlines()):
        if line in row_of:
            how = f"line {row_of[line] + 1} has it already; give each text one row"
            raise UserError(f"duplicate id {line!r}", where=f"{file}, line {row + 1}", how=how)
        row_of[line] = row
    if len(row_of) != rows.shape[0]:
        what = f"{len(row_of)} ids for {rows.shape[0]} rows of {name}.npy"
        raise UserError(what, where=str(file), how="write one id a line, in the order of the rows")
    wanted = list(ids)
    missing = next((wanted_id for wanted_id in wanted if wanted_id not in row_of), None)
    if missing is not None:
        raise UserError(f"no row for {missing!r}", where=str(file), how=f"embed every text of {name}.jsonl")
    if len(wanted) != len(row_of):
        unknown = min(row_of.keys() - set(wanted))
        raise UserError(f"unknown id {unknown!r}", where=str(file), how=f"keep the ids of {name}.jsonl alone")
    return rows[:][[row_of[wanted_id] for wanted_id in wanted]]
