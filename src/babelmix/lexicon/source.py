"""The entry of a lexicon: its name, its licence, and how to fetch it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class LexicalSource:
    """A lexicon by its name in `probes:`. `fetch(folder)` downloads the raw files and replaces the folder as a whole.

    Each module of a lexicon has readers of its own: words, dictionaries and graded pairs have little in common.
    """

    name: str
    licence: str  # as the publisher states it
    fetch: Callable[[Path], None]
