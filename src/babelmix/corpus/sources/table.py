"""Question-passage pairs from tables: a data set on the hub, or a user's own file below data/own.

    nq = Table(hub="sentence-transformers/natural-questions", language="en", query="query", passage="answer")
    fetch(nq, Path("data/raw/nq"))
    pairs, counts = build("nq", nq, Path("data/raw/nq"), settings.pairs)

JSON lines (.jsonl, .jsonl.gz), Parquet, or SQuAD form (.json, .json.gz, see `squadshifts.add_file`). It reads rows one
by one, and runs no code or pickle of a repository. A column may be a path into nested values:
"positive_passages.0.text", "answers.0".
"""

import hashlib
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from babelmix.common.errors import UserError
from babelmix.common.files import new_folder
from babelmix.common.outputs import MANIFEST
from babelmix.common.reading import checked_id, checked_text, json_rows
from babelmix.corpus.collect import Counts, Gathered, split_of
from babelmix.corpus.records import Pair
from babelmix.corpus.sentences import clean, window
from babelmix.corpus.settings import Pairs, Table
from babelmix.corpus.source import PairSource
from babelmix.corpus.sources.squadshifts import add_file
from babelmix.corpus.spans import find_span
from babelmix.download.hub import Wanted, fetch_from_hub
from babelmix.workspace import HERE

OWN = HERE.own
SQUAD_ENDINGS = (".json", ".json.gz")
ENDINGS = (".jsonl", ".jsonl.gz", ".parquet", *SQUAD_ENDINGS)
BATCH_ROWS = 1024
_MEND = "mend the file, or the column names in params.yaml"


def fetch(table: Table, folder: Path) -> None:
    """Download the files of a table on the hub that match `files`, from one commit, replacing `folder`.

    A user's own table stays where it is; the folder gets an empty manifest. UserError: as for the hub; no file matches,
    or one has an unknown ending.
    """
    if table.hub is None:
        with new_folder(folder) as staging:
            (staging / "manifest.json").write_text("{}\n", encoding="utf-8")
        return

    def choose(names: list[str]) -> list[str]:
        return _matching(names, table, f"{table.hub} at {table.revision}")

    fetch_from_hub(folder, Wanted(table.hub, table.revision, choose))


def build(name: str, table: Table, folder: Path, settings: Pairs) -> tuple[list[Pair], dict[str, Counts]]:
    """Make pairs, origin "human", of the table's rows, and count the rows kept and dropped.

    It reads only rows whose columns have the values of `where`. A row's parallel_id is `<name>:<its column>`, or the
    start of the sha256 of query and passage; the sha256 of the whole passage and `dev_share` decide its split. If
    `find_span` finds the `answer` in the passage, the pair has the `passage_sentences` around it, and the answer as it
    stands there; if not, or if no column has the answer, the passage stays whole and the answer is empty. Reasons to
    drop a row: no-answer (passage or answer is null, empty or beyond the end of a list), and those of `Gathered`. It
    keeps at most `rows`, in the order of the files.

    UserError, with file, row and field: a file outside data/own, of another ending, missing, empty, damaged or in no
    encoding of Unicode; a row that is not an object; a missing column; a used value that is not a text, or has half
    characters or control characters; no row left, or more than half dropped for their language.
    """
    field = f"params.yaml, source.{name}"
    if table.path is None:
        names = sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())
        names = [name for name in names if name not in ("manifest.json", MANIFEST)]
        files = [folder / found for found in _matching(names, table, str(folder))]
    else:
        files = [own_file(table.path, f"{field}.path")]
    lang = table.language or ""  # a table has one, see `Table`
    gathered = Gathered(lang, min_characters=settings.min_passage_characters, limit=table.rows)
    for file in files:
        if file.name.endswith(SQUAD_ENDINGS):
            if table.where:
                raise UserError(
                    "SQuAD form has no columns", where=f"{field}.where", how=f"leave it out for {file.name}"
                )
            add_file(gathered, file, name, settings)
        else:
            _add_table(gathered, file, name, table, settings)
        if gathered.full:
            break
    gathered.check(str(table.path or folder), field)
    pairs, counts = gathered.close()
    return pairs, {lang: counts}


def table_source(name: str, table: Table) -> PairSource:
    """Return a table of `source:` as a source of pairs."""
    licence = f"{name}: as the publisher of {table.hub} has it" if table.hub else f"{name}: yours"

    def fetch_table(folder: Path, settings: Pairs) -> None:
        fetch(table, folder)

    def build_table(folder: Path, settings: Pairs) -> tuple[list[Pair], dict[str, Counts]]:
        return build(name, table, folder, settings)

    return PairSource(
        name=name,
        licence=licence,
        fetch=fetch_table,
        build=build_table,
        hub=table.hub is not None,
        language=table.language,
    )


def _matching(names: list[str], table: Table, where: str) -> list[str]:
    chosen = [name for name in names if fnmatchcase(name, table.files)]
    if not chosen:
        there = f"there are {', '.join(names[:8])}{', ...' if len(names) > 8 else ''}" if names else "there are none"
        raise UserError(f"no file matches {table.files!r}", where=where, how=f"correct `files:`; {there}")
    for name in chosen:
        _check_ending(name, where)
    return chosen


