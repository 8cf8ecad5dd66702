"""LibreOffice Help: question-passage pairs that people translated, aligned by the anchors of the pages.

    fetch(Path("data/raw/libreoffice-help"), settings.pairs)
    pairs, counts = build(Path("data/raw/libreoffice-help"), settings.pairs)
    counts["de"]  # {"kept_train": 8098, "kept_dev": 289, "dropped": {"untranslated": 1092, ...}}

Packages libreoffice-help-* of Debian and Ubuntu (MPL-2.0). Every language has the same pages, and in them the
same `hd_id...` headings and `par_id...` paragraphs, so the alignment is exact. A heading is the query, and the
paragraphs after it are the passage: a titled section and its text, as in GNOME Help and the handbook, but with another
style and other content.
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from lxml.etree import HTMLParser, XPath, fromstring

from babelmix.common.errors import unknown_name
from babelmix.common.processes import map_in_processes
from babelmix.common.text import compared_form, reading_length
from babelmix.corpus.collect import Counts, has_word, plain_text, split_of, written_in
from babelmix.corpus.records import Pair
from babelmix.corpus.settings import Pairs
from babelmix.corpus.source import PairSource
from babelmix.download.debian import fetch_packages, read_package

# The languages of the packages of LibreOffice Help (Norwegian and some others have other codes there).
LANGUAGES = frozenset(
    "ca cs da de el en es et eu fi fr gl hi hu id it ja ko nl pl pt ru sk sl sv tr vi zh".split()  # noqa: SIM905
)
_REGIONS = {"en": "en-US", "zh": "zh-CN"}
# A heading of this many pages ("Example", "Options") says too little alone.
GENERIC_PAGES = 3
MIN_QUERY_CHARACTERS = 3
# Two units with one heading and this much of one passage are the same text, included in two pages. In Chinese this is
# three times as much text.
SAME_CHARACTERS = 160
_ANCHORED = XPath('//div[@id="DisplayArea"]//*[starts-with(@id, "hd_id") or starts-with(@id, "par_id")]')


@dataclass(frozen=True, slots=True)
class Page:
    """One help page in one language: its title, and its texts by anchor, in reading order."""

    title: str
    strings: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Unit:
    """A heading and the paragraphs that answer it, as anchors; a `generic` heading needs the page's title."""

    page: str
    heading: str
    paragraphs: tuple[str, ...]
    generic: bool
    split: str

    @property
    def id(self) -> str:
        """The id that its translations share."""
        return f"{self.page}#{self.heading}"

    def texts(self, page: Page) -> tuple[str, str]:
        """Return (query, passage) as that page has them."""
        query = page.strings[self.heading]
        passage = " ".join(page.strings[anchor] for anchor in self.paragraphs)
        return (f"{page.title}: {query}" if self.generic else query), passage


def help_folder(lang: str) -> str:
    """Return the name of a language in LibreOffice Help's folders and, in lower case, in its packages."""
    return _REGIONS.get(lang, lang)


def help_packages(languages: Sequence[str]) -> tuple[str, ...]:
    """Return the packages of LibreOffice Help in these languages; one without such help is a UserError."""
    for lang in languages:
        if lang not in LANGUAGES:
            where = "params.yaml, pairs.languages"
            raise unknown_name("language of LibreOffice Help", lang, LANGUAGES, where=where)
    return tuple(f"libreoffice-help-{help_folder(lang).lower()}" for lang in languages)


def fetch(folder: Path, settings: Pairs) -> None:
    """Download the packages of `pairs.languages` and replace the folder; UserError for other languages."""
    fetch_packages(help_packages(settings.languages), folder)


def build(packages: Path, settings: Pairs) -> tuple[list[Pair], dict[str, Counts]]:
    """Make aligned question-passage pairs of the help packages, and count the units kept and dropped.

    Another language keeps the units of English that it translates. Reasons to drop a unit: too-short (no word in the
    heading, or too little English text), missing (an anchor is not there), untranslated (a text equals the English),
    wrong-language (see `written_in`) and duplicate (another page has the same heading and start of the passage, or
    train has a query or passage of dev). In English, kept and dropped add up to the headings that have paragraphs; in
    another language, to the units that English keeps.

    Returns pairs with origin "human", sorted by language and parallel_id, and the counts of every language, sorted.
    The splits share no page, and in no language a query or passage.
    """
    help_packages(settings.languages)  # refuses a language without help before it reads any
    english = read_pages(packages, "en")
    originals, count = _sift(english_units(english, settings), english, "en", partial(_too_short, settings=settings))
    others = sorted(set(settings.languages) - {"en"})
    translate = partial(_translations, packages=packages, english=english, units=list(originals))
    found = {"en": (list(originals.values()), count)}
    found |= zip(others, map_in_processes(translate, others), strict=True)
    pairs = [pair for kept, _ in found.values() for pair in kept]
    counts = {lang: count for lang, (_, count) in sorted(found.items())}
    return sorted(pairs, key=lambda pair: (pair.lang, pair.parallel_id)), counts


def _translations(
    lang: str, *, packages: Path, english: Mapping[str, Page], units: Sequence[Unit]
) -> tuple[list[Pair], Counts]:
    """Return the pairs of a language that translate these units of English, and the counts."""
    anchors: dict[str, set[str]] = {}
    for unit in units:
        anchors.setdefault(unit.page, set()).update((unit.heading, *unit.paragraphs))
    kept, count = _sift(units, read_pages(packages, lang, anchors), lang, partial(_drop_reason, english, lang))
    return list(kept.values()), count


