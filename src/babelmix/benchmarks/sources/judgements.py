"""Relevance judgements as people publish them: BEIR's tables, TREC's four columns, and JSON lines.

    judgements = read_judgements(Path("qrels/test.tsv"), queries, documents)
    judgements.scores["PLAIN-2", "MED-10"]        # 2

    query-id <tab> corpus-id <tab> score         # or other names, or no such line; further columns are passed over
    PLAIN-2 <tab> MED-10 <tab> 2                 # 2.0, "2" and " 2 " are the same

Fields may be in quotes. A line without a tab is cut at its white space. TREC's lines have a second column that means
nothing: `101 0 FT911-3 1`.
"""

import re
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from babelmix.common.errors import UserError
from babelmix.common.reading import checked_id, json_rows, numbered_lines, shown

# How files of judgements end: BEIR's and mteb's, and only where none of these is there, TREC's.
ENDINGS = ((".tsv", ".jsonl"), (".txt", ".qrels", ".qrel", ".trec"))
_QUERY, _DOCUMENT, _SCORE = "query-id", "corpus-id", "score"
# What the columns are called in BEIR, mteb, ir_datasets, TREC and Tevatron, without their hyphens and underscores.
_NAMES = {
    _QUERY: {"queryid", "qid", "query", "topic", "topicid"},
    _DOCUMENT: {"corpusid", "documentid", "docid", "docno", "did", "pid", "passageid", "document", "doc"},
    _SCORE: {"score", "relevance", "rel", "relevancy", "label", "grade"},
}
_WHOLE = re.compile(r"([+-]?[0-9]{1,9})(\.0*)?")  # a relevance is kept in 32 bits
_HOW = f"write {_QUERY}, {_DOCUMENT}, {_SCORE}, with a tab between them"
RawRow = tuple[str, Any, Any, Any]  # where, query, document, score: as they stand in the file


@dataclass(frozen=True, slots=True)
class Judgements:
    """{(query, document): score}, and how many rows were equal to another, or had another score.

    Of a pair with several scores the highest is kept.
    """

    scores: dict[tuple[str, str], int]
    repeated: int
    differing: int


def read_judgements(file: Path, queries: Container[str], documents: Container[str]) -> Judgements:
    """Return the judgements of a file, whatever its form.

    `queries` and `documents` are the known ids: they tell which column is which where no header does, and whether the
    quotes around an id belong to it. Ids that are not among them come back too. UserError with file, line and field
    for a row that lacks a field, what is no id, and a score that is no whole number of at most nine digits.
    """
    rows = _json_rows(file) if file.name.removesuffix(".gz").endswith(".jsonl") else _table(file, queries, documents)
    return gather(rows, queries, documents, (_QUERY, _DOCUMENT, _SCORE))


def gather(
    rows: Iterable[RawRow], queries: Container[str], documents: Container[str], names: tuple[str, str, str]
) -> Judgements:
    """Return the judgements of rows as they stand in a file; `names` are those of its fields."""
    scores: dict[tuple[str, str], int] = {}
    repeated = differing = 0
    for where, query, document, score in rows:
        pair = _name(query, queries, f"{where}, {names[0]}"), _name(document, documents, f"{where}, {names[1]}")
        relevance = _relevance(score, f"{where}, {names[2]}")
        before = scores.get(pair)
        repeated += before == relevance
        differing += before is not None and before != relevance
        scores[pair] = relevance if before is None else max(before, relevance)
    return Judgements(scores, repeated, differing)


