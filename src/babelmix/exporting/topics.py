"""Who is asked against which passages, as other tools want it: a topic is a query against the pool or one language.

topics = topics_of(qrels_of(benchmark), "cross")
topics.names[0], topics.passage[topics.topic == 0]      # "de:42@en", rows of the passages that answer it

- pool: every query against the passages of all languages, under the query's own id;
- mono: every query against the passages of its own language, under its own id;
- cross: every query against the passages of each other language B, as `ID@B`;
- pairs: mono and cross together, as `ID@B`.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from babelmix.benchmarks.qrels import Qrels
from babelmix.common.errors import UserError, unknown_name

POOL, MONO, CROSS, PAIRS = SCOPES = ("pool", "mono", "cross", "pairs")
ALL = -1  # the language of a topic that is asked against the pool
LOST = -1  # the row of a passage whose text the benchmark lacks


@dataclass(frozen=True, slots=True)
class Topics:
    """The topics of a scope that have an answer, ascending by the query's id, and their judgements."""

    names: tuple[str, ...]  # [T] id of each topic in files
    query: NDArray[np.int64]  # [T] row of its query
    language: NDArray[np.int64]  # [T] of its passages, index in Qrels.languages; -1 for the pool
    topic: NDArray[np.int64]  # [J] topic of each judgement, ascending
    passage: NDArray[np.int64]  # [J] row of its passage; -1 if the benchmark lacks the text
    relevance: NDArray[np.int64]  # [J] 1 or more
    unanswered: int  # topics without an answer, which no measure counts


def topics_of(qrels: Qrels, scope: str) -> Topics:
    """Return the topics of a scope; UserError for an unknown scope, and for one in which nothing is answered."""
    if scope not in SCOPES:
        raise unknown_name("scope", scope, SCOPES, where="--scope")
    asked, language, passage, relevance = _judged(qrels)
    spoken = _spoken(qrels)
    wide = len(qrels.languages)
    if scope == POOL:
        key, possible = asked, len(qrels.queries)
    else:
        own = language == spoken[asked]
        kept = np.full(len(asked), True) if scope == PAIRS else own if scope == MONO else ~own
        asked, language, passage, relevance = (column[kept] for column in (asked, language, passage, relevance))
        key = asked * wide + language
        at_home = int(np.count_nonzero(spoken >= 0))
        possible = {MONO: at_home, CROSS: len(spoken) * wide - at_home, PAIRS: len(spoken) * wide}[scope]
    if not len(key):
        how = "choose another scope: pool takes the passages of all languages"
        raise UserError(f"nothing is answered in the scope {scope}", where=f"{qrels.name}, --scope", how=how)
    order = np.lexsort((passage, key))
    distinct, topic = np.unique(key[order], return_inverse=True)
    query = distinct if scope == POOL else distinct // wide
    against = np.full(len(distinct), ALL) if scope == POOL else distinct % wide
    names = [qrels.queries[row].id for row in query.tolist()]
    if scope in (CROSS, PAIRS):
        names = [f"{name}@{qrels.languages[code]}" for name, code in zip(names, against.tolist(), strict=True)]
    return Topics(tuple(names), query, against, topic, passage[order], relevance[order], possible - len(distinct))


def language_pairs(qrels: Qrels, topics: Topics) -> list[tuple[str, str]]:
    """Return the language of each topic's query and of its passages, [T]; not for the pool."""
    return [
        (qrels.queries[query].lang, qrels.languages[code])
        for query, code in zip(topics.query.tolist(), topics.language.tolist(), strict=True)
    ]


def _judged(qrels: Qrels) -> tuple[NDArray[np.int64], ...]:
    """Return the query, language, passage and relevance of each judgement, those of lost passages last: [J]."""
    lost: NDArray[Any] = np.full(len(qrels.lost_query), LOST)
    parts = (
        (qrels.query, qrels.lost_query),
        (qrels.passage_language[qrels.passage], qrels.lost_language),
        (qrels.passage, lost),
        (qrels.relevance, qrels.lost_relevance),
    )
    return tuple(np.concatenate(pair).astype(np.int64) for pair in parts)


def _spoken(qrels: Qrels) -> NDArray[np.int64]:
    """Return the language of each query, index in Qrels.languages; -1 if no passage is in it: [Q]."""
    code = {lang: number for number, lang in enumerate(qrels.languages)}
    return np.array([code.get(query.lang, -1) for query in qrels.queries], dtype=np.int64)
