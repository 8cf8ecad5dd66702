"""Single questions in two systems, out of what `babelmix report explore` showed."""

from itertools import zip_longest
from pathlib import Path

from pydantic import BaseModel

from babelmix.common.fields import fields_checked
from babelmix.common.reading import parse_json, read_text
from babelmix.reporting.answer.document import Found, Hit, Paragraph, Question, Questions, Section
from babelmix.reporting.answer.words import listed

SHOWN = 6
PASSAGES, TEXT = 3, 240  # of each system, and characters of a passage
WHY = {"improved": "most improved", "worsened": "most worsened", "random": "drawn at random"}


class _Hit(BaseModel):
    rank: int
    lang: str
    text: str
    relevant: bool


class _View(BaseModel):
    system: str
    summary: str
    hits: list[_Hit]


class _Entry(BaseModel):
    benchmark: str
    licence: str
    group: str
    lang: str
    text: str
    english: str
    views: list[_View]


class _File(BaseModel):
    questions: list[_Entry]


def questions_section(file: Path) -> Section:
    """Return up to six questions; without the file, how to make it. UserError for a damaged file."""
    name, title = "questions", "Single questions, side by side"
    if not file.exists():
        how = f"`{file}` is not there. `babelmix report explore` makes it, after `dvc repro` has trained both systems."
        return Section(name, title, (Paragraph(how),))
    value = parse_json(read_text(file), str(file))
    with fields_checked(str(file)):
        entries = _File.model_validate(value).questions
    chosen = _chosen(entries)
    systems = listed(list(dict.fromkeys(view.system for entry in chosen for view in entry.views)))
    text = (
        f"What {systems} of the last run find first in the pool of all languages; ✓ marks a right answer. The most "
        "improved and the most worsened are extremes, which prove nothing; the others were drawn at random."
    )
    shown = Questions(
        tuple(_question(entry) for entry in chosen), tuple(dict.fromkeys(entry.licence for entry in chosen))
    )
    return Section(name, title, (Paragraph(text), shown))


def _chosen(entries: list[_Entry]) -> list[_Entry]:
    """Return two of each group, the first of each benchmark in turn."""
    found: list[_Entry] = []
    for group in WHY:
        own: dict[str, list[_Entry]] = {}
        for entry in entries:
            if entry.group == group:
                own.setdefault(entry.benchmark, []).append(entry)
        turns = [entry for turn in zip_longest(*own.values()) for entry in turn if entry is not None]
        found += turns[: SHOWN // len(WHY)]
    return found


def _question(entry: _Entry) -> Question:
    return Question(
        f"{WHY[entry.group]}, {entry.benchmark}",
        entry.lang,
        entry.text,
        entry.english,
        tuple(
            Found(
                view.system,
                view.summary,
                tuple(Hit(hit.rank, hit.lang, _cut(hit.text), hit.relevant) for hit in view.hits[:PASSAGES]),
            )
            for view in entry.views
        ),
    )


def _cut(text: str) -> str:
    return text if len(text) <= TEXT else f"{text[:TEXT].rstrip()}…"
