"""The queries that the pages of `explore` show: the extremes, and some drawn at random.

choice = choose(benchmark, contrastive_scores, hybrid_scores, seed=13)
entries = show_chosen(benchmark, choice, [("contrastive", queries, passages), ("hybrid", queries, passages)])
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np
from numpy.typing import NDArray

from babelmix.benchmarks.benchmark import Benchmark, Query
from babelmix.benchmarks.qrels import qrels_of
from babelmix.common.errors import UserError
from babelmix.evaluation.query_scores import QueryScores, short_id
from babelmix.reporting.explore import Entry, show
from babelmix.retrieval.vectors import Rows

IMPROVED, WORSENED, RANDOM = "improved", "worsened", "random"


@dataclass(frozen=True, slots=True)
class Choice:
    """The queries picked for the page, and how average precision changed over all queries."""

    picked: tuple[tuple[str, Query], ...]  # (IMPROVED, WORSENED or RANDOM, query)
    rose: int
    fell: int
    total: int


def choose(benchmark: Benchmark, first: QueryScores, second: QueryScores, seed: int, each: int = 4) -> Choice:
    """Choose queries to show: the most improved from first to second, the most worsened, and some drawn at random.

    The change is that of average precision in the multilingual scope. The extremes have one query for each question, so
    that translations of one question do not fill the page. They are fewer than `each` if fewer queries changed in that
    direction; equal changes come in the order of ids. The random draw takes a language, then a query of it, among all
    queries, the extremes too. Every language comes once before any comes again, so languages weigh the same, as they do
    in the multilingual score.

    Raises:
        UserError: scores of other queries than the benchmark's.
    """
    precision: list[NDArray[np.float64]] = []
    qrels = qrels_of(benchmark)
    rows = np.union1d(qrels.query, qrels.lost_query).tolist()  # other queries have no answer and no score
    asked = [benchmark.queries[row] for row in rows]
    expected = [(short_id(query.parallel_id), query.lang) for query in asked]
    for scores in (first, second):
        mask = scores.scope == "multilingual"
        if list(zip(scores.parallel_id[mask].tolist(), scores.query_language[mask].tolist(), strict=True)) != expected:
            how = "evaluate both systems on this benchmark again: it has changed since"
            raise UserError("the scores are those of other queries", where=benchmark.name, how=how)
        precision.append(scores.average_precision[mask])
    change = precision[1] - precision[0]
    groups = (
        (IMPROVED, _one_a_question(asked, np.argsort(-change, kind="stable"), change > 0, each)),
        (WORSENED, _one_a_question(asked, np.argsort(change, kind="stable"), change < 0, each)),
        (RANDOM, _drawn(asked, np.random.default_rng(seed), each)),
    )
    picked = tuple((group, asked[row]) for group, rows in groups for row in rows)
    return Choice(picked, int((change > 0).sum()), int((change < 0).sum()), len(change))


def show_chosen(benchmark: Benchmark, choice: Choice, systems: Sequence[tuple[str, Rows, Rows]]) -> list[Entry]:
    """Return the results of every picked query in several systems: (name, queries [Q, d], passages [P, d])."""
    row_of = {query.id: row for row, query in enumerate(benchmark.queries)}
    entries: list[Entry] = []
    for group, query in choice.picked:
        row = row_of[query.id]
        vectors = [(name, queries[row : row + 1][0], passages) for name, queries, passages in systems]
        entries.append(show(benchmark, query, vectors, group))
    return entries


def _drawn(queries: Sequence[Query], rng: np.random.Generator, count: int) -> list[int]:
    rows: dict[str, list[int]] = {}
    for row, query in enumerate(queries):
        rows.setdefault(query.lang, []).append(row)
    shuffled = [rng.permutation(rows[lang]).tolist() for lang in rng.permutation(sorted(rows)).tolist()]
    return [row for turn in zip_longest(*shuffled) for row in turn if row is not None][:count]


def _one_a_question(
    queries: Sequence[Query], order: NDArray[np.intp], allowed: NDArray[np.bool_], each: int
) -> list[int]:
    rows: dict[str, int] = {}
    for row in order.tolist():
        if len(rows) == each or not allowed[row]:
            break
        rows.setdefault(queries[row].parallel_id, row)
    return list(rows.values())
