"""Dictionaries: of one language to another, and of several languages at once.

>>> german = Dictionary("en", "de", (("dog", "Hund"), ("hound", "Hund")), {"duplicate": 1})
>>> german.reversed().entries
(('Hund', 'dog'), ('Hund', 'hound'))
>>> MultiwayDictionary(("en", "de"), ({"en": "dog", "de": "Hund"}, {"en": "cat"}), {}).pairs("de", "en").entries
(('Hund', 'dog'),)
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Dictionary:
    """Entries (word of the source language, word of the target language) in the order of the file.

    A word with several translations has several entries. `left_out` counts the entries that were left out, by reason.
    """

    source: str
    target: str
    entries: tuple[tuple[str, str], ...]
    left_out: Mapping[str, int]

    def reversed(self) -> "Dictionary":
        """Return the dictionary of the other direction, entries in the same order."""
        entries = tuple((target, source) for source, target in self.entries)
        return Dictionary(self.target, self.source, entries, self.left_out)


@dataclass(frozen=True, slots=True)
class MultiwayDictionary:
    """Rows language -> word, each with the words of one meaning in at least two of the languages.

    `left_out` counts the rows that were left out, by reason.
    """

    languages: tuple[str, ...]
    rows: tuple[Mapping[str, str], ...]
    left_out: Mapping[str, int]

    def pairs(self, source: str, target: str) -> Dictionary:
        """Return the dictionary of one direction: an entry for each row that has both languages, each entry once."""
        found = ((row[source], row[target]) for row in self.rows if source in row and target in row)
        return Dictionary(source, target, tuple(dict.fromkeys(found)), self.left_out)
