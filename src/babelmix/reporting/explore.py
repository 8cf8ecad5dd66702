"""One query through two checkpoints, side by side: how a person comes to believe the numbers, or to doubt them.

    query = find_query(benchmark, "de:q1") or Query("", "", "", "How do I print a page?")
    entry = show(benchmark, query, [("contrastive", vector_a, passages_a), ("hybrid", vector_b, passages_b)])
    entry.views[0].hits[0].text, entry.views[0].answers[0].rank

Shown are the best passages of the pool of all languages, and where in it the right answers stand in every language.
Order, scores and ranks are those of `search` and `rank`: what is seen here is what `evaluate` has measured.
"""

import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import zip_longest
from typing import Any

import numpy as np
from numpy.typing import NDArray

from babelmix.benchmarks.benchmark import Benchmark, Query, itself_of
from babelmix.benchmarks.qrels import Qrels, qrels_of
from babelmix.common.errors import UserError, unknown_name
from babelmix.evaluation.evaluate import QueryScores, measures, short_id
from babelmix.evaluation.ranks import rank_relevant
from babelmix.retrieval.scorers import CosineScorer
from babelmix.retrieval.search import search
from babelmix.retrieval.similarity import as_similarity
from babelmix.retrieval.vectors import Rows

IMPROVED, WORSENED, RANDOM = "improved", "worsened", "random"
RIGHT = "✓"  # marks a right answer
RANKS = 40  # of right answers, shown at most; a question of BEIR may have hundreds
# Direction marks, embeddings, overrides and isolates, and the byte order mark that some texts begin with.
_UNWANTED = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")


@dataclass(frozen=True, slots=True)
class Hit:
    """One of the best passages of the pool."""

    rank: int
    score: float
    lang: str
    text: str
    relevant: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """A right answer, and its rank in the pool of all languages; `passage` is its id."""

    lang: str
    rank: int
    text: str
    passage: str


@dataclass(frozen=True, slots=True)
class View:
    """What one system makes of one query: the top of the pool, and all right answers in ascending order of rank."""

    system: str
    hits: tuple[Hit, ...]
    answers: tuple[Answer, ...]

    @property
    def average_precision(self) -> float | None:
        """The query's average precision in the multilingual setting, as `evaluate` has it; None without answers."""
        ranks = np.array([answer.rank for answer in self.answers])
        return float(measures(np.zeros_like(ranks), ranks, np.ones_like(ranks))[1][0, 0]) if len(ranks) else None

    @property
    def rank_distance(self) -> int | None:
        """The largest minus the smallest rank of the right answers; None where there are not two."""
        return self.answers[-1].rank - self.answers[0].rank if len(self.answers) > 1 else None


@dataclass(frozen=True, slots=True)
class Entry:
    """A query and what each system makes of it."""

    query: Query  # without an id where it is free text
    english: str  # the same question in English; empty where it is English itself or there is none
    views: tuple[View, ...]
    group: str = ""  # why it was chosen: IMPROVED, WORSENED or RANDOM

    @property
    def languages(self) -> list[str]:
        """All languages in sight, in alphabetical order."""
        shown = {item.lang for view in self.views for item in (*view.hits, *view.answers)}
        return sorted(shown | {self.query.lang} - {""})


@dataclass(frozen=True, slots=True)
class Choice:
    """The queries picked for the page, and how average precision changed over all of them."""

    picked: tuple[tuple[str, Query], ...]  # (IMPROVED, WORSENED or RANDOM, query)
    rose: int
    fell: int
    total: int


