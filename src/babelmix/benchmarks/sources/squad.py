"""Files in SQuAD form as a benchmark: which paragraph, or which of its sentences, answers the question.

    benchmark, left_out = build(Path("germanquad-test-de.json"), "germanquad")
    benchmark, left_out = build(Path("xquad"), "xquad")  # a folder with xquad.de.json, xquad.en.json, ...

A candidate is a whole paragraph or, where the file has `sentences` and `sentence_breaks`, a sentence. The answer is
then the first sentence with start <= answer_start < end: only the start counts, because some answers cross a break.
`corpus.squad_file` reads the files.
"""

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from babelmix.benchmarks.benchmark import Benchmark, OwnId, Passage, Qrel, Query
from babelmix.common.errors import UserError
from babelmix.common.languages import LANGUAGES
from babelmix.common.text import compared_form, kept_form
from babelmix.corpus.squad_file import DISPLACED, ENDINGS, read_squad_file

OTHER_LANGUAGE = "files whose questions are in another language than their texts"
UNLIKE_IDS = "ids repeated in one language otherwise than in another"
# Files of the other forms of a benchmark, which may be in the same folder.
_OTHER_FORMS = re.compile(r"(corpus|passages|qrels|queries|own-\w+|itself)\b.*\.jsonl(\.gz)?")
# The two written forms of Norwegian; both have the code `no` here.
_CODES = dict.fromkeys(LANGUAGES) | {"nb": "no", "nn": "no"}
# Regions whose code, in small letters, is also that of a language: `es-ar` is the Spanish of Argentina, not Arabic.
_REGIONS = {"ar": "es", "ca": "en fr", "es": "ca eu gl", "fi": "sv", "sv": "es", "uk": "en"}
_SIDES = re.compile(r"context-(\w+)-question-(\w+)")  # MLQA's


def build(path: Path, name: str) -> tuple[Benchmark, dict[str, int]]:
    """Build a benchmark from a file in SQuAD form, or from a folder of them, one file for each language.

    The name of a file gives its language, see `language_in`; questions and paragraphs are both in it. Questions with
    one id in several files are translations of one another, so data sets that number their questions independently
    belong in separate benchmarks. Of MLQA's files, it leaves out those whose questions are in another language than
    their contexts.

    Returns the benchmark, and how much it left out or mended, by reason. UserError: no file, a file without a language,
    two files in one language, and all that `squad_benchmark` and `read_squad_file` refuse.
    """
    found = squad_files(path)
    if not found:
        how = f"give a SQuAD-form file ({', '.join(ENDINGS)}), or a folder with such files"
        raise UserError("no file to read", where=str(path), how=how)
    alike = [file for file in found if len({*(sides(file.name) or ("",))}) == 1]
    if not alike:
        texts, questions = sides(found[0].name) or ("", "")
        how = "give files whose texts and questions are in one language"
        raise UserError(f"texts in {texts!r}, but questions in {questions!r}", where=str(found[0]), how=how)
    files: dict[str, Path] = {}
    for file in alike:
        stem, lang = _stem(file.name), language_in(file.name)
        renamed = f"`{file.name}` to `{stem}.en{file.name.removeprefix(stem)}`"
        if lang is None:
            how = f"rename it, such as {renamed}; valid: {', '.join(sorted(LANGUAGES))}"
            raise UserError("the file's name holds no language code", where=str(file), how=how)
        if lang in files:
            how = f"keep one of them, or rename, such as {renamed} if it is in English"
            raise UserError(f"a second file in {lang!r}, beside {files[lang].name}", where=str(file), how=how)
        files[lang] = file
    benchmark, left_out = squad_benchmark(name, files)
    if len(alike) < len(found):
        left_out[OTHER_LANGUAGE] = len(found) - len(alike)
    return benchmark, left_out


def squad_files(path: Path) -> list[Path]:
    """Return the file, or the files of a folder in order, whose names fit SQuAD form."""
    return [
        file
        for file in (sorted(path.iterdir()) if path.is_dir() else [path])
        if file.name.endswith(ENDINGS)
        and not file.name.startswith(".")
        and not _OTHER_FORMS.fullmatch(file.name)
        and file.is_file()
    ]


def language_in(name: str) -> str | None:
    """Return the language in a file's name, None if it has none.

    It is the last part between dots, dashes or underscores that is a code of `LANGUAGES`, in small letters before
    others (`xquad.de.json`, `germanquad-test-de.json`, `DE.json`). This ignores scripts and regions (`zh_Hans`,
    `pt-BR`, `es-ar`), and Norwegian is `no` in both its forms (`nb-no`, `nn`).
    """
    parts = re.split(r"[._-]", _stem(name))
    for spelt in (parts, [part.lower() for part in parts]):
        for at in range(len(spelt) - 1, -1, -1):
            before = spelt[at - 1] if at else ""
            if before in _REGIONS.get(spelt[at], "").split():
                return before
            if spelt[at] in _CODES:
                return _CODES[spelt[at]] or spelt[at]
    return None


