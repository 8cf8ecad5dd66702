"""What a report is made of: sections of blocks, which know nothing of HTML or Markdown.

    section = Section("costs", "What it costs", (Paragraph("One machine."), Table("Training", head, rows)))
    Document("Title", "The answer.", (Part("", (section,)),))

In every text, words between two backticks are code. Cells of tables are texts too, so that both forms of the report
have the same numbers.
"""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Some sentences."""

    text: str


@dataclass(frozen=True, slots=True)
class Bullets:
    """A list."""

    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Commands:
    """Lines for a shell."""

    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A table; its first `names` columns are names, the others are numbers or short words, aligned to the right."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    names: int = 1
    folded: bool = False  # a page shows it after a click


@dataclass(frozen=True, slots=True)
class Chart:
    """One panel of a figure: a Vega-Lite specification without data from outside, and without colours of its own."""

    title: str
    description: str  # what it shows, for those who do not see it
    spec: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Figure:
    """Charts side by side, of one scale; only a page has them, and a table beside them has their numbers."""

    name: str  # unique in the document
    caption: str
    charts: tuple[Chart, ...]


@dataclass(frozen=True, slots=True)
class Offer:
    """What reaches a wanted score at the lowest cost; the cells of a row of the finder's table."""

    reached: float  # it is the answer to wishes up to this score, above that of the offer before
    index: bool  # whether debiasings that need the passages of the index were allowed
    cells: tuple[str, ...]
    sentence: str


@dataclass(frozen=True, slots=True)
class Finder:
    """Wanted scores and what reaches them: a table, which a page lets the reader ask."""

    name: str
    caption: str
    head: tuple[str, ...]
    offers: tuple[Offer, ...]


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage that a system found."""

    rank: int
    lang: str
    text: str
    relevant: bool


@dataclass(frozen=True, slots=True)
class Found:
    """The first passages of one system."""

    system: str
    summary: str
    hits: tuple[Hit, ...]


@dataclass(frozen=True, slots=True)
class Question:
    """One query in two systems, side by side."""

    why: str
    lang: str
    text: str
    english: str  # empty where the query is English, or nobody asked it in English
    found: tuple[Found, ...]


@dataclass(frozen=True, slots=True)
class Questions:
    """Queries, and the licences of their texts."""

    questions: tuple[Question, ...]
    licences: tuple[str, ...]


Block = Paragraph | Bullets | Commands | Table | Figure | Finder | Questions


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what stands under it."""

    name: str  # unique in the document
    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """Sections of one device; a part without a title is the only one of its kind, and its sections stand alone."""

    title: str
    sections: tuple[Section, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """The whole report."""

    title: str
    answers: tuple[str, ...]  # one for each device
    parts: tuple[Part, ...]
