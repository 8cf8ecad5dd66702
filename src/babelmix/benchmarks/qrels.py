"""The qrels of a benchmark as arrays: all that scoring needs of it, without its texts.

qrels = qrels_of(benchmark)
qrels = read_qrels(Path("data/benchmarks/miracl-sw"))     # one line at a time, for millions of passages
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from babelmix.benchmarks.benchmark import Benchmark, Itself, Query, as_itself, itself_of
from babelmix.benchmarks.files import Answers, check_answers, read_answers, read_passages, read_queries
from babelmix.common.errors import UserError


def _none() -> NDArray[np.int32]:
    return np.empty(0, dtype=np.int32)


@dataclass(frozen=True, slots=True)
class Qrels:
    """What scoring needs of a benchmark: no texts, and a byte for each passage.

    `query`, `passage` and `relevance` have a row for each (query, relevant passage), ascending by query, then passage.
    A query whose only answer was itself has none, and no measure counts it. `itself_query` and `itself_passage` have a
    row for each passage that the rankings of a query leave out because it is that query. The `lost_` columns have a row
    for each relevant passage that no system can find; it belongs to the rankings of its language and of the pool.
    """

    name: str
    queries: tuple[Query, ...]  # in ascending order of id
    languages: tuple[str, ...]  # of the passages, in alphabetical order
    passage_language: NDArray[np.int8]  # [P] index in `languages`
    query: NDArray[np.int32]  # [R] row in queries
    passage: NDArray[np.int32]  # [R] row of the passage
    relevance: NDArray[np.int32]  # [R] 1 or more
    itself_query: NDArray[np.int32] = field(default_factory=_none)  # [I] row in queries
    itself_passage: NDArray[np.int32] = field(default_factory=_none)  # [I] its row
    left_out: dict[str, int] = field(default_factory=dict[str, int])  # how often, by reason
    lost_query: NDArray[np.int32] = field(default_factory=_none)  # [L] row in queries
    lost_language: NDArray[np.int8] = field(default_factory=lambda: np.empty(0, dtype=np.int8))  # [L] in `languages`
    lost_relevance: NDArray[np.int32] = field(default_factory=_none)  # [L] 1 or more


def qrels_of(benchmark: Benchmark) -> Qrels:
    """Return the benchmark without its texts; UserError for a query without an answer, which has no score."""
    languages = benchmark.languages
    code = {lang: number for number, lang in enumerate(languages)}
    passage_language = np.array([code[passage.lang] for passage in benchmark.passages], dtype=np.int8)
    row_of = {passage.id: row for row, passage in enumerate(benchmark.passages)}
    answers = Answers(benchmark.qrels, itself_of(benchmark), benchmark.lost)
    return _as_arrays(benchmark.name, benchmark.queries, languages, passage_language, answers, row_of)


def read_qrels(folder: Path) -> Qrels:
    """Read and check a benchmark folder as `read_benchmark` does, keeping a byte for each passage.

    It reads the passages one line at a time, for corpora that do not fit in memory.
    """
    queries, answers = read_queries(folder), read_answers(folder)
    by_id = {} if answers.itself else {query.id: query for query in queries}
    wanted = {row.passage for row in (*answers.qrels, *answers.itself)}
    themselves: list[Itself] = []
    row_of: dict[str, int] = {}
    code: dict[str, int] = {}
    codes = bytearray()
    for row, passage in enumerate(read_passages(folder)):
        codes.append(code.setdefault(passage.lang, len(code)))
        if found := as_itself(by_id, passage):
            themselves.append(found)
        if found or passage.id in wanted:
            row_of[passage.id] = row
    languages = tuple(sorted(code))
    check_answers(folder, queries, answers, row_of.keys(), languages)
    place = np.zeros(max(len(code), 1), dtype=np.int8)
    for lang, number in code.items():
        place[number] = languages.index(lang)
    passage_language = place[np.frombuffer(codes, dtype=np.uint8)]
    answers = answers._replace(itself=(*answers.itself, *themselves))
    return _as_arrays(folder.name, queries, languages, passage_language, answers, row_of)


def _as_arrays(
    name: str,
    queries: tuple[Query, ...],
    languages: tuple[str, ...],
    passage_language: NDArray[np.int8],
    answers: Answers,
    row_of: Mapping[str, int],
) -> Qrels:
    themselves: defaultdict[tuple[str, str], set[int]] = defaultdict(set)  # of a question, or of one query of it
    for row in answers.itself:
        themselves[row.parallel_id, row.query].add(row_of[row.passage])
    relevant: defaultdict[str, dict[int, int]] = defaultdict(dict)
    for qrel in answers.qrels:
        relevant[qrel.parallel_id][row_of[qrel.passage]] = qrel.relevance
    lost: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
    for row in answers.lost:
        lost[row.parallel_id].append((languages.index(row.lang), row.relevance))
    unanswered = next((q.id for q in queries if q.parallel_id not in relevant and q.parallel_id not in lost), None)
    pairs = {key: sorted(found.items()) for key, found in relevant.items()}
    none: set[int] = set()
    own = [themselves.get((q.parallel_id, ""), none) | themselves.get((q.parallel_id, q.id), none) for q in queries]
    query, passage, relevance = _columns(
        (
            (at, *pair)
            for at, q in enumerate(queries)
            for pair in pairs.get(q.parallel_id, ())
            if pair[0] not in own[at]
        ),
        3,
    )
    if unanswered is not None or not len(query):
        what = f"no passage answers {repr(unanswered) if unanswered else 'any query'}"
        raise UserError(what, where=name, how="leave the query out")
    itself_query, itself_passage = _columns(((at, row) for at, found in enumerate(own) for row in sorted(found)), 2)
    lost_query, lost_language, lost_relevance = _columns(
        ((at, *row) for at, q in enumerate(queries) for row in sorted(lost.get(q.parallel_id, ()))), 3
    )
    answered = {*query.tolist(), *lost_query.tolist()}
    counts = {
        "passages that are their own query": sum(map(len, themselves.values())),
        "qrels of a query to itself": sum(len(rows & relevant[key].keys()) for (key, _), rows in themselves.items()),
        "queries answered by themselves alone": sum(at not in answered for at in range(len(queries))),
    }
    return Qrels(
        name,
        queries,
        languages,
        passage_language,
        query,
        passage,
        relevance,
        itself_query=itself_query,
        itself_passage=itself_passage,
        left_out={reason: number for reason, number in counts.items() if number},
        lost_query=lost_query,
        lost_language=lost_language.astype(np.int8),
        lost_relevance=lost_relevance,
    )


def _columns(rows: Iterable[tuple[int, ...]], number: int) -> list[NDArray[np.int32]]:
    """Return the columns of rows that begin with the row of a query: int32 [number, R]."""
    return list(np.array(list(rows), dtype=np.int32).reshape(-1, number).T)
