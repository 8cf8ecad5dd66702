import gzip
import json
from pathlib import Path

import pytest

from babelmix.common.reading import checked_text, json_rows, numbered_lines, parse_json, read_text
from babelmix.errors import UserError

ROWS = '{"a": "é"}\n{"a": "ü"}\n'


def rows(file: Path) -> list[str]:
    return [row["a"] for _, row in json_rows(file)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_encodings_line_ends_and_gzip_are_read(tmp_path: Path, encoding: str, packed: bool, end: str) -> None:
    file = tmp_path / "rows.jsonl"
    content = ROWS.replace("\n", end).encode(encoding)
    file.write_bytes(gzip.compress(content) if packed else content)
    assert rows(file) == ["é", "ü"]
    assert read_text(file) == ROWS
    assert [number for number, _ in numbered_lines(file)] == [1, 2]


@pytest.mark.parametrize(
    "text",
    ['{"a": "1"}{"a": "2"}', '[{"a": "1"}, {"a": "2"}]', '{"a": "1"}, {"a": "2"}\n', '\n{"a":"1"}\n\n{"a":"2"}\n\n'],
)
def test_several_objects_on_a_line_and_blank_lines_are_read(tmp_path: Path, text: str) -> None:
    (tmp_path / "rows.jsonl").write_text(text)
    assert rows(tmp_path / "rows.jsonl") == ["1", "2"]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b'{"a": "x"}\n{"a": "\xe1gua"}\n', "rows.jsonl, line 2: not UTF-8 text (byte 0xe1; it may be in Latin-1"),
        (b'{"a": "x"}\n{"a": \n', "rows.jsonl, line 2, column 7: not whole JSON"),
        (b'{"a": "x"}\n7\n', "rows.jsonl, line 2: not a JSON object"),
        (b'{"a": "x\x01"}', "rows.jsonl, line 1, column 9: a control character (U+0001) in a text"),
        (b'{"a": ' + b"[" * 100_000, "line 1: JSON that is nested too deep"),
        (b'{"a": ' + b"9" * 10_000 + b"}", "line 1: a number of too many digits"),
        (gzip.compress(ROWS.encode())[:-9], "damaged gzip"),
        (b"\xff\xfe{\x00}", "rows.jsonl: not whole UTF-16 text"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_line(tmp_path: Path, content: bytes, told: str) -> None:
    (tmp_path / "rows.jsonl").write_bytes(content)
    with pytest.raises(UserError) as found:
        rows(tmp_path / "rows.jsonl")
    assert told in str(found.value)


def test_a_missing_file_and_a_folder_are_told(tmp_path: Path) -> None:
    for file, told in ((tmp_path / "none", "no such file"), (tmp_path, "cannot be read (Is a directory)")):
        with pytest.raises(UserError, match=told.replace("(", "\\(").replace(")", "\\)")):
            read_text(file)


def test_what_follows_a_json_text_is_told() -> None:
    assert parse_json(' {"a": [1]} \n', "x") == {"a": [1]}
    with pytest.raises(UserError, match="x, line 2, column 1: more after the end"):
        parse_json("{}\n{}", "x")


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("\ud800", r"half a character \(a lone surrogate, U\+D800\)"),
        ("a\x00b", r"x, character 2: a control character \(U\+0000\)"),
        (None, "missing"),
        (7, "not a text: 7"),
        (float("nan"), "not a text: NaN"),
    ],
)
def test_what_is_no_text_is_told(value: object, told: str) -> None:
    with pytest.raises(UserError, match=told):
        checked_text(value, "x")


def test_white_space_and_misread_quotes_are_texts() -> None:
    text = json.loads('"a\\t\\n\\f\\u0094"')
    assert checked_text(text, "x") == text
