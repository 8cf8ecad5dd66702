"""What a probe is: its name, the lexicon that it reads, and what it returns.

A module of this room with a `PROBE` adds one; see registry.py.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from babelmix.common.errors import UserError
from babelmix.probes.settings import Form
from babelmix.probes.words import WordEncoder


@dataclass(frozen=True, slots=True)
class Asked:
    """Who is probed, and how much of it: the encoder, the form, and the languages (None: all)."""

    encode: WordEncoder
    form: Form
    languages: frozenset[str] | None = None

    def some(self, known: Iterable[str], *, always: str = "", what: str) -> list[str]:
        """Return those of the known languages that are asked for; UserError, for probe `what`, if none is left.

        `always` is a language that need not be named.
        """
        chosen = [lang for lang in known if self.has(lang) or lang == always]
        if not any(self.has(lang) for lang in chosen):
            raise self.none_of(what, known)
        return chosen

    def has(self, lang: str) -> bool:
        """Return whether a language is asked for."""
        return self.languages is None or lang in self.languages

    def none_of(self, what: str, known: Iterable[str]) -> UserError:
        """Return the error for a probe that has none of the languages."""
        asked = ", ".join(sorted(self.languages or ()))
        how = f"name one or more of {', '.join(sorted(set(known)))}"
        return UserError(f"nothing is left of it in {asked or 'no language'}", where=f"probe {what}", how=how)


@dataclass(frozen=True, slots=True)
class Table:
    """A table for people, of at most 100 columns: a title, heads, and cells of text."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    about: str = ""  # one sentence below it


@dataclass(frozen=True, slots=True)
class Found:
    """What a probe found: a few headline numbers, all others as JSON values, what was left out, and a table."""

    headline: Mapping[str, float]
    scores: Mapping[str, Any]
    table: Table
    left_out: Mapping[str, int] = field(default_factory=dict[str, int])
    about: Mapping[str, Any] = field(default_factory=dict[str, Any])  # what the numbers were made of
    # Direction or language -> for each query, whether the first candidate is right. Two encoders that were asked the
    # same are compared query by query.
    right: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict[str, NDArray[np.bool_]])
    # The same -> what each query asks for, whatever the language: queries about one thing rise and fall together.
    units: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """A probe by its name; `run(folder, asked)` reads the raw files of its lexicon."""

    name: str
    lexicon: str
    run: Callable[[Path, Asked], Found]
