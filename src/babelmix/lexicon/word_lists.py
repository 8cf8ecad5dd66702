"""The 100,000 most frequent words of a language, in fastText's order: candidates for a translation.

    words = read_words(Path("data/lexicons/xling"), "de")      # (".", ",", "</s>", "-", "der", ...)

All are in lower case. Some are no words: punctuation, a mark for the end of a sentence, blanks of many kinds. They
stay, because a word's place is its rank.
"""

from pathlib import Path

from babelmix.common.errors import UserError, quoted, unknown_name
from babelmix.common.reading import numbered_lines
from babelmix.lexicon.pinned import raw_file
from babelmix.lexicon.xling import NAME

LANGUAGES = ("de", "en", "fr", "it", "ko", "ru", "th", "tr")


def read_words(folder: Path, lang: str) -> tuple[str, ...]:
    """Return the words of a language, the most frequent first, from the raw files of XLING.

    UserError for a language that has no list, a missing file, and a list with duplicates, which it counts.
    """
    if lang not in LANGUAGES:
        raise unknown_name("language", lang, LANGUAGES, where="word lists")
    file = raw_file(folder, f"{lang}_vocab.txt", NAME)
    words: dict[str, int] = {}
    duplicates: list[tuple[int, str]] = []
    for number, word in numbered_lines(file):
        if words.setdefault(word, number) != number:
            duplicates.append((number, word))
    if duplicates:
        number, word = duplicates[0]
        what = f"{len(duplicates):,} duplicates, the first {quoted(word)}, as in line {words[word]}"
        raise UserError(what, where=f"{file}, line {number}", how=f"the file was changed: run `babelmix fetch {NAME}`")
    return tuple(words)
