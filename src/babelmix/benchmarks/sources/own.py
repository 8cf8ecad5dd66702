"""A user's own benchmark in babelmix's form, as people write such files: in any order, with unusable rows.

    benchmark, left_out = build(Path("my-benchmark"), "my-benchmark")

    queries.jsonl      {"id": "en:q1", "parallel_id": "q1", "lang": "en", "text": "How long does sourdough need?"}
    passages.jsonl     {"id": "en:d1", "lang": "en", "text": "Sourdough needs a whole night.", "context": "..."}
    qrels.jsonl        {"parallel_id": "q1", "passage": "en:d1", "relevance": 1}

Also as `.gz`, in any encoding of Unicode, with numbers as ids and blank lines. The context and the relevance, 1, may be
missing. `files.read_benchmark` reads a folder that babelmix wrote.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from babelmix.benchmarks.benchmark import Benchmark, Passage, Query
from babelmix.benchmarks.sources.judgements import RawRow, gather
from babelmix.benchmarks.sources.texts import Texts, judged_texts, text_of
from babelmix.common.errors import UserError, unknown_name
from babelmix.common.languages import LANGUAGES
from babelmix.common.old_names import with_new_names
from babelmix.common.reading import checked_id, checked_text, json_rows, shown
from babelmix.common.text import spaced_form

_OLD = {"question": "parallel_id", "grade": "relevance"}  # names of fields in the last release


def find_own(folder: Path, kind: str) -> Path:
    """Return the file of the "queries", "passages" or "qrels" in a folder: the packed one if there is no other."""
    file, packed = folder / f"{kind}.jsonl", folder / f"{kind}.jsonl.gz"
    return packed if packed.is_file() and not file.is_file() else file


def build(folder: Path, name: str) -> tuple[Benchmark, dict[str, int]]:
    """Build a benchmark from a folder in babelmix's own form, and count what it leaves out, see `judged_texts`.

    Ids and parallel_ids stay as they are. The language of a missing relevant passage is the beginning of its id
    (`en:d1`), or else each of the passages' languages. A passage with a query's text, under the id of the query or its
    parallel_id, is that query.

    UserError, with file, line and field, for a missing file, a row that is not a JSON object, a field that is missing,
    unknown or of another type, an unknown language, and an id with two contents.
    """
    queries, passages = Texts[Query](), Texts[Passage]()
    queries.read(find_own(folder, "queries"), _query)
    passages.read(find_own(folder, "passages"), _passage)
    file = find_own(folder, "qrels")
    asked: dict[str, set[tuple[str, str]]] = {}
    for query in queries.rows.values():
        for known in (query.parallel_id, query.id):
            asked.setdefault(known, set()).add((query.parallel_id, spaced_form(query.text)))
    itself = {
        (question, passage.id)
        for passage in passages.rows.values()
        for question, text in asked.get(passage.id, ())
        if text and text == spaced_form(passage.text)
    }
    spoken = sorted({passage.lang for passage in passages.rows.values()})

    def languages(passage: str) -> list[str]:
        lang = passage.split(":")[0]
        return [lang] if lang in spoken else spoken

    questions = {query.parallel_id for query in queries.rows.values()}
    judgements = gather(_rows(file), questions, passages.rows, ("parallel_id", "passage", "relevance"))
    return judged_texts(
        name,
        file,
        queries,
        passages,
        judgements,
        itself,
        holders=lambda passage: [passage] if passage in passages.rows else [],
        languages=languages,
    )


def _query(row: dict[str, Any], where: str) -> tuple[str, Query]:
    row = with_new_names(row, _OLD, where)
    _check_fields(row, ("id", "parallel_id", "lang", "text"), where)
    name, parallel_id = (checked_id(row.get(field), f"{where}, {field}") for field in ("id", "parallel_id"))
    return name, Query(name, parallel_id, _language(row, where), text_of(row, "text", where))


def _passage(row: dict[str, Any], where: str) -> tuple[str, Passage]:
    _check_fields(row, ("id", "lang", "text", "context"), where)
    name, context = checked_id(row.get("id"), f"{where}, id"), text_of(row, "context", where, needed=False)
    return name, Passage(name, _language(row, where), text_of(row, "text", where), context)


def _rows(file: Path) -> Iterator[RawRow]:
    for where, raw in json_rows(file):
        row = with_new_names(raw, _OLD, where)
        _check_fields(row, ("parallel_id", "passage", "relevance"), where)
        yield where, row.get("parallel_id"), row.get("passage"), 1 if row.get("relevance") is None else row["relevance"]


def _check_fields(row: dict[str, Any], names: tuple[str, ...], where: str) -> None:
    unknown = next((name for name in row if name not in names), None)
    if unknown is not None:
        raise UserError(f"unknown field {shown(unknown)}", where=where, how=f"valid: {', '.join(names)}")


def _language(row: dict[str, Any], where: str) -> str:
    lang = checked_text(row.get("lang"), f"{where}, lang").strip()
    if lang not in LANGUAGES:
        raise unknown_name("language code", lang[:40], LANGUAGES, where=f"{where}, lang")
    return lang
