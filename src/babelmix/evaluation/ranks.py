"""Exact ranks of the relevant passages of every query, in the pool of all languages and in their own.

    ranks = rank_relevant(qrels_of(benchmark), CosineScorer(query_vectors, passage_vectors))
    ranks.pool      # 1-based rank of each relevant passage among all passages
    ranks.own       # its rank among the passages of its own language
    ranks.top       # the ten best passages of each query

The order is total: score descending, then passage ascending. No ranking is built: the rank of a passage is one more
than the number of passages ahead of it, so counting over blocks of scores is enough, and the passages may lie on disk.
All three scopes follow from these two ranks.

Two kinds of passages have no rank. A passage that is the query itself (Qrels.itself_query) is not in the query's
ranking. A passage with the system's score for "not found", BM25's zero, was not retrieved: ranking it would order it by
its id.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from babelmix.benchmarks.qrels import Qrels
from babelmix.common.errors import UserError
from babelmix.common.processes import cores
from babelmix.retrieval.scorers import Scorer
from babelmix.retrieval.topk import Top, kth_or_less

# Queries, of all threads together, and passages scored at once: they bound memory, 96 MB of scores, and do not change
# the result. More threads would have too few queries each for a fast matrix product.
QUERIES, PASSAGES, THREADS = 512, 16384, 8
TOP = 10  # passages kept from the top of the pool, for the share of each language


@dataclass(frozen=True, slots=True)
class Ranks:
    """The ranks of each (query, relevant passage), in the order of the benchmark's Qrels.query and .passage.

    Every relevant passage that was not found has the last rank of its ranking: the number of passages, minus those that
    are the query itself.
    """

    pool: NDArray[np.int32]  # [R] 1-based rank among all passages
    own: NDArray[np.int32]  # [R] 1-based rank among the passages of its language
    top: NDArray[np.int64]  # [Q, min(10, P)] row of the best passages of all, best first; -1 where none was found
    found: NDArray[np.bool_]  # [R] whether the passage was found


def rank_relevant(qrels: Qrels, scores: Scorer) -> Ranks:
    """Rank every relevant passage of every query in the order (-score, passage).

    UserError: the shape of the scores is not the benchmark's number of queries and of passages.
    """
    expected = (len(qrels.queries), len(qrels.passage_language))
    if scores.shape != expected:
        what = f"{scores.shape[0]} queries and {scores.shape[1]} passages, expected {expected[0]} and {expected[1]}"
        raise UserError(what, where=f"{qrels.name}, embeddings", how="embed the benchmark again: it has changed since")
    threshold = scores.pairs(qrels.query, qrels.passage)
    retrieved = np.full(len(threshold), True) if scores.not_found is None else threshold > scores.not_found
    threshold = np.where(retrieved, threshold, np.float32(np.inf))  # nothing is ahead or level: one count less
    pool, own = np.ones(len(threshold), dtype=np.int32), np.ones(len(threshold), dtype=np.int32)
    threads = min(cores(), THREADS)
    blocks = list(_query_blocks(qrels, max(1, QUERIES // threads)))
    top = [Top(len(query), min(TOP, expected[1])) for query, _ in blocks]
    barred = _barred(qrels, [query for query, _ in blocks])

    def count(columns: _Columns, score: Callable[[NDArray[np.intp]], NDArray[np.float32]], number: int) -> None:
        query, slots = blocks[number]
        values = score(query)
        _bar(values, barred[number], columns.block)
        _propose(top[number], values, columns.block.start)
        values = values if columns.in_order else values[:, columns.order]
        for row in slots:  # no two blocks have a row in common, so that threads write in different places
            ahead, same_language = columns.ahead(values[: len(row)], threshold[row], qrels, row)
            pool[row] += ahead
            own[row] += same_language

    # A thread for each core, and each multiplies alone: the library would leave all but one core idle while we count.
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(threads) as workers:
        for start in range(0, expected[1], PASSAGES):
            block = slice(start, min(start + PASSAGES, expected[1]))
            part = partial(count, _Columns.of(qrels, block), scores.score_block(block))
            for _ in workers.map(part, range(len(blocks))):
                pass
    if not retrieved.all():
        everyone, same_language = _ranked_passages(qrels)
        pool, own = np.where(retrieved, pool, everyone), np.where(retrieved, own, same_language)
    best = np.full((expected[0], min(TOP, expected[1])), -1, dtype=np.int64)
    least = -np.inf if scores.not_found is None else scores.not_found
    for (query, _), kept in zip(blocks, top, strict=True):
        best[query] = np.where(kept.score > least, kept.passage, -1)
    return Ranks(pool, own, best, retrieved)


@dataclass(frozen=True, slots=True)
class _Columns:
    """A block of passages, sorted by language, so that a language is a slice of a row of scores."""

    block: slice
    order: NDArray[np.intp]  # the column of each passage of the block before they were sorted
    in_order: bool  # whether sorting changed nothing
    bounds: list[int]  # where each language begins, and where the last one ends

    @classmethod
    def of(cls, qrels: Qrels, block: slice) -> "_Columns":
        language = qrels.passage_language[block]
        order = np.argsort(language, kind="stable")
        bounds = np.searchsorted(language[order], np.arange(len(qrels.languages) + 1)).tolist()
        return cls(block, order, bool((order[1:] > order[:-1]).all()), bounds)

    def ahead(
        self, values: NDArray[np.float32], threshold: NDArray[np.float32], qrels: Qrels, row: NDArray[np.intp]
    ) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Count the passages of the block ahead of a relevant one of each query: all, and those of its language.

        `values`: the scores, [n, passages]; `threshold`: that of the relevant passage, [n]; `row`: its row in Qrels.
        """
        limit, passage = threshold[:, None], qrels.passage[row] - self.block.start
        larger, level = values > limit, values >= limit
        code = qrels.passage_language[qrels.passage[row]].tolist()
        bounds = self.bounds
        found = np.fromiter(map(np.count_nonzero, larger), dtype=np.int32, count=len(row))
        tied = np.fromiter(map(np.count_nonzero, level), dtype=np.int32, count=len(row)) - found
        own = [np.count_nonzero(line[bounds[c] : bounds[c + 1]]) for line, c in zip(larger, code, strict=True)]
        same_language = np.array(own, dtype=np.int32)
        for i in np.flatnonzero(tied > ((passage >= 0) & (passage < len(self.order)))).tolist():
            before = (values[i] == limit[i]) & (self.order < passage[i])
            found[i] += np.count_nonzero(before)
            same_language[i] += np.count_nonzero(before[bounds[code[i]] : bounds[code[i] + 1]])
        return found, same_language