def _check_ending(name: str, where: str, endings: tuple[str, ...] = ENDINGS) -> None:
    if not name.endswith(endings):
        how = f"give one that ends in {', '.join(endings)}"
        raise UserError(f"not a table: {name!r}", where=where, how=how)


def own_file(path: Path, where: str, endings: tuple[str, ...] = ENDINGS) -> Path:
    """Return the file, with all links followed, if it lies below data/own and has one of the endings."""
    try:
        root, file = OWN.resolve(), path.resolve()
        inside = not path.is_absolute() and file != root and file.is_relative_to(root)
        there = file.is_file()
    except (OSError, RuntimeError, ValueError) as error:  # links in a circle, a NUL in the name
        raise UserError(f"no such file ({error})", where=where, how="correct the path") from error
    if not inside:
        how = f"put the file into {OWN}/ and write its path from the project's folder, such as {OWN}/mine{endings[0]}"
        raise UserError(f"{str(path)!r} is not below {OWN}", where=where, how=how)
    _check_ending(path.name, where, endings)
    if not there:
        raise UserError("no such file", where=f"{where}: {path}", how="correct the path")
    return path


def _add_table(gathered: Gathered, file: Path, name: str, table: Table, settings: Pairs) -> None:
    empty = True
    for where, row in _rows(file, table):
        empty = False
        if not all(table.wants(column, _reach(row, column, where)) for column in table.where):
            continue
        query, passage = (_text(row, column, where) for column in (table.query, table.passage))
        answer = _text(row, table.answer, where) if table.answer else ""
        whole = clean(passage)
        if not whole or (table.answer and not clean(answer)):
            gathered.dropped["no-answer"] += 1
            continue
        question, lang, found_answer, part = clean(query), gathered.lang, "", whole
        parallel_id = (
            _parallel_id(row, table.parallel_id, where) if table.parallel_id else _digest(f"{question}\n{whole}")
        )
        if found := table.answer and find_span(answer, passage):
            start, end = found
            found_answer = clean(passage[start:end])
            part = window(passage, start=start, end=end, sentences=settings.passage_sentences, lang=lang)
        split = split_of(whole, settings.dev_share)
        gathered.add(Pair(f"{name}:{parallel_id}", lang, split, question, part, "human", found_answer))
        if gathered.full:
            return
    if empty:
        raise UserError("empty file", where=str(file), how="give a table with rows, or fetch it again")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _columns(table: Table) -> list[str]:
    return [name for name in (table.query, table.passage, table.answer, table.parallel_id, *table.where) if name]


def _rows(file: Path, table: Table) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (where, row); of Parquet it reads only the columns of the table's settings."""
    return _parquet_rows(file, _columns(table)) if file.suffix == ".parquet" else json_rows(file)


def _parquet_rows(file: Path, columns: list[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    from pyarrow import ArrowException
    from pyarrow.parquet import ParquetFile

    number = 0
    try:
        with ParquetFile(file) as table:
            names = table.schema_arrow.names
            tops = sorted({column if column in names else column.split(".")[0] for column in columns})
            for top in tops:
                if top not in names:
                    raise _no_column(names, f"{file}, {top}")
            plain = not any("." in name for name in tops)  # pyarrow takes a point for a path
            for batch in table.iter_batches(BATCH_ROWS, columns=tops if plain else None):
                for row in batch.to_pylist():
                    number += 1
                    yield f"{file}, row {number}", row
    except (ArrowException, OSError, ValueError, OverflowError) as error:  # no UTF-8, a date after the year 9999
        reason = str(error).partition("\n")[0]
        raise UserError(f"damaged file ({reason})", where=f"{file}, after row {number}", how=_MEND) from error


def _reach(row: dict[str, Any], path: str, where: str) -> Any:
    """Return the value at a path such as "answers.0", None if a list is too short or a value on the way is null.

    A column whose name has dots comes first. UserError: no such column; it names those that exist.
    """
    if path in row:
        return row[path]
    value: Any = row
    for part in path.split("."):
        if value is None:
            return None
        if isinstance(value, list) and part.isdecimal():
            value = value[int(part)] if int(part) < len(value) else None
        elif isinstance(value, dict) and part in value:
            value = value[part]
        elif isinstance(value, dict):
            raise _no_column(list(value), f"{where}, {path}")
        else:
            what = "a list" if isinstance(value, list) else "a value that holds no others"
            raise UserError(f"no {part!r} in {what}", where=f"{where}, {path}", how=_MEND)
    return value


def _no_column(names: list[str], where: str) -> UserError:
    there = ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")
    return UserError("no such column", where=where, how=f"there are: {there or 'none'}")


def _text(row: dict[str, Any], path: str, where: str) -> str:
    """Return the text at a path, "" for null."""
    value = _reach(row, path, where)
    return "" if value is None else checked_text(value, f"{where}, {path}")


def _parallel_id(row: dict[str, Any], path: str, where: str) -> str:
    """Return the text or the whole number at a path as an id: 7, 7.0 and "7" are one id."""
    where = f"{where}, {path}"
    return clean(checked_id(_reach(row, path, where), where)) or checked_id("", where)
