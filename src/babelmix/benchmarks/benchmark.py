"""A retrieval benchmark: queries in any language, passages in any language, and the qrels that join them.

    benchmark = read_benchmark(Path("data/benchmarks/xquad-r"))
    judged = judge(benchmark)                        # the same without its texts, as arrays
    judged = read_judged(Path("data/benchmarks/miracl-sw"))     # one line at a time, for millions of passages

Queries that share a `parallel_id` are translations of one question. The qrels say which passages, in any language,
answer that question, and how well. A passage that is the question itself (equal id, equal text) is no answer
to it: it takes no part in the question's rankings, in whatever language the question is asked.
"""

from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from babelmix.common.errors import UserError, unknown_name
from babelmix.common.files import new_folder, write_json
from babelmix.common.languages import LANGUAGES
from babelmix.common.outputs import written_files
from babelmix.common.reading import checked_text, parse_json, read_text, shown
from babelmix.common.text import spaced_form
from babelmix.corpus.records import Id, read_rows, write_rows


@dataclass(frozen=True, slots=True)
class Query:
    """A question as asked in one language; its translations share the `parallel_id`."""

    id: Id
    parallel_id: Id = field(metadata={"old": "question"})
    lang: str
    text: str


@dataclass(frozen=True, slots=True)
class Passage:
    """A candidate answer. `context` is the paragraph around it, empty where there is none."""

    id: Id
    lang: str
    text: str
    context: str = ""


@dataclass(frozen=True, slots=True)
class Qrel:
    """Passage `passage` answers the question `parallel_id`, in whatever language either is; a higher grade, better."""

    parallel_id: Id = field(metadata={"old": "question"})
    passage: Id
    grade: int = 1


@dataclass(frozen=True, slots=True)
class Itself:
    """Passage `passage` is the question `parallel_id` itself, by id and by text: its rankings leave the passage out."""

    parallel_id: Id = field(metadata={"old": "question"})
    passage: Id


@dataclass(frozen=True, slots=True)
class Lost:
    """A relevant passage of a language that nothing can find: the files name it and have no text of it.

    It counts as relevant and never found: in the denominators of every measure, as in trec_eval.
    """

    parallel_id: Id = field(metadata={"old": "question"})
    lang: str
    grade: int = 1


@dataclass(frozen=True, slots=True)
class OwnId:
    """What a text is called in the user's own file; `id` is the benchmark's, empty where the text was left out."""

    own: Id = ""
    id: Id = ""
    lang: str = ""


