"""Segments on disk: the vectors, texts, ids and languages of passages that were added together.

    rows = write_segment(folder, 1, batches, languages)                 # batches of (documents, float16 vectors)
    texts = Texts(folder, 1); texts.document(7)                         # id, title and text, read now
    Ids(folder, 1).find(["faq-3"])                                      # {"faq-3": 7}

Every file is a plain array or the UTF-8 bytes of all texts, and is read through memory maps. So an index of a million
passages opens at once, and its texts take no memory.
"""

import hashlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from babelmix.common.arrays import whole_arrays
from babelmix.common.errors import UserError
from babelmix.searching.documents import Document
from babelmix.searching.record import AGAIN, file_of

Batch = tuple[Sequence[Document], NDArray[np.float16]]
KINDS = ("vectors", "texts", "ends", "languages", "digests", "order")


def write_segment(folder: Path, number: int, batches: Iterable[Batch], languages: list[str]) -> int:
    """Write the files of a segment; return its number of passages.

    Languages that are new are added to `languages`. If there is no passage, no file is left.
    """
    paths = {kind: file_of(folder, kind, number) for kind in KINDS}
    digests: list[NDArray[np.uint64]] = []
    rows = end = 0
    with (
        paths["vectors"].open("wb") as vectors,
        paths["texts"].open("wb") as texts,
        paths["ends"].open("wb") as ends,
        paths["languages"].open("wb") as spoken,
    ):
        arrays = (_Growing(vectors, np.float16), _Growing(ends, np.int64), _Growing(spoken, np.int16))
        for documents, block in batches:
            if not len(documents):
                continue
            arrays[0].add(block)
            limits = np.empty((len(documents), 3), dtype=np.int64)
            for row, document in enumerate(documents):
                for column, part in enumerate((document.id, document.title or "", document.text)):
                    end += texts.write(part.encode())
                    limits[row, column] = end
            arrays[1].add(limits)
            arrays[2].add(codes_of(documents, languages))
            digests.append(digests_of([document.id for document in documents]))
            rows += len(documents)
        for array in arrays:
            array.close()
    if not rows:
        for kind in KINDS:
            paths[kind].unlink(missing_ok=True)
        return 0
    found = np.concatenate(digests)
    order = np.argsort(found, kind="stable").astype(np.int32)
    for kind, array in (("digests", found[order]), ("order", order)):
        with paths[kind].open("wb") as stream:
            np.save(stream, array, allow_pickle=False)
    return rows


def codes_of(documents: Sequence[Document], languages: list[str]) -> NDArray[np.int16]:
    """Return the language of each document as a position in `languages`, -1 for none; new ones are added there."""
    codes = {lang: code for code, lang in enumerate(languages)}
    found = [-1 if one.language is None else codes.setdefault(one.language, len(codes)) for one in documents]
    languages[:] = list(codes)
    return np.array(found, dtype=np.int16)


def open_array(folder: Path, kind: str, number: int, dtype: Any, shape: tuple[int, ...]) -> NDArray[Any]:
    """Open an array of an index as a memory map; UserError if it has another type or shape."""
    path = file_of(folder, kind, number)
    with whole_arrays(str(path), what=".npy array", how=AGAIN):
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    if not isinstance(array, np.ndarray) or array.dtype != dtype or array.shape != shape:
        raise UserError("not the array that belongs here", where=str(path), how=AGAIN)
    return np.asarray(array)  # a plain view: single rows of an np.memmap take several times as long


def digests_of(ids: Iterable[str]) -> NDArray[np.uint64]:
    """Return 8 bytes of the sha256 of each id."""
    found = b"".join(hashlib.sha256(name.encode()).digest()[:8] for name in ids)
    return np.frombuffer(found, dtype="<u8")


