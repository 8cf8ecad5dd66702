"""LibreOffice Help: question-passage pairs that people translated, aligned by the anchors of its pages.

    fetch_packages(package_names(settings.pairs), Path("data/raw/libreoffice-help"))
    pairs, counts = build_pairs(Path("data/raw/libreoffice-help"), settings.pairs)
    counts["de"]                        # {"kept_train": 8100, "kept_dev": 430, "dropped": {"missing": 3, ...}}

Packages libreoffice-help-* of Debian and Ubuntu (MPL-2.0). Every language has the same pages, and in them the same
`hd_id...` headings and `par_id...` paragraphs, so the alignment is exact. A heading is the query, the paragraphs after
it the passage: titled section and text, as in GNOME Help and the handbook, but of another style and other content.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from lxml import etree

from babelmix.config import Pairs
from babelmix.errors import unknown_name
from babelmix.records import Pair
from babelmix.sources.fetch import read_package
from babelmix.sources.parallel import plain_text, written_in

# The languages of the help that the project knows; the packages are named by them, but for two.
LANGUAGES = frozenset("ca cs da de el en es fi fr gl hi hu id it ja ko nl pl pt ru sv tr vi zh".split())
_REGIONS = {"en": "en-US", "zh": "zh-CN"}
# A heading that stands on this many pages ("Example", "Options") says too little alone.
GENERIC_PAGES = 3
MIN_QUERY_CHARACTERS = 3
# Two units with one heading and this much of one passage are the same text, included in two pages.
SAME_CHARACTERS = 160


class Counts(TypedDict):
    """What became of one language's units: pairs kept in each split, and units dropped by reason."""

    kept_train: int
    kept_dev: int
    dropped: dict[str, int]


@dataclass(frozen=True, slots=True)
class Page:
    """One help page in one language: its title, and its headings and paragraphs by anchor in reading order."""

    title: str
    strings: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Unit:
    """A heading and the paragraphs that answer it, as anchors of a page; `generic` headings need the page's title."""

    page: str
    heading: str
    paragraphs: tuple[str, ...]
    generic: bool
    split: str

    @property
    def id(self) -> str:
        """The name that its translations share."""
        return f"{self.page}#{self.heading}"

    def texts(self, page: Page) -> tuple[str, str]:
        """Return (query, passage) as that page has them."""
        query = page.strings[self.heading]
        passage = " ".join(page.strings[anchor] for anchor in self.paragraphs)
        return (f"{page.title}: {query}" if self.generic else query), passage


def package_names(settings: Pairs) -> tuple[str, ...]:
    """Return the packages that hold the languages of `pairs.languages`; an unknown language is a UserError."""
    for lang in settings.languages:
        if lang not in LANGUAGES:
            raise unknown_name("language of LibreOffice Help", lang, LANGUAGES, where="params.yaml, pairs.languages")
    return tuple(f"libreoffice-help-{_folder(lang).lower()}" for lang in settings.languages)


def build_pairs(packages: Path, settings: Pairs) -> tuple[list[Pair], dict[str, Counts]]:
    """Cut aligned question-passage pairs out of the help packages in `packages`, and tell what became of each unit.

    English decides which units there are; a language keeps those that it really translates. Reasons to drop a unit:
    too-short (no word in the heading, or too little text), duplicate (the same text stands on another page: the first
    is kept, and train before dev), missing (an anchor is not there), untranslated (a text equals the English) and
    wrong-language (see `written_in`). In English, kept and dropped add up to its headings; in another language to
    the units that English keeps. No page, and no English passage, stands in both splits.

    Returns pairs with origin "human", sorted by language and unit, and the counts of every language, sorted.
    """
    package_names(settings)
    english = read_pages(packages, "en")
    units, dropped = english_units(english, settings)
    pairs: list[Pair] = []
    counts: dict[str, Counts] = {}
    for lang in sorted(settings.languages):
        pages = english if lang == "en" else read_pages(packages, lang)
        kept: list[Pair] = []
        reasons = Counter(dropped) if lang == "en" else Counter[str]()
        for unit in units:
            reason = None if lang == "en" else _fault(unit, english[unit.page], pages.get(unit.page), lang)
            if reason:
                reasons[reason] += 1
                continue
            query, passage = unit.texts(pages[unit.page])
            kept.append(Pair(unit.id, lang, unit.split, query, passage, "human"))
        in_split = Counter(pair.split for pair in kept)
        counts[lang] = Counts(
            kept_train=in_split["train"], kept_dev=in_split["dev"], dropped=dict(sorted(reasons.items()))
        )
        pairs += sorted(kept, key=lambda pair: pair.unit)
    return pairs, counts


