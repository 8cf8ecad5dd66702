import copy
import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from babelmix.benchmark import read_benchmark, write_benchmark
from babelmix.config import BenchmarkSettings
from babelmix.errors import UserError
from babelmix.sources import lareqa

ALL = BenchmarkSettings(languages="all", max_passage_characters=5)
CONTEXT = "One is here. Two was there, too. "
RAW: Any = {
    "version": "1",
    "data": [
        {
            "title": "t",
            "paragraphs": [
                {
                    "context": CONTEXT,
                    "sentences": ["One is here. ", "Two was there, too. "],
                    "sentence_breaks": [[0, 13], [13, 33]],
                    "qas": [
                        {
                            "id": "a",
                            "question": "Where?",
                            "answers": [{"answer_start": 7, "text": "here. Two"}],
                        },
                        {
                            "id": "b",
                            "question": "Who was there?",
                            "answers": [{"answer_start": 13, "text": "Two"}],
                        },
                    ],
                }
            ],
        }
    ],
}


def write(folder: Path, raw: Any) -> Path:
    path = folder / "en.json"
    path.write_text(raw if isinstance(raw, str) else json.dumps(raw), encoding="utf-8")
    return path


def broken(*path: Any, value: Any = None) -> Any:
    """RAW with the value at that path replaced, or taken out."""
    raw = copy.deepcopy(RAW)
    place = raw
    for key in path[:-1]:
        place = place[key]
    if value is None:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return raw


def test_only_the_start_of_an_answer_decides_its_sentence(tmp_path: Path):
    (paragraph,) = lareqa.read_squad_file(write(tmp_path, RAW))
    assert [(question.id, question.answer) for question in paragraph.questions] == [("a", 0), ("b", 1)]
    assert paragraph.context == CONTEXT


PARAGRAPH = ("data", 0, "paragraphs", 0)
ANSWER = (*PARAGRAPH, "qas", 1, "answers", 0)


@pytest.mark.parametrize(
    ("raw", "where", "what"),
    [
        (json.dumps(RAW)[:200], "line 1, column", "not whole JSON"),
        ([], "en.json, data", "missing field"),
        (broken("data", value={}), "en.json, data", "not a list"),
        (broken(*PARAGRAPH, "context"), "data[0].paragraphs[0].context", "missing field"),
        (broken(*PARAGRAPH, "sentence_breaks"), "paragraphs[0].sentence_breaks", "missing field"),
        (broken(*PARAGRAPH, "sentence_breaks", value=[[0, 13]]), "sentence_breaks", "not one [start, end)"),
        (
            broken(*PARAGRAPH, "sentence_breaks", 1, value=[20, 33]),
            "answer_start",
            "no sentence holds character 13",
        ),
        (broken(*PARAGRAPH, "sentences", 1, value="  "), "sentences[1]", "empty"),
        (broken(*PARAGRAPH, "qas", 1, "question", value=3), "qas[1].question", "not a text"),
        (broken(*PARAGRAPH, "qas", 1, "id", value="a"), "qas[1].id", "duplicate question id 'a'"),
        (broken(*PARAGRAPH, "qas", 1, "answers", value=[]), "qas[1].answers", "no answer"),
        (broken(*ANSWER, "answer_start", value=330), "qas[1].answers[0]", "does not stand in its context"),
        (broken(*ANSWER, "answer_start", value=14), "qas[1].answers[0]", "does not stand in its context"),
        (broken(*ANSWER, "answer_start", value=-20), "qas[1].answers[0]", "does not stand in its context"),
        (broken(*ANSWER, "answer_start", value="13"), "answers[0].answer_start", "not a whole number"),
    ],
)
def test_a_fault_is_told_with_its_place(tmp_path: Path, raw: Any, where: str, what: str):
    path = write(tmp_path, raw)
    with pytest.raises(UserError) as caught:
        list(lareqa.read_squad_file(path))
    assert str(path) in caught.value.where
    assert where in caught.value.where
    assert what in caught.value.what


def test_a_missing_or_undecodable_file_is_told(tmp_path: Path):
    with pytest.raises(UserError, match="no such file"):
        list(lareqa.read_squad_file(tmp_path / "en.json"))
    (tmp_path / "en.json").write_bytes(b'{"data": "\xff')
    with pytest.raises(UserError, match="not UTF-8"):
        list(lareqa.read_squad_file(tmp_path / "en.json"))


def test_a_language_that_is_not_whole_is_refused(tmp_path: Path):
    write(tmp_path, RAW)
    with pytest.raises(UserError, match="2 questions and 2 sentences, expected 1190 and 1180"):
        lareqa.build(tmp_path, BenchmarkSettings(languages=("en",), max_passage_characters=600))


@pytest.fixture(scope="module")
def raw_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not os.environ.get("BABELMIX_MIRROR"):
        pytest.skip("BABELMIX_MIRROR is not set: the published files are not at hand")
    folder = tmp_path_factory.mktemp("raw") / "xquad-r"
    lareqa.fetch(folder)
    return folder


def test_xquad_r_has_exactly_its_published_counts(raw_files: Path, tmp_path: Path):
    benchmark = lareqa.build(raw_files, ALL)
    published = dict(ar=1222, de=1276, el=1234, en=1180, es=1215, hi=1244, ru=1219, th=852, tr=1167, vi=1209, zh=1196)
    assert Counter(passage.lang for passage in benchmark.passages) == published
    assert Counter(query.lang for query in benchmark.queries) == dict.fromkeys(published, 1190)
    assert len(benchmark.passages) == 13_014
    assert set(Counter(qrel.question for qrel in benchmark.qrels).values()) == {11}
    write_benchmark(tmp_path / "xquad-r", benchmark)
    assert read_benchmark(tmp_path / "xquad-r") == benchmark


def test_xquad_r_agrees_with_a_plain_reading_of_the_file(raw_files: Path):
    benchmark = lareqa.build(raw_files, BenchmarkSettings(languages=("th",), max_passage_characters=5))
    raw = json.loads((raw_files / "th.json").read_text(encoding="utf-8"))
    paragraphs = [paragraph for article in raw["data"] for paragraph in article["paragraphs"]]
    assert [passage.text for passage in benchmark.passages] == [s for p in paragraphs for s in p["sentences"]]
    passages = {passage.id: passage for passage in benchmark.passages}
    gold = {qrel.question: passages[qrel.passage] for qrel in benchmark.qrels}
    for paragraph in paragraphs:
        for question in paragraph["qas"]:
            assert gold[question["id"]].context == paragraph["context"]
            start = question["answers"][0]["answer_start"]
            number = sum(low <= start for low, _ in paragraph["sentence_breaks"]) - 1
            assert gold[question["id"]].text == paragraph["sentences"][number]
