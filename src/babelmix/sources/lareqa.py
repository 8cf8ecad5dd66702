"""XQuAD-R: which sentence answers the question, in eleven languages (LAReQA, arXiv:2004.05484).

    fetch(Path("data/raw/xquad-r"))
    benchmark = build(Path("data/raw/xquad-r"), settings.benchmark)  # 1,190 questions, 13,014 candidates

The raw files at a pinned commit (CC BY-SA 4.0); the copy on the Hugging Face hub lacks the sentence breaks.
Candidates are all the sentences of all paragraphs, repeated ones too. The answer of a question is the first
sentence with start <= answer_start < end: only the start counts, for some answers cross a break.
"""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from babelmix.benchmark import Benchmark, Passage, Qrel, Query
from babelmix.config import BenchmarkSettings
from babelmix.errors import UserError
from babelmix.files import new_folder
from babelmix.sources.fetch import fetch_file
from babelmix.sources.parallel import chosen_languages

COMMIT = "9bc8c7fb6dd8d01d72a05a93c2cb96882b0d299c"
ADDRESS = f"https://raw.githubusercontent.com/google-research-datasets/lareqa/{COMMIT}/xquad-r"
QUESTIONS = 1190


@dataclass(frozen=True, slots=True)
class Language:
    """What the published file of one language must be: its sha256 and its number of candidate sentences."""

    sha256: str
    candidates: int


LANGUAGES = {
    "ar": Language("c52922d3b8ac1ae03ed5ac38647ad59870dca3dda2beefe18ecdc30729acb69d", 1222),
    "de": Language("16fb0f4bf4916154b585a20c24c66074591c9718a1affe764ff4697572328949", 1276),
    "el": Language("163fd43ee785a30eb534ae2061e9eaa766a7ee4e8ffce5e4b422480c150f64b6", 1234),
    "en": Language("7b0954f39297c27a31fef610f0883337dd2907fa8699151dc922afdd0fa12ffe", 1180),
    "es": Language("f8e836b2d91009c4363e04315f7ede363eedbbb49c67dda60de6c4aa782f58de", 1215),
    "hi": Language("ea45ba8ae4513d1533b222bebdc02a90bc319c055d3aeea68584a053d2e92872", 1244),
    "ru": Language("7f4dff853538b9a5fcc28c070b8bb983a5c5d190ac747b8e005a1ada9cab18f1", 1219),
    "th": Language("c3a041864c3a9fb0b4dd91cfdf99cf36b411b3e704c58a303c97bc6dc786cfe4", 852),
    "tr": Language("f3e8c13002bbce154a4578f535f7533cb70f3da08840e6b62735935baec7bd94", 1167),
    "vi": Language("e35926bf5cc6fc6ecbdfca49467aabeb454f08d152d7818143a906bd31dde995", 1209),
    "zh": Language("80c2cde7b9c2fb134c303cbb52f2ba396ead9eb0014aec43993543d2ba9e93ed", 1196),
}


