"""A retrieval benchmark: queries in any language, passages in any language, and the qrels that join them.

    benchmark = read_benchmark(Path("data/benchmarks/xquad-r"))
    judged = judge(benchmark)                        # the same without its texts, as arrays
    judged = read_judged(Path("data/benchmarks/miracl-sw"))     # one line at a time, for millions of passages

A query asks a `question`; queries that share it are translations of one another. The qrels say which passages, in any
language, answer the question, and how well.
"""

from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from babelmix.config import LANGUAGES
from babelmix.errors import UserError, unknown_name
from babelmix.files import new_folder
from babelmix.records import read_rows, write_rows


@dataclass(frozen=True, slots=True)
class Query:
    """A question as asked in one language; `question` is shared by its translations."""

    id: str
    question: str
    lang: str
    text: str


@dataclass(frozen=True, slots=True)
class Passage:
    """A candidate answer. `context` is the paragraph around it, empty where there is none."""

    id: str
    lang: str
    text: str
    context: str = ""


@dataclass(frozen=True, slots=True)
class Qrel:
    """Passage `passage` answers question `question`, in whatever language either is; a higher grade, better."""

    question: str
    passage: str
    grade: int = 1


@dataclass(frozen=True, slots=True)
class Itself:
    """Passage `passage` is the question itself, by id and by text: it is left out of that question's rankings."""

    question: str
    passage: str


@dataclass(frozen=True, slots=True)
class OwnId:
    """What a text is called in the user's own file; `id` is the benchmark's, empty where the text was left out."""

    own: str = ""
    id: str = ""
    lang: str = ""


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A retrieval benchmark in memory.

    Queries and passages are in ascending order of id; the order of passages breaks ties between equal scores.
    `own_queries` and `own_passages` name the texts of the user's own files, left out or not, in the order of those
    files: vectors made from the files are joined to the benchmark by them.
    """

    name: str
    queries: tuple[Query, ...]
    passages: tuple[Passage, ...]
    qrels: tuple[Qrel, ...]
    itself: tuple[Itself, ...] = ()
    own_queries: tuple[OwnId, ...] = ()
    own_passages: tuple[OwnId, ...] = ()

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages of its passages, in alphabetical order."""
        return tuple(sorted({passage.lang for passage in self.passages}))


@dataclass(frozen=True, slots=True)
class Judged:
    """What scoring needs of a benchmark: no texts, and a byte for each passage.

    One row of the last three for each (query, relevant passage), ascending by query, then passage.
    """

    name: str
    queries: tuple[Query, ...]  # in ascending order of id
    languages: tuple[str, ...]  # of the passages, in alphabetical order
    passage_language: NDArray[np.int8]  # [P] index in `languages`
    query: NDArray[np.int32]  # [R] row in queries
    passage: NDArray[np.int32]  # [R] row of the passage
    grade: NDArray[np.int32]  # [R] 1 or more


def judge(benchmark: Benchmark) -> Judged:
    """Return the benchmark without its texts; UserError for a query without an answer, which has no score."""
    languages = benchmark.languages
    code = {lang: number for number, lang in enumerate(languages)}
    passage_language = np.array([code[passage.lang] for passage in benchmark.passages], dtype=np.int8)
    row_of = {passage.id: row for row, passage in enumerate(benchmark.passages)}
    return _judged(benchmark.name, benchmark.queries, languages, passage_language, benchmark.qrels, row_of)


def read_judged(folder: Path) -> Judged:
    """Read and check a benchmark folder as `read_benchmark` does, keeping a byte for each passage.

    For corpora that do not fit in memory: the passages are read one line at a time.
    """
    queries, qrels = read_queries(folder), _qrels(folder)
    wanted = {qrel.passage for qrel in qrels}
    row_of: dict[str, int] = {}
    code: dict[str, int] = {}
    codes = bytearray()
    for row, passage in enumerate(_ascending(folder / "passages.jsonl", Passage)):
        codes.append(code.setdefault(passage.lang, len(code)))
        if passage.id in wanted:
            row_of[passage.id] = row
    _check_qrels(folder, queries, qrels, row_of.keys())
    languages = tuple(sorted(code))
    place = np.zeros(max(len(code), 1), dtype=np.int8)
    for lang, number in code.items():
        place[number] = languages.index(lang)
    return _judged(folder.name, queries, languages, place[np.frombuffer(codes, dtype=np.uint8)], qrels, row_of)


def write_benchmark(folder: Path, benchmark: Benchmark) -> None:
    """Write `queries.jsonl`, `passages.jsonl` and `qrels.jsonl`, replacing the folder as a whole.

    `itself.jsonl`, `own-queries.jsonl` and `own-passages.jsonl` are written beside them if they have rows.
    """
    stream_benchmark(
        folder,
        benchmark.queries,
        benchmark.passages,
        benchmark.qrels,
        itself=benchmark.itself,
        own_queries=benchmark.own_queries,
        own_passages=benchmark.own_passages,
    )


def stream_benchmark(
    folder: Path,
    queries: Iterable[Query],
    passages: Iterable[Passage],
    qrels: Iterable[Qrel],
    *,
    itself: Iterable[Itself] = (),
    own_queries: Iterable[OwnId] = (),
    own_passages: Iterable[OwnId] = (),
) -> None:
    """Write a benchmark whose rows are made one by one, queries and passages in ascending order of id.

    The files are written in the order of the arguments: a later one may be gathered while an earlier one is written.
    """
    with new_folder(folder) as beside:
        write_rows(beside / "queries.jsonl", queries)
        write_rows(beside / "passages.jsonl", passages)
        write_rows(beside / "qrels.jsonl", qrels)
        for name, rows in (("itself", itself), ("own-queries", own_queries), ("own-passages", own_passages)):
            file = beside / f"{name}.jsonl"
            write_rows(file, rows)
            if not file.stat().st_size:
                file.unlink()