def look(
    benchmark: Benchmark,
    query_vector: NDArray[np.floating[Any]],
    passages: Rows,
    system: str,
    relevant: Collection[int],
    top: int = 10,
    itself: Collection[int] = (),
) -> View:
    """Return the best passages for a query, and the ranks of the right ones, under the order (-score, passage).

    Args:
        benchmark: for the texts and languages of the passages.
        query_vector: [d], a unit vector.
        passages: [P, d] unit vectors, in the order of the benchmark; see similarity for those of other kinds.
        system: what to call the system.
        relevant: rows of the right answers; none for a free-text query.
        top: how many of the best to return.
        itself: rows of the passages that are the query itself; they take no part.

    Raises:
        UserError: vectors that do not fit the benchmark or each other, or are no unit vectors.
    """
    if passages.shape[0] != len(benchmark.passages):
        what = f"{passages.shape[0]} passage vectors where {len(benchmark.passages)} are due"
        how = "embed the benchmark again: it has changed since"
        raise UserError(what, where=f"{benchmark.name}, embeddings of {system}", how=how)
    query, where = query_vector[None], f"{benchmark.name}, embeddings of {system}"
    best = search(query, passages, top + len(itself), where=where)
    scored = zip(best.passage[0].tolist(), best.score[0].tolist(), strict=True)
    others = [(row, as_similarity(passages, score)) for row, score in scored if row not in itself][:top]
    hits = tuple(
        Hit(rank, score, benchmark.passages[row].lang, benchmark.passages[row].text, row in relevant)
        for rank, (row, score) in enumerate(others, start=1)
    )
    rows, own = np.array(sorted(relevant), dtype=np.int32), np.array(sorted(itself), dtype=np.int32)
    ranks: NDArray[np.int32] = rows
    if len(rows):  # one query, and one language where languages play no part
        language, zeros = np.zeros(len(benchmark.passages), dtype=np.int8), np.zeros_like(rows)
        asked = (Query("", "", "", ""),)
        judged = Qrels(
            benchmark.name, asked, ("",), language, zeros, rows, zeros + 1, np.zeros_like(own), itself_passage=own
        )
        ranks = rank_relevant(judged, CosineScorer(query, passages, where=where)).pool
    right = ((rank, benchmark.passages[row]) for rank, row in zip(ranks.tolist(), rows.tolist(), strict=True))
    answers = (Answer(passage.lang, rank, passage.text, passage.id) for rank, passage in right)
    return View(system, hits, tuple(sorted(answers, key=lambda answer: answer.rank)))


def show(
    benchmark: Benchmark,
    query: Query,
    systems: Iterable[tuple[str, NDArray[np.floating[Any]], Rows]],
    group: str = "",
    top: int = 10,
) -> Entry:
    """Look at a query through several systems: (name, vector of the query [d], passages [P, d]); see look."""
    answers = {qrel.passage for qrel in benchmark.qrels if qrel.parallel_id == query.parallel_id}
    own = {row.passage for row in itself_of(benchmark) if row.parallel_id == query.parallel_id}
    itself = {row for row, passage in enumerate(benchmark.passages) if passage.id in own}
    relevant = {row for row, passage in enumerate(benchmark.passages) if passage.id in answers - own}
    english = [
        other.text for other in benchmark.queries if other.parallel_id == query.parallel_id and other.lang == "en"
    ]
    views = tuple(look(benchmark, vector, rows, name, relevant, top, itself) for name, vector, rows in systems)
    return Entry(query, english[0] if english and query.lang != "en" else "", views, group)


def show_chosen(benchmark: Benchmark, choice: Choice, systems: Sequence[tuple[str, Rows, Rows]]) -> list[Entry]:
    """Look at every query picked through several systems: (name, queries [Q, d], passages [P, d])."""
    row_of = {query.id: row for row, query in enumerate(benchmark.queries)}
    entries: list[Entry] = []
    for group, query in choice.picked:
        row = row_of[query.id]
        vectors = [(name, queries[row : row + 1][0], passages) for name, queries, passages in systems]
        entries.append(show(benchmark, query, vectors, group))
    return entries


