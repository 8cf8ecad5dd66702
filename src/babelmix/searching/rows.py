"""Documents out of rows of JSON lines, CSV or Parquet, as people write such files.

    for where, row in rows_of(Path("faq.csv")):
        document = document_of(row, where, own="faq.csv:3", language=None)

The fields are `id` (or `_id`), `text`, `title` and `language` (or `lang`). Only the text is needed. Other fields are
ignored.
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from babelmix.common.errors import UserError
from babelmix.common.one_line import reason_of
from babelmix.common.reading import checked_id, checked_text, json_rows, numbered_lines, shown
from babelmix.common.text import published_form
from babelmix.searching.documents import Document
from babelmix.searching.languages import checked_language

FIELDS = {
    "id": ("id", "_id", "doc_id", "docid"),
    "text": ("text", "passage", "content", "contents", "body"),
    "title": ("title",),
    "language": ("language", "lang"),
}
BEIR_IDS = ("_id", "id", "doc_id", "docid")  # the order of benchmarks/sources/beir.py, so that both read equal ids
TABLES = (".csv", ".tsv")
PARQUET = ".parquet"
BATCH = 1024  # rows of a Parquet file in memory at once

Row = tuple[str, Mapping[str, Any]]


def rows_of(file: Path) -> Iterator[Row]:
    """Yield (where, row) of a file, one at a time; UserError, with the line, for a file that cannot be read."""
    kind = file.name.lower().removesuffix(".gz")
    if kind.endswith(PARQUET):
        return _parquet_rows(file)
    return _table_rows(file) if kind.endswith(TABLES) else json_rows(file)


def document_of(
    row: Mapping[str, Any], where: str, *, own: str, language: str | None, ids: Sequence[str] = FIELDS["id"]
) -> Document:
    """Return the document of a row; its language is None where the row names none.

    `own` is the id of a row without one, `language` the language of all rows of the file, if known, and `ids` the
    fields of which the first that is there is the id. UserError, with the field, for a missing text, for an id or
    language that is none, and for a field that is not a text.
    """
    fields = {**FIELDS, "id": ids}
    names = {field: next((name for name in names if name in row), None) for field, names in fields.items()}
    if names["text"] is None:
        how = f"name the column or field of the texts `text`; the fields are {shown(', '.join(map(str, row)))}"
        raise UserError("no text", where=where, how=how)

    def value(field: str) -> Any:
        return row[name] if (name := names[field]) is not None else None

    name = value("id")
    named = checked_language(value("language"), f"{where}, {names['language']}")
    return Document(
        id=own if name is None or name == "" else checked_id(name, f"{where}, {names['id']}"),
        text=_text(value("text"), f"{where}, {names['text']}"),
        title=_text(value("title"), f"{where}, title") or None,
        language=named or language,
    )


def _text(value: Any, where: str) -> str:
    """Return a text for storing: in NFC, control characters as blanks; "" where there is none."""
    if value is None:
        return ""
    return checked_text(published_form(value), where).strip() if isinstance(value, str) else checked_text(value, where)


def _table_rows(file: Path) -> Iterator[Row]:
    """Yield the rows of a table whose first line names the columns, separated by commas, semicolons or tabs.

    The limit of a field is one for the whole process, so it is put back.
    """
    before = csv.field_size_limit(1 << 24)
    try:
        yield from _cells(file)
    finally:
        csv.field_size_limit(before)


def _cells(file: Path) -> Iterator[Row]:
    read = 0

    def lines() -> Iterator[str]:
        nonlocal read
        for number, line in numbered_lines(file):
            read = number
            yield line + "\n"

    source = lines()
    head = next(source, "")
    separator = max(",;\t", key=head.count)
    columns = next(csv.reader([head], delimiter=separator), [])
    columns = [column.strip().lower() for column in columns]
    if len(set(columns)) < len(columns):
        raise UserError("two columns of one name", where=f"{file}, line 1", how="give each column its own name")
    reader = csv.reader(source, delimiter=separator, strict=True)
    while True:
        first = read + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            how = "put a text with quotes, separators or line ends between quotes, and double the quotes in it"
            raise UserError(f"not a row of a table ({error})", where=f"{file}, line {first}", how=how) from error
        if cells is None:
            return
        if not cells:
            continue
        where = f"{file}, line {first}"
        if len(cells) != len(columns):
            what = f"{len(cells)} cells, where the first line names {len(columns)} columns"
            raise UserError(what, where=where, how="put a text with separators between quotes")
        yield where, dict(zip(columns, cells, strict=True))


def _parquet_rows(file: Path) -> Iterator[Row]:
    from pyarrow import ArrowException
    from pyarrow.parquet import ParquetFile

    wanted = {name for names in FIELDS.values() for name in names}
    number = 0
    try:
        with ParquetFile(file) as table:
            columns = table.schema_arrow.names
            chosen = [name for name in columns if name in wanted]
            if not set(chosen) & set(FIELDS["text"]):
                how = f"name the column of the texts `text`; the columns are {shown(', '.join(columns))}"
                raise UserError("no text", where=str(file), how=how)
            for batch in table.iter_batches(batch_size=BATCH, columns=chosen):
                for row in batch.to_pylist():
                    number += 1
                    yield f"{file}, row {number}", row
    except UserError:
        raise
    except (ArrowException, OSError, UnicodeDecodeError) as error:
        first = reason_of(error)
        how = "the file may be cut short: make it, or fetch it, again"
        raise UserError(f"not a whole Parquet file ({first})", where=f"{file}, row {number + 1}", how=how) from error
