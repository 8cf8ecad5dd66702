"""SQuAD-form files: which paragraph, or which sentence of it, answers the question; in any language.

    benchmark, left_out = build(Path("germanquad-test-de.json"), "germanquad")
    benchmark, left_out = build(Path("xquad"), "xquad")  # a folder with xquad.de.json, xquad.en.json, ...

A candidate is a whole paragraph or, where the file has `sentences` and `sentence_breaks`, a sentence. The answer is
then the first sentence with start <= answer_start < end: only the start counts, for some answers cross a break.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from babelmix.benchmark import Benchmark, Passage, Qrel, Query
from babelmix.config import LANGUAGES
from babelmix.errors import UserError


@dataclass(frozen=True, slots=True)
class Question:
    """A question and the number of the sentence that answers it, 0 where the whole paragraph does.

    The answer itself is context[start:end].
    """

    id: str
    text: str
    answer: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph, its sentences (none where it is a candidate as a whole), and the questions that it answers.

    `unanswered` counts its questions that have no answer.
    """

    context: str
    sentences: tuple[str, ...]
    questions: tuple[Question, ...]
    unanswered: int


def build(path: Path, name: str) -> tuple[Benchmark, dict[str, int]]:
    """Build a benchmark out of a SQuAD-form file, or the `*.json` of a folder, one file for each language.

    The language comes from the file's name: the last part between dots, dashes or underscores that is a code of
    `config.LANGUAGES` (`xquad.de.json`, `germanquad-test-de.json`, `de.json`). Questions and paragraphs are both in
    it, and questions with one id in several files are taken for translations of one another: sets that number
    their questions each for itself belong in separate benchmarks.

    Returns the benchmark and, for each language, how many questions without an answer were left out (SQuAD 2.0).
    UserError: nothing to read, a file without a language or two files with one, and all that `squad_benchmark`
    and `read_squad_file` refuse.
    """
    found = sorted(file for file in (path.glob("*.json") if path.is_dir() else [path]) if file.is_file())
    if not found:
        how = "give a SQuAD-form file, or a folder with such *.json files"
        raise UserError("no file to read", where=str(path), how=how)
    files: dict[str, Path] = {}
    for file in found:
        stem = file.name.removesuffix(".json")
        lang = next((part for part in reversed(re.split(r"[._-]", stem)) if part in LANGUAGES), None)
        if lang is None:
            how = f"rename it, such as `{file.name}` to `{stem}.en.json`; valid: {', '.join(sorted(LANGUAGES))}"
            raise UserError("the file's name holds no language code", where=str(file), how=how)
        if lang in files:
            how = f"keep one of them, or rename, such as `{file.name}` to `{stem}.en.json` if it is in English"
            raise UserError(f"a second file in {lang!r}, beside {files[lang].name}", where=str(file), how=how)
        files[lang] = file
    return squad_benchmark(name, files)


def squad_benchmark(name: str, files: Mapping[str, Path]) -> tuple[Benchmark, dict[str, int]]:
    """Build a benchmark out of one SQuAD-form file for each language: {lang: file}; returns what `build` does.

    Passage ids are `<lang>:<paragraph, 5 digits>:<sentence, 3 digits>`, so that their order as text is their order
    in the file. The context of a sentence is its paragraph, that of a paragraph is empty. Nothing is cut. Sentences
    are all kept, repeated ones too; paragraphs that repeat in one file are one candidate, with the number of the
    first, so that a right answer never counts as a wrong one.

    UserError: a file without one answered question, or a benchmark that would mix sentences and paragraphs.
    """
    queries: list[Query] = []
    passages: list[Passage] = []
    qrels: list[Qrel] = []
    left_out: dict[str, int] = {}
    first: dict[bool, str] = {}  # whether a paragraph has sentences -> the first place where that is so
    for lang, file in sorted(files.items()):
        left_out[lang], asked = 0, len(queries)
        whole: dict[str, Passage] = {}
        for number, paragraph in enumerate(read_squad_file(file)):
            first.setdefault(bool(paragraph.sentences), f"{file}, paragraph {number}")
            prefix, context = f"{lang}:{number:05d}", paragraph.context
            if paragraph.sentences:
                texts = enumerate(paragraph.sentences)
                candidates = [Passage(f"{prefix}:{position:03d}", lang, text, context) for position, text in texts]
                passages += candidates
            else:
                candidates = [whole.setdefault(context, Passage(f"{prefix}:000", lang, context))]
            for question in paragraph.questions:
                queries.append(Query(f"{lang}:{question.id}", question.id, lang, question.text))
                qrels.append(Qrel(question.id, candidates[question.answer].id))
            left_out[lang] += paragraph.unanswered
        passages += whole.values()
        if len(queries) == asked:
            what = f"no question with an answer ({left_out[lang]} without)"
            raise UserError(what, where=str(file), how="give a file whose questions have answers")
    if len(first) == 2:
        what = f"a paragraph without sentences, though {first[True]} has some"
        raise UserError(what, where=first[False], how="give `sentences` and `sentence_breaks` to all or to none")
    queries.sort(key=lambda query: query.id)
    passages.sort(key=lambda passage: passage.id)
    qrels.sort(key=lambda qrel: qrel.passage)
    return Benchmark(name, tuple(queries), tuple(passages), tuple(qrels)), left_out


