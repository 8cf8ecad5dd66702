"""Make an index of vectors, and of documents through an encoder.

    index_vectors(documents, vectors, model, Path("my-index"))         # float16 [n, d] unit vectors
    claim_index(Path("my-index"), inputs=[texts, folder])              # before any work
    counts = index_documents(documents, encoder, Path("my-index"))     # as a stream, in shards

The folder appears when it is whole: a kill leaves what was there before.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from babelmix.common.errors import UserError
from babelmix.common.files import new_folder
from babelmix.common.outputs import claim_folder
from babelmix.retrieval.scorers import check_lengths
from babelmix.retrieval.vectors import Shards
from babelmix.searching import approximate
from babelmix.searching.documents import Document
from babelmix.searching.means import add_rows
from babelmix.searching.record import (
    VERSION,
    Lists,
    Model,
    Record,
    Segment,
    file_of,
    is_index,
    sweep,
    write_record,
    writing,
)
from babelmix.searching.segments import Batch, codes_of, open_array, write_segment

SHARD = 20_000  # documents that are encoded together: texts of like length share a batch


@dataclass(frozen=True, slots=True)
class PassageEncoder:
    """The encoder of an index: what the index records of it, and texts to float16 unit vectors, [n, d]."""

    model: Model
    encode: Callable[[Sequence[str]], NDArray[np.float16]]
    cut: list[int] = field(default_factory=lambda: [0])  # how many texts were longer than it reads, so far


def claim_index(output: Path, *, inputs: Iterable[Path]) -> None:
    """Refuse what `claim_folder` refuses; of an index that is there, wait for its writer and delete what a kill left.

    What an addition that was killed left beside the index is babelmix's own, although no manifest names it.
    """
    if not is_index(output):
        claim_folder(output, inputs=inputs)
        return
    with writing(output):
        sweep(output)
        claim_folder(output, inputs=inputs)


def index_documents(documents: Iterable[Document], encoder: PassageEncoder, output: Path) -> Record:
    """Encode documents as they come, in shards, and write them as an index; return what it says of itself.

    `output` may be an older index, which is then replaced as a whole. UserError if there is no document, for vectors
    that have not unit length, and for an output that babelmix did not write.
    """
    return _write(encoded(documents, encoder), encoder.model, output)


def index_vectors(documents: Sequence[Document], vectors: NDArray[Any], model: Model, output: Path) -> Record:
    """Write documents whose unit vectors, [n, d], are known already as an index; see `index_documents`."""
    if len(documents) != len(vectors):
        what = f"{len(documents):,} documents and {len(vectors):,} vectors"
        raise UserError(what, where="index", how="give one vector for each document")
    starts = range(0, len(documents), SHARD)
    batches = ((documents[at : at + SHARD], vectors[at : at + SHARD].astype(np.float16)) for at in starts)
    return _write(batches, model, output)


def encoded(documents: Iterable[Document], encoder: PassageEncoder) -> Iterator[Batch]:
    """Yield documents and their vectors, in shards."""
    for shard in shards_of(documents):
        yield shard, encoder.encode([one.passage for one in shard])


def shards_of(documents: Iterable[Document]) -> Iterator[list[Document]]:
    """Yield documents as they come, SHARD at once."""
    stream = iter(documents)
    while shard := list(islice(stream, SHARD)):
        yield shard


@dataclass(slots=True)
class Summed:
    """Batches that are checked and summed by language on their way to disk; new languages are added to `languages`."""

    batches: Iterable[Batch]
    dimensions: int
    languages: list[str]
    sums: NDArray[np.float64]

    def __iter__(self) -> Iterator[Batch]:
        """Yield the batches."""
        row = 0
        for documents, vectors in self.batches:
            if vectors.shape != (len(documents), self.dimensions):
                what = f"vectors of shape {vectors.shape} for {len(documents)} texts"
                raise UserError(what, where="index", how=f"use a model of {self.dimensions} dimensions")
            wide = vectors.astype(np.float32)
            check_lengths(np.einsum("nd,nd->n", wide, wide), "index", row)
            row += len(documents)
            yield documents, vectors
            self.sums = add_rows(self.sums, vectors, codes_of(documents, self.languages))


def write_states(folder: Path, number: int, sums: NDArray[np.float64], deleted: NDArray[np.int64]) -> list[Path]:
    """Write the sums and the deleted rows of a state of an index; return the files."""
    files = [file_of(folder, "sums", number), file_of(folder, "deleted", number)]
    for file, array in zip(files, (sums, deleted), strict=True):
        with file.open("wb") as stream:
            np.save(stream, array, allow_pickle=False)
    return files


def _write(batches: Iterable[Batch], model: Model, output: Path) -> Record:
    with writing(output):
        if is_index(output):
            sweep(output)
        with new_folder(output) as folder:
            languages: list[str] = []
            summed = Summed(batches, model.dimensions, languages, np.zeros((0, model.dimensions)))
            rows = write_segment(folder, 1, summed, languages)
            if not rows:
                how = "give it some text; the lines above say what was left out"
                raise UserError("no document to index", where=str(output), how=how)
            write_states(folder, 1, summed.sums, np.empty(0, dtype=np.int64))
            segments = (Segment(number=1, rows=rows),)
            lists = lists_of(folder, segments[0], model, languages)
            record = Record(
                version=VERSION, number=1, model=model, languages=tuple(languages), segments=segments, lists=lists
            )
            write_record(folder, record)
    return record


def lists_of(folder: Path, segment: Segment, model: Model, languages: Sequence[str]) -> Lists | None:
    """Write the lists of a segment that is too large for exact search; None if it is not."""
    if segment.rows <= approximate.EXACT:
        return None
    vectors = Shards([file_of(folder, "vectors", segment.number)])
    codes = np.array(open_array(folder, "languages", segment.number, np.int16, (segment.rows,)))
    return approximate.build_lists(folder, segment.number, vectors, codes, languages)