@dataclass(frozen=True, slots=True)
class Question:
    """A question and the number of the sentence that answers it."""

    id: str
    text: str
    answer: int


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph, its sentences, and the questions that it answers."""

    context: str
    sentences: tuple[str, ...]
    questions: tuple[Question, ...]


def fetch(folder: Path) -> None:
    """Download the eleven `<lang>.json`, 18 MB, each checked by sha256; the folder is replaced as a whole."""
    with new_folder(folder) as beside:
        for lang, expected in LANGUAGES.items():
            fetch_file(f"{ADDRESS}/{lang}.json", expected.sha256, beside / f"{lang}.json")


def build(folder: Path, settings: BenchmarkSettings, *, name: str = "xquad-r") -> Benchmark:
    """Build XQuAD-R from `<folder>/<lang>.json`.

    Passage ids are `<lang>:<paragraph, 5 digits>:<sentence, 3 digits>`, so that their order as text is their
    order in the file; a passage's context is its paragraph. Sentences are never cut. UserError where a file
    is at fault (see `read_squad_file`) or a language does not have its published number of questions and
    candidates.
    """
    queries: list[Query] = []
    passages: list[Passage] = []
    qrels: list[Qrel] = []
    for lang in chosen_languages(name, LANGUAGES, settings):
        file = folder / f"{lang}.json"
        counted = Counter[str]()
        for number, paragraph in enumerate(read_squad_file(file)):
            ids = [f"{lang}:{number:05d}:{position:03d}" for position in range(len(paragraph.sentences))]
            for passage, sentence in zip(ids, paragraph.sentences, strict=True):
                passages.append(Passage(passage, lang, sentence, paragraph.context))
            for question in paragraph.questions:
                queries.append(Query(f"{lang}:{question.id}", question.id, lang, question.text))
                qrels.append(Qrel(question.id, ids[question.answer]))
            counted.update(questions=len(paragraph.questions), candidates=len(ids))
        found, expected = (
            (counted["questions"], counted["candidates"]),
            (QUESTIONS, LANGUAGES[lang].candidates),
        )
        if found != expected:
            what = f"{found[0]} questions and {found[1]} sentences, expected {expected[0]} and {expected[1]}"
            raise UserError(what, where=str(file), how="fetch the published file again")
    queries.sort(key=lambda query: query.id)
    return Benchmark(name, tuple(queries), tuple(passages), tuple(sorted(qrels, key=lambda qrel: qrel.passage)))


def read_squad_file(path: Path) -> Iterator[Paragraph]:
    """Yield the paragraphs of a SQuAD-shaped JSON file that has `sentences` and `sentence_breaks`.

    The breaks are [start, end) in characters of the context.

    UserError, with the file and the place in it, for a file that is not whole JSON, a missing or wrongly
    typed field, a blank sentence or question, a question id that stands twice, and an answer outside its
    context or its sentences.
    """
    try:
        raw: Any = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError("no such file", where=str(path), how="fetch it with `dvc repro`") from error
    except UnicodeDecodeError as error:
        raise UserError("not UTF-8 text", where=str(path), how="delete the file and fetch it again") from error
    except json.JSONDecodeError as error:
        where = f"{path}, line {error.lineno}, column {error.colno}"
        how = "the file may be cut short: delete it and fetch it again"
        raise UserError(f"not whole JSON ({error.msg})", where=where, how=how) from error
    seen: dict[str, str] = {}
    root = _Field(raw, str(path))
    for article in root.get("data").items():
        for paragraph in article.get("paragraphs").items():
            context = paragraph.get("context").text()
            sentences = tuple(sentence.text() for sentence in paragraph.get("sentences").items())
            breaks = [
                tuple(edge.number() for edge in pair.items()) for pair in paragraph.get("sentence_breaks").items()
            ]
            if len(breaks) != len(sentences) or any(len(pair) != 2 for pair in breaks):
                paragraph.get("sentence_breaks").refuse("not one [start, end) for each sentence")
            questions: list[Question] = []
            for item in paragraph.get("qas").items():
                question = item.get("id").text()
                if question in seen:
                    item.get("id").refuse(f"duplicate question id {question!r}, first at {seen[question]}")
                seen[question] = item.where
                answer = next(item.get("answers").items(), None) or item.get("answers").refuse("no answer")
                start, text = answer.get("answer_start"), answer.get("text").text()
                if context[start.number() :][: len(text)] != text or start.number() < 0:
                    answer.refuse(f"answer {text!r} does not stand in its context at {start.number()}")
                hits = (number for number, (low, high) in enumerate(breaks) if low <= start.number() < high)
                sentence = next(hits, None)
                if sentence is None:
                    start.refuse(f"no sentence holds character {start.number()}")
                questions.append(Question(question, item.get("question").text(), sentence))
            yield Paragraph(context, sentences, tuple(questions))


@dataclass(frozen=True, slots=True)
class _Field:
    """A value in a JSON file, and where it stands: "en.json, data[0].paragraphs[2].context"."""

    value: Any
    where: str

    def get(self, key: str) -> "_Field":
        joint = "." if ", " in self.where else ", "
        if not isinstance(self.value, dict) or key not in self.value:
            _Field(None, f"{self.where}{joint}{key}").refuse("missing field")
        return _Field(self.value[key], f"{self.where}{joint}{key}")

    def items(self) -> Iterator["_Field"]:
        if not isinstance(self.value, list):
            self.refuse("not a list")
        return (_Field(item, f"{self.where}[{number}]") for number, item in enumerate(self.value))

    def text(self) -> str:
        if not isinstance(self.value, str) or not self.value.strip():
            self.refuse("not a text, or an empty one")
        return self.value

    def number(self) -> int:
        if not isinstance(self.value, int) or isinstance(self.value, bool):
            self.refuse("not a whole number")
        return self.value

    def refuse(self, what: str) -> NoReturn:
        raise UserError(what, where=self.where, how="correct it there, or fetch the published file again")
