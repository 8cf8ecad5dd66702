import hashlib
import io
import json
import os
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from babelmix.benchmarks.benchmark import Benchmark
from babelmix.benchmarks.files import read_benchmark, write_benchmark
from babelmix.benchmarks.registry import BENCHMARKS
from babelmix.benchmarks.settings import BenchmarkSettings
from babelmix.benchmarks.sources import native
from babelmix.benchmarks.sources.native_files import IN_TITLE, SEVERAL_PLACES, Asked, NativeParagraph, read_paragraphs
from babelmix.common.errors import UserError
from babelmix.common.languages import LANGUAGES
from babelmix.corpus.squad_file import DISPLACED, NOT_IN_CONTEXT

ALL = BenchmarkSettings(languages="all", max_passage_characters=5)


def question(context: str, id: str, answer: str, start: int | None = None) -> dict[str, Any]:
    at = context.index(answer) if start is None else start
    return {"id": id, "question": f"{id}?", "answers": [{"text": answer, "answer_start": at}]}


def article(title: str, *paragraphs: tuple[str, list[dict[str, Any]]]) -> dict[str, Any]:
    return {"title": title, "paragraphs": [{"context": context, "qas": qas} for context, qas in paragraphs]}


def row(context: str, id: str, answer: str, title: str) -> dict[str, Any]:
    answers = {"text": [answer], "answer_start": [context.index(answer)], "answer_end": [context.index(answer) + 3]}
    return {"article_id": "a", "question_id": id, "context": context, "question": f"{id}?", "answers": answers} | {
        "title": title
    }


def write(path: Path, articles: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"version": "1", "data": articles}), encoding="utf-8")
    return path


def archive(members: dict[str, list[dict[str, Any]]]) -> bytes:
    content = io.BytesIO()
    with ZipFile(content, "w") as package:
        for name, rows in members.items():
            package.writestr(name, "".join(f"{json.dumps(one)}\n" for one in rows))
    return content.getvalue()


