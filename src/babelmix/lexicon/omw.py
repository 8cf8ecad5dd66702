"""Words of Wiktionary linked to the synsets of WordNet, in 17 languages (Open Multilingual Wordnet).

Bond and Foster, "Linking and extending an open multilingual wordnet", ACL 2013.

    german = read_synsets(Path("data/lexicons/omw"), "de")     # {"02084071-n": ("Hund", "Hündin"), ...}
    monosemous_pairs(read_synsets(folder, "en"), german)       # (("unable", "unfähig"), ...), to induce a lexicon

A synset is a meaning of Princeton WordNet 3.0: eight digits and a part of speech (n, v, a, r). A program linked the
words to it, so some links are wrong. The files come from a pinned commit.
"""

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from babelmix.common.errors import UserError, unknown_name
from babelmix.common.reading import checked_text, numbered_lines, shown
from babelmix.common.text import kept_form
from babelmix.lexicon.codes import THREE_LETTERS
from babelmix.lexicon.pinned import fetch_pinned, raw_file
from babelmix.lexicon.source import LexicalSource

ADDRESS = "https://raw.githubusercontent.com/omwn/omw-data/f75be19ec590da12a7a5665e361690b5badb7a25/wns/wikt"
CODES = THREE_LETTERS | {"ar": "arb"}  # standard Arabic, not the macrolanguage
LANGUAGES = tuple(CODES)
NAME = "omw"
_SYNSET = re.compile(r"[0-9]{8}-[nvar]")
_AGAIN = "the file was changed: fetch it again"


def file_of(lang: str) -> str:
    """Return the name of the file of a language, published and fetched; UserError for a language without one."""
    if lang not in CODES:
        raise unknown_name("language", lang, CODES, where=NAME)
    return f"wn-wikt-{CODES[lang]}.tab"


def read_synsets(folder: Path, lang: str) -> dict[str, tuple[str, ...]]:
    """Return synset -> its words in a language, both in the order of the file, each word of a synset once.

    Words are in NFC and may have blanks ("ice cream"). Lines without a word (56 of the English file, and a blank line
    of the Spanish one) are passed over: each of their synsets has words in other lines.

    UserError: a language without a file, a missing file, and, with the line, one that is not `synset, "<code>:lemma",
    word`, a synset in another form, a control character in a word.
    """
    file = raw_file(folder, file_of(lang), NAME)
    expected = f"{CODES[lang]}:lemma"
    found: dict[str, dict[str, None]] = {}
    for number, line in numbered_lines(file):
        if line.startswith("#") or not line.strip():
            continue
        where = f"{file}, line {number}"
        synset, kind, word = _columns(line, where)
        if not _SYNSET.fullmatch(synset):
            raise UserError(f"{shown(synset)} is not a synset such as 02084071-n", where=where, how=_AGAIN)
        if kind != expected:
            raise UserError(f"{shown(kind)}, expected {expected!r}", where=where, how=_AGAIN)
        if word := kept_form(checked_text(word, where)).strip():
            found.setdefault(synset, {})[word] = None
    return {synset: tuple(words) for synset, words in found.items()}


def monosemous_pairs(
    english: Mapping[str, tuple[str, ...]], other: Mapping[str, tuple[str, ...]]
) -> tuple[tuple[str, str], ...]:
    """Return (English word, word of the other language) of the synsets that both have, in the order of `english`.

    The English word has one synset alone in `english`, upper and lower case apart, so that its translations are those
    of one meaning. All of them are kept: several pairs may have one English word. Both words are without blanks, as
    the words of frequency lists are. Of Vietnamese, which writes a blank between syllables, that leaves less than half.

    >>> english = {"1-n": ("dog", "domestic dog"), "2-n": ("bank",), "3-n": ("bank", "shore")}
    >>> monosemous_pairs(english, {"1-n": ("Hund", "Haushund"), "2-n": ("Bank",), "3-n": ("Ufer",)})
    (('dog', 'Hund'), ('dog', 'Haushund'), ('shore', 'Ufer'))
    """
    synsets = Counter(word for words in english.values() for word in words)
    return tuple(
        (word, translation)
        for synset, words in english.items()
        for word in words
        if synsets[word] == 1 and _is_one_word(word)
        for translation in other.get(synset, ())
        if _is_one_word(translation)
    )


def _columns(line: str, where: str) -> tuple[str, str, str]:
    columns = line.split("\t")
    if len(columns) != 3:
        raise UserError(f"{len(columns)} columns, expected 3, with tabs between them", where=where, how=_AGAIN)
    return columns[0], columns[1], columns[2]


def _is_one_word(text: str) -> bool:
    return len(text.split()) == 1


SOURCE = LexicalSource(
    name=NAME,
    licence="Open Multilingual Wordnet, words of Wiktionary: CC BY-SA 3.0 and GFDL",
    fetch=lambda folder: fetch_pinned(folder, NAME, ADDRESS),
)