@dataclass(frozen=True, slots=True)
class About:
    """What a benchmark was built out of, and how many rows of that were left out, by reason.

    `form` is "own", "beir" or "squad", and empty for what was not built out of a user's files; `split` is BEIR's.
    """

    form: str = ""
    split: str | None = None
    left_out: Mapping[str, int] = field(default_factory=dict[str, int])


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
    lost: tuple[Lost, ...] = ()

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages of its passages, in alphabetical order."""
        return tuple(sorted({passage.lang for passage in self.passages}))


@dataclass(frozen=True, slots=True)
class Judged:
    """What scoring needs of a benchmark: no texts, and a byte for each passage.

    One row of `query`, `passage` and `grade` for each (query, relevant passage), ascending by query, then passage. A
    query whose only answer was itself has none, and takes no part in any figure. One row of `itself_query` and
    `itself_passage` for each passage that is left out of a query's rankings because it is that query. One row of the
    `lost_` columns for each relevant passage that nothing can find; it belongs to the rankings of its language and of
    the pool.
    """

    name: str
    queries: tuple[Query, ...]  # in ascending order of id
    languages: tuple[str, ...]  # of the passages, in alphabetical order
    passage_language: NDArray[np.int8]  # [P] index in `languages`
    query: NDArray[np.int32]  # [R] row in queries
    passage: NDArray[np.int32]  # [R] row of the passage
    grade: NDArray[np.int32]  # [R] 1 or more
    itself_query: NDArray[np.int32] = field(default_factory=lambda: np.empty(0, dtype=np.int32))  # [I] row in queries
    itself_passage: NDArray[np.int32] = field(default_factory=lambda: np.empty(0, dtype=np.int32))  # [I] its row
    left_out: dict[str, int] = field(default_factory=dict[str, int])  # how often, by reason
    lost_query: NDArray[np.int32] = field(default_factory=lambda: np.empty(0, dtype=np.int32))  # [L] row in queries
    lost_language: NDArray[np.int8] = field(default_factory=lambda: np.empty(0, dtype=np.int8))  # [L] in `languages`
    lost_grade: NDArray[np.int32] = field(default_factory=lambda: np.empty(0, dtype=np.int32))  # [L] 1 or more


def judge(benchmark: Benchmark) -> Judged:
    """Return the benchmark without its texts; UserError for a query without an answer, which has no score."""
    languages = benchmark.languages
    code = {lang: number for number, lang in enumerate(languages)}
    passage_language = np.array([code[passage.lang] for passage in benchmark.passages], dtype=np.int8)
    row_of = {passage.id: row for row, passage in enumerate(benchmark.passages)}
    itself, lost = itself_of(benchmark), benchmark.lost
    return _judged(
        benchmark.name, benchmark.queries, languages, passage_language, benchmark.qrels, itself, lost, row_of
    )


def itself_of(benchmark: Benchmark) -> tuple[Itself, ...]:
    """Return the passages that are their own question: those that the benchmark names, or else those that show it.

    A query and a passage are one where their ids are equal and so are their texts, white space aside.
    """
    if benchmark.itself:
        return benchmark.itself
    known = {query.id: query for query in benchmark.queries}
    found = (_as_itself(known, passage) for passage in benchmark.passages)
    return tuple(row for row in found if row is not None)


def read_judged(folder: Path) -> Judged:
    """Read and check a benchmark folder as `read_benchmark` does, keeping a byte for each passage.

    For corpora that do not fit in memory: the passages are read one line at a time.
    """
    queries, qrels, itself = read_queries(folder), _qrels(folder), list(_optional(folder, "itself", Itself))
    lost = list(_optional(folder, "lost", Lost))
    known = {} if itself else {query.id: query for query in queries}
    wanted = {qrel.passage for qrel in qrels} | {row.passage for row in itself}
    row_of: dict[str, int] = {}
    code: dict[str, int] = {}
    codes = bytearray()
    for row, passage in enumerate(_ascending(folder / "passages.jsonl", Passage)):
        codes.append(code.setdefault(passage.lang, len(code)))
        if found := _as_itself(known, passage):
            itself.append(found)
        if found or passage.id in wanted:
            row_of[passage.id] = row
    languages = tuple(sorted(code))
    _check_qrels(folder, queries, qrels, row_of.keys(), lost, languages)
    _check_itself(folder, queries, itself, row_of)
    place = np.zeros(max(len(code), 1), dtype=np.int8)
    for lang, number in code.items():
        place[number] = languages.index(lang)
    languages_of = place[np.frombuffer(codes, dtype=np.uint8)]
    return _judged(folder.name, queries, languages, languages_of, qrels, itself, lost, row_of)


def write_benchmark(folder: Path, benchmark: Benchmark, about: About | None = None) -> None:
    """Write a benchmark's files, replacing the folder as a whole; see `stream_benchmark`."""
    stream_benchmark(
        folder,
        benchmark.queries,
        benchmark.passages,
        benchmark.qrels,
        itself=benchmark.itself,
        own_queries=benchmark.own_queries,
        own_passages=benchmark.own_passages,
        lost=benchmark.lost,
        about=about,
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
    lost: Iterable[Lost] = (),
    about: About | None = None,
) -> None:
    """Write a benchmark whose rows are made one by one, queries and passages in ascending order of id.

    Writes `queries.jsonl`, `passages.jsonl` and `qrels.jsonl`, and if they have rows `itself.jsonl`,
    `own-queries.jsonl`, `own-passages.jsonl` and `lost.jsonl`; `about.json` says what was left out. The files are
    written in the order of the arguments: a later one may be gathered while an earlier one is written.
    """
    others = {"itself": itself, "own-queries": own_queries, "own-passages": own_passages, "lost": lost}
    with new_folder(folder) as beside:
        write_rows(beside / "queries.jsonl", queries)
        write_rows(beside / "passages.jsonl", passages)
        write_rows(beside / "qrels.jsonl", qrels)
        for name, rows in others.items():
            file = beside / f"{name}.jsonl"
            write_rows(file, rows)
            if not file.stat().st_size:
                file.unlink()
        if about is not None:
            left_out = {reason: number for reason, number in about.left_out.items() if number}
            write_json(beside / "about.json", {"form": about.form, "split": about.split, "left_out": left_out})