def read_pages(packages: Path, lang: str) -> dict[str, Page]:
    """Read one language's pages, by their path below its text folder ("scalc/01/04060102.html")."""
    root = f"usr/share/libreoffice/help/{_folder(lang)}/text/"
    deb = packages / f"libreoffice-help-{_folder(lang).lower()}.deb"
    files = read_package(deb, lambda path: path.startswith(root) and path.endswith(".html"))
    return {path.removeprefix(root): read_page(data) for path, data in files}


def read_page(data: bytes) -> Page:
    """Read the title of an HTML help page and the texts that carry an anchor; an anchor's first non-empty text counts."""
    parser = etree.HTMLParser(encoding="utf-8", no_network=True, remove_comments=True, remove_pis=True)
    root = etree.fromstring(data, parser)
    strings: dict[str, str] = {}
    for element in root.xpath('//div[@id="DisplayArea"]//*[starts-with(@id, "hd_id") or starts-with(@id, "par_id")]'):
        text = plain_text(element)
        if text:
            strings.setdefault(str(element.get("id")), text)
    title = root.find(".//title")
    return Page("" if title is None else plain_text(title), strings)


def english_units(pages: Mapping[str, Page], settings: Pairs) -> tuple[list[Unit], Counter[str]]:
    """Cut the English pages into units, in order of page; also count the headings that make none, by reason."""
    drafts = [
        (path, heading, tuple(paragraphs[: settings.passage_paragraphs]))
        for path, page in sorted(pages.items())
        for heading, paragraphs in _outline(page)
        if paragraphs
    ]
    stands_on: dict[str, set[str]] = {}
    for path, heading, _ in drafts:
        stands_on.setdefault(pages[path].strings[heading].casefold(), set()).add(path)
    units: list[Unit] = []
    dropped: Counter[str] = Counter()
    seen: set[tuple[str, str]] = set()
    in_train: set[str] = set()
    # Train pages first: a text that stands in both splits stays in train and leaves dev.
    splits = {path: split_of(path, settings.dev_share) for path in pages}
    for path, heading, paragraphs in sorted(drafts, key=lambda draft: splits[draft[0]] == "dev"):
        page, split = pages[path], splits[path]
        query = page.strings[heading]
        generic = len(stands_on[query.casefold()]) >= GENERIC_PAGES and query != page.title
        unit = Unit(path, heading, paragraphs, generic, split)
        _, passage = unit.texts(page)
        key = (query.casefold(), passage[:SAME_CHARACTERS].casefold())
        if len(query) < MIN_QUERY_CHARACTERS or len(passage) < settings.min_passage_characters or not _has_word(query):
            dropped["too-short"] += 1
        elif key in seen or (split == "dev" and passage in in_train):
            dropped["duplicate"] += 1
        else:
            seen.add(key)
            units.append(unit)
            if split == "train":
                in_train.add(passage)
    return sorted(units, key=lambda unit: unit.id), dropped


def split_of(page: str, dev_share: float) -> str:
    """Return "dev" for about `dev_share` of the pages, by sha256 of the page's path, else "train"."""
    share = int.from_bytes(hashlib.sha256(page.encode()).digest()[:8], "big") / 2**64
    return "dev" if share < dev_share else "train"


def _outline(page: Page) -> list[tuple[str, list[str]]]:
    outline: list[tuple[str, list[str]]] = []
    for anchor in page.strings:
        if anchor.startswith("hd_"):
            outline.append((anchor, []))
        elif outline:
            outline[-1][1].append(anchor)
    return outline


def _fault(unit: Unit, english: Page, page: Page | None, lang: str) -> str | None:
    """Return why this language lacks the unit, None where it is well translated."""
    anchors: Sequence[str] = (unit.heading, *unit.paragraphs)
    if page is None or any(anchor not in page.strings for anchor in anchors):
        return "missing"
    if any(page.strings[anchor] == english.strings[anchor] for anchor in anchors):
        return "untranslated"
    query, passage = unit.texts(page)
    if not _has_word(query):
        return "too-short"
    return None if written_in(passage, lang) else "wrong-language"


def _has_word(text: str) -> bool:
    return any(character.isalpha() for character in text)


def _folder(lang: str) -> str:
    return _REGIONS.get(lang, lang)