class MappedRows:
    """The vectors of all segments, mapped while they are open: an update may delete the files meanwhile."""

    def __init__(self, parts: Sequence[NDArray[np.float16]]) -> None:
        """Take the vectors of each segment, [n, d]."""
        self._parts, self._ends = parts, np.cumsum([len(part) for part in parts])

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and dimensions."""
        return int(self._ends[-1]), self._parts[0].shape[1]

    def __getitem__(self, key: Any, /) -> NDArray[np.float16]:
        """Return the rows of a slice, or of an ascending array of row numbers."""
        rows = np.arange(*key.indices(self.shape[0])) if isinstance(key, slice) else key
        cuts = [0, *np.searchsorted(rows, self._ends).tolist()]
        starts = [0, *self._ends.tolist()]
        picked: list[NDArray[np.float16]] = []
        for part, start, low, high in zip(self._parts, starts, cuts, cuts[1:], strict=False):
            if isinstance(key, slice) and high > low:
                picked.append(part[rows[low] - start : rows[high - 1] - start + 1])
            elif high > low:
                picked.append(part[rows[low:high] - start])
        return np.array(picked[0]) if len(picked) == 1 else np.concatenate([part[:0] for part in self._parts] + picked)


class Texts:
    """The ids, titles and texts of a segment, read when they are asked for."""

    def __init__(self, folder: Path, number: int, rows: int) -> None:
        path = file_of(folder, "texts", number)
        self._ends = open_array(folder, "ends", number, np.int64, (rows, 3))
        self._where, size = str(path), path.stat().st_size
        self._bytes = np.asarray(np.memmap(path, np.uint8, "r")) if size else np.empty(0, np.uint8)
        if int(self._ends[-1, 2]) != size:
            raise UserError("not the texts that belong here", where=self._where, how=AGAIN)

    def parts(self, row: int) -> tuple[str, str | None, str]:
        """Return the id, title and text of a row."""
        start = int(self._ends[row - 1, 2]) if row else 0
        found: list[str] = []
        for end in self._ends[row].tolist():
            if not start <= end <= len(self._bytes):
                raise UserError("not the texts that belong here", where=self._where, how=AGAIN)
            try:
                found.append(self._bytes[start:end].tobytes().decode())
            except UnicodeDecodeError as error:
                raise UserError("a text that is not UTF-8", where=self._where, how=AGAIN) from error
            start = end
        return found[0], found[1] or None, found[2]


class Ids:
    """The rows of a segment's ids, found by a search in sorted digests."""

    def __init__(self, folder: Path, number: int, rows: int, texts: Texts) -> None:
        self._digests = open_array(folder, "digests", number, np.uint64, (rows,))
        self._order = open_array(folder, "order", number, np.int32, (rows,))
        self._texts = texts

    def find(self, ids: Collection[str]) -> Iterator[tuple[str, int]]:
        """Yield (id, row) of those that the segment has."""
        names = list(ids)
        wanted = digests_of(names)
        starts = np.searchsorted(self._digests, wanted).tolist()
        for name, digest, at in zip(names, wanted, starts, strict=True):
            while at < len(self._digests) and self._digests[at] == digest:
                row = int(self._order[at])
                if self._texts.parts(row)[0] == name:
                    yield name, row
                at += 1


class _Growing:
    """A .npy file that is written part by part: the number of its rows is filled in at the end."""

    def __init__(self, stream: BinaryIO, dtype: Any) -> None:
        self._stream, self._dtype, self._rows = stream, np.dtype(dtype), 0
        self._rest: tuple[int, ...] | None = None

    def add(self, rows: NDArray[Any]) -> None:
        if self._rest is None:
            self._rest = rows.shape[1:]
            self._header()
        self._stream.write(np.ascontiguousarray(rows, dtype=self._dtype).data)
        self._rows += len(rows)

    def close(self) -> None:
        if self._rest is not None:
            self._stream.seek(0)
            self._header()  # as long as before: numpy leaves room for a larger number of rows

    def _header(self) -> None:
        facts = {"descr": npy.dtype_to_descr(self._dtype), "fortran_order": False}
        npy.write_array_header_1_0(self._stream, facts | {"shape": (self._rows, *(self._rest or ()))})
