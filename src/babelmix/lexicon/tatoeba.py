"""Tatoeba: sentences in 16 languages beside their English translations (Artetxe & Schwenk, TACL 2019).

    read_tatoeba(Path("data/lexicons/tatoeba"), "de")[0]       # a German sentence and an English one

1,000 pairs a language, Thai 548. Texts stand as published: a few in Arabic, Hindi and Vietnamese are not in NFC.
"""

from pathlib import Path

from babelmix.common.errors import UserError, unknown_name
from babelmix.common.reading import checked_text, numbered_lines
from babelmix.lexicon.codes import THREE_LETTERS
from babelmix.lexicon.pinned import BABELBERT, fetch_pinned, raw_file
from babelmix.lexicon.source import LexicalSource

LANGUAGES = tuple(lang for lang in THREE_LETTERS if lang != "en")
NAME = "tatoeba"
_AGAIN = f"the file was changed: run `babelmix fetch {NAME}`"


def read_tatoeba(folder: Path, lang: str) -> tuple[tuple[str, str], ...]:
    """Return (sentence of the language, English sentence), in the order of the files.

    UserError for an unknown language, a missing file, an empty line, and two files of different length.
    """
    if lang not in LANGUAGES:
        raise unknown_name("language", lang, LANGUAGES, where=NAME)
    pair = f"{NAME}.{THREE_LETTERS[lang]}-eng"
    foreign, english = (raw_file(folder, f"{pair}.{code}", NAME) for code in (THREE_LETTERS[lang], "eng"))
    sentences, translations = _sentences(foreign), _sentences(english)
    if len(sentences) != len(translations):
        what = f"{len(sentences):,} lines, but {english.name} has {len(translations):,}"
        raise UserError(what, where=str(foreign), how=_AGAIN)
    return tuple(zip(sentences, translations, strict=True))


def _sentences(file: Path) -> list[str]:
    found: list[str] = []
    for number, line in numbered_lines(file):
        where = f"{file}, line {number}"
        if not line.strip():
            raise UserError("empty line", where=where, how=_AGAIN)
        found.append(checked_text(line, where))
    return found


SOURCE = LexicalSource(
    name=NAME, licence="Tatoeba: CC BY 2.0 FR", fetch=lambda folder: fetch_pinned(folder, NAME, BABELBERT)
)