def articles_of(
    lang: str, articles: int, *, form: str = "One {n} is {lang}. Two {n} was there."
) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for n in range(articles):
        context = form.format(n=n, lang=lang)
        found.append(
            article(f"{lang} {n}", (context, [question(context, f"{n}a", "One"), question(context, f"{n}b", "Two")]))
        )
    return found


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A mirror with a small file of each language, and four questions of each in `native`, two in `native-dev`."""
    thai = {
        "data/test.jsonl": [row(f"หนึ่ง {n} อยู่", f"t{n}", "หนึ่ง", f"t{n}") for n in range(5)],
        "data/valid.jsonl": [row(f"สอง {n} อยู่", f"v{n}", "สอง", f"t{n}" if n < 2 else f"v{n}") for n in range(6)],
        "data/train.jsonl": [],
    }
    mirror = tmp_path / "mirror"
    for lang, file in native.FILES.items():
        raw = json.dumps({"data": articles_of(lang, 40)}).encode() if file.members is None else archive(thai)
        path = mirror / "raw.githubusercontent.com" / file.path
        path.parent.mkdir(parents=True)
        path.write_bytes(raw)
        monkeypatch.setitem(native.FILES, lang, replace(file, sha256=hashlib.sha256(raw).hexdigest()))
    monkeypatch.setattr(native, "QUESTIONS", {"native": 4, "native-dev": 2})
    monkeypatch.setenv("BABELMIX_MIRROR", str(mirror))
    folder = tmp_path / "raw"
    assert native.fetch(folder) == native.NOTICE
    return folder


def test_the_table_pins_a_commit_and_a_checksum_of_each_file():
    assert native.FILES.keys() <= LANGUAGES and list(native.FILES) == sorted(native.FILES)
    for file in native.FILES.values():
        assert len(bytes.fromhex(file.path.split("/")[2])) == 20
        assert len(bytes.fromhex(file.sha256)) == 32
    assert [one.name for one in native.BENCHMARKS] == ["native", "native-dev"]
    for name in ("FaQuAD", "JSQuAD", "DRCD", "ARCD", "iapp_wiki_qa", "SQuADShifts"):
        assert name in BENCHMARKS["native-dev"].licence


def test_only_the_members_that_are_read_are_unpacked(small: Path):
    files = {str(file.relative_to(small)) for file in small.rglob("*.json*")}
    assert files == {
        *(f"{lang}.json" for lang in native.FILES if lang != "th"),
        "th/data/test.jsonl",
        "th/data/valid.jsonl",
    }


def test_a_changed_file_is_not_fetched_and_nothing_is_left(small: Path, tmp_path: Path):
    (tmp_path / "mirror/raw.githubusercontent.com" / native.FILES["pt"].path).write_text("{}")
    with pytest.raises(UserError, match="wrong checksum"):
        native.fetch(tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_each_language_has_as_many_questions_and_an_answer_in_itself_alone(small: Path, tmp_path: Path):
    for name, number in native.QUESTIONS.items():
        benchmark, about = native.build(name, small, ALL)
        assert Counter(query.lang for query in benchmark.queries) == dict.fromkeys(native.FILES, number)
        assert about.left_out == {}
        assert all(query.id == query.parallel_id == f"{query.lang}:{query.text[:-1]}" for query in benchmark.queries)
        text = {passage.id: passage for passage in benchmark.passages}
        assert len(benchmark.qrels) == 6 * number
        for qrel in benchmark.qrels:
            lang, id_ = qrel.parallel_id.split(":")
            answer = text[qrel.passage]
            assert answer.lang == lang
            if lang != "th":
                assert answer.text.startswith("One" if id_.endswith("a") else "Two") and answer.text in answer.context
        write_benchmark(tmp_path / name, benchmark, about)
        assert read_benchmark(tmp_path / name) == benchmark
        assert native.build(name, small, ALL) == (benchmark, about)


def test_no_article_is_on_both_sides_and_a_quarter_is_dev(small: Path):
    for lang in native.FILES:
        sides = [native.side_of(name, small, lang) for name in native.QUESTIONS]
        first, second = ({paragraph.article for paragraph in side} for side in sides)
        assert first and second and not first & second
        if lang == "th":
            assert first == {f"t{n}" for n in range(5)} and second == {f"v{n}" for n in range(2, 6)}
        else:
            assert len(first | second) == 40 and 3 <= len(second) <= 20


def test_the_chosen_languages_alone_are_read(small: Path):
    (small / "ar.json").unlink()
    benchmark, _ = native.build("native", small, BenchmarkSettings(languages=("pt", "de"), max_passage_characters=5))
    assert benchmark.languages == ("pt",)
    with pytest.raises(UserError, match="language of native"):
        native.build("native", small, BenchmarkSettings(languages=("de",), max_passage_characters=5))


def test_a_language_without_its_questions_is_refused(small: Path):
    write(small / "pt.json", articles_of("pt", 3)[2:])
    with pytest.raises(UserError) as caught:
        native.build("native", small, BenchmarkSettings(languages=("pt",), max_passage_characters=5))
    assert str(caught.value) == (f"{small}: 2 answered questions in 'pt', expected 4; fetch the published files again")


def test_the_draw_stops_within_its_last_paragraph_and_follows_the_texts_hashes():
    paragraphs = [
        NativeParagraph(n, "a", f"text {n}", tuple(Asked(f"{n}.{m}", "?", 0) for m in range(3 * (n != 2))))
        for n in range(9)
    ]
    drawn = native.draw(paragraphs, 7)
    by_hash = sorted(
        (one for one in paragraphs if one.questions), key=lambda one: hashlib.sha256(one.text.encode()).digest()
    )
    assert [one.number for one in drawn] == sorted(one.number for one in by_hash[:3])
    kept = {one.number: len(one.questions) for one in drawn}
    assert [kept[one.number] for one in by_hash[:3]] == [3, 3, 1]
    assert native.draw(paragraphs[::-1], 7) == drawn
    assert sum(len(one.questions) for one in native.draw(paragraphs, 100)) == 24


def test_the_title_of_jsquad_is_cut_with_the_offsets(tmp_path: Path):
    context = "梅雨 [SEP] 梅雨は季節である。小笠原諸島にはない。"
    qas = [question(context, "a", "小笠原諸島"), question(context, "b", "季節"), question(context, "c", "梅雨")]
    (paragraph,) = read_paragraphs(write(tmp_path / "ja.json", [article("梅雨", (context, qas))]), searched=True)
    assert paragraph.text == "梅雨は季節である。小笠原諸島にはない。"
    assert [(one.id, paragraph.text[one.start :][:2]) for one in paragraph.questions] == [("a", "小笠"), ("b", "季節")]
    assert paragraph.left_out == {IN_TITLE: 1}


def test_an_answer_in_several_places_counts_only_where_the_file_means_its_place(tmp_path: Path):
    context = "One is here. One was there. Two, too."
    qas = [question(context, "a", "One", 13), question(context, "b", "Two"), question(context, "c", "Three", 0)]
    file = write(tmp_path / "ar.json", [article("t", (context, qas))])
    (meant,), (searched,) = (read_paragraphs(file, searched=searched) for searched in (False, True))
    assert [(one.id, one.start) for one in meant.questions] == [("a", 13), ("b", 28)]
    assert meant.left_out == {NOT_IN_CONTEXT: 1}
    assert [one.id for one in searched.questions] == ["b"]
    assert searched.left_out == {NOT_IN_CONTEXT: 1, SEVERAL_PLACES: 1}


def test_a_wrong_offset_is_mended_and_counted(tmp_path: Path):
    context = "One is here. Two was there."
    (paragraph,) = read_paragraphs(
        write(tmp_path / "pt.json", [article("t", (context, [question(context, "a", "Two", 11)]))]), searched=False
    )
    assert paragraph.questions == (Asked("a", "a?", 13),) and paragraph.left_out == {DISPLACED: 1}


def test_rows_of_one_paragraph_are_one_and_so_are_repeated_paragraphs(tmp_path: Path):
    rows = [row("One. Two.", "a", "One", "T"), row("Other.", "b", "Other", "U"), row("One. Two.", "c", "Two", "V")]
    (tmp_path / "th.jsonl").write_text("".join(f"{json.dumps(one)}\n" for one in rows))
    first, second = read_paragraphs(tmp_path / "th.jsonl", searched=False)
    assert (first.number, first.article, [one.id for one in first.questions]) == (0, "t", ["a", "c"])
    assert (second.number, second.article, [one.id for one in second.questions]) == (1, "u", ["b"])


def test_the_dash_and_the_word_beginning_of_arcd_are_no_part_of_a_question(tmp_path: Path):
    stray = question("One.", "a", "One") | {"question": " - متى ولد جمال؟ ال"}
    (paragraph,) = read_paragraphs(write(tmp_path / "ar.json", [article("t", ("One.", [stray]))]), searched=True)
    assert paragraph.questions[0].text == "متى ولد جمال؟"


def test_sentences_that_look_alike_are_one_candidate(small: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(native, "QUESTIONS", {"native": 4, "native-dev": 2})
    write(small / "pt.json", articles_of("pt", 40, form="One {n}. Two  is the same."))
    benchmark, _ = native.build("native", small, BenchmarkSettings(languages=("pt",), max_passage_characters=5))
    same = [passage for passage in benchmark.passages if passage.text == "Two is the same."]
    assert len(same) == 1
    answers = {qrel.passage for qrel in benchmark.qrels if qrel.parallel_id.endswith("b")}
    assert answers == {same[0].id}


@pytest.mark.parametrize(
    ("articles", "told"),
    [
        ([{"paragraphs": [{"context": "One.", "qas": []}]}],
         "{file}, data[0].title: no title; fetch the published file again"),
        ([article("t", ("One.", [])) | {"context": "x"}, {"context": "Two.", "title": "u", "qas": []}],
         "{file}: 1 paragraphs in articles, 2 in all; fetch the published file again"),
    ],
)  # fmt: skip
def test_a_file_of_another_form_is_told(tmp_path: Path, articles: list[Any], told: str):
    file = write(tmp_path / "pt.json", articles)
    with pytest.raises(UserError) as caught:
        read_paragraphs(file, searched=False)
    assert str(caught.value) == told.format(file=file)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not os.environ.get("BABELMIX_MIRROR"):
        pytest.skip("BABELMIX_MIRROR is not set: the published files are not at hand")
    folder = tmp_path_factory.mktemp("raw") / "native"
    native.fetch(folder)
    return folder


def candidates(benchmark: Benchmark) -> dict[str, int]:
    return dict(Counter(passage.lang for passage in benchmark.passages))


def test_the_published_files_have_exactly_these_counts(published: Path):
    pool, about = native.build("native", published, ALL)
    dev, dev_about = native.build("native-dev", published, ALL)
    assert Counter(query.lang for query in pool.queries) == dict.fromkeys(native.FILES, 400)
    assert Counter(query.lang for query in dev.queries) == dict.fromkeys(native.FILES, 150)
    assert candidates(pool) == {"ar": 373, "en": 719, "ja": 388, "pt": 490, "th": 725, "zh": 983}
    assert candidates(dev) == {"ar": 168, "en": 289, "ja": 137, "pt": 180, "th": 291, "zh": 337}
    assert about.left_out == {DISPLACED: 4, IN_TITLE: 337, SEVERAL_PLACES: 480}
    assert dev_about.left_out == {DISPLACED: 2, "answers not in their paragraph": 1, IN_TITLE: 132, SEVERAL_PLACES: 166}
    assert not {row.context for row in pool.passages} & {row.context for row in dev.passages}
    for benchmark in (pool, dev):
        own = {query.id: query.lang for query in benchmark.queries}
        assert all(qrel.passage.startswith(f"{own[qrel.parallel_id]}:") for qrel in benchmark.qrels)
        assert len(benchmark.qrels) == len(benchmark.queries)


@pytest.mark.parametrize("lang", ["ar", "ja", "zh"])
def test_the_answers_agree_with_a_plain_reading_of_the_file(published: Path, lang: str):
    benchmark, _ = native.build("native", published, BenchmarkSettings(languages=(lang,), max_passage_characters=5))
    text = {passage.id: passage.text for passage in benchmark.passages}
    gold = {qrel.parallel_id: text[qrel.passage] for qrel in benchmark.qrels}
    raw = json.loads((published / f"{lang}.json").read_text(encoding="utf-8"))
    asked = [one for about in raw["data"] for paragraph in about["paragraphs"] for one in paragraph["qas"]]
    checked = [
        (one["answers"][0]["text"], gold[f"{lang}:{one['id']}"]) for one in asked if f"{lang}:{one['id']}" in gold
    ]
    held = sum("".join(answer.split()) in "".join(sentence.split()) for answer, sentence in checked)
    assert len(checked) == 400 and held >= 396  # a few answers cross the end of their sentence
