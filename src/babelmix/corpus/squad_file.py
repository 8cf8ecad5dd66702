"""A file in SQuAD form as people publish it: its paragraphs, and the questions that have an answer in them.

    for paragraph in read_squad_file(Path("germanquad-test.json")):
        paragraph.context, paragraph.questions      # the text; Question("51870", "Wann wurde ...?", 0, 17, 29), ...

It reads the published envelope ({"data": [{"paragraphs": [...]}]}), a bare list of articles or paragraphs, and rows of
one question each (`context`, `question`, `answers`), as one value or as JSON lines; answers as a list, an object or
columns. It counts by reason what a file lacks; any other form is a UserError with its place.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from babelmix.common.errors import UserError
from babelmix.common.reading import MORE, json_rows, parse_json, read_text
from babelmix.common.text import kept_form
from babelmix.corpus.sentences import clean
from babelmix.corpus.spans import find_span
from babelmix.corpus.squad_field import Field

ENDINGS = (".json", ".json.gz", ".jsonl", ".jsonl.gz")
# Reasons to leave something out of a file, or to mend it.
BLANK_CONTEXT = "paragraphs without a text"
BLANK_QUESTION = "questions without a text"
UNANSWERED = "questions without an answer"
NOT_IN_CONTEXT = "questions whose answer is not in their paragraph"
BLANK_ANSWER = "answers without a text"
LOST_ANSWER = "answers not in their paragraph"
NO_ID = "questions without an id"
REPEATED_ID = "repeated ids"
DISPLACED = "answers not at their answer_start"
_NO_ANSWER = "CANNOTANSWER"  # QuAC's, which it also writes at the end of every context
_DEEPEST = 6  # lists and objects around a paragraph


@dataclass(frozen=True, slots=True)
class Question:
    """A question and the number of the sentence that answers it, 0 if the whole paragraph does.

    The answer itself is context[start:end].
    """

    id: str
    text: str
    answer: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph, its sentences (none if the whole paragraph is the candidate), and the questions that it answers.

    `context` is the text of the file, to which spans refer; "" if there is none. `ids` are the ids of all questions,
    those left out too, in the order of the file, unique in it; `repeated` names those that the file had before.
    `left_out` and `mended` count by reason.
    """

    context: str
    sentences: tuple[str, ...]
    questions: tuple[Question, ...]
    ids: tuple[str, ...]
    repeated: tuple[str, ...]
    left_out: Counter[str]
    mended: Counter[str]


def read_squad_file(path: Path) -> Iterator[Paragraph]:
    """Yield the paragraphs of a file in SQuAD form.

    An id is a text or a whole number. The second question with an id `7` gets the id `7#2`, so that translations that
    repeat ids in the same way stay aligned; a question without an id gets its place, `00003#1`: paragraph 3, first
    question. `find_span` finds the answer; the first answer that is at its `answer_start` counts, or else the first
    that the context has. Reasons to leave a question out: it is blank, it has no answer (`is_impossible` in any
    spelling, no `answers`, or only blank ones), or the context has none of its answers. Blank answers beside others,
    and those that the context lacks, are left out.
    `sentence_breaks` are [start, end) in characters of the context; the sentence that holds the start of the answer
    is the answer.

    UserError, with the file and the place in it, for a file that is not valid JSON or has another form, a field of
    another type, a blank sentence, and half characters and control characters.
    """
    found = [(paragraph, _questions(paragraph)) for paragraph in _paragraphs(_read(path))]
    named = [[item.id() for item in items] for _, items in found]
    names = _Names(name for ids in named for name in ids if name)
    for number, ((paragraph, items), ids) in enumerate(zip(found, named, strict=True)):
        yield _paragraph(paragraph, items, ids, number, names)


class _Names:
    """The unique ids of a file."""

    def __init__(self, ids: Iterator[str]) -> None:
        self._taken = set(ids)
        self._times: Counter[str] = Counter()

    def give(self, name: str) -> str:
        """Return the id the first time, then the id with the number of its occurrence."""
        self._times[name] += 1
        if self._times[name] == 1:
            return name
        while (other := f"{name}#{self._times[name]}") in self._taken:
            self._times[name] += 1
        self._taken.add(other)
        return other

    def invent(self, name: str) -> str:
        """Return a unique id for a question without one."""
        while name in self._taken:
            name += "#"
        self._taken.add(name)
        return name


