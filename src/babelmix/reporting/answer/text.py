"""The report as Markdown: text and tables, without figures."""

from collections.abc import Iterable, Iterator, Sequence

from babelmix.reporting.answer.document import (
    Block,
    Bullets,
    Commands,
    Document,
    Figure,
    Finder,
    Paragraph,
    Questions,
    Section,
    Table,
)
from babelmix.reporting.names import RIGHT
from babelmix.reporting.tables import table

MARKS = (("\\", "\\\\"), ("&", "&amp;"), ("<", "&lt;"), ("|", "\\|"), ("*", "\\*"), ("_", "\\_"), ("[", "\\["))


def to_text(document: Document) -> str:
    """Return the Markdown of a document."""
    lines = [f"# {document.title}", *(f"**{plain(text)}**" for text in document.answers)]
    lines.append("[report.html](report.html) is the same with charts.")
    for part in document.parts:
        lines += [f"## {plain(part.title)}"] if part.title else []
        for section in part.sections:
            lines += _section(section, "###" if part.title else "##")
    return "\n\n".join(lines) + "\n"


def plain(text: str) -> str:
    """Return a text on one line that Markdown shows as it is, but for code between backticks."""
    parts = " ".join(text.split()).split("`")
    for place in range(0, len(parts), 2):
        for mark, safe in MARKS:
            parts[place] = parts[place].replace(mark, safe)
    return "`".join(parts)


def _section(section: Section, level: str) -> Iterator[str]:
    yield f"{level} {section.title}"
    for block in section.blocks:
        yield from _block(block)


def _block(block: Block) -> Iterator[str]:
    match block:
        case Paragraph(text):
            yield plain(text)
        case Bullets(items):
            yield "\n".join(f"- {plain(item)}" for item in items)
        case Commands(lines):
            yield "\n".join(("```sh", *lines, "```"))
        case Table(caption, head, rows):
            yield from _table(caption, head, rows)
        case Finder(_, caption, head, offers):
            yield from _table(caption, head, [offer.cells for offer in offers])
        case Questions():
            yield from _questions(block)
        case Figure():
            pass


def _table(caption: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"{plain(caption)}:"
    yield table([plain(cell) for cell in head], [[plain(cell) for cell in row] for row in rows])


def _questions(block: Questions) -> Iterator[str]:
    for one in block.questions:
        english = f" ({plain(one.english)})" if one.english else ""
        yield f"**{one.lang}: {_quoted(one.text)}**{english}, {plain(one.why)}"
        rows = [
            (found.system, f"{hit.rank}{' ' + RIGHT if hit.relevant else ''}", hit.lang, _quoted(hit.text))
            for found in one.found
            for hit in found.hits
        ]
        yield table(("system", "rank", "language", "passage"), rows)
    yield f"Texts: {'; '.join(map(plain, block.licences))}."


def _quoted(text: str) -> str:
    """Return a foreign text, in which a backtick is no code."""
    return plain(text.replace("`", "'"))
