"""Hard negatives: for each training query, the wrong passages of its language that a model ranks highest.

    index = index_pairs(known)                                   # known: [(pair, whether a machine translated it), ...]
    rows = train_rows(index)
    pairs = [pair for pair, _ in known]
    found = mine(model, pairs, index, rows, index_units(index, rows), 1, settings=embed, threads=2)
    aligned(found, index)                                        # int32 [rows of index, 1]: unit numbers, -1 for none

A passage that the model ranks high may answer the query although no one marked it so. Passages of the query's unit and
of its group (`units.Units`: units that share a text) are left out. So is every passage that scores above 95 % of the
right one's score: the "TopK-PercPos" filter of Moreira et al., "NV-Retriever: improving text embedding models with
effective hard-negative mining", arXiv 2407.15831, the best of the filters that they compared, with that share.
"""

from collections.abc import Callable, Sequence, Sized
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from babelmix.batches.units import Units
from babelmix.common.arrays import read_arrays
from babelmix.common.errors import UserError
from babelmix.common.files import new_binary_file
from babelmix.common.id_arrays import pack, unpack
from babelmix.corpus.index import PairIndex
from babelmix.corpus.records import Pair
from babelmix.encoder.settings import Embed
from babelmix.evaluation.ranks import PASSAGES, QUERIES
from babelmix.retrieval.topk import Top, kth_or_less
from babelmix.training.teacher import encode_pairs, positions

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

SHARE = 0.95  # a negative scores at most this share of the right passage's score; from NV-Retriever
HOW = "run `babelmix mine` again"
ARRAYS = ("units", "units_ends", "languages", "unit", "lang", "negatives")  # of an .npz file of negatives


@dataclass(frozen=True, slots=True)
class Negatives:
    """The mined passages of each (unit, language), rows ascending by language, then unit.

    `units` and `languages` are those of the index they were mined on, ascending; the numbers are positions in them.
    """

    units: tuple[str, ...]
    languages: tuple[str, ...]
    unit: NDArray[np.int32]  # [n]
    lang: NDArray[np.int16]  # [n]
    negatives: NDArray[np.int32]  # [n, k] units of the passages, hardest first, then -1


def mine(
    model: "SentenceTransformer",
    pairs: Sequence[Pair],
    index: PairIndex,
    rows: NDArray[np.int64],
    units: Units,
    k: int,
    *,
    share: float = SHARE,
    settings: Embed,
    threads: int,
    on_progress: Callable[[int], None] = lambda done: None,
) -> Negatives:
    """Return, for each row, the k passages of its language that rank highest for its query and are not answers.

    Args:
        model: ranks the passages.
        pairs: the pair of each row of the index.
        index: what `rows` are rows of.
        rows: int64, the rows whose queries are searched and whose passages are candidates; a unit at most once in each
            language.
        units: the groups, made from the training rows of all languages.
        k: number of negatives of a row, at least 1; a row has fewer if no more are left.
        share: the highest score of a negative is p - (1 - share) |p| for the right passage's score p.
        settings: how texts become vectors.
        threads: of torch; they decide the bytes of the result.
        on_progress: gets the number of steps done since its last call: three a row, one less for a duplicate text.

    Raises:
        UserError: no rows, or a vector that is not finite.
    """
    if not len(rows):
        raise UserError("there are no pairs to mine", where="mine", how="make some first: `dvc repro translate`")
    rows = rows[np.lexsort((index.unit[rows], index.lang[rows]))]
    found = np.full((len(rows), k), -1, dtype=np.int32)
    for number in np.unique(index.lang[rows]).tolist():
        here = np.flatnonzero(index.lang[rows] == number)
        spoken, unit = [pairs[row] for row in rows[here].tolist()], index.unit[rows[here]]
        queries, passages = encode_pairs(model, spoken, settings=settings, threads=threads, on_progress=on_progress)
        texts = index.keys[rows[here], 1]
        best = hardest(queries, passages, units.groups[unit], texts, k, share=share, on_progress=on_progress)
        found[here] = np.append(unit, np.int32(-1))[best]
    return Negatives(index.units, index.languages, index.unit[rows], index.lang[rows], found)