def read_squad_file(path: Path) -> Iterator[Paragraph]:
    """Yield the paragraphs of a SQuAD-form JSON file, with `sentences` and `sentence_breaks` or without both.

    The breaks are [start, end) in characters of the context. With them the first answer counts, and must stand at
    its `answer_start`; without them it is enough that an answer stands somewhere in the context, since sets
    in the wild often miss the start by a few characters. Ids may be texts or whole numbers (GermanQuAD). A question
    with `is_impossible: true` or an empty `answers` has no answer and is only counted.

    UserError, with the file and the place in it, for a file that is not whole JSON, a missing or wrongly
    typed field, a blank sentence or question, a question id that stands twice, and an answer outside its
    context or its sentences.
    """
    seen: dict[str, str] = {}
    root = _Field(_read_json(path), str(path))
    for article in root.get("data").items():
        for paragraph in article.get("paragraphs").items():
            context = paragraph.get("context").text()
            sentences, breaks = _sentences(paragraph)
            questions: list[Question] = []
            unanswered = 0
            for item in paragraph.get("qas").items():
                question = item.get("id").id()
                if question in seen:
                    item.get("id").refuse(f"duplicate question id {question!r}, first at {seen[question]}")
                seen[question] = item.where
                impossible = item.has("is_impossible") and item.get("is_impossible").flag()
                answers = [] if impossible else list(item.get("answers").items())
                if answers:
                    sentence = _sentence(answers, context, breaks)
                    text, (start, end) = item.get("question").text(), _span(answers, context)
                    questions.append(Question(question, text, sentence, start, end))
                else:
                    unanswered += 1
            yield Paragraph(context, sentences, tuple(questions), unanswered)


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        what = "no such file" if isinstance(error, FileNotFoundError) else f"cannot be read ({error.strerror})"
        how = "correct the path or its rights; a published file is fetched with `dvc repro`"
        raise UserError(what, where=str(path), how=how) from error
    except UnicodeDecodeError as error:
        raise UserError("not UTF-8 text", where=str(path), how="save it as UTF-8, or fetch it again") from error
    except json.JSONDecodeError as error:
        where = f"{path}, line {error.lineno}, column {error.colno}"
        how = "the file may be cut short: delete it and fetch it again"
        raise UserError(f"not whole JSON ({error.msg})", where=where, how=how) from error
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, lists a thousand deep
        raise UserError(f"no SQuAD-form JSON ({error})", where=str(path), how="give another file") from error


def _sentences(paragraph: "_Field") -> tuple[tuple[str, ...], list[tuple[int, ...]]]:
    """Return a paragraph's sentences and their [start, end), both empty where it has neither field."""
    if not paragraph.has("sentences") and not paragraph.has("sentence_breaks"):
        return (), []
    sentences = tuple(sentence.text() for sentence in paragraph.get("sentences").items())
    pairs = paragraph.get("sentence_breaks")
    breaks = [tuple(edge.number() for edge in pair.items()) for pair in pairs.items()]
    if len(breaks) != len(sentences) or any(len(pair) != 2 for pair in breaks):
        pairs.refuse("not one [start, end) for each sentence")
    if not sentences:
        paragraph.get("sentences").refuse("no sentence")
    return sentences, breaks


def _sentence(answers: list["_Field"], context: str, breaks: list[tuple[int, ...]]) -> int:
    """Return the number of the sentence that holds the answer, 0 where there are none."""
    text = answers[0].get("text").text()
    if not breaks:
        if not any(answer.get("text").text() in context for answer in answers):
            answers[0].refuse(f"answer {text!r} does not stand in its context")
        return 0
    start = answers[0].get("answer_start")
    if context[start.number() :][: len(text)] != text or start.number() < 0:
        answers[0].refuse(f"answer {text!r} does not stand in its context at {start.number()}")
    hits = (number for number, (low, high) in enumerate(breaks) if low <= start.number() < high)
    sentence = next(hits, None)
    if sentence is None:
        start.refuse(f"no sentence holds character {start.number()}")
    return sentence


def _span(answers: list["_Field"], context: str) -> tuple[int, int]:
    """Return where the first answer stands that is at its `answer_start`, or else the first that is anywhere.

    To be called once `_sentence` has seen that there is one.
    """
    told = [
        (item.value.get("text"), item.value.get("answer_start")) for item in answers if isinstance(item.value, dict)
    ]
    texts = [(text, start) for text, start in told if isinstance(text, str) and text.strip()]
    standing = (
        (start, text)
        for text, start in texts
        if isinstance(start, int) and start >= 0 and context.startswith(text, start)
    )
    start, text = next(standing, None) or next((context.find(text), text) for text, _ in texts if text in context)
    return start, start + len(text)


@dataclass(frozen=True, slots=True)
class _Field:
    """A value in a JSON file, and where it stands: "en.json, data[0].paragraphs[2].context"."""

    value: Any
    where: str

    def has(self, key: str) -> bool:
        return isinstance(self.value, dict) and key in self.value

    def get(self, key: str) -> "_Field":
        joint = "." if ", " in self.where else ", "
        if not self.has(key):
            _Field(None, f"{self.where}{joint}{key}").refuse("missing field")
        return _Field(self.value[key], f"{self.where}{joint}{key}")

    def items(self) -> Iterator["_Field"]:
        if not isinstance(self.value, list):
            self.refuse("not a list")
        return (_Field(item, f"{self.where}[{number}]") for number, item in enumerate(self.value))

    def text(self) -> str:
        if not isinstance(self.value, str) or not self.value.strip():
            self.refuse("not a text, or an empty one")
        if not self.value.isascii() and re.search("[\ud800-\udfff]", self.value):
            self.refuse("half a character (a lone surrogate)")
        return self.value

    def id(self) -> str:
        return str(self.number()) if isinstance(self.value, int) else self.text()

    def number(self) -> int:
        if not isinstance(self.value, int) or isinstance(self.value, bool):
            self.refuse("not a whole number")
        return self.value

    def flag(self) -> bool:
        if not isinstance(self.value, bool):
            self.refuse("not true or false")
        return self.value

    def refuse(self, what: str) -> NoReturn:
        raise UserError(what, where=self.where, how="correct it there, or fetch the published file again")
