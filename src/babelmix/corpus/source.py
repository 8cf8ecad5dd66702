"""The entry of a source of question-passage pairs: its name, its licence, and how to fetch and build it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from babelmix.corpus.collect import Counts
from babelmix.corpus.records import Pair
from babelmix.corpus.settings import Pairs

Fetch = Callable[[Path, Pairs], str | None]
Build = Callable[[Path, Pairs], tuple[list[Pair], dict[str, Counts]]]
ReadPages = Callable[[Path, str], Mapping[str, Mapping[str, str]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class PairSource:
    """A source by its name in `sources:`.

    `fetch(folder, pairs)` downloads the raw files and replaces the folder as a whole; it returns a notice that the
    licence asks for, or None. `build(folder, pairs)` makes pairs of these files and counts what it dropped,
    by language. `pages(folder, lang)` reads whole pages of these files in one language: by page and anchor, the texts
    in reading order. The same page and anchor in another language is the translation. A page of the source is what
    `build` gives to `split_of`.
    """

    name: str
    licence: str  # as the publisher states it
    fetch: Fetch
    build: Build
    hub: bool = False  # whether `fetch` downloads from the Hugging Face hub
    needs_english: bool = False  # whether `pairs.languages` must hold English, to which it aligns the others
    pages: ReadPages | None = None  # None: the source has no pages
    language: str | None = "en"  # that translations start from; None: a dictionary, whose words are not translated