def sides(name: str) -> tuple[str, str] | None:
    """Return the languages of the texts and the questions in the name of a file of MLQA, None for other names."""
    found = _SIDES.search(name)
    return (found[1], found[2]) if found else None


def _stem(name: str) -> str:
    ending = max((ending for ending in ENDINGS if name.endswith(ending)), key=len, default="")
    return name.removesuffix(ending)


def squad_benchmark(name: str, files: Mapping[str, Path]) -> tuple[Benchmark, dict[str, int]]:
    """Build a benchmark from one file in SQuAD form for each language: {lang: file}; it returns what `build` does.

    Passage ids are `<lang>:<paragraph, 5 digits>:<sentence, 3 digits>`, so their order as text is their order in the
    file. The context of a sentence is its paragraph; a paragraph has none. Texts are whole and in NFC. It keeps
    repeated sentences; paragraphs that repeat in one file are one candidate, with the number of the first, so that a
    right answer never counts as a wrong one.

    UserError: a file without one answered question, or a benchmark that would mix sentences and paragraphs.
    """
    parts = [_OneLanguage(lang, file) for lang, file in sorted(files.items())]
    some = next((part for part in parts if part.of_sentences), None)
    other = next((part for part in parts if part.of_paragraphs), None)
    if some and other:
        what = f"a paragraph without sentences, though {some.of_sentences} has some"
        how = "give `sentences` and `sentence_breaks` to all or to none"
        raise UserError(what, where=other.of_paragraphs, how=how)
    counts = sum((part.counts for part in parts), Counter[str]())
    counts[UNLIKE_IDS] = _unlike(parts)
    benchmark = Benchmark(
        name,
        tuple(sorted((query for part in parts for query in part.queries), key=lambda query: query.id)),
        tuple(sorted((passage for part in parts for passage in part.passages), key=lambda passage: passage.id)),
        tuple(sorted((qrel for part in parts for qrel in part.qrels), key=lambda qrel: qrel.passage)),
        own_queries=tuple(own for part in parts for own in part.own_queries),
        own_passages=tuple(own for part in parts for own in part.own_passages),
    )
    return benchmark, dict(sorted((+counts).items()))


def _unlike(parts: "list[_OneLanguage]") -> int:
    """Return how many ids repeat in one language more often than in another.

    Nobody can know which of them are translations of one another.
    """
    repeated = {name for part in parts for name in part.repeated}
    times = ({part.repeated[name] for part in parts if name in part.ids} for name in repeated)
    return sum(len(found) > 1 for found in times)


class _OneLanguage:
    """The part of a benchmark from one file, and counts of what was left out or mended."""

    def __init__(self, lang: str, file: Path) -> None:
        self.lang = lang
        self.queries: list[Query] = []
        self.passages: list[Passage] = []
        self.qrels: list[Qrel] = []
        self.own_queries: list[OwnId] = []
        self.own_passages: list[OwnId] = []
        self.counts = Counter[str]()
        self.ids: set[str] = set()
        self.repeated = Counter[str]()
        self.of_sentences = self.of_paragraphs = ""  # the first place of either
        self._whole: dict[str, Passage] = {}
        for number, paragraph in enumerate(read_squad_file(file)):
            self.counts += paragraph.left_out + paragraph.mended
            self.ids.update(paragraph.ids)
            self.repeated.update(paragraph.repeated)
            candidates = self._candidates(paragraph.context, paragraph.sentences, number, f"{file}, paragraph {number}")
            answered = {question.id: question for question in paragraph.questions}
            for name in paragraph.ids:
                if question := answered.get(name):
                    self.queries.append(Query(f"{lang}:{name}", name, lang, question.text))
                    self.qrels.append(Qrel(name, candidates[question.answer].id))
                self.own_queries.append(OwnId(name, f"{lang}:{name}" if question else "", lang))
        if self.of_paragraphs:
            del self.counts[DISPLACED]  # moved within the candidate
        if not self.queries:
            reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(self.counts.items()))
            what = f"no question with an answer ({reasons or 'no question'})"
            raise UserError(what, where=str(file), how="give a file whose questions have answers")

    def _candidates(self, context: str, sentences: tuple[str, ...], number: int, where: str) -> list[Passage]:
        """Add the candidates of a paragraph and return them; a repeated paragraph has those of the first."""
        lang, prefix, text = self.lang, f"{self.lang}:{number:05d}", kept_form(context)
        if sentences:
            self.of_sentences = self.of_sentences or where
            found = [Passage(f"{prefix}:{at:03d}", lang, sentence, text) for at, sentence in enumerate(sentences)]
            self.passages += found
            self.own_passages += [OwnId(passage.id, passage.id, lang) for passage in found]
            return found
        own = new = Passage(f"{prefix}:000", lang, text)
        if context:
            self.of_paragraphs = self.of_paragraphs or where
            own = self._whole.setdefault(compared_form(context), new)
        if context and own is new:
            self.passages.append(new)
        self.own_passages.append(OwnId(new.id, new.id if context and own is new else "", lang))
        return [own]
