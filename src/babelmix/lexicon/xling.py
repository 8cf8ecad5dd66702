"""XLING: word translations among German, English, French, Italian, Russian and Turkish (Glavaš et al., ACL 2019).

    read_xling(Path("data/lexicons/xling"), "fr", "de", "test").entries[0]     # ("dévouement", "Widmung")
    read_multiway(Path("data/lexicons/xling"), "test")[0]["tr"]                # "adama"

It is one list of English words, translated into the other languages: row 7 of any file has the translations of one
English word. So a word of a language that is not English may come twice, and so may an entry. train-1k is the start of
train-5k. Words stand as published, German nouns with a capital, though the protocol compares lower case.
"""

from collections.abc import Iterator
from pathlib import Path

from babelmix.common.errors import UserError, unknown_name
from babelmix.common.hashing import hash_order
from babelmix.common.reading import checked_text, numbered_lines
from babelmix.lexicon.dictionary import Dictionary
from babelmix.lexicon.pinned import BABELBERT, fetch_pinned, raw_file
from babelmix.lexicon.source import LexicalSource

LANGUAGES = ("de", "en", "fr", "it", "ru", "tr")
SPLITS = {"test": "test.freq.2k", "train-1k": "train.freq.1k", "train-5k": "train.freq.5k"}
NAME, PIVOT = "xling", "en"
HELD_OUT = 10
# A file for each pair; the other direction is the same file with its columns swapped.
_FIRST = {
    "de": ("fr", "it", "ru", "tr"),
    "en": ("de", "fr", "it", "ru", "tr"),
    "it": ("fr",),
    "ru": ("fr", "it"),
    "tr": ("fr", "it", "ru"),
}
PAIRS = tuple((first, second) for first, seconds in _FIRST.items() for second in seconds)
_AGAIN = f"the file was changed: run `babelmix fetch {NAME}`"


def read_xling(folder: Path, source: str, target: str, split: str) -> Dictionary:
    """Return the dictionary of one of the 30 directions; nothing is left out, and duplicates stay.

    UserError for an unknown language or split, and for a file that is missing or was changed.
    """
    _check(split, source, target)
    if source == target:
        raise UserError(f"both languages are {source!r}", where=NAME, how="name two languages")
    if (source, target) in PAIRS:
        return Dictionary(source, target, tuple(_rows(folder, source, target, split)), {})
    return Dictionary(target, source, tuple(_rows(folder, target, source, split)), {}).reversed()


def read_multiway(folder: Path, split: str) -> tuple[dict[str, str], ...]:
    """Return row -> language -> word, for all six languages, in the order of the files.

    It joins the files that begin with English on the row's number. The others hold the same words in the same rows: a
    test compares all 15. UserError as for `read_xling`, and if the English words of two files differ.
    """
    _check(split)
    joined: list[dict[str, str]] = []
    for target in _FIRST[PIVOT]:
        entries = tuple(_rows(folder, PIVOT, target, split))
        joined = joined or [{PIVOT: english} for english, _ in entries]
        if [english for english, _ in entries] != [row[PIVOT] for row in joined]:
            where = str(folder / _file_name(PIVOT, target, split))
            raise UserError("other English words than in the other files", where=where, how=_AGAIN)
        for row, (_, word) in zip(joined, entries, strict=True):
            row[target] = word
    return tuple(joined)


def held_out_rows(rows: int) -> frozenset[int]:
    """Return the numbers of the training rows that nothing is trained on: one in HELD_OUT, by hash.

    They choose the share of contextual vectors (`probe xling-mixed`), so no encoder may have seen their words.

    >>> len(held_out_rows(5000))
    500
    """
    return frozenset(sorted(range(rows), key=lambda row: hash_order(str(row)))[: max(1, rows // HELD_OUT)])


def _check(split: str, *languages: str) -> None:
    for language in languages:
        if language not in LANGUAGES:
            raise unknown_name("language", language, LANGUAGES, where=NAME)
    if split not in SPLITS:
        raise unknown_name("split", split, SPLITS, where=NAME)


def _file_name(first: str, second: str, split: str) -> str:
    return f"yacle.{SPLITS[split]}.{first}-{second}.tsv"


def _rows(folder: Path, first: str, second: str, split: str) -> Iterator[tuple[str, str]]:
    file = raw_file(folder, _file_name(first, second, split), NAME)
    for number, line in numbered_lines(file):
        where, words = f"{file}, line {number}", line.split("\t")
        if len(words) != 2 or not all(word.strip() for word in words):
            raise UserError("not two words with a tab between them", where=where, how=_AGAIN)
        yield checked_text(words[0], where), checked_text(words[1], where)


SOURCE = LexicalSource(
    name=NAME,
    licence="XLING: no licence file, cite and do not redistribute; fastText's word lists: CC BY-SA 3.0",
    fetch=lambda folder: fetch_pinned(folder, NAME, BABELBERT),
)
