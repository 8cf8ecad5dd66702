"""Passages out of pages: HTML, Markdown and plain text.

    page = read_page(Path("docs/printing.md"))
    page.language, page.passages[0]           # None, Section("Printing", "Press Ctrl+P. ...")

A passage is the text below one heading, in parts of some PART letters: a model reads no more. Its title is the page's
and the heading's. Scripts, styles, forms and navigation are no text. Markdown is rendered as HTML first (CommonMark and
tables), so both come the same way.
"""

import re
from codecs import lookup
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from babelmix.common.errors import UserError
from babelmix.common.reading import read_text
from babelmix.common.text import published_form, reading_length
from babelmix.searching.languages import checked_language

HTML, MARKDOWN, PLAIN = (".html", ".htm", ".xhtml"), (".md", ".markdown"), (".txt",)
PART = 1500  # letters of a passage, see reading_length
LARGEST = 16 << 20  # bytes of a page
DEEPEST = 100  # levels of quotes and lists (two each) in Markdown: what is deeper its parser leaves out without a word
_GZIP = b"\x1f\x8b"  # 16 MB may unpack to 16 GB
LONGEST_HEADING = 300  # characters of one with blocks within; a longer one was not closed, and is text
_HEADINGS = frozenset(("h1", "h2", "h3", "h4", "h5", "h6"))
_OTHERS = """address article aside blockquote body br caption dd details div dl dt figcaption figure footer form header
hr li main ol p pre section summary table tbody td tfoot th thead tr ul"""
_BLOCKS = _HEADINGS | frozenset(_OTHERS.split())
_HIDDEN = "script style noscript template nav form svg math iframe object head button select textarea"
_NO_TEXT = frozenset(_HIDDEN.split())
_CHARSET = re.compile(rb"<(?:meta|\?xml)[^>]{0,200}?(?:charset|encoding)\s*=\s*[\"']?\s*([\w.:-]{2,40})", re.IGNORECASE)
_FRONT = re.compile(r"\A---[ \t]*\n(.*?\n)---[ \t]*\n", re.DOTALL)  # of Markdown: settings of a site's generator


@dataclass(frozen=True, slots=True)
class Section:
    """A passage of a page and its title."""

    title: str | None
    text: str


@dataclass(frozen=True, slots=True)
class Page:
    """The passages of a page, and the language that it names."""

    language: str | None
    passages: tuple[Section, ...]


def read_page(file: Path) -> Page:
    """Read a page; UserError for a page of more than LARGEST bytes and for one in an encoding that it does not name."""
    if (size := file.stat().st_size) > LARGEST:
        how = "split it, or take it out of the folder"
        raise UserError(f"a page of {size / 2**20:,.0f} MB; a page may have {LARGEST >> 20}", where=str(file), how=how)
    with file.open("rb") as stream:
        if stream.read(2) == _GZIP:
            raise UserError("a packed page", where=str(file), how="unpack it: only tables may be packed")
    kind = file.name.lower()
    if kind.endswith(PLAIN):
        blocks = re.split(r"\n[ \t]*\n", read_text(file))
        return Page(None, tuple(_passages((None, block) for block in blocks)))
    return _parse(_rendered(file) if kind.endswith(MARKDOWN) else _html(file), file)


def _rendered(file: Path) -> str:
    """Return the HTML of a Markdown file; UserError for quotes or lists of DEEPEST levels."""
    from markdown_it import MarkdownIt

    markdown = MarkdownIt("commonmark", {"maxNesting": DEEPEST}).enable("table")
    tokens = markdown.parse(_FRONT.sub("", read_text(file)))
    if any(one.level >= DEEPEST - 1 and one.type in ("blockquote_open", "list_item_open") for one in tokens):
        raise _too_deep(file)
    return str(markdown.renderer.render(tokens, markdown.options, {}))


def _html(file: Path) -> str:
    """Return the text of an HTML file: in an encoding of Unicode, or in the one that it names."""
    try:
        return read_text(file)
    except UserError:
        raw = file.read_bytes()
        named = _CHARSET.search(raw[:4096])
        if named is None:
            raise
        try:
            return raw.decode(lookup(named[1].decode()).name)
        except (LookupError, UnicodeError) as error:
            name = named[1].decode()
            raise UserError(f"not {name}, as it says", where=str(file), how="save it as UTF-8") from error


