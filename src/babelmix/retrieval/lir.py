"""Language information removal (LIR): take the directions of its language out of an embedding.

    found = directions(vectors, languages, rank=1)      # from unlabelled text, one language a row
    queries = remove(queries, [query.lang for query in benchmark.queries], found)
    write_directions(Path("models/base/directions.npz"), found)

After Yang, Yang, Cer and Darve, EMNLP 2021, arXiv 2109.04727: where languages lie apart, the strongest directions in
the embeddings of one tell the language more than the meaning, and one linear step after training takes them out. For
retrieval the authors remove one direction: in their code a model trained as X-X goes from .234 to .452 mAP on XQuAD-R,
and to .447 with two.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from babelmix.common.arrays import read_arrays
from babelmix.common.errors import UserError
from babelmix.common.files import new_binary_file
from babelmix.common.hashing import hash_order
from babelmix.corpus.records import Pair

LOST = float(np.finfo(np.float16).eps)  # what remains of a vector below this share of it is float16 rounding
HOW = "estimate the directions again"
ARRAYS = ("languages", "directions", "other")  # of an .npz file of directions


@dataclass(frozen=True, slots=True)
class Directions:
    """Orthonormal directions of each language, float32 [r, d], and of a language that the text lacked."""

    by_language: dict[str, NDArray[np.float32]]
    other: NDArray[np.float32]

    def of(self, lang: str) -> NDArray[np.float32]:
        """Return the directions of a language, or those of all languages together where it has none of its own."""
        return self.by_language.get(lang, self.other)


def sample(pairs: Sequence[Pair], units: int) -> list[Pair]:
    """Return train pairs to estimate directions on: in each language, those whose unit has the lowest sha256.

    Languages with fewer than `units` train pairs give all of theirs. Nothing is drawn from dev, or from a benchmark.
    """
    train = [pair for pair in pairs if pair.split == "train"]
    train.sort(key=lambda pair: (pair.lang, hash_order(pair.parallel_id)))
    return [pair for _, group in groupby(train, key=lambda pair: pair.lang) for pair in islice(group, units)]


def directions(vectors: NDArray[np.floating[Any]], languages: Sequence[str], rank: int) -> Directions:
    """Find the `rank` strongest directions of each language in embeddings of unlabelled text.

    They are the first right singular vectors of the embeddings of the language, one a row, not centred, as in the
    paper and its code: the mean, which centring would take away, is much of what tells a language. The authors take
    10,000 sentences of each language, embed them as questions and use the directions for questions and answers.

    `other` is our own extension for a language without text here, which the paper does not have: the directions of all
    languages together, each weighing the same however many rows it has. A report must name the languages that it
    served: those that are not in `by_language`.

    Args:
        vectors: float [n, d], unit length.
        languages: n language codes.
        rank: the number of directions, r in the paper, at least 1 and less than d.

    Raises:
        UserError: shapes that do not fit, a number that is not finite, or a language whose text spans fewer than
            `rank` directions.
    """
    spoken = _checked(vectors, languages)
    if not 1 <= rank < vectors.shape[1]:
        how = f"choose from 1 to {vectors.shape[1] - 1}: each takes a dimension away"
        raise UserError(f"{rank} directions of {vectors.shape[1]}", where="directions, rank", how=how)
    by_language: dict[str, NDArray[np.float32]] = {}
    triangles: list[NDArray[np.float64]] = []
    for lang in sorted(set(languages)):
        rows = vectors[spoken == lang].astype(np.float64)
        # R of QR has the right singular vectors of the rows, and at most d rows itself.
        triangle: NDArray[np.float64] = np.asarray(np.linalg.qr(rows, mode="r"))
        by_language[lang] = _strongest(triangle, rank, lang)
        triangles.append(triangle / np.sqrt(len(rows)))
    return Directions(by_language, _strongest(np.concatenate(triangles), rank, "all languages"))


def remove(vectors: NDArray[np.floating[Any]], languages: Sequence[str], directions: Directions) -> NDArray[np.float16]:
    """Return float16 [n, d] unit vectors without the directions of their language: e - C^T C e, made unit length again.

    The authors compare by dot product without the last step; here a score is a cosine, before and after.

    Args:
        vectors: float [n, d].
        languages: the n languages of the vectors.
        directions: C of each language, float32 [r, d].

    Raises:
        UserError: shapes that do not fit, a number that is not finite, or a vector of which nothing remains.
    """
    spoken = _checked(vectors, languages)
    if vectors.shape[1] != directions.other.shape[1]:
        what = f"vectors of {vectors.shape[1]} dimensions, directions of {directions.other.shape[1]}"
        raise UserError(what, where="embeddings", how="estimate the directions with the same model")
    cleaned = np.empty(vectors.shape, dtype=np.float16)
    for lang in sorted(set(languages)):
        rows = np.flatnonzero(spoken == lang)
        before = vectors[rows].astype(np.float64)
        along = directions.of(lang).astype(np.float64)
        after = before - before @ along.T @ along
        length = np.linalg.norm(after, axis=1, keepdims=True)
        lost = length <= LOST * np.linalg.norm(before, axis=1, keepdims=True)
        if lost.any():
            where = f"embeddings, row {rows[np.argmax(lost)]}, language {lang!r}"
            how = "remove fewer directions, or look at that text"
            raise UserError("nothing remains without the directions of its language", where=where, how=how)
        cleaned[rows] = after / length
    return cleaned


def write_directions(path: Path, directions: Directions) -> None:
    """Write the directions as an .npz file without pickle: the same directions are the same bytes."""
    by_language = sorted(directions.by_language.items())
    with new_binary_file(path) as stream:
        np.savez(
            stream,
            allow_pickle=False,
            languages=np.array([lang for lang, _ in by_language]),
            directions=np.array([along for _, along in by_language]),
            other=directions.other,
        )


def read_directions(path: Path) -> Directions:
    """Read what `write_directions` wrote; a missing or broken file is a UserError."""
    languages, own, other = read_arrays(path, ARRAYS, what="directions", how=HOW)
    if not _sound(languages, own, other):
        raise UserError("the arrays are no directions", where=str(path), how=HOW)
    return Directions(dict(zip(languages.tolist(), own, strict=True)), other)


def _strongest(rows: NDArray[np.float64], rank: int, whose: str) -> NDArray[np.float32]:
    """Return the first `rank` right singular vectors of the rows, which must have as many."""
    _, strength, vectors = np.linalg.svd(rows, full_matrices=False)
    spanned = int(np.count_nonzero(strength > LOST * strength.max()))
    if spanned < rank:
        what = f"the text spans {spanned} directions, fewer than {rank}"
        raise UserError(what, where=f"embeddings, {whose}", how="give it more text, or choose a lower rank")
    return vectors[:rank].astype(np.float32)


def _sound(languages: NDArray[Any], own: NDArray[Any], other: NDArray[Any]) -> bool:
    """Say whether these are languages [L], their directions [L, r, d] and others [r, d], orthonormal."""
    if languages.ndim != 1 or languages.dtype.kind != "U" or other.ndim != 2:
        return False
    if own.shape != (len(languages), *other.shape) or not own.dtype == other.dtype == np.float32:
        return False
    if not all((np.abs(rows) <= 2).all() for rows in (own, other)):  # and no NaN
        return False
    return all(np.allclose(along @ along.T, np.eye(len(along)), atol=1e-4) for along in (*own, other))


def _checked(vectors: NDArray[np.floating[Any]], languages: Sequence[str]) -> NDArray[np.str_]:
    """Return the language of each row as an array; UserError where rows and languages differ or a number is broken."""
    if vectors.ndim != 2 or len(vectors) != len(languages) or not len(vectors):
        what = f"shape {vectors.shape} and {len(languages)} languages"
        raise UserError(what, where="embeddings", how="give one row and one language for each text")
    finite = np.isfinite(vectors).all(axis=1)
    if not finite.all():
        where = f"embeddings, row {np.argmin(finite)}"
        how = "look at that text, then embed again; a model trained to NaN has no directions"
        raise UserError("a number that is not finite", where=where, how=how)
    return np.array(languages)