def _table(file: Path, queries: Container[str], documents: Container[str]) -> Iterator[RawRow]:
    """Yield the rows of a table, its header passed over."""
    rows = [(number, fields) for number, line in numbered_lines(file) if (fields := _fields(line))]
    first = rows[0][1] if rows else []
    places = _header(first)
    if not places:
        places = _positions([fields for _, fields in rows], documents)
        known = (_at(first, places[_QUERY]) in queries, _at(first, places[_DOCUMENT]) in documents)
        if any(known) or len(first) <= max(places.values()) or _WHOLE.fullmatch(_at(first, places[_SCORE])):
            rows = [(0, []), *rows]  # no header, whatever its names
    columns = max(places.values()) + 1
    for number, fields in rows[1:]:
        where = f"{file}, line {number}"
        if len(fields) < columns:
            raise UserError(f"{len(fields)} fields, not {columns}", where=where, how=_HOW)
        score = fields[places[_SCORE]] if _SCORE in places else 1
        yield where, fields[places[_QUERY]], fields[places[_DOCUMENT]], score


def _fields(line: str) -> list[str]:
    """Return the fields of a line without blank ones at its end; none of a blank line."""
    line = line.strip(" ")
    fields = line.split("\t") if "\t" in line.strip() else re.split("[ \t]+", line)
    while fields and not fields[-1].strip():
        fields.pop()
    return fields


def _header(fields: list[str]) -> dict[str, int]:
    """Return which column holds what, if this line says so; nothing otherwise."""
    places: dict[str, int] = {}
    for number, field in enumerate(fields):
        plain = re.sub("[-_ ]", "", _unquoted(field).casefold())
        for role, names in _NAMES.items():
            if plain in names:
                places.setdefault(role, number)
    told = _QUERY in places and _DOCUMENT in places
    return places if told and not _WHOLE.fullmatch(_unquoted(fields[-1])) else {}


def _positions(rows: list[list[str]], documents: Container[str]) -> dict[str, int]:
    """Return which column holds what where no header says so: of four or more, TREC's unless ids tell otherwise."""
    if not rows or min(map(len, rows)) < 4:
        return {_QUERY: 0, _DOCUMENT: 1, _SCORE: 2}
    second, third = (sum(_at(fields, number) in documents for fields in rows) for number in (1, 2))
    return {_QUERY: 0, _DOCUMENT: 1, _SCORE: 2} if second > third else {_QUERY: 0, _DOCUMENT: 2, _SCORE: 3}


def _at(fields: list[str], number: int) -> str:
    return _unquoted(fields[number]) if number < len(fields) else ""


def _unquoted(field: str) -> str:
    """Return a field without the white space and the quotes that a table's writer put around it."""
    field = field.strip()
    return field[1:-1].replace('""', '"') if len(field) > 1 and field[0] == field[-1] == '"' else field


def _json_rows(file: Path) -> Iterator[RawRow]:
    """Yield the rows of JSON lines, as mteb publishes them beside BEIR's tables; without a score, one is relevant."""
    for where, row in json_rows(file):
        keys = list(row)
        places = _header([*keys, ""])
        if not places:
            what = f"no {_QUERY} and {_DOCUMENT} among the fields {shown(', '.join(keys))}"
            raise UserError(what, where=where, how=f"write {_QUERY}, {_DOCUMENT} and {_SCORE}")
        score = row[keys[places[_SCORE]]] if _SCORE in places else 1
        yield where, row[keys[places[_QUERY]]], row[keys[places[_DOCUMENT]]], score


def _name(value: Any, known: Container[str], where: str) -> str:
    """Return the id that a field holds: as it stands if it is known, else out of its quotes, or as a whole number."""
    name = checked_id(value, where)
    if name in known or not isinstance(value, str):
        return name
    plain = checked_id(_unquoted(name), where)
    whole = plain.removesuffix(".0")
    return whole if plain not in known and whole in known else plain


def _relevance(value: Any, where: str) -> int:
    text = _unquoted(value).strip() if isinstance(value, str) else shown(value)
    whole = None if isinstance(value, bool) else _WHOLE.fullmatch(text)
    if whole is None:
        how = "write 0 for not relevant, 1 or more for relevant"
        raise UserError(f"not a whole number: {shown(value)}", where=where, how=how)
    return int(whole[1])
