"""Read text files of any origin: all Unicode encodings, gzip, all line ends, JSON lines.

    for where, row in json_rows(Path("corpus.jsonl")):      # "corpus.jsonl, line 3", {"_id": ...}
        name = checked_id(row["_id"], f"{where}, _id")      # 7 and "7" are one id
        text = checked_text(row["text"], f"{where}, text")

Encodings are UTF-8 with or without a byte order mark, UTF-16 and UTF-32; gzip is recognised under any name. Anything
else is a UserError with file, line and field; nothing else is guessed.
"""

import gzip
import json
import re
import zlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from io import BufferedReader, TextIOWrapper
from pathlib import Path
from typing import Any, TextIO

from babelmix.common.errors import UserError
from babelmix.common.text import kept_form

LONGEST_ID = 1_000  # characters: an array of ids takes four bytes for each, in every row
MORE = "more after the end"  # the error of `parse_json` for JSON lines
_GZIP = b"\x1f\x8b"
_AGAIN = "the file may be cut short: make it, or fetch it, again"
# Control characters that no text should hold. Tabs, line ends and form feeds are white space. U+0080 to U+009F are
# allowed: published texts contain them where an older encoding was misread.
_UNFIT = re.compile("[\ud800-\udfff]|[\x00-\x08\x0e-\x1f\x7f]")
_BREAK = re.compile("[\t-\r\x85\u2028\u2029]")  # would split an id in a table or a list of ids
_DECODER = json.JSONDecoder()
_BLANK = re.compile(r"[ \t\r\n]*")


def numbered_lines(file: Path) -> Iterator[tuple[int, str]]:
    """Yield (line number from 1, line without its end), one at a time.

    UserError, with the line, if the file is missing, unreadable, damaged or in no encoding of Unicode.
    """
    with _opened(file) as lines:
        for number, line in enumerate(lines, start=1):
            yield number, line.rstrip("\n")


def read_text(file: Path) -> str:
    """Return the text of a whole file, line ends as "\\n"; UserError as for `numbered_lines`."""
    with _opened(file) as text:
        return text.read()


