"""Words of Wiktionary linked to the synsets of WordNet, in 17 languages: Open Multilingual Wordnet.

    fetch(Path("data/lexicons/omw"))
    german = read_synsets(Path("data/lexicons/omw"), "de")     # {"02084071-n": ("Hund", "Hündin"), ...}
    monosemous_pairs(read_synsets(folder, "en"), german)       # (("unable", "unfähig"), ...), to induce a lexicon

A synset is a meaning of Princeton WordNet 3.0: eight digits and a part of speech (n, v, a, r). A program linked the
words to it, so some links are wrong. The files come from a pinned commit.
"""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from babelmix.common.errors import UserError, unknown_name
from babelmix.common.files import new_folder
from babelmix.common.reading import checked_text, numbered_lines, shown
from babelmix.common.text import published_form
from babelmix.download.https import fetch_file
from babelmix.lexicon.source import LexicalSource

ADDRESS = "https://raw.githubusercontent.com/omwn/omw-data/f75be19ec590da12a7a5665e361690b5badb7a25/wns/wikt"
_SYNSET = re.compile(r"[0-9]{8}-[nvar]")
_AGAIN = "fetch the published file again"


@dataclass(frozen=True, slots=True)
class Wordnet:
    """The published file of one language: the code of ISO 639-3 in its name and lines, and its sha256."""

    code: str
    sha256: str

    @property
    def file(self) -> str:
        """The file's name, published and fetched."""
        return f"wn-wikt-{self.code}.tab"


WORDNETS = {
    "ar": Wordnet("arb", "39a716cac040e7e8431df951576ee2d64a3ce4a558c761550a31b647a022cc2d"),
    "de": Wordnet("deu", "88df94afe560db68126f117232678502a08f27a4edcf8ff5bf0793bf013ad2df"),
    "el": Wordnet("ell", "c595bfb437602f7d5f50bb5f6e4f5a45f4649be761ade6908f963c13c861afa5"),
    "en": Wordnet("eng", "4a7161310febe8c2d2906c2def5b8a6c756d64fc6b946ae7cbe60278e9b27d85"),
    "es": Wordnet("spa", "d8c26d7c7f2e1666af5db8b04d7400e53d04b3fae42462d325b6c128a51ec8c4"),
    "fr": Wordnet("fra", "c49931c4a84c56ecf974ff68a6b245b373176b8517acc5bdb58db8eceb4debd0"),
    "hi": Wordnet("hin", "7155e245d475c26eab4c551ccd94a6d0a9fbbf007012401a921d34005c8983d2"),
    "it": Wordnet("ita", "9f0ae8cf0d7f228288b44473b4dcf34674ddbf2df2c3e584516a38bf5b8b1046"),
    "ja": Wordnet("jpn", "5f06072c76657829ab7f874b5cf7cdf41212724c6f8a158f39c021881781a3e2"),
    "ko": Wordnet("kor", "50134a5fa559130cba7cb3fa1f14c3a67ed05cafd6fdf59e7603d4230a92571f"),
    "nl": Wordnet("nld", "bbcc9db4d9611bb2db8746acb6b05b9e9c50149edd9eb46415076e15c3932032"),
    "pt": Wordnet("por", "27738976b9b55f178edb4c878ebb0ae99776d3d46afa465770131528f3ac8a0f"),
    "ru": Wordnet("rus", "bdb2f68c2ba46ca89e131b6b3c5bd14fdbb2c2f00a9dc7cb1dd24e00f08c6751"),
    "th": Wordnet("tha", "5282cd652b2b52a654fb874352d936e5965fd61e2c4a39ea318632bcddd7d8e6"),
    "tr": Wordnet("tur", "439fc80a2bc593638b52dc8c5c28b33734225d6fbf3dd7b00b13a880f1183ede"),
    "vi": Wordnet("vie", "2f74ee9d80a96aeb44f7639a9cf39d66af69e376f0c7cb8bfa9a7efd87ddbce7"),
    "zh": Wordnet("cmn", "a850d11dd39d24a972797fcbdedecd737485b74d8b4e0665008a80916520f6d0"),
}
LANGUAGES = tuple(WORDNETS)


def fetch(folder: Path) -> None:
    """Download the file of each language, check its sha256, and replace the folder as a whole."""
    with new_folder(folder) as staging:
        for wordnet in WORDNETS.values():
            fetch_file(f"{ADDRESS}/{wordnet.file}", wordnet.sha256, staging / wordnet.file)


def read_synsets(folder: Path, lang: str) -> dict[str, tuple[str, ...]]:
    """Return synset -> its words in a language, both in the order of the file, each word of a synset once.

    Words are in NFC and may have blanks ("ice cream"). Lines without a word (56 of the English file, and a blank line
    of the Spanish one) are passed over: each of their synsets has words in other lines.

    UserError: a language without a file, a missing file, and, with the line, one that is not `synset, "<code>:lemma",
    word`, a synset in another form, a control character in a word.
    """
    if lang not in WORDNETS:
        raise unknown_name("language of omw:", lang, LANGUAGES, where="lang")
    wordnet = WORDNETS[lang]
    found: dict[str, dict[str, None]] = {}
    for number, line in numbered_lines(folder / wordnet.file):
        if line.startswith("#") or not line.strip():
            continue
        where = f"{folder / wordnet.file}, line {number}"
        synset, kind, word = _columns(line, where)
        if not _SYNSET.fullmatch(synset):
            raise UserError(f"{shown(synset)} is not a synset such as 02084071-n", where=where, how=_AGAIN)
        if kind != f"{wordnet.code}:lemma":
            raise UserError(f"{shown(kind)}, expected '{wordnet.code}:lemma'", where=where, how=_AGAIN)
        if word := published_form(checked_text(word, where)).strip():
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
    name="omw", licence="Open Multilingual Wordnet, words of Wiktionary: CC BY-SA 3.0 and GFDL", fetch=fetch
)
