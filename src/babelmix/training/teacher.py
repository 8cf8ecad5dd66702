"""A teacher's vectors of the training units in the language they were written in: the targets of distillation.

    vectors = encode_teacher(model, pairs, settings=embed, threads=2)      # pairs of the train split, one for each unit
    write_teacher(Path("data/teacher/large.npz"), vectors)
    aligned(read_teacher(Path("data/teacher/large.npz")), index)           # float32 [2, units of index, d]

After Reimers and Gurevych, "Making monolingual sentence embeddings multilingual using knowledge distillation", EMNLP
2020, arXiv 2004.09813: the student learns to give a sentence and its translations the teacher's vector of the sentence.
The teacher encodes each unit once, in the language it was written in, however many translations there are. Our targets
have unit length, because scores are cosines; the paper's are not normalised.
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
from babelmix.encoder.encode import SHARD, TextList, encode_each
from babelmix.encoder.settings import Embed
from babelmix.encoder.vector_store import VectorStore

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

HOW = "run `babelmix teach` with this size again"


@dataclass(frozen=True, slots=True)
class TeacherVectors:
    """A teacher's vectors, of unit length; row i of both arrays belongs to `units[i]`, and `units` ascend."""

    units: tuple[str, ...]
    queries: NDArray[np.float16]  # [n, d]
    passages: NDArray[np.float16]  # [n, d]
    layers: int  # of the teacher, which its cost depends on


def encode_teacher(
    model: "SentenceTransformer",
    pairs: Sequence[Pair],
    *,
    settings: Embed,
    threads: int,
    on_progress: Callable[[int], None] = lambda done: None,
    store: VectorStore | None = None,
) -> TeacherVectors:
    """Return the teacher's vectors of the queries and passages of `pairs`, with its own prompts.

    Args:
        model: the teacher.
        pairs: in any order, one for each unit, in the language the unit was written in.
        settings: how texts become vectors; `context` is not used, because a pair has no context.
        threads: of torch; they decide the bytes of the result.
        on_progress: gets the number of texts done since its last call; equal texts are encoded and counted once.
        store: has or keeps the vectors of this model, these settings and threads (encoder/keep.py).

    Raises:
        UserError: no pairs, a duplicate unit, or a vector that is not finite.
    """
    if not pairs:
        how = "run `dvc repro pairs`, with a source that has pairs in its own language"
        raise UserError("there are no pairs to encode", where="teacher", how=how)
    ordered = sorted(pairs, key=lambda pair: pair.parallel_id)
    units = tuple(pair.parallel_id for pair in ordered)
    for before, unit in pairwise(units):
        if before == unit:
            how = "give the teacher each unit once, in the language it was written in"
            raise UserError(f"duplicate unit {unit!r}", where="teacher", how=how)
    vectors = encode_pairs(model, ordered, settings=settings, threads=threads, on_progress=on_progress, store=store)
    return TeacherVectors(units, *vectors, layers=layers_of(model))


def layers_of(model: "SentenceTransformer") -> int:
    """Return the number of layers of an encoder."""
    transformer: Any = model[0]
    return int(transformer.model.config.num_hidden_layers)


def encode_pairs(
    model: "SentenceTransformer",
    pairs: Sequence[Pair],
    *,
    settings: Embed,
    threads: int,
    on_progress: Callable[[int], None] = lambda done: None,
    store: VectorStore | None = None,
) -> tuple[NDArray[np.float16], NDArray[np.float16]]:
    """Return the vectors of the queries and of the passages, float16 [pairs, d] each; UserError if one is not finite.

    The arguments are those of `encoder.encode`. SHARD texts are encoded at a time, which bounds memory.
    """
    lists = [
        TextList(prompt, texts[start : start + SHARD])
        for prompt, texts in (("query", [pair.query for pair in pairs]), ("passage", [pair.passage for pair in pairs]))
        for start in range(0, len(texts), SHARD)
    ]
    found: dict[str, list[NDArray[np.float16]]] = {"query": [], "passage": []}
    for one, vectors, _ in encode_each(model, lists, settings, threads, on_progress, unit=True, store=store):
        found[one.prompt].append(vectors)
    queries, passages = (np.concatenate(parts) for parts in found.values())
    finite = np.isfinite(queries).all(axis=1) & np.isfinite(passages).all(axis=1)
    if not finite.all():
        wrong = pairs[int(np.argmin(finite))]
        how = "check the texts of that pair; a model with NaN weights cannot be used"
        raise UserError(
            "a vector that is not finite", where=f"parallel_id {wrong.parallel_id!r}, {wrong.lang}", how=how
        )
    return queries, passages


def aligned(vectors: TeacherVectors, index: PairIndex) -> NDArray[np.float32]:
    """Return the vectors of queries and passages by unit number of an index: float32 [2, units, d], zeros for none.

    The mean of all queries is subtracted from each query, likewise for passages, and the rest is normalised: E5's
    vectors lie in a narrow cone, and their common part does not distinguish texts.
    """
    position = positions(vectors.units, index.units)
    known = position >= 0
    found = np.zeros((2, len(index.units), vectors.queries.shape[1]), dtype=np.float32)
    for side, part in enumerate((vectors.queries, vectors.passages)):
        apart = part.astype(np.float32) - part.mean(axis=0, dtype=np.float32)
        length = np.linalg.norm(apart, axis=1, keepdims=True)
        found[side, position[known]] = np.divide(apart, length, out=np.zeros_like(apart), where=length > 0)[known]
    return found


def positions(names: Sequence[str], among: Sequence[str]) -> NDArray[np.int64]:
    """Return the position of each name in `among`, -1 if it is not there: int64 [names]."""
    position = {name: number for number, name in enumerate(among)}
    return np.fromiter((position.get(name, -1) for name in names), dtype=np.int64, count=len(names))


def write_teacher(path: Path, vectors: TeacherVectors) -> None:
    """Write the vectors as an .npz file without pickle; equal vectors give equal bytes."""
    with new_binary_file(path) as stream:
        np.savez(
            stream,
            allow_pickle=False,
            queries=vectors.queries,
            passages=vectors.passages,
            layers=np.array(vectors.layers, dtype=np.int64),
            **pack("units", vectors.units),
        )


def read_teacher(path: Path) -> TeacherVectors:
    """Read what `write_teacher` wrote; UserError if the file is missing, damaged, or has other arrays."""
    names = ("units", "units_ends", "queries", "passages", "layers")
    content, ends, queries, passages, layers = read_arrays(path, names, what="a teacher's vectors", how=HOW)
    try:
        units = unpack(content, ends)
    except ValueError as error:
        raise UserError("the arrays are not a teacher's vectors", where=str(path), how=HOW) from error
    if not _sound(units, queries, passages) or layers.shape or layers.dtype != np.int64 or layers < 1:
        raise UserError("the arrays are not a teacher's vectors", where=str(path), how=HOW)
    return TeacherVectors(units, queries, passages, int(layers))


def _sound(units: Sequence[str], queries: NDArray[Any], passages: NDArray[Any]) -> bool:
    """Return whether these are ascending ids [n] and two finite float16 arrays [n, d], d at least 1."""
    if any(one >= other for one, other in pairwise(units)):
        return False
    if queries.ndim != 2 or queries.shape != passages.shape or len(queries) != len(units) or not queries.shape[1]:
        return False
    return all(rows.dtype == np.float16 and bool(np.isfinite(rows).all()) for rows in (queries, passages))