def json_rows(file: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (where, object) of a file of JSON lines; `where` names file and line.

    Blank lines are skipped. A line may hold several objects or a list of objects, since some tools write a whole file
    on one line. A list or objects that span many lines are read as a whole. UserError for invalid JSON and for values
    that are not objects.
    """
    found = False
    for number, line in numbered_lines(file):
        try:
            for where, value in _values(line, file, number):
                yield from _objects(where, value)
                found = True
        except UserError:
            if found or not (line.lstrip().startswith("[") or line.strip() == "{"):
                raise
            break
    else:
        return
    for where, value in _values(read_text(file), file, 1):
        yield from _objects(where, value)


def _values(text: str, file: Path, line: int) -> Iterator[tuple[str, Any]]:
    """Yield (where, value) of a text's JSON values, separated by blanks or commas; the text begins at `line`."""
    start, counted, nth, whole = _skip(text, 0), 0, 0, "\n" in text
    while start < len(text):
        ends = text.count("\n", counted, start)
        line, counted, nth = line + ends, start, 1 if ends else nth + 1
        where = f"{file}, line {line}" if nth == 1 else f"{file}, line {line}, object {nth}"
        value, end = _decode(text, start, str(file) if whole else where)
        start = _skip(text, end)
        if start < len(text) and text[start] == ",":  # as in a list that lost its brackets
            start = _skip(text, start + 1)
        yield where, value


def _objects(where: str, value: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (where, object) of a value that is an object or a list of objects."""
    rows: list[Any] = value if isinstance(value, list) else [value]
    for item, row in enumerate(rows, start=1):
        found = where if len(rows) == 1 else f"{where}, object {item}"
        if not isinstance(row, dict):
            raise UserError("not a JSON object", where=found, how="write one object a line, such as {...}")
        yield found, row


def parse_json(text: str, where: str) -> Any:
    """Return the value of a JSON text; UserError, with line and column, if it is invalid.

    NaN and Infinity are returned as floats: the caller knows the field and can name it in an error.
    """
    start = _skip(text, 0)
    value, end = _decode(text, start, where)
    end = _skip(text, end)
    if end < len(text):
        line, column = text.count("\n", 0, end) + 1, end - text.rfind("\n", 0, end)
        raise UserError(MORE, where=f"{where}, line {line}, column {column}", how=_AGAIN)
    return value


def checked_text(value: Any, where: str) -> str:
    """Return `value` if it is a text without lone surrogates and control characters; else UserError at `where`."""
    if not isinstance(value, str):
        how = "give it a text or drop the line"
        raise UserError("missing" if value is None else f"not a text: {shown(value)}", where=where, how=how)
    if fault := _UNFIT.search(value):
        sign = ord(fault[0])
        what = "half a character (a lone surrogate," if sign >= 0xD800 else "a control character ("
        what = f"{what}{' ' if what.endswith(',') else ''}U+{sign:04X})"
        raise UserError(what, where=f"{where}, character {fault.start() + 1}", how="take it out")
    return value


def checked_id(value: Any, where: str, *, longest: int = LONGEST_ID) -> str:
    """Return an id as a text: in NFC, without surrounding white space; for a whole number, its digits.

    So 7, 7.0 and "7" are the same id. UserError at `where` if it is neither text nor whole number, is blank, contains
    control characters, tabs or line ends, or has more than `longest` characters.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        if not abs(value) < 2**63 or value != int(value):  # False for NaN
            raise UserError(f"not an id: {shown(value)}", where=where, how="give it a text or a whole number")
        return str(int(value))
    name = checked_text(value, where)
    if fault := _BREAK.search(name):
        what = f"a tab or a line end (U+{ord(fault[0]):04X}) in an id"
        raise UserError(what, where=f"{where}, character {fault.start() + 1}", how="take it out")
    name = kept_form(name.strip())
    if not name:
        raise UserError("blank id", where=where, how="give it an id or drop the line")
    if len(name) > longest:
        how = f"give it at most {longest:,}"
        raise UserError(f"an id of {len(name):,} characters", where=where, how=how)
    return name


def shown(value: Any) -> str:
    """Return a JSON value as a short text for a message; for a list or an object only its kind."""
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "an object"
    text = repr(value) if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= 60 else f"{text[:50]}..."


@contextmanager
def _opened(file: Path) -> Generator[TextIO]:
    """Open a file as text, decompressed if it is gzip; its first bytes determine the encoding, UTF-8 by default.

    Errors while it is read become UserErrors.
    """
    encoding = "utf-8"
    try:
        with _binary(file) as binary:
            encoding = json.detect_encoding(binary.peek(4)[:4])
            with TextIOWrapper(binary, encoding=encoding) as text:
                yield text
    except UnicodeError as error:
        raise _not_text(file, encoding) from error
    except FileNotFoundError as error:
        raise UserError("no such file", where=str(file), how="correct the path, or make the file") from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise UserError(f"damaged gzip ({error})", where=str(file), how=_AGAIN) from error
    except OSError as error:
        how = "correct the path or its rights"
        raise UserError(f"cannot be read ({error.strerror or error})", where=str(file), how=how) from error


@contextmanager
def _binary(file: Path) -> "Generator[BufferedReader[Any]]":
    with file.open("rb") as plain:
        if plain.peek(2)[:2] == _GZIP:
            with gzip.open(plain) as packed, BufferedReader(packed) as binary:
                yield binary
        else:
            yield plain


def _not_text(file: Path, encoding: str) -> UserError:
    """Return the error for bytes that are not in the encoding, with the first such line."""
    how = "save the file as UTF-8"
    if not encoding.startswith("utf-8"):
        return UserError(f"not valid {encoding.upper()} text", where=str(file), how=how)
    with suppress(OSError, EOFError, zlib.error), _binary(file) as binary:  # the gzip may be damaged after the byte
        for number, line in enumerate(binary, start=1):
            try:
                line.decode()
            except UnicodeDecodeError as error:
                byte = f"byte 0x{line[error.start]:02x}"
                what = f"not UTF-8 text ({byte}; it may be in Latin-1 or Windows-1252)"
                return UserError(what, where=f"{file}, line {number}", how=how)
    return UserError("not UTF-8 text", where=str(file), how=how)


def _skip(text: str, start: int) -> int:
    """Return the end of the blanks that begin at `start`."""
    blank = _BLANK.match(text, start)
    return blank.end() if blank else start


def _decode(text: str, start: int, where: str) -> tuple[Any, int]:
    """Return the JSON value that begins at `start`, and its end."""
    try:
        return _DECODER.raw_decode(text, start)
    except json.JSONDecodeError as error:
        if "control character" in error.msg:
            sign = ord(text[error.pos]) if error.pos < len(text) else 0
            what, how = f"a control character (U+{sign:04X}) in a text", "take it out, or write it as \\n and the like"
        else:
            what, how = f"not valid JSON ({error.msg[:1].lower()}{error.msg[1:]})", _AGAIN
        line = f"line {error.lineno}, " if ", line " not in where else ""
        raise UserError(what, where=f"{where}, {line}column {error.colno}", how=how) from error
    except RecursionError as error:
        how = "write values that are less nested"
        raise UserError("JSON that is nested too deep", where=where, how=how) from error
    except ValueError as error:  # an integer with thousands of digits
        raise UserError("a number with too many digits", where=where, how="correct the number") from error
