import hashlib
import json
import os
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from babelmix.benchmarks.files import read_benchmark, write_benchmark
from babelmix.benchmarks.registry import BENCHMARKS
from babelmix.benchmarks.settings import BenchmarkSettings
from babelmix.benchmarks.sources import lareqa
from babelmix.benchmarks.sources.lareqa import Language, Release
from babelmix.common.errors import UserError
from babelmix.common.languages import LANGUAGES

ALL = BenchmarkSettings(languages="all", max_passage_characters=5)
XQUAD_CANDIDATES = dict(
    ar=1222, de=1276, el=1234, en=1180, es=1215, hi=1244, ru=1219, th=852, tr=1167, vi=1209, zh=1196
)


def squad_form(first: str, second: str, questions: dict[str, str]) -> Any:
    """A file of one paragraph of two sentences; a question's answer is a text that stands in it."""
    context = f"{first} {second}"
    qas = [
        {"id": id, "question": f"{id}?", "answers": [{"answer_start": context.index(answer), "text": answer}]}
        for id, answer in questions.items()
    ]
    breaks = [[0, len(first)], [len(first) + 1, len(context)]]
    paragraph = {"context": context, "qas": qas, "sentences": [first, second], "sentence_breaks": breaks}
    return {"version": 1.0, "data": [{"title": "t", "paragraphs": [paragraph]}]}