def is_built(folder: Path) -> bool:
    """Return whether babelmix wrote the benchmark in a folder, sorted and checked; a user's own may be neither."""
    return "passages.jsonl" in written_files(folder)


def read_benchmark(folder: Path) -> Benchmark:
    """Read and check a benchmark folder; its name is the folder's.

    Raises UserError for a missing file, a broken line, ids that are not unique and ascending, an unknown language,
    qrels that name an unknown passage or parallel_id or stand twice, or a query that has no answer in any language.
    """
    queries, qrels, lost = read_queries(folder), _qrels(folder), tuple(_optional(folder, "lost", Lost))
    passages = tuple(_ascending(folder / "passages.jsonl", Passage))
    known = {passage.id for passage in passages}
    _check_qrels(folder, queries, qrels, known, lost, {passage.lang for passage in passages})
    itself = tuple(_optional(folder, "itself", Itself))
    _check_itself(folder, queries, itself, known)
    own_queries, own_passages = (tuple(read_own_ids(folder, name)) for name in ("queries", "passages"))
    return Benchmark(folder.name, queries, passages, tuple(qrels), itself, own_queries, own_passages, lost)


def read_about(folder: Path) -> About:
    """Return what a benchmark folder says of its making; UserError for a file that says something else."""
    file = folder / "about.json"
    if not file.is_file():
        return About()
    told: Any = parse_json(read_text(file), str(file))
    form, split, left_out = (
        told.get(name) if isinstance(told, dict) else None for name in ("form", "split", "left_out")
    )
    counts: dict[Any, Any] = left_out if isinstance(left_out, dict) else {"": ""}
    if not all(isinstance(number, int) and not isinstance(number, bool) for number in counts.values()):
        how = "make the benchmark again"
        raise UserError(f"not what was left out, by reason: {shown(left_out)}", where=f"{file}, left_out", how=how)
    split = None if split is None else checked_text(split, f"{file}, split")
    return About(checked_text(form, f"{file}, form"), split, counts)


def own_ids(rows: Iterable[OwnId], kept: Container[str]) -> tuple[OwnId, ...]:
    """Return the texts of a user's files, in their order, without the ids of those that were not kept or stood before.

    Args:
        rows: every text of the files, with the id that the benchmark would give it.
        kept: the ids that the benchmark has.
    """
    seen: set[str] = set()
    found: list[OwnId] = []
    for row in rows:
        found.append(row if row.id in kept and row.id not in seen else OwnId(row.own, "", row.lang))
        seen.add(row.id)
    return tuple(found)


def read_own_ids(folder: Path, name: str) -> Iterator[OwnId]:
    """Yield what the user's own files call the "queries" or "passages", in the order of those files.

    Nothing is yielded for a benchmark that no file of a user's was read into.
    """
    return _optional(folder, f"own-{name}", OwnId)


def read_passages(folder: Path) -> Iterator[Passage]:
    """Yield the passages of a benchmark folder, one line at a time."""
    return _ascending(folder / "passages.jsonl", Passage)


def read_queries(folder: Path) -> tuple[Query, ...]:
    """Read the queries of a benchmark folder, ids seen to be ascending."""
    if not (folder / "queries.jsonl").is_file():
        how = f"run `dvc repro benchmark@{folder.name}`"
        raise UserError("no benchmark here (queries.jsonl is missing)", where=str(folder), how=how)
    return tuple(_ascending(folder / "queries.jsonl", Query))


def _as_itself(known: Mapping[str, Query], passage: Passage) -> Itself | None:
    query = known.get(passage.id)
    if query is None or spaced_form(query.text) != spaced_form(passage.text):
        return None
    return Itself(query.parallel_id, passage.id)


def _optional(folder: Path, name: str, kind: type[Any]) -> Iterator[Any]:
    """Yield the rows of a file that is not in every benchmark folder."""
    file = folder / f"{name}.jsonl"
    if file.is_file():
        yield from (row for _, row in read_rows(file, kind))


def _check_itself(folder: Path, queries: Sequence[Query], itself: Sequence[Itself], passages: Container[str]) -> None:
    questions = {query.parallel_id for query in queries}
    for line, row in enumerate(itself, start=1):
        for kind, name, valid in (("passage", row.passage, passages), ("parallel_id", row.parallel_id, questions)):
            if name not in valid:
                where, how = f"{folder / 'itself.jsonl'}, line {line}", "every row names ids of the other files"
                raise UserError(f"unknown {kind} {name!r}", where=where, how=how)