def find_query(benchmark: Benchmark, text_or_id: str, lang: str | None = None) -> Query | None:
    """Return the query meant by a query id ("de:q1"), a question id ("q1") or its very words; None is free text.

    A question id stands for the question in `lang`, or else in English where it is asked in English, or else in the
    first of its languages. Words that several questions share are free text.

    Raises:
        UserError: no words at all; what looks like an id and is none; a language that the question is not asked in, or
            that was given for free text.
    """
    if not one_line(text_or_id):
        raise UserError("an empty query", where=benchmark.name, how="type a question, or the id of one")
    for query in benchmark.queries:
        if query.id == text_or_id:
            return _in_language([query], lang)
    asked = [query for query in benchmark.queries if query.parallel_id == text_or_id]
    if not asked:
        words = one_line(text_or_id).casefold()
        asked = [query for query in benchmark.queries if one_line(query.text).casefold() == words]
        asked = asked if len({query.parallel_id for query in asked}) == 1 else []
    if asked:
        return _in_language(asked, lang)
    if len(text_or_id.split()) == 1:
        ids = {name for query in benchmark.queries for name in (query.id, query.parallel_id)}
        near = get_close_matches(text_or_id, sorted(ids), n=3, cutoff=0.8)
        if near or re.fullmatch(r"[a-z]{2,3}:\S+", text_or_id):
            hint = f"did you mean {' or '.join(map(repr, near))}?" if near else f"ids look like {min(ids)!r}"
            how = f"{hint} (a text of your own has a space in it)"
            raise UserError(f"no query or question {text_or_id!r}", where=benchmark.name, how=how)
    if lang is not None:
        what = f"no language can be chosen for a text of your own, here {lang!r}"
        raise UserError(what, where="--language", how="leave it out, or give the id of a question")
    return None


def choose(benchmark: Benchmark, first: QueryScores, second: QueryScores, seed: int, each: int = 4) -> Choice:
    """Choose queries to show: the most improved from first to second, the most worsened, and some drawn at random.

    The change is that of average precision in the multilingual setting. The extremes are one query a question, so that
    translations of one question do not fill the page; there are fewer than `each` where fewer have changed that way,
    and equal changes come in the order of ids. For the random ones a language is drawn and then a query of it, among
    all queries, extremes or not; no language comes again before all have come: so the setting's figure weighs them.

    Raises:
        UserError: scores of other queries than the benchmark's.
    """
    precision: list[NDArray[np.float64]] = []
    judged = qrels_of(benchmark)
    rows = np.union1d(judged.query, judged.lost_query).tolist()  # others have no answer, and no score
    asked = [benchmark.queries[row] for row in rows]
    expected = [(short_id(query.parallel_id), query.lang) for query in asked]
    for scores in (first, second):
        mask = scores.setting == "multilingual"
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


def one_line(text: str) -> str:
    """Return a text on one line, without control characters: it may come from anywhere, and a terminal obeys them.

    Characters that turn the direction of what follows go too; those that join letters stay.
    """
    kept = (" " if unicodedata.category(sign) in ("Cc", "Cs") else sign for sign in text if sign not in _UNWANTED)
    return " ".join("".join(kept).split())


def by_language(answers: Iterable[Answer]) -> list[Answer]:
    """Return right answers by language, then rank: two systems' are then compared place by place."""
    return sorted(answers, key=lambda answer: (answer.lang, answer.rank))


def summarise(view: View) -> str:
    """Return the figures of a view in a few words: AP is average precision over the whole pool."""
    inside = sum(hit.relevant for hit in view.hits)
    if view.average_precision is None:
        return "no right answers known"
    told = [f"{inside} of {len(view.answers):,} in the top {len(view.hits)}", f"AP {view.average_precision:.3f}"]
    if view.rank_distance is not None:
        told.append(f"rank distance {view.rank_distance:,}")
    return " · ".join(told)


def _in_language(asked: Sequence[Query], lang: str | None) -> Query:
    languages = {query.lang: query for query in reversed(asked)}
    if lang is None:
        return languages.get("en", asked[0])
    if lang not in languages:
        raise unknown_name(f"language of {asked[0].parallel_id!r}", lang, languages, where="--language")
    return languages[lang]


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
