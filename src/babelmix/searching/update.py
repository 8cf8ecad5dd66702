"""Add documents to an index and delete some, in place: a kill at any instant leaves the old state or the new one.

    added = add_documents(Path("my-index"), documents, encoder)      # new 3, replaced 1, unchanged 20
    deleted = delete_ids(Path("my-index"), ["faq-3"])

What is added comes as a segment of its own, and what is deleted is only marked. Once a QUARTER of the rows is deleted,
or there are SEGMENTS segments, or as many passages stand outside the approximate index as an exact search takes
(approximate.py, EXACT), all is written anew as one segment.
"""

from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from babelmix.common.errors import UserError
from babelmix.common.files import translate_errors
from babelmix.searching import approximate
from babelmix.searching.build import SHARD, PassageEncoder, Summed, encoded, lists_of, shards_of, write_states
from babelmix.searching.documents import Document
from babelmix.searching.index import SearchIndex
from babelmix.searching.means import add_rows
from babelmix.searching.record import Record, Segment, commit, file_of, read_record, sweep, writing
from babelmix.searching.segments import KINDS, Batch, open_array, write_segment

QUARTER, SEGMENTS = 0.25, 16


@dataclass(frozen=True, slots=True)
class Added:
    """What became of the documents that were added."""

    new: int
    replaced: int  # the index had another text under the id
    unchanged: int  # the index has them


def add_documents(folder: Path, documents: Iterable[Document], encoder: PassageEncoder) -> Added:
    """Add documents to an index; one whose id it has replaces the one that is there.

    A document that stands in the index unchanged is not encoded again.

    Raises:
        UserError: not an index, or made with another model.
    """
    with _updating(folder) as index:
        made = index.record.model
        if encoder.model.fingerprint != made.fingerprint:
            how = f"use that model, or make a new index with `babelmix index --model {encoder.model.name}`"
            raise UserError(f"made with another model, {made.name}", where=str(folder), how=how)
        fresh = _Fresh(index, documents)
        number, languages = index.record.number + 1, list(index.record.languages)
        summed = Summed(encoded(fresh, encoder), made.dimensions, languages, _sums(index))
        rows = write_segment(folder, number, summed, languages)
        if rows:
            segments = (*index.record.segments, Segment(number=number, rows=rows))
            _replace(index, summed.sums, np.array(fresh.replaced, dtype=np.int64), segments, tuple(languages))
        return Added(rows - len(fresh.replaced), len(fresh.replaced), fresh.unchanged)


def delete_ids(folder: Path, ids: Iterable[str]) -> tuple[int, tuple[str, ...]]:
    """Delete the documents with these ids; return how many, and the ids that the index does not have, sorted."""
    with _updating(folder) as index:
        wanted = set(ids)
        rows = index.rows_of(wanted)
        if rows:
            record = index.record
            gone = np.array(sorted(rows.values()), dtype=np.int64)
            _replace(index, _sums(index), gone, record.segments, record.languages)
        return len(rows), tuple(sorted(wanted - rows.keys()))


class _Fresh:
    """Documents that an index does not have as they are; which rows they replace is known at the end."""

    def __init__(self, index: SearchIndex, documents: Iterable[Document]) -> None:
        self._index, self._documents = index, documents
        self.replaced: list[int] = []
        self.unchanged = 0

    def __iter__(self) -> Iterator[Document]:
        for block in shards_of(self._documents):
            yield from self._those(block)

    def _those(self, block: list[Document]) -> Iterator[Document]:
        rows = self._index.rows_of([document.id for document in block])
        for document in block:
            row = rows.get(document.id)
            if row is not None and self._index.document(row) == document:
                self.unchanged += 1
                continue
            if row is not None:
                self.replaced.append(row)
            yield document


@contextmanager
def _updating(folder: Path) -> Generator[SearchIndex]:
    """Hold the lock of an index and yield it as it is now; nothing that an update leaves half done stays."""
    read_record(folder)
    with writing(folder), translate_errors(folder / "index"):
        sweep(folder)
        try:
            index = SearchIndex.open(folder)
            yield index
            _settle(folder)
        finally:
            sweep(folder)


def _sums(index: SearchIndex) -> NDArray[np.float64]:
    shape = (len(index.record.languages), index.record.model.dimensions)
    return np.array(open_array(index.folder, "sums", index.record.number, np.float64, shape))


def _replace(
    index: SearchIndex,
    sums: NDArray[np.float64],
    gone: NDArray[np.int64],
    segments: tuple[Segment, ...],
    languages: tuple[str, ...],
) -> None:
    """Commit the next state of an index, in which these rows are gone."""
    for start in range(0, len(gone), SHARD):
        rows = np.sort(gone)[start : start + SHARD]
        sums = add_rows(sums, index.vectors[rows], index.codes[rows], sign=-1)
    old = index.record
    deleted = np.union1d(np.flatnonzero(~index.live), gone).astype(np.int64)
    record = old.model_copy(update={"number": old.number + 1, "segments": segments, "languages": languages})
    _commit(index.folder, old, record, sums, deleted)


def _commit(folder: Path, old: Record, record: Record, sums: NDArray[np.float64], deleted: NDArray[np.int64]) -> None:
    before = set(_files(folder, old))
    after = _files(folder, record)
    new = [*(file for file in after if file not in before), *write_states(folder, record.number, sums, deleted)]
    commit(folder, record, [file for file in after if file in before], new)


def _files(folder: Path, record: Record) -> list[Path]:
    """Return the files of an index that last longer than a state."""
    files = [file_of(folder, kind, segment.number) for segment in record.segments for kind in KINDS]
    return files + ([file_of(folder, "lists", record.segments[0].number)] if record.lists else [])


def _settle(folder: Path) -> None:
    """Write an index anew as one segment where many rows are deleted, or many segments are there."""
    index = SearchIndex.open(folder)
    old, alive = index.record, len(index)
    outside = old.rows - (old.segments[0].rows if old.lists else 0)
    many = len(old.segments) >= SEGMENTS or outside > approximate.EXACT
    if not alive or (old.rows - alive < QUARTER * old.rows and not many):
        return
    number = old.number + 1
    rows = write_segment(folder, number, _batches(index), list(old.languages))
    segments = (Segment(number=number, rows=rows),)
    lists = lists_of(folder, segments[0], old.model, old.languages)
    record = old.model_copy(update={"number": number, "segments": segments, "lists": lists})
    _commit(folder, old, record, _sums(index), np.empty(0, dtype=np.int64))


def _batches(index: SearchIndex) -> Iterator[Batch]:
    rows: Any = np.flatnonzero(index.live)
    for start in range(0, len(rows), SHARD):
        part = rows[start : start + SHARD]
        yield [index.document(row) for row in part.tolist()], index.vectors[part].astype(np.float16)