def _sift(
    units: Sequence[Unit], pages: Mapping[str, Page], lang: str, drop_reason: Callable[[Unit, Page], str | None]
) -> tuple[dict[Unit, Pair], Counts]:
    """Return the pair of each unit that is kept in a language, and the counts."""
    seen = _Seen()
    kept: dict[Unit, Pair] = {}
    dropped: Counter[str] = Counter()
    for unit in units:
        page = pages.get(unit.page, Page("", {}))
        reason = drop_reason(unit, page) or seen.drop_reason(unit, page)
        if reason:
            dropped[reason] += 1
            continue
        query, passage = unit.texts(page)
        kept[unit] = Pair(unit.id, lang, unit.split, query, passage, "human")
    splits = Counter(unit.split for unit in kept)
    count = Counts(kept_train=splits["train"], kept_dev=splits["dev"], dropped=dict(sorted(dropped.items())))
    return kept, count


def read_pages(packages: Path, lang: str, anchors: Mapping[str, Collection[str]] | None = None) -> dict[str, Page]:
    """Read one language's pages, by their path below its text folder ("scalc/01/04060102.html").

    `anchors`: the pages to read, with the anchors of the texts that matter; None for all.
    """
    root = f"usr/share/libreoffice/help/{help_folder(lang)}/text/"
    deb = packages / f"{help_packages([lang])[0]}.deb"

    def keep(path: str) -> bool:
        page = path.removeprefix(root)
        return page != path and page.endswith(".html") and (anchors is None or page in anchors)

    files = ((path.removeprefix(root), data) for path, data in read_package(deb, keep))
    return {page: read_page(data, anchors[page] if anchors else None) for page, data in files}


def read_page(data: bytes, anchors: Collection[str] | None = None) -> Page:
    """Read the title of an HTML help page and its texts that are not empty: with any anchor, or with one of these."""
    parser = HTMLParser(encoding="utf-8", no_network=True, remove_comments=True, remove_pis=True)
    root = fromstring(data, parser)
    if root is None:  # nothing but comments
        return Page("", {})
    strings: dict[str, str] = {}
    for element in _ANCHORED(root):
        anchor = str(element.get("id"))
        if (anchors is None or anchor in anchors) and (text := plain_text(element)):
            strings.setdefault(anchor, text)
    title = root.find(".//title")
    return Page("" if title is None else plain_text(title), strings)


def english_units(pages: Mapping[str, Page], settings: Pairs) -> list[Unit]:
    """Return the units of the English pages, a heading and its paragraphs each, train pages before dev pages."""
    drafts = [
        (path, heading, tuple(paragraphs[: settings.passage_paragraphs]))
        for path, page in sorted(pages.items())
        for heading, paragraphs in _outline(page)
        if paragraphs
    ]
    pages_of: dict[str, set[str]] = {}
    for path, heading, _ in drafts:
        pages_of.setdefault(compared_form(pages[path].strings[heading]), set()).add(path)
    units: list[Unit] = []
    for path, heading, paragraphs in drafts:
        text = pages[path].strings[heading]
        generic = len(pages_of[compared_form(text)]) >= GENERIC_PAGES and text != pages[path].title
        units.append(Unit(path, heading, paragraphs, generic, split_of(path, settings.dev_share)))
    return sorted(units, key=lambda unit: unit.split == "dev")


def _outline(page: Page) -> list[tuple[str, list[str]]]:
    outline: list[tuple[str, list[str]]] = []
    for anchor in page.strings:
        if anchor.startswith("hd_"):
            outline.append((anchor, []))
        elif outline:
            outline[-1][1].append(anchor)
    return outline


class _Seen:
    """The texts of one language so far, train before dev."""

    def __init__(self) -> None:
        self._starts: set[tuple[str, str]] = set()
        self._train: set[str] = set()

    def drop_reason(self, unit: Unit, page: Page) -> str | None:
        """Return "duplicate" for a known text; remember a new one and return None."""
        query, passage = unit.texts(page)
        both = {compared_form(query), compared_form(passage)}
        start = (compared_form(page.strings[unit.heading]), compared_form(passage[:SAME_CHARACTERS]))
        if start in self._starts or (unit.split == "dev" and both & self._train):
            return "duplicate"
        self._starts.add(start)
        if unit.split == "train":
            self._train |= both
        return None


def _too_short(unit: Unit, page: Page, *, settings: Pairs) -> str | None:
    heading = page.strings[unit.heading]
    _, passage = unit.texts(page)
    enough = len(heading) >= MIN_QUERY_CHARACTERS and reading_length(passage) >= settings.min_passage_characters
    return None if enough and has_word(heading) else "too-short"


def _drop_reason(english: Mapping[str, Page], lang: str, unit: Unit, page: Page) -> str | None:
    """Return the reason to drop the unit in this language, None for a good translation."""
    anchors = (unit.heading, *unit.paragraphs)
    if any(anchor not in page.strings for anchor in anchors):
        return "missing"
    if any(page.strings[anchor] == english[unit.page].strings[anchor] for anchor in anchors):
        return "untranslated"
    query, passage = unit.texts(page)
    if not has_word(query):
        return "too-short"
    return None if written_in(passage, lang) else "wrong-language"


def page_texts(packages: Path, lang: str) -> dict[str, Mapping[str, str]]:
    """Return every page of one language: its headings and paragraphs by anchor, in reading order, none empty."""
    return {path: page.strings for path, page in read_pages(packages, lang).items()}


SOURCE = PairSource(
    name="libreoffice-help",
    licence="LibreOffice Help: MPL-2.0",
    fetch=fetch,
    build=build,
    pages=page_texts,
    needs_english=True,
)
