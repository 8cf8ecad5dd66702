import gzip
import json
from pathlib import Path

import pytest

from babelmix.common.errors import UserError
from babelmix.common.reading import checked_id, checked_text, json_rows, numbered_lines, parse_json, read_text

ROWS = '{"a": "é"}\n{"a": "ü"}\n'


def rows(file: Path) -> list[str]:
    return [row["a"] for _, row in json_rows(file)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_encodings_line_ends_and_gzip_are_read(tmp_path: Path, encoding: str, packed: bool, end: str) -> None:
    file = tmp_path / "rows.jsonl"
    content = ROWS.replace("\n", end).encode(encoding)
    file.write_bytes(gzip.compress(content, mtime=0) if packed else content)
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


@pytest.mark.parametrize("indent", [0, 1, None])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_one_list_over_many_lines_is_read(tmp_path: Path, indent: int | None, end: str) -> None:
    text = json.dumps([{"a": "1"}, {"a": "2"}], indent=indent)
    (tmp_path / "rows.jsonl").write_text(text.replace("}, {", "},\n {").replace("\n", end), newline="")
    assert rows(tmp_path / "rows.jsonl") == ["1", "2"]


def test_objects_over_many_lines_are_read_with_their_lines(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{\n "a": "1"\n}\n{\n "a": "2"\n} {"a": "3"}\n')
    found = [(where.removeprefix(f"{tmp_path}/"), row["a"]) for where, row in json_rows(tmp_path / "rows.jsonl")]
    assert found == [
        ("rows.jsonl, line 1", "1"),
        ("rows.jsonl, line 4", "2"),
        ("rows.jsonl, line 6", "3"),
    ]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b'[\n{"a": "x"},\n{"a": \n]', "rows.jsonl, line 4, column 1: not valid JSON"),
        (b'[\n{"a": "x"},\n7]', "rows.jsonl, line 1, object 2: not a JSON object"),
        (b'{"a": "x"}\n[\n{"a": "x"}]', "rows.jsonl, line 2, column 2: not valid JSON"),
        (b'{"a": "x"}\n{"a": "\xe1gua"}\n', "rows.jsonl, line 2: not UTF-8 text (byte 0xe1; it may be in Latin-1"),
        (b'{"a": "x"}\n{"a": \n', "rows.jsonl, line 2, column 7: not valid JSON"),
        (b'{"a": "x"}\n7\n', "rows.jsonl, line 2: not a JSON object"),
        (b'{"a": "x\x01"}', "rows.jsonl, line 1, column 9: a control character (U+0001) in a text"),
        (b'{"a": ' + b"[" * 100_000, "line 1: JSON that is nested too deep"),
        (b'{"a": ' + b"9" * 10_000 + b"}", "line 1: a number with too many digits"),
        (gzip.compress(ROWS.encode(), mtime=0)[:-9], "damaged gzip"),
        (gzip.compress(b"\xff" * 99_999, mtime=0)[:-8] + b"12345678", "not UTF-8 text"),
        (b"\xff\xfe{\x00}", "rows.jsonl: not valid UTF-16 text"),
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
        ([[]], "not a text: a list"),
        (json.loads("[" * 900 + "]" * 900), "not a text: a list"),
    ],
)
def test_what_is_no_text_is_told(value: object, told: str) -> None:
    with pytest.raises(UserError, match=told):
        checked_text(value, "x")


def test_white_space_and_misread_quotes_are_texts() -> None:
    text = json.loads('"a\\t\\n\\f\\u0094"')
    assert checked_text(text, "x") == text


@pytest.mark.parametrize(
    ("value", "name"), [(7, "7"), (7.0, "7"), (" 7 ", "7"), ("1.0", "1.0"), (-1, "-1"), ("e\u0301 1", "é 1")]
)
def test_numbers_and_texts_are_ids(value: object, name: str) -> None:
    assert checked_id(value, "x") == name


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (None, "x: missing"),
        ("", "x: blank id"),
        (" ", "x: blank id"),
        (True, "x: not a text: true"),
        (1.5, "x: not an id: 1.5"),
        (1e300, "x: not an id: 1e.300"),
        (float("nan"), "x: not an id: NaN"),
        (float("-inf"), "x: not an id: -Infinity"),
        ([1], "x: not a text: a list"),
        ("a\tb", r"x, character 2: a tab or a line end \(U\+0009\) in an id"),
        ("a\n", r"x, character 2: a tab or a line end \(U\+000A\) in an id"),
        ("a\u2028", "a tab or a line end"),
        ("a\x00", "a control character"),
        ("\udfff", "half a character"),
        ("9" * 200_000, "x: an id of 200,000 characters; give it at most 1,000"),
    ],
)
def test_what_is_no_id_is_told_in_one_short_line(value: object, told: str) -> None:
    with pytest.raises(UserError, match=told) as found:
        checked_id(value, "x")
    assert len(str(found.value)) < 200
