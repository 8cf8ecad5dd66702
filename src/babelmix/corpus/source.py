"""What a source of question-passage pairs is: its name, its licence, how it is fetched and how pairs are made of it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from babelmix.corpus.collect import Counts
from babelmix.corpus.records import Pair
from babelmix.corpus.settings import Pairs

Fetch = Callable[[Path, Pairs], str | None]
Build = Callable[[Path, Pairs], tuple[list[Pair], dict[str, Counts]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class PairSource:
    """A source by its name in `sources:`.

    `fetch(folder, pairs)` downloads its raw files into a folder, which it replaces as a whole, and returns what the
    licence asks to say, or None. `build(folder, pairs)` makes pairs of these files and counts what it dropped, by
    language.
    """

    name: str
    licence: str  # as the publisher states it
    fetch: Fetch
    build: Build
    hub: bool = False  # whether `fetch` asks the Hugging Face hub
    needs_english: bool = False  # whether `pairs.languages` must hold English, to which the others are aligned
    language: str = "en"  # the language that translations start from