def _qrels(folder: Path) -> list[Qrel]:
    return [qrel for _, qrel in read_rows(folder / "qrels.jsonl", Qrel)]


def _check_qrels(
    folder: Path,
    queries: Sequence[Query],
    qrels: Sequence[Qrel],
    passages: Container[str],
    lost: Sequence[Lost],
    languages: Collection[str],
) -> None:
    file = folder / "qrels.jsonl"
    questions = {query.parallel_id for query in queries}
    seen: set[tuple[str, str]] = set()
    for line, qrel in enumerate(qrels, start=1):
        where = f"{file}, line {line}"
        for kind, name, valid in (("passage", qrel.passage, passages), ("parallel_id", qrel.parallel_id, questions)):
            if name not in valid:
                how = "every qrel names an id of the other files"
                raise UserError(f"unknown {kind} {name!r}", where=where, how=how)
        if qrel.grade < 1:
            how = "drop the line: what is judged and not relevant counts as any other passage"
            raise UserError(f"grade {qrel.grade}", where=f"{where}, grade", how=how)
        if (qrel.parallel_id, qrel.passage) in seen:
            raise UserError(f"duplicate qrel of {qrel.parallel_id!r} and {qrel.passage!r}", where=where, how="drop one")
        seen.add((qrel.parallel_id, qrel.passage))
    for line, row in enumerate(lost, start=1):
        where = f"{folder / 'lost.jsonl'}, line {line}"
        if row.parallel_id not in questions or row.grade < 1:
            how = "every row names a parallel_id of the other files, and a grade of 1 or more"
            raise UserError(f"parallel_id {row.parallel_id!r}, grade {row.grade}", where=where, how=how)
        if row.lang not in languages:
            raise unknown_name("language of the passages", row.lang, languages, where=f"{where}, lang")
    answered = {row.parallel_id for row in (*qrels, *lost)}
    for query in queries:
        if query.parallel_id not in answered:
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
    itself: Iterable[Itself],
    lost: Iterable[Lost],
    row_of: dict[str, int],
) -> Judged:
    own: dict[str, set[int]] = {}
    for pair in itself:
        own.setdefault(pair.parallel_id, set()).add(row_of[pair.passage])
    answers: dict[str, dict[int, int]] = {}
    dropped = 0
    for qrel in qrels:
        passage, grades = row_of[qrel.passage], answers.setdefault(qrel.parallel_id, {})
        if passage in own.get(qrel.parallel_id, ()):
            dropped += 1
        else:
            grades[passage] = qrel.grade
    rows = [
        (row, passage, grade)
        for row, query in enumerate(queries)
        for passage, grade in sorted(answers.get(query.parallel_id, {}).items())
    ]
    missing: dict[str, list[tuple[int, int]]] = {}
    for row in lost:
        missing.setdefault(row.parallel_id, []).append((languages.index(row.lang), row.grade))
    gone = [(row, *pair) for row, query in enumerate(queries) for pair in sorted(missing.get(query.parallel_id, ()))]
    lost_query, lost_language, lost_grade = np.array(gone, dtype=np.int32).reshape(-1, 3).T
    mute = next(
        (query.id for query in queries if query.parallel_id not in answers and query.parallel_id not in missing), None
    )
    if mute is not None or not rows:
        raise UserError(
            f"no passage answers {repr(mute) if mute else 'any query'}", where=name, how="leave the query out"
        )
    query, passage, grade = np.array(rows, dtype=np.int32).T
    themselves = [
        (row, passage) for row, query in enumerate(queries) for passage in sorted(own.get(query.parallel_id, ()))
    ]
    itself_query, itself_passage = np.array(themselves, dtype=np.int32).reshape(-1, 2).T
    counts = {
        "passages that are their own query": sum(map(len, own.values())),
        "qrels of a query to itself": dropped,
        "queries answered by themselves alone": sum(
            not answers.get(query.parallel_id) and query.parallel_id not in missing for query in queries
        ),
    }
    left_out = {reason: number for reason, number in counts.items() if number}
    return Judged(
        name,
        queries,
        languages,
        passage_language,
        query,
        passage,
        grade,
        itself_query=itself_query,
        itself_passage=itself_passage,
        left_out=left_out,
        lost_query=lost_query,
        lost_language=lost_language.astype(np.int8),
        lost_grade=lost_grade,
    )