def _parse(text: str, file: Path) -> Page:
    """Return the passages of HTML; UserError where the parser reaches a limit, since it drops the rest of the page."""
    from lxml.etree import HTMLParser, fromstring

    text = re.sub(r"\A\s*<\?xml[^>]*\?>", "", published_form(text))
    if not text.strip():
        return Page(None, ())
    parser = HTMLParser(no_network=True, remove_comments=True, remove_pis=True, huge_tree=True)
    root: Any = fromstring(text, parser)
    if any(error.type_name == "ERR_RESOURCE_LIMIT" for error in parser.error_log):
        raise _too_deep(file)
    if root is None:
        return Page(None, ())
    name = root.find(".//title")
    title = _squeezed("".join(name.itertext())) if name is not None else ""
    blocks = (
        (" – ".join(dict.fromkeys(filter(None, (title, heading)))) or None, block) for heading, block in _blocks(root)
    )
    return Page(_language(root), tuple(_passages(blocks)))


def _too_deep(file: Path) -> UserError:
    how = "take out some of the elements that are within one another, or take the page out of the folder"
    return UserError("nested too deeply: only a part of the page could be read", where=str(file), how=how)


def _language(root: Any) -> str | None:
    """Return the language that a page names; None where what it names is none."""
    try:
        return checked_language(root.get("lang") or root.get("xml:lang"), "lang")
    except UserError:
        return None


def _blocks(root: Any) -> Iterator[tuple[str, str]]:
    """Yield (heading above it, text) of each block of text, in their order; a heading may have several lines."""
    from lxml.etree import iterwalk

    heading, hidden, in_heading, short = "", 0, 0, False
    parts: list[str] = []
    for event, element in iterwalk(root, events=("start", "end")):
        tag = element.tag if isinstance(element.tag, str) else ""
        if tag in _NO_TEXT:
            hidden += 1 if event == "start" else -1
        if tag in _HEADINGS:
            in_heading += 1 if event == "start" else -1
            short = len("".join(element.itertext())) <= LONGEST_HEADING
        if in_heading and (tag == "br" or (short and tag in _BLOCKS and tag not in _HEADINGS)):
            parts.append(" ")
        elif tag in _BLOCKS:
            text = _squeezed("".join(parts))
            parts.clear()
            if event == "end" and tag in _HEADINGS:
                heading = text
            elif text:
                yield heading, text
        if event == "start" and not hidden and element.text:
            parts.append(element.text)
        if event == "end" and not hidden and element.tail:
            parts.append(element.tail)
    if text := _squeezed("".join(parts)):
        yield heading, text


def _passages(blocks: Iterator[tuple[str | None, str]]) -> Iterator[Section]:
    """Join blocks below one heading to passages of up to PART letters; a longer block is cut at blanks."""
    title: str | None = None
    text = ""
    for heading, block in blocks:
        for part in _parts(_squeezed(published_form(block))):
            if text and (heading != title or reading_length(text) + reading_length(part) > PART):
                yield Section(title, text)
                text = ""
            title, text = heading, f"{text} {part}".strip()
    if text:
        yield Section(title, text)


def _parts(block: str) -> Iterator[str]:
    """Cut a squeezed block after sentences or, where there are none, anywhere.

    A character counts as one letter or more, so the next PART + 1 of them say whether the rest is too long.
    """
    start = 0
    while reading_length(ahead := block[start : start + PART + 1]) > PART:
        most = next(size for size in range(PART, 0, -50) if reading_length(ahead[:size]) <= PART)
        ends = [match.end() for match in re.finditer(r"[.!?]\s|[。！？।]|\s", ahead[:most])]
        sentence = [match.end() for match in re.finditer(r"[.!?]\s|[。！？।]", ahead[:most])]
        at = sentence[-1] if sentence and sentence[-1] > most // 2 else ends[-1] if ends else most
        yield ahead[:at].strip()
        start += at
        start += block.startswith(" ", start)
    if ahead:
        yield ahead


def _squeezed(text: str) -> str:
    return " ".join(text.split())