def read_benchmark(folder: Path) -> Benchmark:
    """Read and check a benchmark folder; its name is the folder's.

    Raises UserError for a missing file, a broken line, ids that are not unique and ascending, an unknown language,
    qrels that name an unknown passage or question or stand twice, or a query that has no answer in any language.
    """
    queries, qrels = read_queries(folder), _qrels(folder)
    passages = tuple(_ascending(folder / "passages.jsonl", Passage))
    known = {passage.id for passage in passages}
    _check_qrels(folder, queries, qrels, known)
    itself = tuple(_itself(folder, queries, known))
    own_queries, own_passages = (tuple(read_own_ids(folder, name)) for name in ("queries", "passages"))
    return Benchmark(folder.name, queries, passages, tuple(qrels), itself, own_queries, own_passages)


def read_own_ids(folder: Path, name: str) -> Iterator[OwnId]:
    """Yield what the user's own files call the "queries" or "passages", in the order of those files.

    Nothing is yielded for a benchmark that no file of a user's was read into.
    """
    file = folder / f"own-{name}.jsonl"
    if file.is_file():
        yield from (row for _, row in read_rows(file, OwnId))


def read_passages(folder: Path) -> Iterator[Passage]:
    """Yield the passages of a benchmark folder, one line at a time."""
    return _ascending(folder / "passages.jsonl", Passage)


def read_queries(folder: Path) -> tuple[Query, ...]:
    """Read the queries of a benchmark folder, ids seen to be ascending."""
    if not (folder / "queries.jsonl").is_file():
        how = f"run `dvc repro benchmark@{folder.name}`"
        raise UserError("no benchmark here (queries.jsonl is missing)", where=str(folder), how=how)
    return tuple(_ascending(folder / "queries.jsonl", Query))


def _itself(folder: Path, queries: Sequence[Query], passages: Container[str]) -> Iterator[Itself]:
    file = folder / "itself.jsonl"
    if not file.is_file():
        return
    questions = {query.question for query in queries}
    for where, row in read_rows(file, Itself):
        for kind, name, valid in (("passage", row.passage, passages), ("question", row.question, questions)):
            if name not in valid:
                raise UserError(f"unknown {kind} {name!r}", where=where, how="every row names ids of the other files")
        yield row


def _qrels(folder: Path) -> list[Qrel]:
    return [qrel for _, qrel in read_rows(folder / "qrels.jsonl", Qrel)]


def _check_qrels(folder: Path, queries: Sequence[Query], qrels: Sequence[Qrel], passages: Iterable[str]) -> None:
    file, known = folder / "qrels.jsonl", set(passages)
    questions = {query.question for query in queries}
    seen: set[tuple[str, str]] = set()
    for line, qrel in enumerate(qrels, start=1):
        where = f"{file}, line {line}"
        for kind, name, valid in (("passage", qrel.passage, known), ("question", qrel.question, questions)):
            if name not in valid:
                how = "every qrel names an id of the other files"
                raise UserError(f"unknown {kind} {name!r}", where=where, how=how)
        if qrel.grade < 1:
            how = "drop the line: what is judged and not relevant counts as any other passage"
            raise UserError(f"grade {qrel.grade}", where=f"{where}, grade", how=how)
        if (qrel.question, qrel.passage) in seen:
            raise UserError(f"duplicate qrel of {qrel.question!r} and {qrel.passage!r}", where=where, how="drop one")
        seen.add((qrel.question, qrel.passage))
    answered = {qrel.question for qrel in qrels}
    for query in queries:
        if query.question not in answered:
            where = f"{folder / 'queries.jsonl'}, id {query.id!r}"
            raise UserError("no passage answers this query", where=where, how="add its qrels or leave the query out")


def _ascending(file: Path, kind: type[Any]) -> Iterator[Any]:
    previous = None
    for where, row in read_rows(file, kind):
        if row.lang not in LANGUAGES:
            raise unknown_name("language code", row.lang, LANGUAGES, where=f"{where}, lang")
        if previous is not None and row.id <= previous:
            what = "duplicate id" if row.id == previous else "ids out of order:"
            raise UserError(f"{what} {row.id!r}", where=where, how="sort the file by id and keep one row for each")
        previous = row.id
        yield row


def _judged(
    name: str,
    queries: tuple[Query, ...],
    languages: tuple[str, ...],
    passage_language: NDArray[np.int8],
    qrels: Iterable[Qrel],
    row_of: dict[str, int],
) -> Judged:
    answers: dict[str, dict[int, int]] = {}
    for qrel in qrels:
        answers.setdefault(qrel.question, {})[row_of[qrel.passage]] = qrel.grade
    rows = [
        (row, passage, grade)
        for row, query in enumerate(queries)
        for passage, grade in sorted(answers.get(query.question, {}).items())
    ]
    mute = next((query.id for query in queries if query.question not in answers), None)
    if mute is not None or not rows:
        raise UserError(f"no passage answers {mute or 'any query'!r}", where=name, how="leave the query out")
    query, passage, grade = np.array(rows, dtype=np.int32).T
    return Judged(name, queries, languages, passage_language, query, passage, grade)
