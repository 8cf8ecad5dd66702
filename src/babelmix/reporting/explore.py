"""One query in two systems, side by side, so that a person can judge what the scores mean.

    query = find_query(benchmark, "de:q1") or Query("", "", "", "How do I print a page?")
    entry = show(benchmark, query, [("contrastive", vector_a, passages_a), ("hybrid", vector_b, passages_b)])
    entry.views[0].hits[0].text, entry.views[0].answers[0].rank

An entry has the best passages from the pool of all languages, and the ranks of the right answers in every language.
Order, scores and ranks come from `search` and `ranks`, as in `evaluate`.
"""

import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import numpy as np
from numpy.typing import NDArray

from babelmix.benchmarks.benchmark import Benchmark, Query, itself_of
from babelmix.benchmarks.qrels import Qrels
from babelmix.common.errors import UserError, unknown_name
from babelmix.evaluation.measures import measures
from babelmix.evaluation.ranks import rank_relevant
from babelmix.retrieval.scorers import CosineScorer
from babelmix.retrieval.search import search
from babelmix.retrieval.similarity import as_similarity
from babelmix.retrieval.vectors import Rows

RANKS = 40  # of right answers, at most; a question of BEIR may have hundreds
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
    """The results of one query in one system: the top of the pool, and all right answers in ascending order of rank."""

    system: str
    hits: tuple[Hit, ...]
    answers: tuple[Answer, ...]
    lost: int = 0  # right answers whose text the benchmark lacks: no system finds them

    @property
    def average_precision(self) -> float | None:
        """The query's average precision in the multilingual scope, as in `evaluate`; None without answers."""
        ranks = np.array([*(answer.rank for answer in self.answers), *[np.inf] * self.lost])
        one = np.ones(len(ranks), dtype=np.int64)
        return float(measures(0 * one, ranks, one)[1][0, 0]) if len(ranks) else None

    @property
    def rank_distance(self) -> int | None:
        """The largest minus the smallest rank of the right answers; None for fewer than two."""
        return self.answers[-1].rank - self.answers[0].rank if len(self.answers) > 1 else None


@dataclass(frozen=True, slots=True)
class Entry:
    """A query and its results in each system."""

    query: Query  # free text has no id
    english: str  # the same question in English; empty if the query is English, or nobody asked it in English
    views: tuple[View, ...]
    group: str = ""  # the reason of the choice, see explore_choice

    @property
    def languages(self) -> list[str]:
        """All languages of the entry, in alphabetical order."""
        shown = {item.lang for view in self.views for item in (*view.hits, *view.answers)}
        return sorted(shown | {self.query.lang} - {""})


def view_of(
    benchmark: Benchmark,
    query_vector: NDArray[np.floating[Any]],
    passages: Rows,
    system: str,
    relevant: Collection[int],
    top: int = 10,
    itself: Collection[int] = (),
    lost: int = 0,
) -> View:
    """Return the best passages for a query, and the ranks of the right ones, in the order (-score, passage).

    Args:
        benchmark: for the texts and languages of the passages.
        query_vector: [d], a unit vector.
        passages: [P, d] unit vectors, in the order of the benchmark; `similarity` has the other kinds.
        system: its name.
        relevant: rows of the right answers; none for a free-text query.
        top: number of best passages to return.
        itself: rows of the passages that are the query itself; they are left out.
        lost: how many right answers the benchmark has no text of.

    Raises:
        UserError: vectors that do not fit the benchmark or each other, or are not unit vectors.
    """
    if passages.shape[0] != len(benchmark.passages):
        what = f"{passages.shape[0]} passage vectors, expected {len(benchmark.passages)}"
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
    if len(rows):  # one query, and all passages as one language
        language, zeros = np.zeros(len(benchmark.passages), dtype=np.int8), np.zeros_like(rows)
        asked = (Query("", "", "", ""),)
        qrels = Qrels(
            benchmark.name, asked, ("",), language, zeros, rows, zeros + 1, np.zeros_like(own), itself_passage=own
        )
        ranks = rank_relevant(qrels, CosineScorer(query, passages, where=where)).pool
    right = ((rank, benchmark.passages[row]) for rank, row in zip(ranks.tolist(), rows.tolist(), strict=True))
    answers = (Answer(passage.lang, rank, passage.text, passage.id) for rank, passage in right)
    return View(system, hits, tuple(sorted(answers, key=lambda answer: answer.rank)), lost)


def show(
    benchmark: Benchmark,
    query: Query,
    systems: Iterable[tuple[str, NDArray[np.floating[Any]], Rows]],
    group: str = "",
    top: int = 10,
) -> Entry:
    """Return a query's results in several systems: (name, vector of the query [d], passages [P, d]); see view_of."""
    answers = {qrel.passage for qrel in benchmark.qrels if qrel.parallel_id == query.parallel_id}
    own = {row.passage for row in itself_of(benchmark) if row.is_left_out_for(query)}
    itself = {row for row, passage in enumerate(benchmark.passages) if passage.id in own}
    relevant = {row for row, passage in enumerate(benchmark.passages) if passage.id in answers - own}
    alike = [other for other in benchmark.queries if other.parallel_id == query.parallel_id]
    english = [other.text for other in alike if other.lang == "en"]
    lost = sum(row.parallel_id == query.parallel_id for row in benchmark.lost)
    views = tuple(view_of(benchmark, vector, rows, name, relevant, top, itself, lost) for name, vector, rows in systems)
    return Entry(query, english[0] if english and query.lang != "en" else "", views, group)


def find_query(benchmark: Benchmark, text_or_id: str, lang: str | None = None) -> Query | None:
    """Return the query with this query id ("de:q1"), question id ("q1") or text; None means free text.

    A question id selects the question in `lang`; without `lang` in English, or else in the first of its languages. A
    text that several questions share is free text.

    Raises:
        UserError: an empty text; an unknown id; a language that the question is not asked in, or that was given for
            free text.
    """
    if not one_line(text_or_id):
        raise UserError("an empty query", where=benchmark.name, how="type a question, or the id of a question")
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


def one_line(text: str) -> str:
    """Return a text on one line without control characters, which a terminal would obey.

    Characters that change the direction of the following text are removed too; those that join letters stay.
    """
    kept = (" " if unicodedata.category(sign) in ("Cc", "Cs") else sign for sign in text if sign not in _UNWANTED)
    return " ".join("".join(kept).split())


def by_language(answers: Iterable[Answer]) -> list[Answer]:
    """Return right answers by language, then rank, so that the lists of two systems can be compared."""
    return sorted(answers, key=lambda answer: (answer.lang, answer.rank))


def summarise(view: View) -> str:
    """Return the figures of a view in one line; AP is average precision over the whole pool."""
    inside = sum(hit.relevant for hit in view.hits)
    if view.average_precision is None:
        return "no known right answers"
    answers = len(view.answers) + view.lost
    parts = [f"{inside} of {answers:,} in the top {len(view.hits)}", f"AP {view.average_precision:.3f}"]
    if view.rank_distance is not None:
        parts.append(f"rank distance {view.rank_distance:,}")
    return " · ".join(parts)


def _in_language(asked: Sequence[Query], lang: str | None) -> Query:
    languages = {query.lang: query for query in reversed(asked)}
    if lang is None:
        return languages.get("en", asked[0])
    if lang not in languages:
        raise unknown_name(f"language of {asked[0].parallel_id!r}", lang, languages, where="--language")
    return languages[lang]
