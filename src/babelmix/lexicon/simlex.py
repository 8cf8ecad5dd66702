"""Multi-SimLex: how similar two words of two languages are, as people judge it (Vulić et al., CL 2020).

    read_simlex(Path("data/lexicons/simlex"), "en", "fr")[0]   # Graded("brain", "esprit", "nouns", 3.56)

The score is the mean of several judges, from 0 (not similar) to 6 (the same). A pair of words may come twice, with two
scores; both stay. The four files of French have two rows whose score is "nan" (iris and acétylcholine).
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from babelmix.common.errors import UserError, quoted, unknown_name
from babelmix.common.reading import checked_text, numbered_lines
from babelmix.lexicon.codes import THREE_LETTERS
from babelmix.lexicon.pinned import BABELBERT, fetch_pinned, raw_file
from babelmix.lexicon.source import LexicalSource

# The first language is that of the first column.
PAIRS = (
    ("zh", "en"),
    ("zh", "fr"),
    ("zh", "ru"),
    ("zh", "es"),
    ("en", "fr"),
    ("en", "ru"),
    ("en", "es"),
    ("fr", "ru"),
    ("fr", "es"),
    ("ru", "es"),
)
PARTS_OF_SPEECH = ("nouns", "verbs", "adjectives", "adverbs")
HIGHEST = 6.0
NAME, _NO_SCORE = "simlex", "nan"
_AGAIN = f"the file was changed: run `babelmix fetch {NAME}`"


@dataclass(frozen=True, slots=True)
class Graded:
    """Two words, one of each language, their part of speech, and their similarity from 0 to 6."""

    one: str
    other: str
    part_of_speech: str
    score: float


def read_simlex(folder: Path, one: str, other: str) -> tuple[Graded, ...]:
    """Return the graded pairs of two languages, in any order of the two, rows in the order of the file.

    Rows without a score are left out; `unscored` counts them. UserError for a pair of languages without a file, a
    missing file, and a row that lacks a field, or whose part of speech or score is none.
    """
    return tuple(graded for graded in _read(folder, one, other) if graded)


def unscored(folder: Path, one: str, other: str) -> int:
    """Return how many rows `read_simlex` leaves out, because their score is "nan"; UserError as there."""
    return sum(graded is None for graded in _read(folder, one, other))


def _read(folder: Path, one: str, other: str) -> Iterator[Graded | None]:
    """Yield every row of a file, None for one without a score."""
    if (one, other) not in PAIRS and (other, one) not in PAIRS:
        valid = (f"{first}-{second}" for first, second in PAIRS)
        raise unknown_name("pair of languages", f"{one}-{other}", valid, where=NAME)
    first, second = (one, other) if (one, other) in PAIRS else (other, one)
    header = {language: THREE_LETTERS[language].upper() for language in (first, second)}
    file = raw_file(folder, f"{header[first]}-{header[second]}.csv", NAME)
    for where, row in _rows(file, ["ID", header[first], header[second], "PoS", "score"]):
        yield _graded(row, where, header[one], header[other])


def _rows(file: Path, columns: list[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield (where, column -> cell) of every row after the header."""
    lines = numbered_lines(file)
    _, header = next(lines, (1, ""))
    if header.split(",") != columns:
        raise UserError(f"not the columns {', '.join(columns)}", where=f"{file}, line 1", how=_AGAIN)
    for number, line in lines:
        where, cells = f"{file}, line {number}", next(csv.reader([line]), [])
        if len(cells) != len(columns):
            what = f"{len(cells)} fields instead of {len(columns)}"
            raise UserError(what, where=where, how=_AGAIN)
        yield where, dict(zip(columns, cells, strict=True))


def _graded(row: dict[str, str], where: str, one: str, other: str) -> Graded | None:
    for column in (one, other):
        if not checked_text(row[column], f"{where}, {column}").strip():
            raise UserError("empty", where=f"{where}, {column}", how=_AGAIN)
    if row["PoS"] not in PARTS_OF_SPEECH:
        raise unknown_name("part of speech", row["PoS"], PARTS_OF_SPEECH, where=f"{where}, PoS")
    if row["score"] == _NO_SCORE:
        return None
    return Graded(row[one], row[other], row["PoS"], _score(row["score"], f"{where}, score"))


def _score(text: str, where: str) -> float:
    try:
        score = float(text)
    except ValueError:
        score = -1.0
    if not 0 <= score <= HIGHEST:  # False for NaN
        raise UserError(f"{quoted(text)} is not a score from 0 to {HIGHEST:g}", where=where, how=_AGAIN)
    return score


SOURCE = LexicalSource(
    name=NAME,
    licence="Multi-SimLex: terms unverified, for evaluation only",
    fetch=lambda folder: fetch_pinned(folder, NAME, BABELBERT),
)
