"""Relevance judgements as people publish them: the tables of BEIR, the four columns of TREC, and JSON lines.

    judgements = read_judgements(Path("qrels/test.tsv"), queries, documents)
    judgements.scores["PLAIN-2", "MED-10"]        # 2

    query-id <tab> corpus-id <tab> score         # or other names, or no such line; other columns are ignored
    PLAIN-2 <tab> MED-10 <tab> 2                 # 2.0, "2" and " 2 " are the same

Fields may have quotes. White space separates the fields of a line without a tab. The second column of TREC has no
meaning: `101 0 FT911-3 1`.
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
# The names of the columns in BEIR, mteb, ir_datasets, TREC and Tevatron, without hyphens and underscores.
_NAMES = {
    _QUERY: {"queryid", "qid", "query", "topic", "topicid"},
    _DOCUMENT: {"corpusid", "documentid", "docid", "docno", "did", "pid", "passageid", "document", "doc"},
    _SCORE: {"score", "relevance", "rel", "relevancy", "label", "grade"},
}
_WHOLE = re.compile(r"([+-]?[0-9]{1,9})(\.0*)?")  # a relevance has 32 bits
_HOW = f"write {_QUERY}, {_DOCUMENT}, {_SCORE}, with a tab between them"
RawRow = tuple[str, Any, Any, Any]  # where, query, document, score: as in the file


@dataclass(frozen=True, slots=True)
class Judgements:
    """{(query, document): score}, and how many rows repeat another row, or its pair with another score.

    A pair with several scores has the highest.
    """

    scores: dict[tuple[str, str], int]
    repeated: int
    differing: int


def read_judgements(file: Path, queries: Container[str], documents: Container[str]) -> Judgements:
    """Return the judgements of a file in any of these forms.

    `queries` and `documents` are the known ids: without a header they decide which column is which, and whether quotes
    belong to an id. The result has unknown ids too. UserError with file, line and field for a row that lacks a field, a
    value that is not an id, and a score that is not a whole number of at most nine digits.
    """
    rows = _json_rows(file) if file.name.removesuffix(".gz").endswith(".jsonl") else _table(file, queries, documents)
    return gather(rows, queries, documents, (_QUERY, _DOCUMENT, _SCORE))


def gather(
    rows: Iterable[RawRow], queries: Container[str], documents: Container[str], names: tuple[str, str, str]
) -> Judgements:
    """Return the judgements of the rows of a file; `names` are those of its fields."""
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
    """Yield the rows of a table without its header."""
    rows = [(number, fields) for number, line in numbered_lines(file) if (fields := _fields(line))]
    first = rows[0][1] if rows else []
    places = _header(first)
    if not places:
        places = _positions([fields for _, fields in rows], documents)
        known = (_at(first, places[_QUERY]) in queries, _at(first, places[_DOCUMENT]) in documents)
        if any(known) or len(first) <= max(places.values()) or _WHOLE.fullmatch(_at(first, places[_SCORE])):
            rows = [(0, []), *rows]  # not a header, in spite of its names
    columns = max(places.values()) + 1
    for number, fields in rows[1:]:
        where = f"{file}, line {number}"
        if len(fields) < columns:
            raise UserError(f"{len(fields)} fields, not {columns}", where=where, how=_HOW)
        score = fields[places[_SCORE]] if _SCORE in places else 1
        yield where, fields[places[_QUERY]], fields[places[_DOCUMENT]], score


def _fields(line: str) -> list[str]:
    """Return the fields of a line without blank ones at its end; none for a blank line."""
    line = line.strip(" ")
    fields = line.split("\t") if "\t" in line.strip() else re.split("[ \t]+", line)
    while fields and not fields[-1].strip():
        fields.pop()
    return fields


def _header(fields: list[str]) -> dict[str, int]:
    """Return the column of each field if this line is a header; nothing otherwise."""
    places: dict[str, int] = {}
    for number, field in enumerate(fields):
        plain = re.sub("[-_ ]", "", _unquoted(field).casefold())
        for role, names in _NAMES.items():
            if plain in names:
                places.setdefault(role, number)
    complete = _QUERY in places and _DOCUMENT in places
    return places if complete and not _WHOLE.fullmatch(_unquoted(fields[-1])) else {}


def _positions(rows: list[list[str]], documents: Container[str]) -> dict[str, int]:
    """Return the column of each field without a header: of four or more, TREC's unless the ids show otherwise."""
    if not rows or min(map(len, rows)) < 4:
        return {_QUERY: 0, _DOCUMENT: 1, _SCORE: 2}
    second, third = (sum(_at(fields, number) in documents for fields in rows) for number in (1, 2))
    return {_QUERY: 0, _DOCUMENT: 1, _SCORE: 2} if second > third else {_QUERY: 0, _DOCUMENT: 2, _SCORE: 3}


def _at(fields: list[str], number: int) -> str:
    return _unquoted(fields[number]) if number < len(fields) else ""


def _unquoted(field: str) -> str:
    """Return a field without the white space and the quotes around it."""
    field = field.strip()
    return field[1:-1].replace('""', '"') if len(field) > 1 and field[0] == field[-1] == '"' else field


def _json_rows(file: Path) -> Iterator[RawRow]:
    """Yield the rows of JSON lines, as mteb publishes them beside BEIR's tables; a row without a score is relevant."""
    for where, row in json_rows(file):
        keys = list(row)
        places = _header([*keys, ""])
        if not places:
            what = f"no {_QUERY} and {_DOCUMENT} among the fields {shown(', '.join(keys))}"
            raise UserError(what, where=where, how=f"write {_QUERY}, {_DOCUMENT} and {_SCORE}")
        score = row[keys[places[_SCORE]]] if _SCORE in places else 1
        yield where, row[keys[places[_QUERY]]], row[keys[places[_DOCUMENT]]], score


def _name(value: Any, known: Container[str], where: str) -> str:
    """Return the id in a field: unchanged if it is known, else without its quotes, or as a whole number."""
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