FILES = {
    "de": squad_form("Eins ist hier.", "Zwei war da.", {"b": "Zwei", "a": "Eins"}),
    "en": squad_form("One is here.", "Two was there.", {"a": "One", "b": "Two", "c": "there"}),
    "es": squad_form("Uno está aquí.", "Dos estaba allí.", {"c": "allí"}),
}


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A mirror with three small files, of which the table says what is true."""
    mirror = tmp_path / "mirror"
    folder = mirror / urlsplit(lareqa.ADDRESS).netloc / urlsplit(lareqa.ADDRESS).path[1:] / "c0ffee" / "mlqa-r"
    folder.mkdir(parents=True)
    languages: dict[str, Language] = {}
    for lang, raw in FILES.items():
        (folder / f"{lang}.json").write_text(json.dumps(raw), encoding="utf-8")
        sha256 = hashlib.sha256((folder / f"{lang}.json").read_bytes()).hexdigest()
        languages[lang] = Language(sha256, len(raw["data"][0]["paragraphs"][0]["qas"]), 2)
    licence = lareqa.RELEASES["mlqa-r"].licence
    monkeypatch.setitem(lareqa.RELEASES, "mlqa-r", Release("c0ffee", "mlqa-r", licence, languages))
    monkeypatch.setenv("BABELMIX_MIRROR", str(mirror))
    return folder


def test_the_table_holds_the_published_totals():
    assert tuple(lareqa.RELEASES) == tuple(one.name for one in lareqa.BENCHMARKS)
    assert lareqa.RELEASES.keys() <= BENCHMARKS.keys()
    totals = {
        name: (len(release.languages), sum(lang.questions for lang in release.languages.values()),
               sum(lang.candidates for lang in release.languages.values()))
        for name, release in lareqa.RELEASES.items()
    }  # fmt: skip
    assert totals == {"xquad-r": (11, 13_090, 13_014), "mlqa-r": (7, 4199, 20_534)}
    for release in lareqa.RELEASES.values():
        assert release.languages.keys() <= LANGUAGES
        assert len(bytes.fromhex(release.commit)) == 20
        assert {len(bytes.fromhex(lang.sha256)) for lang in release.languages.values()} == {32}


def test_mlqa_r_is_fetched_with_its_licence_told(small: Path, tmp_path: Path):
    assert lareqa.fetch("mlqa-r", tmp_path / "raw") == "MLQA-R is CC BY-NC 4.0: not for commercial use"
    assert sorted(file.name for file in (tmp_path / "raw").glob("*.json")) == ["de.json", "en.json", "es.json"]


def test_a_changed_file_is_not_fetched_and_nothing_is_left(small: Path, tmp_path: Path):
    (small / "en.json").write_text("{}")
    with pytest.raises(UserError, match="wrong checksum"):
        lareqa.fetch("mlqa-r", tmp_path / "raw")
    assert [path.name for path in tmp_path.iterdir()] == ["mirror"]


def test_a_question_that_lacks_a_language_is_absent_there(small: Path, tmp_path: Path):
    lareqa.fetch("mlqa-r", tmp_path / "raw")
    benchmark = lareqa.build("mlqa-r", tmp_path / "raw", ALL)
    assert benchmark.name == "mlqa-r"
    assert [query.id for query in benchmark.queries] == ["de:a", "de:b", "en:a", "en:b", "en:c", "es:c"]
    text = {passage.id: passage.text for passage in benchmark.passages}
    answers = [qrel.passage for qrel in benchmark.qrels]
    assert answers == sorted(answers)
    found = {(qrel.parallel_id, text[qrel.passage]) for qrel in benchmark.qrels}
    assert found == {
        *(("a", "Eins ist hier."), ("a", "One is here.")),
        *(("b", "Zwei war da."), ("b", "Two was there.")),
        *(("c", "Two was there."), ("c", "Dos estaba allí.")),
    }
    assert {passage.context for passage in benchmark.passages if passage.lang == "de"} == {
        "Eins ist hier. Zwei war da."
    }
    write_benchmark(tmp_path / "mlqa-r", benchmark)
    assert read_benchmark(tmp_path / "mlqa-r") == benchmark


def test_only_the_chosen_languages_are_built_and_an_unknown_one_is_told(small: Path):
    chosen = BenchmarkSettings(languages=("es", "fr"), max_passage_characters=5)
    assert lareqa.build("mlqa-r", small, chosen).languages == ("es",)
    with pytest.raises(UserError, match="language of mlqa-r"):
        lareqa.build("mlqa-r", small, BenchmarkSettings(languages=("fr",), max_passage_characters=5))


def without_answer(raw: Any) -> Any:
    raw["data"][0]["paragraphs"][0]["qas"][0]["answers"] = []
    return raw


def without_sentences(raw: Any) -> Any:
    for field in ("sentences", "sentence_breaks"):
        del raw["data"][0]["paragraphs"][0][field]
    return raw


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (squad_form("One.", "Two.", {"a": "One", "b": "Two"}), "2 questions and 2 sentences, expected 3 and 2"),
        (without_answer(squad_form("One.", "Two.", {"a": "One", "b": "Two", "c": "Two"})),
         "2 questions and 2 sentences, expected 3 and 2"),
        (without_sentences(squad_form("One.", "Two.", {"a": "One", "b": "Two", "c": "Two"})),
         "3 questions and 1 sentences, expected 3 and 2"),
    ],
)  # fmt: skip
def test_a_language_that_is_not_whole_is_refused(small: Path, raw: Any, told: str):
    (small / "en.json").write_text(json.dumps(raw))
    with pytest.raises(UserError, match=told) as caught:
        lareqa.build("mlqa-r", small, BenchmarkSettings(languages=("en",), max_passage_characters=600))
    assert caught.value.where == str(small / "en.json")


@pytest.fixture(scope="module")
def raw_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not os.environ.get("BABELMIX_MIRROR"):
        pytest.skip("BABELMIX_MIRROR is not set: the published files are not at hand")
    folder = tmp_path_factory.mktemp("raw") / "xquad-r"
    assert lareqa.fetch("xquad-r", folder) is None
    return folder


def test_xquad_r_has_exactly_its_published_counts(raw_files: Path, tmp_path: Path):
    benchmark = lareqa.build("xquad-r", raw_files, ALL)
    assert Counter(passage.lang for passage in benchmark.passages) == XQUAD_CANDIDATES
    assert Counter(query.lang for query in benchmark.queries) == dict.fromkeys(XQUAD_CANDIDATES, 1190)
    assert len(benchmark.passages) == 13_014
    assert set(Counter(qrel.parallel_id for qrel in benchmark.qrels).values()) == {11}
    write_benchmark(tmp_path / "xquad-r", benchmark)
    assert read_benchmark(tmp_path / "xquad-r") == benchmark


def test_xquad_r_agrees_with_a_plain_reading_of_the_file(raw_files: Path):
    benchmark = lareqa.build("xquad-r", raw_files, BenchmarkSettings(languages=("th",), max_passage_characters=5))
    raw = json.loads((raw_files / "th.json").read_text(encoding="utf-8"))
    paragraphs = [paragraph for article in raw["data"] for paragraph in article["paragraphs"]]
    assert [passage.text for passage in benchmark.passages] == [s for p in paragraphs for s in p["sentences"]]
    passages = {passage.id: passage for passage in benchmark.passages}
    gold = {qrel.parallel_id: passages[qrel.passage] for qrel in benchmark.qrels}
    for paragraph in paragraphs:
        for question in paragraph["qas"]:
            assert gold[question["id"]].context == paragraph["context"]
            start = question["answers"][0]["answer_start"]
            number = sum(low <= start for low, _ in paragraph["sentence_breaks"]) - 1
            assert gold[question["id"]].text == paragraph["sentences"][number]
