"""Dictionaries: of one language to another, and of several languages at once.

>>> german = Dictionary("en", "de", (("dog", "Hund"), ("guide dog", "Hund"), ("dog", "Hund")), {})
>>> german.reversed().entries
(('Hund', 'dog'), ('Hund', 'guide dog'), ('Hund', 'dog'))
>>> german.duplicates, german.phrases
(1, 1)
>>> several = MultiwayDictionary(("de", "en", "fr"), ({"de": "Hund", "en": "dog"}, {"en": "cat", "fr": "chat"}), {})
>>> several.empty_cells, several.pairs("en", "fr")
(2, Dictionary(source='en', target='fr', entries=(('cat', 'chat'),), left_out={'no-translation': 1}))
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from babelmix.common.errors import unknown_name

DUPLICATE, NO_TRANSLATION = "duplicate", "no-translation"  # reasons to leave an entry out


@dataclass(frozen=True, slots=True)
class Dictionary:
    """Entries (word of the source language, word of the target language) in the order of their file.

    A word with several translations has several entries. `left_out` counts, by reason, the entries that were left out.
    """

    source: str
    target: str
    entries: tuple[tuple[str, str], ...]
    left_out: Mapping[str, int]

    @property
    def duplicates(self) -> int:
        """How many entries an earlier one equals."""
        return len(self.entries) - len(set(self.entries))

    @property
    def phrases(self) -> int:
        """How many entries have white space within one of their words."""
        return _phrases(self.entries)

    def reversed(self) -> "Dictionary":
        """Return the dictionary of the other direction, entries in the same order."""
        entries = tuple((target, source) for source, target in self.entries)
        return Dictionary(self.target, self.source, entries, self.left_out)


@dataclass(frozen=True, slots=True)
class MultiwayDictionary:
    """Rows language -> word: the words for one meaning, in at least two of the languages.

    `left_out` counts, by reason, the rows that were left out.
    """

    languages: tuple[str, ...]
    rows: tuple[Mapping[str, str], ...]
    left_out: Mapping[str, int]

    @property
    def empty_cells(self) -> int:
        """How many words the rows lack."""
        return sum(len(self.languages) - len(row) for row in self.rows)

    @property
    def phrases(self) -> int:
        """How many rows have white space within one of their words."""
        return _phrases(row.values() for row in self.rows)

    def pairs(self, source: str, target: str) -> Dictionary:
        """Return the dictionary of one direction, each entry once, in the order of the rows.

        Its `left_out` counts the rows that lack a language, and those that equal an earlier one in these two languages.
        UserError for a language that the dictionary does not have.
        """
        for language in (source, target):
            if language not in self.languages:
                raise unknown_name("language", language, self.languages, where="dictionary")
        found = [(row[source], row[target]) for row in self.rows if source in row and target in row]
        entries = tuple(dict.fromkeys(found))
        left_out = {NO_TRANSLATION: len(self.rows) - len(found), DUPLICATE: len(found) - len(entries)}
        return Dictionary(source, target, entries, dict(+Counter(left_out)))


def _phrases(rows: Iterable[Iterable[str]]) -> int:
    return sum(any(len(word.split()) > 1 for word in row) for row in rows)
