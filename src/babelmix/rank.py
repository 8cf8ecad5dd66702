"""Exact ranks of the relevant passages of every query, in the pool of all languages and in their own.

    ranks = rank_relevant(benchmark, query_vectors, passage_vectors)
    ranks.pool      # 1-based rank of each relevant passage among all passages
    ranks.own       # its rank among the passages of its own language

The order is total: score descending, then passage ascending. No ranking is ever built: the rank of a
passage is one more than the number of passages ahead of it, so a count over one row of scores is enough.
Monolingual, cross-lingual and multilingual retrieval are all views over these two ranks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from babelmix.benchmark import Benchmark
from babelmix.errors import UserError

BLOCK = 512  # queries scored at once; bounds memory, 80 MB for XQuAD-R, and has no part in the result
TOP = 10  # how much of the top of the pool is kept, for the share of each language in it


@dataclass(frozen=True, slots=True)
class Ranks:
    """Flat table with one row for each (query, relevant passage), ascending by query, then passage."""

    query: NDArray[np.int32]  # [R] row in benchmark.queries
    passage: NDArray[np.int32]  # [R] row in benchmark.passages
    pool: NDArray[np.int32]  # [R] 1-based rank among all passages
    own: NDArray[np.int32]  # [R] 1-based rank among the passages of its language
    top_languages: NDArray[np.int8]  # [Q, min(10, P)] index in benchmark.languages, best first


def rank_relevant(
    benchmark: Benchmark, query_vectors: NDArray[np.floating[Any]], passage_vectors: NDArray[np.floating[Any]]
) -> Ranks:
    """Rank every relevant passage of every query under the order (-score, passage).

    A score is the dot product rounded once to float32. The sum runs in float64, where the products of
    float16 unit vectors and all their partial sums are exact (multiples of 2^-48 below 2): a score depends
    on its two vectors alone, never on block size, threads or position, and equal vectors tie exactly.

    Args:
        benchmark: Q queries and P passages in ascending order of id.
        query_vectors: float [Q, d], L2-normalised, in the order of benchmark.queries; float16 on disk.
        passage_vectors: float [P, d], likewise for benchmark.passages.

    Returns:
        One row for each (query, relevant passage); a query that has none has no row.

    Raises:
        UserError: rows or dimensions that do not fit, a number that is not finite, a zero vector, no qrels.
    """
    name = benchmark.name
    queries = _checked(query_vectors, [query.id for query in benchmark.queries], f"{name}, query embeddings")
    passages = _checked(passage_vectors, [p.id for p in benchmark.passages], f"{name}, passage embeddings")
    if queries.shape[1] != passages.shape[1]:
        what = f"queries have {queries.shape[1]} dimensions, passages {passages.shape[1]}"
        raise UserError(what, where=f"{name}, embeddings", how="embed both with one model")
    query, passage = _relevant(benchmark)

    # Passages side by side with those of their language, so that a language is a slice of a row of scores.
    languages = benchmark.languages
    language_of = np.array([languages.index(passage.lang) for passage in benchmark.passages], dtype=np.int8)
    order = np.argsort(language_of, kind="stable")
    bounds = np.searchsorted(language_of[order], np.arange(len(languages) + 1))
    column = np.argsort(order)
    grouped = passages[order].astype(np.float64).T

    pool, own = np.empty(len(query), dtype=np.int32), np.empty(len(query), dtype=np.int32)
    top = np.empty((len(queries), min(TOP, len(passages))), dtype=np.int8)
    for start in range(0, len(queries), BLOCK):
        block = slice(start, min(start + BLOCK, len(queries)))
        scores = (queries[block].astype(np.float64) @ grouped).astype(np.float32)
        first, last = np.searchsorted(query, (block.start, block.stop))
        for row in range(first, last):
            ahead = _ahead(scores[query[row] - start], int(column[passage[row]]), order)
            language = language_of[passage[row]]
            pool[row] = 1 + np.count_nonzero(ahead)
            own[row] = 1 + np.count_nonzero(ahead[bounds[language] : bounds[language + 1]])
        top[block] = language_of[_best(scores, order)]
    return Ranks(query, passage, pool, own, top)


def _ahead(scores: NDArray[np.float32], column: int, order: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Mark the columns that stand before `column` in the ranking; `order[column]` is the passage's row."""
    ahead = scores > scores[column]
    tied = scores == scores[column]
    if np.count_nonzero(tied) > 1:
        ahead |= tied & (order < order[column])
    return ahead


def _best(scores: NDArray[np.float32], order: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the rows of the best passages of each query, [block, min(10, P)], best first."""
    kept = min(TOP, scores.shape[1])
    threshold = np.partition(scores, -kept, axis=1)[:, [-kept]]
    row, column = np.nonzero(scores >= threshold)  # more than `kept` where passages tie at the threshold
    ranking = np.lexsort((order[column], -scores[row, column], row))
    first = np.searchsorted(row, np.arange(len(scores)))
    return order[column[ranking[first[:, None] + np.arange(kept)]]]


def _relevant(benchmark: Benchmark) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    row_of = {passage.id: row for row, passage in enumerate(benchmark.passages)}
    answers: dict[str, set[int]] = {}
    for qrel in benchmark.qrels:
        answers.setdefault(qrel.question, set()).add(row_of[qrel.passage])
    pairs = [
        (row, answer)
        for row, query in enumerate(benchmark.queries)
        for answer in sorted(answers.get(query.question, ()))
    ]
    if not pairs:
        raise UserError("no query has an answer", where=benchmark.name, how="make the benchmark again")
    query, passage = np.array(pairs, dtype=np.int32).T
    return query, passage


def _checked(vectors: NDArray[np.floating[Any]], ids: Sequence[str], where: str) -> NDArray[np.floating[Any]]:
    if vectors.ndim != 2 or len(vectors) != len(ids):
        what = f"shape {vectors.shape} where {len(ids)} rows are due"
        raise UserError(what, where=where, how="embed the benchmark again: it has changed since")
    for fault, bad in (
        ("a number that is not finite", ~np.isfinite(vectors).all(axis=1)),
        ("a zero vector", ~vectors.any(axis=1)),
    ):
        if bad.any():
            row = int(np.argmax(bad))
            how = "look at that text, then embed again; a model trained to NaN cannot be scored"
            raise UserError(fault, where=f"{where}, row {row}, id {ids[row]!r}", how=how)
    return vectors
