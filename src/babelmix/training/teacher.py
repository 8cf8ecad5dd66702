"""What a teacher says of every unit, in the language the unit was written in: what distillation pulls translations to.

    vectors = teach(model, pairs, settings=embed_settings, threads=2)      # pairs of train, one a unit
    write_teacher(Path("data/teacher/large.npz"), vectors)
    aligned(read_teacher(Path("data/teacher/large.npz")), index)           # float32 [2, units of index, d]

After Reimers and Gurevych, "Making monolingual sentence embeddings multilingual using knowledge distillation", EMNLP
2020, arXiv 2004.09813: a student is trained to give a sentence, and its translations, the teacher's vector of the
sentence. The teacher reads one language alone, the one it knows best; so a unit is encoded once, whatever the number of
its translations. Ours are of unit length, since a score here is a cosine, where the paper's are as they come.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from babelmix.common.arrays import read_arrays
from babelmix.common.errors import UserError
from babelmix.common.files import new_binary_file
from babelmix.common.id_arrays import pack, unpack
from babelmix.corpus.index import PairIndex
from babelmix.corpus.records import Pair
from babelmix.encoder.settings import Embed
from babelmix.retrieval.embed_benchmark import SHARD, encode

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

HOW = "run `babelmix teach` with this size again"


@dataclass(frozen=True, slots=True)
class TeacherVectors:
    """A teacher's vectors of unit length, row i of both arrays those of `units[i]`; the ids ascend."""

    units: tuple[str, ...]
    queries: NDArray[np.float16]  # [n, d]
    passages: NDArray[np.float16]  # [n, d]


def teach(
    model: "SentenceTransformer",
    pairs: Sequence[Pair],
    *,
    settings: Embed,
    threads: int,
    told: Callable[[int], None] = lambda done: None,
) -> TeacherVectors:
    """Return the teacher's vectors of the queries and passages of `pairs`, behind its own prompts.

    Args:
        model: the teacher.
        pairs: in any order, one a unit, in the language that the teacher shall read the unit in. A unit that is not
            among them has no vectors.
        settings: how texts become vectors; `context` has no part in it, a pair has none.
        threads: of torch; part of the result, as everywhere.
        told: gets the number of texts done since it was last called; equal texts are encoded, and told of, once.

    Raises:
        UserError: no pairs, a unit that stands twice, or a vector that is not finite.
    """
    if not pairs:
        how = "run `dvc repro pairs`, with a source that has pairs in its own language"
        raise UserError("there are no pairs to read", where="teacher", how=how)
    ordered = sorted(pairs, key=lambda pair: pair.unit)
    units = tuple(pair.unit for pair in ordered)
    for before, unit in pairwise(units):
        if before == unit:
            how = "give the teacher each unit once, in the language it was written in"
            raise UserError(f"unit {unit!r} stands twice", where="teacher", how=how)
    return TeacherVectors(units, *encode_pairs(model, ordered, settings=settings, threads=threads, told=told))


def encode_pairs(
    model: "SentenceTransformer",
    pairs: Sequence[Pair],
    *,
    settings: Embed,
    threads: int,
    told: Callable[[int], None] = lambda done: None,
) -> tuple[NDArray[np.float16], NDArray[np.float16]]:
    """Return the vectors of the queries and of the passages, [pairs, d] each; UserError where one is not finite.

    The arguments are those of `embed.encode`; 100,000 texts are tokenised at a time, which bounds memory.
    """

    def vectors(texts: list[str], prompt: str) -> NDArray[np.float16]:
        shards = [texts[start : start + SHARD] for start in range(0, len(texts), SHARD)]
        return np.concatenate(
            [encode(model, shard, prompt=prompt, settings=settings, threads=threads, told=told) for shard in shards]
        )

    queries = vectors([pair.query for pair in pairs], "query")
    passages = vectors([pair.passage for pair in pairs], "passage")
    finite = np.isfinite(queries).all(axis=1) & np.isfinite(passages).all(axis=1)
    if not finite.all():
        wrong = pairs[int(np.argmin(finite))]
        how = "look at that pair's texts; a model trained to NaN is of no use"
        raise UserError("a vector that is not finite", where=f"unit {wrong.unit!r}, {wrong.lang}", how=how)
    return queries, passages


def aligned(vectors: TeacherVectors, index: PairIndex) -> NDArray[np.float32]:
    """Return the vectors of queries and passages by unit number of an index: float32 [2, units, d], zeros for none.

    The mean of all queries is taken off each, likewise of passages, and what remains is of unit length: E5's vectors
    lie in a narrow cone, and what they share says nothing of a text.
    """
    place = places(vectors.units, index.units)
    there = place >= 0
    found = np.zeros((2, len(index.units), vectors.queries.shape[1]), dtype=np.float32)
    for side, part in enumerate((vectors.queries, vectors.passages)):
        apart = part.astype(np.float32) - part.mean(axis=0, dtype=np.float32)
        length = np.linalg.norm(apart, axis=1, keepdims=True)
        found[side, place[there]] = np.divide(apart, length, out=np.zeros_like(apart), where=length > 0)[there]
    return found


def places(names: Sequence[str], among: Sequence[str]) -> NDArray[np.int64]:
    """Return the place of each name among others, -1 where it is not one of them: int64 [names]."""
    place = {name: number for number, name in enumerate(among)}
    return np.fromiter((place.get(name, -1) for name in names), dtype=np.int64, count=len(names))


def write_teacher(path: Path, vectors: TeacherVectors) -> None:
    """Write the vectors as an .npz file without pickle: the same vectors are the same bytes."""
    with new_binary_file(path) as stream:
        np.savez(
            stream,
            allow_pickle=False,
            queries=vectors.queries,
            passages=vectors.passages,
            **pack("units", vectors.units),
        )


def read_teacher(path: Path) -> TeacherVectors:
    """Read what `write_teacher` wrote; a missing or broken file, or one of other arrays, is a UserError."""
    names = ("units", "units_ends", "queries", "passages")
    content, ends, queries, passages = read_arrays(path, names, what="a teacher's vectors", how=HOW)
    try:
        units = unpack(content, ends)
    except ValueError as error:
        raise UserError("the arrays are no vectors of a teacher", where=str(path), how=HOW) from error
    if not _sound(units, queries, passages):
        raise UserError("the arrays are no vectors of a teacher", where=str(path), how=HOW)
    return TeacherVectors(units, queries, passages)


def _sound(units: Sequence[str], queries: NDArray[Any], passages: NDArray[Any]) -> bool:
    """Say whether these are ascending ids [n] and two finite float16 [n, d], d at least 1."""
    if any(one >= other for one, other in pairwise(units)):
        return False
    if queries.ndim != 2 or queries.shape != passages.shape or len(queries) != len(units) or not queries.shape[1]:
        return False
    return all(rows.dtype == np.float16 and bool(np.isfinite(rows).all()) for rows in (queries, passages))
