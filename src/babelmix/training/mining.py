"""Mining of hard negatives: for each query, the wrong passages of its language that a model ranks highest.

    index = index_pairs(known)                                   # known: [(pair, whether a machine translated it), ...]
    rows = train_rows(index)
    pairs = [pair for pair, _ in known]
    found = mine(model, pairs, index, rows, index_units(index, rows), 1, settings=embed, threads=2)

A passage that the model ranks high may answer the query although no one marked it so. Passages of the query's unit and
of its group (`units.Units`: units that share a text) are left out. So is every passage that scores above 95 % of the
right one's score: the "TopK-PercPos" filter of Moreira et al., "NV-Retriever: improving text embedding models with
effective hard-negative mining", arXiv 2407.15831, the best of the filters that they compared, with that share. A word
of a dictionary is no negative of a text, nor a text of a word.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from babelmix.batches.units import Units
from babelmix.common.errors import UserError
from babelmix.corpus.index import PairIndex
from babelmix.corpus.records import Pair
from babelmix.encoder.settings import Embed
from babelmix.evaluation.ranks import PASSAGES, QUERIES
from babelmix.retrieval.topk import Top, kth_or_less
from babelmix.training.hard_negatives import Negatives
from babelmix.training.teacher import encode_pairs

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

SHARE = 0.95  # a negative scores at most this share of the right passage's score; from NV-Retriever


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
        model: ranks the passages of one language, words and texts apart.
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
    kinds = index.lang[rows] * 2 + index.words[rows]  # the language, and words or texts
    for kind in np.unique(kinds).tolist():
        here = np.flatnonzero(kinds == kind)
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
