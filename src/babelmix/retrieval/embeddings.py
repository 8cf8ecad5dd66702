"""Open a folder of vectors for a benchmark: one row for each text, comparable by the model's similarity.

opened = open_embeddings(Path("vectors"), Path("data/benchmarks/xquad-r"))
scorer = CosineScorer(opened.queries, opened.passages)
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
    """The vectors of a benchmark's texts, in its order, made comparable (see similarity.py)."""

    queries: Rows
    passages: Rows
    similarity: Similarity
    joined: dict[str, str]  # for queries and passages: joined by "ids" or by "order"
    notes: tuple[str, ...]  # lines for the user about the joining


def open_embeddings(
    folder: Path, benchmark: Path, similarity: Similarity | None = None, *, queries: Rows | None = None
) -> Embeddings:
    """Open the vectors of a benchmark's queries and passages, made by `embed_benchmark` or by any other model.

    The folder holds `queries.npy` and `passages.npy` (or shards `passages-*.npy`, in the order of their names), one
    row a text. With `queries.txt` or `passages.txt`, one id a line, the rows may be in any order (see joins.py). For
    cosine, float16 rows must be unit vectors; rows of other types are normalised. Passages are read on demand.

    Args:
        folder: the folder of the vectors.
        benchmark: a benchmark folder.
        similarity: how the vectors are compared; by default as `vectors.json` says, or else by cosine.
        queries: vectors of other queries, in place of the benchmark's.

    Raises:
        UserError: a file is missing or damaged, `vectors.json` says that the vectors were made of other texts, or the
            ids or the number of rows do not fit.
    """
    record = read_record(folder)
    if record is not None and record.made_of and record.made_of.get("benchmark") != benchmark_digest(benchmark):
        what, how = "these vectors were made of other texts than this benchmark's", "embed the benchmark again"
        raise UserError(what, where=f"{folder}, {benchmark.name}", how=how)
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
