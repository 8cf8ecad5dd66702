"""Language information removal (LIR): remove the directions of its language from an embedding.

    found = find_directions(vectors, languages, rank=1)      # from unlabelled text, one language a row
    queries = remove_directions(queries, [query.lang for query in benchmark.queries], found)
    write_directions(Path("data/lir/hybrid.npz"), found)

The method is that of Yang, Yang, Cer and Darve (EMNLP 2021, arXiv 2109.04727). If an encoder separates languages, the
strongest directions in the embeddings of one language encode the language more than the meaning. One linear step after
training removes them. For retrieval the authors remove one direction: with their code a model trained as X-X rises
from .234 to .452 mAP on XQuAD-R, and to .447 with two directions.
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

LOST = float(np.finfo(np.float16).eps)  # a remainder below this share of a vector is float16 rounding
HOW = "estimate the directions again"
ARRAYS = ("languages", "directions", "other")  # in an .npz file of directions


@dataclass(frozen=True, slots=True)
class Directions:
    """Orthonormal directions of each language, float32 [r, d], and `other` for a language without text."""

    by_language: dict[str, NDArray[np.float32]]
    other: NDArray[np.float32]

    def of(self, lang: str) -> NDArray[np.float32]:
        """Return the directions of a language; `other` if the language had no text."""
        return self.by_language.get(lang, self.other)


def sample_pairs(pairs: Sequence[Pair], units: int) -> list[Pair]:
    """Return train pairs to estimate directions on: in each language, the `units` pairs with the lowest sha256.

    The hash is that of the pair's unit. A language with fewer train pairs contributes all of them. Pairs of the dev
    split are never used.
    """
    train = [pair for pair in pairs if pair.split == "train"]
    train.sort(key=lambda pair: (pair.lang, hash_order(pair.parallel_id)))
    return [pair for _, group in groupby(train, key=lambda pair: pair.lang) for pair in islice(group, units)]


def find_directions(vectors: NDArray[np.floating[Any]], languages: Sequence[str], rank: int) -> Directions:
    """Find the `rank` strongest directions of each language in embeddings of unlabelled text.

    They are the first right singular vectors of the language's embeddings, one a row. As in the paper and its code
    the embeddings are not centred: centring would remove the mean, which carries much of the language. The authors
    embed 10,000 sentences of each language as questions and use the directions for both questions and answers.

    `other` is our extension to the paper, for a language without text here: the directions of all languages together.
    Every language weighs the same, however many rows it has. A report must name the languages that `other` was used
    for: those that are not in `by_language`.

    Args:
        vectors: float [n, d], unit length.
        languages: n language codes.
        rank: the number of directions, r in the paper, at least 1 and less than d.

    Raises:
        UserError: the shapes do not fit, a number is not finite, or a language's text spans fewer than `rank`
            directions.
    """
    spoken = _checked(vectors, languages)
    if not 1 <= rank < vectors.shape[1]:
        how = f"choose from 1 to {vectors.shape[1] - 1}: each direction removes a dimension"
        raise UserError(f"{rank} directions of {vectors.shape[1]}", where="evaluate.lir_rank", how=how)
    by_language: dict[str, NDArray[np.float32]] = {}
    triangles: list[NDArray[np.float64]] = []
    for lang in sorted(set(languages)):
        rows = vectors[spoken == lang].astype(np.float64)
        # R of QR has the same right singular vectors as the rows, and at most d rows.
        triangle: NDArray[np.float64] = np.asarray(np.linalg.qr(rows, mode="r"))
        by_language[lang] = _strongest(triangle, rank, lang)
        triangles.append(triangle / np.sqrt(len(rows)))
    return Directions(by_language, _strongest(np.concatenate(triangles), rank, "all languages"))


def remove_directions(
    vectors: NDArray[np.floating[Any]], languages: Sequence[str], directions: Directions
) -> NDArray[np.float16]:
    """Return float16 [n, d] unit vectors without the directions of their language: e - C^T C e, normalised again.

    The authors compare by dot product and do not normalise again; here a score is a cosine, before and after.

    Args:
        vectors: float [n, d].
        languages: the n languages of the vectors.
        directions: C of each language, float32 [r, d].

    Raises:
        UserError: the shapes do not fit, a number is not finite, or nothing remains of a vector.
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
            raise UserError("nothing remains of this vector without its language's directions", where=where, how=how)
        cleaned[rows] = after / length
    return cleaned


def write_directions(path: Path, directions: Directions) -> None:
    """Write the directions as an .npz file without pickle; the same directions give the same bytes."""
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
    """Read a file of `write_directions`; UserError if it is missing or damaged."""
    languages, own, other = read_arrays(path, ARRAYS, what="directions", how=HOW)
    if not _sound(languages, own, other):
        raise UserError("the arrays are not directions", where=str(path), how=HOW)
    return Directions(dict(zip(languages.tolist(), own, strict=True)), other)


def _strongest(rows: NDArray[np.float64], rank: int, whose: str) -> NDArray[np.float32]:
    """Return the first `rank` right singular vectors of the rows; UserError if they span fewer directions."""
    _, strength, vectors = np.linalg.svd(rows, full_matrices=False)
    spanned = int(np.count_nonzero(strength > LOST * strength.max()))
    if spanned < rank:
        what = f"the text spans {spanned} directions, fewer than {rank}"
        raise UserError(what, where=f"embeddings, {whose}", how="give it more text, or choose a lower rank")
    return vectors[:rank].astype(np.float32)


def _sound(languages: NDArray[Any], own: NDArray[Any], other: NDArray[Any]) -> bool:
    """Return whether these are languages [L], their directions [L, r, d] and others [r, d], orthonormal."""
    if languages.ndim != 1 or languages.dtype.kind != "U" or other.ndim != 2:
        return False
    if own.shape != (len(languages), *other.shape) or not own.dtype == other.dtype == np.float32:
        return False
    if not all((np.abs(rows) <= 2).all() for rows in (own, other)):  # False for NaN
        return False
    return all(np.allclose(along @ along.T, np.eye(len(along)), atol=1e-4) for along in (*own, other))


def _checked(vectors: NDArray[np.floating[Any]], languages: Sequence[str]) -> NDArray[np.str_]:
    """Return the language of each row as an array; UserError for shapes that do not fit or a number not finite."""
    if vectors.ndim != 2 or len(vectors) != len(languages) or not len(vectors):
        what = f"shape {vectors.shape} and {len(languages)} languages"
        raise UserError(what, where="embeddings", how="give one row and one language for each text")
    finite = np.isfinite(vectors).all(axis=1)
    if not finite.all():
        where = f"embeddings, row {np.argmin(finite)}"
        how = "look at that text, then embed again; the weights of the model may be NaN"
        raise UserError("a number that is not finite", where=where, how=how)
    return np.array(languages)
