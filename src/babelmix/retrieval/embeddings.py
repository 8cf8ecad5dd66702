"""A folder of vectors as what it is to a benchmark: a row for each text, comparable by the model's own similarity.

opened = open_embeddings(Path("vectors"), Path("data/benchmarks/xquad-r"))
scores = Cosines(opened.queries, opened.passages)
opened.similarity, opened.joined["passages"], opened.notes       # "cosine", "ids", ()
"""

from dataclasses import dataclass
from pathlib import Path

from babelmix.common.errors import UserError
from babelmix.common.similarities import Similarity
from babelmix.retrieval.joins import join
from babelmix.retrieval.similarity import comparable
from babelmix.retrieval.vector_record import benchmark_digest, read_record
from babelmix.retrieval.vectors import Rows, open_shards


@dataclass(frozen=True, slots=True)
class Embeddings:
    """The vectors of a benchmark's texts, in its order, made comparable (see similarity)."""

    queries: Rows
    passages: Rows
    similarity: Similarity
    joined: dict[str, str]  # queries and passages: by "ids", or by "order"
    notes: tuple[str, ...]  # what is to be said of the joining


def open_embeddings(
    folder: Path, benchmark: Path, similarity: Similarity | None = None, *, queries: Rows | None = None
) -> Embeddings:
    """Open the vectors of a benchmark's queries and passages: those of `embed_benchmark`, or of any other model.

    The folder holds `queries.npy` and `passages.npy` (or shards `passages-*.npy`, in the order of their names), a row
    a text; with `queries.txt` or `passages.txt`, an id a line, in any order (see joins). For cosine, rows of float16
    must be unit vectors; others are made so. Passages are read when they are asked for.

    Args:
        folder: of the vectors.
        benchmark: a benchmark folder.
        similarity: what the vectors are compared by; unless given, what `vectors.json` says, or else cosine.
        queries: vectors of other queries, in place of the benchmark's.

    Raises:
        UserError: a missing or broken file, vectors that `vectors.json` says were made of other texts, ids or numbers
            of rows that do not fit.
    """
    record = read_record(folder)
    if record is not None and record.made_of and record.made_of.get("benchmark") != benchmark_digest(benchmark):
        how = "embed the benchmark again"
        raise UserError("vectors of other texts than this benchmark has", where=f"{folder}, {benchmark.name}", how=how)
    named = similarity or (record.similarity if record else "cosine")
    passages = join(open_shards(folder, "passages"), "passages", folder, benchmark)
    joined = {"passages": passages}
    if queries is None:
        joined = {"queries": join(open_shards(folder, "queries"), "queries", folder, benchmark), **joined}
        queries = joined["queries"].rows
    return Embeddings(
        *comparable(queries, passages.rows, named, where=str(folder)),
        named,
        {name: found.by for name, found in joined.items()},
        tuple(note for found in joined.values() for note in found.notes),
    )