def _paragraph(paragraph: Field, items: list[Field], ids: list[str], number: int, names: _Names) -> Paragraph:
    context = paragraph.get("context").text()
    sentences, breaks = _sentences(paragraph)
    given: list[str] = []
    repeated: list[str] = []
    questions: list[Question] = []
    left_out, mended = Counter[str](), Counter[str]()
    if blank := _blank(context):
        left_out[BLANK_CONTEXT] += 1
    for place, (item, id_) in enumerate(zip(items, ids, strict=True), start=1):
        name = names.give(id_) if id_ else names.invent(f"{number:05d}#{place}")
        given.append(name)
        mended[NO_ID] += not id_
        if id_ and name != id_:
            repeated.append(id_)
        given_answers = [] if blank else _answers(item)
        answers = [
            (answer, start) for answer, start in given_answers if not _blank(answer) and answer.strip() != _NO_ANSWER
        ]
        text = kept_form(item.get("question").text()) if answers else ""
        if not answers:
            left_out[UNANSWERED] += 1
        elif _blank(text):
            left_out[BLANK_QUESTION] += 1
        elif (span := _span(answers, context, breaks)) is None:
            left_out[NOT_IN_CONTEXT] += 1
        else:
            sentence, start, end, moved = span
            mended[DISPLACED] += moved
            mended[BLANK_ANSWER] += len(given_answers) - len(answers)
            mended[LOST_ANSWER] += sum(
                answer not in context and not find_span(answer, context) for answer, _ in answers
            )
            questions.append(Question(name, text, sentence, start, end))
    mended[REPEATED_ID] += len(repeated)
    found = (tuple(questions), tuple(given), tuple(repeated), +left_out, +mended)
    return Paragraph("" if blank else context, () if blank else sentences, *found)


def _blank(text: str) -> bool:
    """Return whether a text is invisible to a reader."""
    return not re.search(r"\w", text) and not clean(text)


def _read(path: Path) -> Field:
    """Return the content of a file: one JSON value, or a list of the values of its lines."""
    if not path.name.endswith((".jsonl", ".jsonl.gz")):
        text = read_text(path)
        try:
            return Field(parse_json(text, str(path)), str(path))
        except UserError as error:
            try:
                return Field(_rows(path), str(path))
            except UserError as of_rows:
                raise of_rows if error.what == MORE else error from None
    return Field(_rows(path), str(path))


def _rows(path: Path) -> list[Field]:
    rows = [Field(row, where) for where, row in json_rows(path)]
    if not rows:
        raise UserError("empty file", where=str(path), how="give one with questions, or fetch it again")
    return rows


def _paragraphs(field: Field, depth: int = 0) -> Iterator[Field]:
    """Yield the objects with a context, however deep they are."""
    if depth > _DEEPEST:
        field.refuse("no SQuAD form: nested too deep")
    elif isinstance(field.value, list):
        for item in field.items():
            yield from _paragraphs(item, depth + 1)
    elif field.has("paragraphs"):
        yield from _paragraphs(field.get("paragraphs"), depth + 1)
    elif field.has("context"):
        yield field
    elif field.has("data"):
        yield from _paragraphs(field.get("data"), depth + 1)
    elif field.value is not None:
        field.refuse("no SQuAD form: neither `data` nor `paragraphs` nor `context` is here")


def _questions(paragraph: Field) -> list[Field]:
    """Return the questions of a paragraph; a row of one question is its own question."""
    if paragraph.has("qas"):
        return list(paragraph.get("qas").items())
    return [paragraph] if paragraph.has("question") else []


def _sentences(paragraph: Field) -> tuple[tuple[str, ...], list[tuple[int, ...]]]:
    """Return a paragraph's sentences and their [start, end), both empty if it has neither field."""
    if paragraph.get("sentences").value is None and paragraph.get("sentence_breaks").value is None:
        return (), []
    texts = list(paragraph.get("sentences").items())
    for text in texts:
        if _blank(text.text()):
            text.refuse("a blank sentence")
    pairs = paragraph.get("sentence_breaks")
    breaks = [tuple(edge.number() for edge in pair.items()) for pair in pairs.items()]
    if len(breaks) != len(texts) or any(len(pair) != 2 for pair in breaks):
        pairs.refuse("not one [start, end) for each sentence")
    if not texts:
        paragraph.get("sentences").refuse("no sentence")
    return tuple(kept_form(text.text()) for text in texts), breaks


def _answers(item: Field) -> list[tuple[str, int | None]]:
    """Return (text, start or None) of each answer; none for a question that is marked as impossible."""
    if any(item.get(flag).flag() for flag in ("is_impossible", "no_answer")):
        return []
    given = item.get("answers") if item.has("answers") else item.get("answer")
    fields = [pair for answer in given.items() for pair in _answer(answer)]
    return [(text.answer(), start.start()) for text, start in fields]


def _answer(answer: Field) -> list[tuple[Field, Field]]:
    """Return (text, start) of an answer, or of each answer if they are columns."""
    if not isinstance(answer.value, dict):
        return [(answer, answer.none())]
    text, start = answer.get("text"), answer.get("answer_start")
    if not isinstance(text.value, list):
        return [(text, next(start.items(), start.none()))]
    return list(zip_longest(text.items(), list(start.items())[: len(text.value)], fillvalue=start.none()))


def _span(
    answers: list[tuple[str, int | None]], context: str, breaks: list[tuple[int, ...]]
) -> tuple[int, int, int, bool] | None:
    """Return (sentence, start, end, whether it is elsewhere than its start says) of the answer that counts."""
    placed = [(text, start) for text, start in answers if start is not None and start >= 0]
    exact = next((one for one in placed if context.startswith(*one)), None)
    for text, start in [exact] if exact else answers:
        if not (span := find_span(text, context, start)):
            continue
        at = start if exact and start is not None else span[0]
        hits = (number for number, (low, high) in enumerate(breaks or [(0, len(context))]) if low <= at < high)
        if (sentence := next(hits, None)) is not None:
            return sentence, *span, not exact and (text, start) in placed
    return None