def hardest(
    queries: NDArray[np.float16],
    passages: NDArray[np.float16],
    groups: NDArray[np.int64],
    texts: NDArray[np.uint64],
    k: int,
    *,
    share: float = SHARE,
    on_progress: Callable[[int], None] = lambda done: None,
) -> NDArray[np.int64]:
    """Return the k passages that score highest for each query and are not answers: int64 [n, k] row numbers.

    Row i of each array is one pair. A passage is not a negative if it is of the query's group or scores above `share`
    of the right one's score; of equal passages only the first is one. The order is (-score, row), then -1. A score is
    the exact dot product, rounded once to float32, so the size of the blocks does not change it.

    Args:
        queries: float16 unit vectors [n, d].
        passages: float16 unit vectors [n, d], the right one of each query.
        groups: [n], equal for pairs that may answer each other.
        texts: [n], equal for equal passages (`PairIndex.keys`).
        k: number of negatives of a query, at least 1.
        share: see `mine`.
        on_progress: gets the number of queries done since its last call.
    """
    first = np.sort(np.unique(texts, return_index=True)[1])
    found = np.empty((len(queries), k), dtype=np.int64)
    for at in range(0, len(queries), QUERIES):
        asked = queries[at : at + QUERIES].astype(np.float64)
        right = np.einsum("nd,nd->n", asked, passages[at : at + QUERIES].astype(np.float64)).astype(np.float32)
        ceiling = right - (1 - share) * np.abs(right)
        top = Top(len(asked), k)
        for start in range(0, len(first), PASSAGES):
            part = first[start : start + PASSAGES]
            scores = (asked @ passages[part].astype(np.float64).T).astype(np.float32)
            scores[(groups[at : at + QUERIES, None] == groups[part]) | (scores > ceiling[:, None])] = -np.inf
            limit = np.maximum(top.score[:, -1], kth_or_less(scores, k)) if len(part) >= k else top.score[:, -1]
            query, column = np.nonzero((scores >= limit[:, None]) & (scores > -np.inf))
            top.merge(query, part[column], scores[query, column])
        found[at : at + QUERIES] = np.where(np.isneginf(top.score), -1, top.passage)
        on_progress(len(asked))
    return found


def aligned(negatives: Negatives, index: PairIndex) -> NDArray[np.int32]:
    """Return the negatives of each row of an index, as unit numbers of that index: int32 [rows, k].

    A row ends with -1 if nothing was mined for it, or if a negative's unit is no longer in the train split in the row's
    language. The human and the machine-translated pair of one unit and language get the same negatives.
    """
    unit = positions(negatives.units, index.units)
    lang = positions(negatives.languages, index.languages)
    languages = len(index.languages)
    mined = np.flatnonzero((unit[negatives.unit] >= 0) & (lang[negatives.lang] >= 0))
    spoken = lang[negatives.lang[mined], None]
    number = np.append(unit, -1)[negatives.negatives[mined]]
    unit_lang = index.unit.astype(np.int64) * languages + index.lang
    number[~np.isin(number * languages + spoken, unit_lang[~index.dev])] = -1
    number = np.take_along_axis(number, np.argsort(number < 0, axis=1, kind="stable"), axis=1)
    found = np.full((len(unit_lang), negatives.negatives.shape[1]), -1, dtype=np.int32)
    own = unit[negatives.unit[mined]] * languages + spoken[:, 0]
    order = np.argsort(own)
    position = np.searchsorted(own[order], unit_lang)
    known = np.flatnonzero(np.append(own[order], -1)[position] == unit_lang)
    found[known] = number[order[position[known]]]
    return found


def write_negatives(path: Path, negatives: Negatives) -> None:
    """Write the negatives as an .npz file without pickle; equal negatives give equal bytes."""
    with new_binary_file(path) as stream:
        np.savez(
            stream,
            allow_pickle=False,
            languages=np.array(negatives.languages, dtype=np.str_),
            unit=negatives.unit,
            lang=negatives.lang,
            negatives=negatives.negatives,
            **pack("units", negatives.units),
        )


def read_negatives(path: Path) -> Negatives:
    """Read what `write_negatives` wrote; UserError if the file is missing, damaged, or has other arrays."""
    content, ends, languages, unit, lang, negatives = read_arrays(path, ARRAYS, what="negatives", how=HOW)
    try:
        units = unpack(content, ends)
    except ValueError as error:
        raise UserError("the arrays are not hard negatives", where=str(path), how=HOW) from error
    named = languages.dtype.kind == "U" and languages.ndim == 1
    numbers = (unit.dtype, lang.dtype, negatives.dtype) == (np.int32, np.int16, np.int32)
    shapes = unit.ndim == 1 and negatives.ndim == 2 and unit.shape == lang.shape == negatives.shape[:1]
    if not (named and numbers and shapes and _within(unit, units) and _within(lang, languages)):
        raise UserError("the arrays are not hard negatives", where=str(path), how=HOW)
    if not _within(negatives, units, least=-1):
        raise UserError("a negative of an unknown unit", where=str(path), how=HOW)
    return Negatives(units, tuple(languages.tolist()), unit, lang, negatives)


def _within(numbers: NDArray[np.integer[Any]], names: Sized, least: int = 0) -> bool:
    """Return whether all numbers are at least `least` and positions in `names`."""
    return bool(((numbers >= least) & (numbers < len(names))).all())
