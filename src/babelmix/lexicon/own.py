r"""A dictionary of your own: tabs between words, the codes of the languages in the first line.

    en	de	tr
    file	Datei	dosya
    menu	Menü

read_dictionary(Path("data/own/words.tsv")).pairs("en", "tr").entries      # (("file", "dosya"),)

Two languages or more, one meaning a line. A cell may be empty where two others are not. UTF-8, UTF-16 and UTF-32, with
or without a byte order mark, any line ends; gzip too.
"""

from collections import Counter
from pathlib import Path

from babelmix.common.errors import UserError, quoted, unknown_name
from babelmix.common.languages import LANGUAGES
from babelmix.common.reading import checked_text, numbered_lines
from babelmix.common.text import compared_form, spaced_form
from babelmix.lexicon.dictionary import DUPLICATE, NO_TRANSLATION, MultiwayDictionary

_HEADER = "write the codes of two or more languages in the first line, with tabs between them, such as en, de"


def read_dictionary(path: Path) -> MultiwayDictionary:
    """Return the rows of a user's dictionary, words in NFC with single spaces, and count what was left out.

    Left out are blank lines ("blank"), lines with fewer than two words ("no-translation"), and lines that equal an
    earlier one ("duplicate"). Words of several parts stay: `phrases` counts them, `empty_cells` counts missing words.

    UserError, with file, line and language: a missing or empty file, bytes in no encoding of Unicode, a control
    character such as NUL, fewer than two languages, an unknown language or one that comes twice, a line with more words
    than languages, and a file with no row left.
    """
    lines = numbered_lines(path)
    number, header = next(((number, line) for number, line in lines if line.strip()), (0, ""))
    if not number:
        raise UserError("empty file", where=str(path), how=_HEADER)
    languages = _languages(header, f"{path}, line {number}")
    rows: dict[tuple[str, ...], dict[str, str]] = {}
    left_out: Counter[str] = Counter()
    for number, line in lines:
        words = _words(line, languages, f"{path}, line {number}")
        row = {language: word for language, word in zip(languages, words, strict=False) if word}
        key = tuple(compared_form(row.get(language, "")) for language in languages)
        if len(row) < 2:
            left_out[NO_TRANSLATION if row else "blank"] += 1
        elif key in rows:
            left_out[DUPLICATE] += 1
        else:
            rows[key] = row
    if not rows:
        counts = ", ".join(f"{count:,} {reason}" for reason, count in sorted(left_out.items())) or "no line"
        how = "write one meaning a line, words with tabs between them, in the order of the languages"
        raise UserError(f"no row with two words ({counts} after the first line)", where=str(path), how=how)
    return MultiwayDictionary(languages, tuple(rows.values()), dict(left_out))


def _languages(header: str, where: str) -> tuple[str, ...]:
    codes = tuple(checked_text(code, where).strip() for code in header.split("\t"))
    if len(codes) < 2:
        raise UserError(f"one language, {quoted(header)}", where=where, how=_HEADER)
    for column, code in enumerate(codes, start=1):
        if code not in LANGUAGES:
            raise unknown_name("language", code, LANGUAGES, where=f"{where}, column {column}")
        if code in codes[: column - 1]:
            raise UserError(f"language {code!r} comes twice", where=where, how="name it once")
    return codes


def _words(line: str, languages: tuple[str, ...], where: str) -> list[str]:
    """Return the words of a line in stored form, "" where a cell shows nothing."""
    cells = line.split("\t")
    if len(cells) > len(languages) and any(cell.strip() for cell in cells[len(languages) :]):
        what = f"{len(cells)} words, but {len(languages)} languages"
        raise UserError(what, where=where, how="write one word for each language; take the tabs out of words")
    words: list[str] = []
    for language, cell in zip(languages, cells, strict=False):
        text = checked_text(cell, f"{where}, {language}")
        words.append(spaced_form(text) if compared_form(text) else "")
    return words
