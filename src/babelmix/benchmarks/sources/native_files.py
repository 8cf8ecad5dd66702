"""The published files of the native pool: paragraphs with their article, their questions, and what had to be left out.

    for paragraph in read_paragraphs(Path("data/raw/native/ja.json"), searched=True):
        paragraph.article, paragraph.text, paragraph.questions       # "梅雨", "梅雨（つゆ、ばいう）は...", ...

A paragraph of JSQuAD begins with its article's title and "[SEP]": that is cut, with the offsets. A question whose
answer was marked in the title is left out, because no sentence of the paragraph holds the mark.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from babelmix.common.errors import UserError
from babelmix.common.reading import json_rows, parse_json, read_text
from babelmix.common.text import compared_form
from babelmix.corpus.sentences import clean
from babelmix.corpus.squad_field import Field
from babelmix.corpus.squad_file import read_squad_file

IN_TITLE = "questions whose answer is marked in the title"
SEVERAL_PLACES = "questions whose answer stands in several places, of which the file names the first"
_TITLE_END = " [SEP] "
# Some questions of ARCD have the dash of a list before them, and the beginning of a word behind their question mark.
_STRAY = re.compile(r"^\s*-\s+|(?<=؟)\s*ال\s*$")


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, by its id in the file; its answer begins at text[start]."""

    id: str
    text: str
    start: int


@dataclass(frozen=True, slots=True)
class NativeParagraph:
    """A paragraph of a file, raw, with the answered questions about it; `number` is its place in the file.

    `left_out` counts, by reason, the questions that were left out or mended.
    """

    number: int
    article: str
    text: str
    questions: tuple[Asked, ...]
    left_out: Counter[str] = field(default_factory=Counter[str])


def read_paragraphs(file: Path, *, searched: bool) -> list[NativeParagraph]:
    """Return the paragraphs of a file in SQuAD form, or of rows of one question each, in the order of the file.

    Paragraphs with the same text are one, in the article of the first. An answer's place is that of
    `squad_file.read_squad_file`, whose reasons to leave out or mend are counted too.

    Args:
        file: one that names the article of each paragraph or row, as `title`.
        searched: whether the file's offsets are those of the first place with the answer's text, whatever the question
            means. Then a question whose answer stands in several places is left out, because nobody knows which of
            them answers it.

    Raises:
        UserError: what `read_squad_file` refuses, a paragraph without a title, and one outside of the articles.
    """
    found: dict[str, NativeParagraph] = {}
    paragraphs, articles = list(read_squad_file(file)), list(_articles(file))
    if len(paragraphs) != len(articles):
        what = f"{len(articles)} paragraphs in articles, {len(paragraphs)} in all"
        raise UserError(what, where=str(file), how="fetch the published file again")
    for number, (article, paragraph) in enumerate(zip(articles, paragraphs, strict=True)):
        _, mark, body = paragraph.context.partition(_TITLE_END)
        cut = len(paragraph.context) - len(body) if mark else 0
        text = paragraph.context[cut:]
        questions: list[Asked] = []
        left_out = paragraph.left_out + paragraph.mended
        for question in paragraph.questions:
            answer = paragraph.context[question.start : question.end]
            if question.start < cut:
                left_out[IN_TITLE] += 1
            elif searched and text.count(answer) > 1:
                left_out[SEVERAL_PLACES] += 1
            else:
                asked = clean(_STRAY.sub("", question.text))
                questions.append(Asked(question.id, asked, question.start - cut))
        new = NativeParagraph(number, article, text, tuple(questions), left_out)
        old = found.setdefault(text, new)
        if old is not new:
            found[text] = replace(old, questions=old.questions + new.questions, left_out=old.left_out + new.left_out)
    return list(found.values())


def _articles(file: Path) -> Iterator[str]:
    """Yield the title of each paragraph, in the order of `read_squad_file`."""
    if file.suffix == ".jsonl":
        for where, row in json_rows(file):
            yield _title(Field(row, where))
        return
    for article in Field(parse_json(read_text(file), str(file)), str(file)).get("data").items():
        title = _title(article)
        for _ in article.get("paragraphs").items():
            yield title


def _title(article: Field) -> str:
    title = compared_form(article.get("title").text())
    if not title:
        raise UserError("no title", where=article.get("title").where, how="fetch the published file again")
    return title
