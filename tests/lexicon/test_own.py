"""A user's dictionary: what is read, left out and counted, and what is refused."""

import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from babelmix.common.errors import UserError
from babelmix.lexicon.dictionary import MultiwayDictionary
from babelmix.lexicon.own import read_dictionary

TEXT = "en\tde\ttr\nfile\tDatei\tdosya\nmenu\tMenü\t\nfile system\tDateisystem\tdosya sistemi\n"
ROWS = (
    {"en": "file", "de": "Datei", "tr": "dosya"},
    {"en": "menu", "de": "Menü"},
    {"en": "file system", "de": "Dateisystem", "tr": "dosya sistemi"},
)


def read(tmp_path: Path, content: str | bytes) -> MultiwayDictionary:
    file = tmp_path / "words.tsv"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_dictionary(file)


@pytest.mark.parametrize(
    "content",
    [
        TEXT.encode(),
        TEXT.encode("utf-8-sig"),
        TEXT.replace("\n", "\r\n").encode(),
        TEXT.replace("\n", "\r").encode(),
        TEXT.encode("utf-16"),
        TEXT.encode("utf-16-le"),
        TEXT.encode("utf-32"),
        gzip.compress(TEXT.encode(), mtime=0),
        TEXT.removesuffix("\n").encode(),
        TEXT.replace("ü", "u\u0308").encode(),  # stored in NFC
        TEXT.replace("file system", " file \u00a0 system ").encode(),
        TEXT.replace("Menü\t", "Menü").encode(),  # an editor dropped the last tab
        TEXT.replace("dosya\n", "dosya\t\t\n").encode(),  # a table programme added some
        TEXT.replace("Menü\t\n", "Menü\t\u200b\n").encode(),  # a cell that shows nothing
        b"\n" + TEXT.encode(),
    ],
)
def test_every_form_of_a_file_gives_the_same_rows(tmp_path: Path, content: bytes) -> None:
    found = read(tmp_path, content)
    assert (found.languages, found.rows, found.left_out) == (("en", "de", "tr"), ROWS, {})
    assert (found.empty_cells, found.phrases) == (1, 1)


def test_two_languages_are_a_dictionary_of_both_directions(tmp_path: Path) -> None:
    found = read(tmp_path, "en\tde\ndog\tHund\nhound\tHund\n")
    assert found.pairs("en", "de").entries == (("dog", "Hund"), ("hound", "Hund"))
    assert found.pairs("de", "en") == found.pairs("en", "de").reversed()


def test_what_is_left_out_is_counted_by_reason(tmp_path: Path) -> None:
    text = "en\tde\tfr\ndog\tHund\tchien\n\ncat\n\t\tchat\ndog\tHund\tchien\ndog\tHund\t\n \t \t\ndog \tHund\tchien\n"
    found = read(tmp_path, text)
    assert found.rows == ({"en": "dog", "de": "Hund", "fr": "chien"}, {"en": "dog", "de": "Hund"})
    assert found.left_out == {"blank": 2, "no-translation": 2, "duplicate": 2}


def test_rows_that_look_the_same_are_duplicates(tmp_path: Path) -> None:
    found = read(tmp_path, "en\tde\nfile\tDatei\nFile\tdatei\nfile\tAkte\n")
    assert found.rows == ({"en": "file", "de": "Datei"}, {"en": "file", "de": "Akte"})
    assert found.left_out == {"duplicate": 1}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "words.tsv: empty file; write the codes of two or more languages"),
        (b"\n \n", "words.tsv: empty file"),
        (b"en\ndog\n", "line 1: one language, 'en'; write the codes of two or more"),
        (b"en,de\ndog,Hund\n", "line 1: one language, 'en,de'; .* with tabs between them"),
        (b"dog\tHund\ncat\tKatze\n", "line 1, column 1: unknown language 'dog'; .*valid: ar, bg"),
        (b"en\tger\ndog\tHund\n", "line 1, column 2: unknown language 'ger'"),
        (b"en\t\tde\ndog\t\tHund\n", "line 1, column 2: unknown language ''"),
        (b"en\tde\ten\ndog\tHund\tdog\n", "line 1: language 'en' comes twice; name it once"),
        (b"en\tde\ndog\tHund\tm\n", "line 2: 3 words, but 2 languages; write one word for each"),
        (b"en\tde\n", r"words.tsv: no row with two words \(no line after the first line\)"),
        (b"en\tde\ndog Hund\n\n", r"no row with two words \(1 blank, 1 no-translation after"),
        (b"en\tde\ncat\tKatze\ndog\tHu\x00nd\n", r"line 3, de, character 3: a control character \(U\+0000\); take it"),
        (b"e\x00n\tde\ndog\tHund\n", "words.tsv"),  # the NUL looks like UTF-16
        ("en\tde\ndog\tHund\nmenu\tMenü\n".encode("latin-1"), r"line 3: not UTF-8 text \(byte 0xfc; .*Latin-1.*save"),
        ("en\tde\ndog\tHund\n".encode("utf-16")[:-1], "not valid UTF-16 text; save the file as UTF-8"),
        (gzip.compress(TEXT.encode(), mtime=0)[:-9], "damaged gzip"),
    ],
)
def test_what_cannot_be_a_dictionary_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read(tmp_path, content)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        read_dictionary(tmp_path / "words.tsv")


cells = st.text(st.sampled_from("ab \u00a0\u200bü"), max_size=3)


@given(st.lists(st.lists(cells, max_size=3), max_size=8))
def test_every_line_is_a_row_or_counted(tmp_path_factory: pytest.TempPathFactory, lines: list[list[str]]) -> None:
    folder = tmp_path_factory.mktemp("own")
    text = "".join("\t".join(line) + "\n" for line in (["en", "de", "fr"], ["dog", "Hund", "chien"], *lines))
    found = read(folder, text)
    assert len(found.rows) + sum(found.left_out.values()) == len(lines) + 1
    assert len({tuple(sorted(row.items())) for row in found.rows}) == len(found.rows)
    assert all(
        len(row) >= 2 and all(word == " ".join(word.split()) != "" for word in row.values()) for row in found.rows
    )