def _barred(qrels: Qrels, blocks: list[NDArray[np.intp]]) -> list[tuple[NDArray[np.intp], NDArray[np.integer[Any]]]]:
    """Return, for each block of queries, the (row in the block, passage) of those that are the query itself."""
    number, place = np.full(len(qrels.queries), -1), np.zeros(len(qrels.queries), dtype=np.intp)
    for i, query in enumerate(blocks):
        number[query], place[query] = i, np.arange(len(query))
    inside = number[qrels.itself_query]
    return [(place[qrels.itself_query[inside == i]], qrels.itself_passage[inside == i]) for i in range(len(blocks))]


def _bar(values: NDArray[np.float32], barred: tuple[NDArray[np.intp], NDArray[np.integer[Any]]], block: slice) -> None:
    """Move passages that are the query itself below every other score, in place in a block of scores."""
    row, passage = barred
    if len(row):
        here = (passage >= block.start) & (passage < block.stop)
        values[row[here], passage[here] - block.start] = -np.inf


def _ranked_passages(qrels: Qrels) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return the length of both rankings of each (query, relevant passage): of the pool, and of its own language."""
    language = qrels.passage_language[qrels.passage]
    pool = len(qrels.passage_language) - np.bincount(qrels.itself_query, minlength=len(qrels.queries))[qrels.query]
    own = np.bincount(qrels.passage_language, minlength=len(qrels.languages))[language]
    barred_language = qrels.passage_language[qrels.itself_passage].astype(np.intp)
    barred = np.zeros((len(qrels.queries), len(qrels.languages)), dtype=np.int32)
    np.add.at(barred, (qrels.itself_query, barred_language), 1)
    return pool.astype(np.int32), (own - barred[qrels.query, language]).astype(np.int32)


def _propose(top: Top, values: NDArray[np.float32], start: int) -> None:
    """Merge a block of scores, [queries of top, passages from `start`], into `top`; blocks come in passage order."""
    k = top.score.shape[1]
    limit = top.score[:, -1:]
    chosen = values > limit
    if values.shape[1] > k and np.isneginf(limit).all():  # nothing is kept yet, so every passage would be chosen
        chosen = values >= kth_or_less(values, k)[:, None]
        if np.count_nonzero(chosen) > 8 * top.score.size:  # long ties: of equals, the first passages
            limit = np.partition(values, -k, axis=1)[:, [-k]]
            chosen, level = values > limit, values == limit
            chosen |= level & (np.cumsum(level, axis=1) <= k - np.count_nonzero(chosen, axis=1)[:, None])
    query, column = np.divmod(np.flatnonzero(chosen), values.shape[1])
    if len(query):
        top.merge(query, column + start, values[query, column])


def _query_blocks(qrels: Qrels, size: int) -> Iterator[tuple[NDArray[np.intp], list[NDArray[np.intp]]]]:
    """Yield `size` query rows, and for j = 0, 1, ... the rows of Qrels.query with the j-th relevant passage of each.

    Queries with the most relevant passages come first, so that those with a j-th one are the first of the block.
    """
    query, start, count = np.unique(qrels.query, return_index=True, return_counts=True)
    most_first = np.argsort(-count, kind="stable")
    for first in range(0, len(query), size):
        part = most_first[first : first + size]
        starts, counts = start[part], count[part]
        slots = [starts[: np.count_nonzero(counts > j)] + j for j in range(int(counts[0]))]
        yield query[part].astype(np.intp), slots
