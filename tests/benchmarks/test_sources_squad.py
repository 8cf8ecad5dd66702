import copy
import gzip
import json
import os
import shutil
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from built import build_folder
from hypothesis import given
from hypothesis import strategies as st

from babelmix.benchmarks.benchmark import OwnId, Passage, Qrel
from babelmix.benchmarks.files import read_benchmark, write_benchmark
from babelmix.benchmarks.sources import squad
from babelmix.common.errors import UserError
from babelmix.common.languages import LANGUAGES
from babelmix.corpus.squad_file import read_squad_file

CONTEXT = "One is here. Two was there, too. "


def question(id: Any, answer: str, start: int = 0, **more: Any) -> dict[str, Any]:
    return {"id": id, "question": f"{id}?", "answers": [{"answer_start": start, "text": answer}], **more}


def squad_form(*paragraphs: dict[str, Any]) -> dict[str, Any]:
    return {"version": "1", "data": [{"title": "t", "paragraphs": list(paragraphs)}]}


SENTENCES: Any = squad_form(
    {
        "context": CONTEXT,
        "sentences": ["One is here. ", "Two was there, too. "],
        "sentence_breaks": [[0, 13], [13, 33]],
        "qas": [question("a", "here. Two", 7), question("b", "Two", 13)],
    }
)
WHOLE: Any = squad_form({"context": CONTEXT, "qas": [question("a", "here. Two", 7), question("b", "Two", 13)]})


def write(path: Path, raw: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(raw if isinstance(raw, str) else json.dumps(raw), encoding="utf-8")
    return path


def broken(raw: Any, *path: Any, value: Any = None) -> Any:
    """A copy with the value at that path replaced, or taken out."""
    raw = copy.deepcopy(raw)
    place = raw
    for key in path[:-1]:
        place = place[key]
    if value is None:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return raw


def test_only_the_start_of_an_answer_decides_its_sentence(tmp_path: Path):
    (paragraph,) = read_squad_file(write(tmp_path / "en.json", SENTENCES))
    assert [(question.id, question.answer) for question in paragraph.questions] == [("a", 0), ("b", 1)]
    assert paragraph.context == CONTEXT


def test_without_sentences_the_paragraph_is_the_candidate(tmp_path: Path):
    benchmark, left_out = squad.build(write(tmp_path / "set.en.json", WHOLE), "set")
    assert benchmark.name == "set"
    assert benchmark.passages == (Passage("en:00000:000", "en", CONTEXT, ""),)
    assert benchmark.qrels == (Qrel("a", "en:00000:000"), Qrel("b", "en:00000:000"))
    assert [(query.id, query.parallel_id, query.text) for query in benchmark.queries] == [
        ("en:a", "a", "a?"),
        ("en:b", "b", "b?"),
    ]
    assert left_out == {}


def test_with_sentences_they_are_the_candidates_and_the_paragraph_their_context(tmp_path: Path):
    benchmark, _ = squad.build(write(tmp_path / "set.en.json", SENTENCES), "set")
    assert [(passage.id, passage.text) for passage in benchmark.passages] == [
        ("en:00000:000", "One is here. "),
        ("en:00000:001", "Two was there, too. "),
    ]
    assert {passage.context for passage in benchmark.passages} == {CONTEXT}
    assert benchmark.qrels == (Qrel("a", "en:00000:000"), Qrel("b", "en:00000:001"))


def test_questions_without_an_answer_are_left_out_and_counted(tmp_path: Path):
    impossible = question("b", "nowhere", is_impossible=True)
    empty = {"id": "c", "question": "c?", "answers": []}
    bare = {"id": "d", "question": "d?", "is_impossible": True}
    write(tmp_path / "de.json", WHOLE)
    possible = question("a", "Two", is_impossible=False)
    write(tmp_path / "en.json", squad_form({"context": CONTEXT, "qas": [possible, impossible, empty, bare]}))
    benchmark, left_out = squad.build(tmp_path, "set")
    assert left_out == {"questions without an answer": 3}
    own = [OwnId("a", "en:a", "en"), *(OwnId(name, "", "en") for name in "bcd")]
    assert list(benchmark.own_queries[2:]) == own, "in the order of the file, left out or not"
    assert [query.id for query in benchmark.queries] == ["de:a", "de:b", "en:a"]


def test_a_whole_number_is_an_id_and_a_byte_order_mark_is_none_of_the_text(tmp_path: Path):
    raw = squad_form({"context": CONTEXT, "qas": [question(51870, "Two")]})
    file = write(tmp_path / "germanquad-test-de.json", "\ufeff" + json.dumps(raw))
    benchmark, _ = squad.build(file, "germanquad")
    assert [query.id for query in benchmark.queries] == ["de:51870"]


def test_questions_with_one_id_are_translations_and_a_missing_one_is_absent(tmp_path: Path):
    write(tmp_path / "xquad.en.json", WHOLE)
    write(tmp_path / "xquad.de.json", squad_form({"context": "Zwei war auch da.", "qas": [question("b", "Zwei")]}))
    write(tmp_path / "README.md", "no JSON")
    benchmark, _ = squad.build(tmp_path, "xquad")
    assert [query.id for query in benchmark.queries] == ["de:b", "en:a", "en:b"]
    answers = {qrel.passage for qrel in benchmark.qrels if qrel.parallel_id == "b"}
    assert answers == {"de:00000:000", "en:00000:000"}
    write_benchmark(tmp_path / "out" / "xquad", benchmark)
    assert read_benchmark(tmp_path / "out" / "xquad") == benchmark


def test_a_repeated_paragraph_is_one_candidate_and_a_repeated_sentence_two(tmp_path: Path):
    twice = [copy.deepcopy(WHOLE["data"][0]["paragraphs"][0]) for _ in range(2)]
    twice[1]["qas"] = [question("c", "One")]
    other = {"context": "Another.", "qas": []}
    benchmark, _ = squad.build(write(tmp_path / "en.json", squad_form(twice[0], other, twice[1])), "set")
    assert [passage.id for passage in benchmark.passages] == ["en:00000:000", "en:00001:000"]
    assert {qrel.passage for qrel in benchmark.qrels} == {"en:00000:000"}
    assert len(benchmark.qrels) == 3
    assert [(own.own, own.id) for own in benchmark.own_passages] == [
        ("en:00000:000", "en:00000:000"),
        ("en:00001:000", "en:00001:000"),
        ("en:00002:000", ""),
    ]

    twice = [copy.deepcopy(SENTENCES["data"][0]["paragraphs"][0]) for _ in range(2)]
    twice[1]["qas"] = [question("c", "One")]
    benchmark, _ = squad.build(write(tmp_path / "en.json", squad_form(*twice)), "set")
    assert len(benchmark.passages) == 4
    assert Qrel("c", "en:00001:000") in benchmark.qrels


@given(st.lists(st.tuples(st.text("ab", min_size=1, max_size=2), st.booleans()), min_size=1, max_size=20))
def test_every_answered_question_finds_its_own_paragraph(rows: list[tuple[str, bool]]):
    paragraphs = [
        {"context": text, "qas": [question(number, text[-1:], is_impossible=impossible)]}
        for number, (text, impossible) in enumerate(rows)
    ]
    answered = {str(number): text for number, (text, impossible) in enumerate(rows) if not impossible}
    with TemporaryDirectory() as folder:
        file = write(Path(folder) / "en.json", squad_form(*paragraphs))
        if not answered:
            with pytest.raises(UserError, match="no question with an answer"):
                squad.build(file, "set")
            return
        benchmark, left_out = squad.build(file, "set")
    text_of = {passage.id: passage.text for passage in benchmark.passages}
    assert {qrel.parallel_id: text_of[qrel.passage] for qrel in benchmark.qrels} == answered
    assert sorted(text_of.values()) == sorted({text for text, _ in rows})
    assert left_out.get("questions without an answer", 0) + len(benchmark.queries) == len(rows)
    for ids in ([query.id for query in benchmark.queries], [passage.id for passage in benchmark.passages]):
        assert ids == sorted(set(ids))


@pytest.mark.parametrize(
    ("name", "lang"),
    [
        ("xquad.de.json", "de"),
        ("de.json", "de"),
        ("germanquad-test-de.json", "de"),
        ("dev-context-ar-question-ar.json", "ar"),
        ("it_is_a_set.zh-CN.json", "zh"),  # the last code wins; CN is none
        ("twice.nb-no.json", "no"),
        ("nynorsk.nn.json", "no"),
        ("faquad-pt-BR.json", "pt"),
        ("drcd_zh_Hans.json", "zh"),
        ("drcd.zh-tw.json", "zh"),
        ("squad.es-ar.json", "es"),
        ("viquiquad.ca-es.json", "ca"),
        ("GERMANQUAD.DE.json", "de"),
        ("x.fr.json.gz", "fr"),
        ("x.th.jsonl", "th"),
        ("squad-es-AR.json", "es"),  # a region, not Arabic
        ("new_wiki_v1.0.en.json", "en"),
    ],
)
def test_the_language_is_the_last_code_in_the_name(tmp_path: Path, name: str, lang: str):
    file = write(tmp_path / name, WHOLE)
    if name.endswith(".gz"):
        file.write_bytes(gzip.compress(file.read_bytes(), mtime=0))
    benchmark, _ = squad.build(file, "set")
    assert benchmark.languages == (lang,)


@given(st.sampled_from(sorted(LANGUAGES)), st.text("deino ", max_size=6), st.sampled_from("._-"))
def test_any_code_at_the_end_of_a_name_is_its_language(lang: str, before: str, joint: str):
    with TemporaryDirectory() as folder:
        benchmark, _ = squad.build(write(Path(folder) / f"x{before}{joint}{lang}.json", WHOLE), "set")
    assert benchmark.languages == (lang,)


def test_a_name_without_a_language_or_two_with_one_say_how_to_rename(tmp_path: Path):
    write(tmp_path / "one" / "new_wiki_v1.0.json", WHOLE)
    with pytest.raises(
        UserError, match=r"`new_wiki_v1\.0\.json` to `new_wiki_v1\.0\.en\.json`; valid: ar, bg"
    ) as caught:
        squad.build(tmp_path / "one", "set")
    assert caught.value.where.endswith("new_wiki_v1.0.json")
    write(tmp_path / "two" / "dev-de.json", WHOLE)
    write(tmp_path / "two" / "test-de.json", WHOLE)
    with pytest.raises(UserError, match=r"`test-de\.json` to `test-de\.en\.json`") as caught:
        squad.build(tmp_path / "two", "set")
    assert "a second file in 'de', beside dev-de.json" in caught.value.what


def test_nothing_to_read_is_told(tmp_path: Path):
    (tmp_path / "folder.en.json").mkdir()
    for path in (tmp_path, tmp_path / "none.en.json", tmp_path / "none"):
        with pytest.raises(UserError, match="no file to read") as caught:
            squad.build(path, "set")
        assert caught.value.where == str(path)


def test_a_file_that_answers_nothing_is_refused(tmp_path: Path):
    write(tmp_path / "de.json", WHOLE)
    write(tmp_path / "en.json", squad_form({"context": CONTEXT, "qas": [{"id": "a", "answers": []}]}))
    with pytest.raises(UserError, match=r"en\.json: no question with an answer \(1 questions without an answer\)"):
        squad.build(tmp_path, "set")
    write(tmp_path / "en.json", [])
    with pytest.raises(UserError, match=r"en\.json: no question with an answer \(no question\)"):
        squad.build(tmp_path, "set")


def test_mlqa_is_read_where_question_and_text_are_in_one_language(tmp_path: Path):
    for name in ("context-de-question-de", "context-de-question-en", "context-en-question-en"):
        write(tmp_path / f"dev-{name}.json", WHOLE)
    benchmark, left_out = squad.build(tmp_path, "mlqa")
    assert benchmark.languages == ("de", "en")
    assert left_out == {squad.OTHER_LANGUAGE: 1}
    with pytest.raises(UserError, match="texts in 'de', but questions in 'en'"):
        squad.build(tmp_path / "dev-context-de-question-en.json", "mlqa")


def test_repeated_ids_stay_aligned_and_those_that_cannot_be_are_told(tmp_path: Path):
    twice = squad_form({"context": CONTEXT, "qas": [question(7, "One"), question(7, "Two"), question(8, "there")]})
    write(tmp_path / "de.json", twice)
    write(tmp_path / "en.json", twice)
    benchmark, left_out = squad.build(tmp_path, "set")
    assert [query.parallel_id for query in benchmark.queries] == ["7", "7#2", "8"] * 2
    assert left_out == {"repeated ids": 2}
    write(tmp_path / "fr.json", squad_form({"context": CONTEXT, "qas": [question("7", "One")]}))
    assert squad.build(tmp_path, "set")[1] == {"repeated ids": 2, squad.UNLIKE_IDS: 1}


def test_files_beside_a_benchmark_are_passed_over(tmp_path: Path):
    write(tmp_path / "set" / "x.de.json", WHOLE)
    for name in (".babelmix.json", "._x.de.json", "queries.jsonl", "README.md", "own-queries.jsonl"):
        write(tmp_path / "set" / name, "no JSON")
    build_folder(tmp_path / "set", tmp_path / "out" / "set")
    benchmark = read_benchmark(tmp_path / "out" / "set")
    assert benchmark == squad.build(tmp_path / "set", "set")[0]
    assert benchmark.languages == ("de",)


def test_texts_are_kept_in_one_normal_form_and_twins_are_one_candidate(tmp_path: Path):
    texts = ["Caf\u00e9 Central \u00f6ffnet um neun.", "Cafe\u0301 Central o\u0308ffnet  um neun."]
    raw = squad_form(*({"context": text, "qas": [question(at, "neun")]} for at, text in enumerate(texts)))
    benchmark, _ = squad.build(write(tmp_path / "x.de.json", raw), "set")
    assert [passage.text for passage in benchmark.passages] == texts[:1]
    assert {qrel.passage for qrel in benchmark.qrels} == {"de:00000:000"}


@pytest.mark.parametrize("order", [("de", "en"), ("en", "de")])
def test_sentences_and_paragraphs_do_not_mix(tmp_path: Path, order: tuple[str, str]):
    write(tmp_path / f"{order[0]}.json", SENTENCES)
    write(tmp_path / f"{order[1]}.json", WHOLE)
    with pytest.raises(UserError, match=rf"{order[0]}\.json, paragraph 0 has some") as caught:
        squad.build(tmp_path, "set")
    assert caught.value.where.endswith(f"{order[1]}.json, paragraph 0")


PARAGRAPH = ("data", 0, "paragraphs", 0)
ANSWER = (*PARAGRAPH, "qas", 1, "answers", 0)


@pytest.mark.parametrize(
    ("raw", "where", "what"),
    [
        (json.dumps(SENTENCES)[:200], "line 1, column", "not valid JSON"),
        ("[" * 100_000, "en.json", "nested too deep"),
        ("1" * 5000, "en.json", "too many digits"),
        ("", "en.json", "not valid JSON"),
        ("[[[[[[[[]]]]]]]]", "en.json", "no SQuAD form: nested too deep"),
        ({"version": "1"}, "en.json", "no SQuAD form"),
        (broken(SENTENCES, "data", value="x"), "en.json, data", "no SQuAD form"),
        (broken(SENTENCES, *PARAGRAPH, "context"), "data[0].paragraphs[0]", "no SQuAD form"),
        (broken(SENTENCES, *PARAGRAPH, "context", value=["a"]), "paragraphs[0].context", "not a text"),
        (broken(SENTENCES, *PARAGRAPH, "context", value="a\ud800"), "paragraphs[0].context, character 2",
         "half a character"),
        (broken(WHOLE, *PARAGRAPH, "context", value="\x07"), "paragraphs[0].context", "a control character (U+0007)"),
        (broken(SENTENCES, *PARAGRAPH, "sentence_breaks"), "paragraphs[0].sentence_breaks", "not one [start, end)"),
        (broken(SENTENCES, *PARAGRAPH, "sentences"), "paragraphs[0].sentence_breaks", "not one [start, end)"),
        (broken(SENTENCES, *PARAGRAPH, "sentence_breaks", value=[[0, 13]]), "sentence_breaks", "not one [start, end)"),
        (broken(WHOLE, *PARAGRAPH, value={"context": "a", "sentences": [], "sentence_breaks": [], "qas": []}),
         "paragraphs[0].sentences", "no sentence"),
        (broken(SENTENCES, *PARAGRAPH, "sentences", 1, value=" \u200b"), "sentences[1]", "a blank sentence"),
        (broken(WHOLE, *PARAGRAPH, "qas", 1, "question", value=3), "qas[1].question", "not a text"),
        (broken(WHOLE, *PARAGRAPH, "qas", 1, "id", value=1.5), "qas[1].id", "not an id: 1.5"),
        (broken(WHOLE, *PARAGRAPH, "qas", 1, "id", value=True), "qas[1].id", "not a text"),
        (broken(WHOLE, *PARAGRAPH, "qas", 1, "id", value="\udfff"), "qas[1].id", "half a character"),
        (broken(WHOLE, *PARAGRAPH, "qas", 1, "is_impossible", value="perhaps"), "is_impossible",
         "not true or false: 'perhaps'"),
        (broken(WHOLE, *ANSWER, "text", value="Two\ud800"), "answers[0].text", "half a character"),
        (broken(WHOLE, *ANSWER, "text", value=[["Two"]]), "answers[0].text[0]", "not a text: a list"),
        (broken(WHOLE, *ANSWER, "answer_start", value=float("nan")), "answers[0].answer_start", "not a whole number"),
        (broken(WHOLE, *ANSWER, "answer_start", value="13 or so"), "answers[0].answer_start", "not a whole number"),
        (broken(WHOLE, *ANSWER, "answer_start", value=True), "answers[0].answer_start", "not a whole number: true"),
    ],
)  # fmt: skip
def test_a_fault_is_told_with_its_place(tmp_path: Path, raw: Any, where: str, what: str):
    path = write(tmp_path / "en.json", raw)
    with pytest.raises(UserError) as caught:
        list(read_squad_file(path))
    assert str(path) in caught.value.where
    assert where in caught.value.where
    assert what in caught.value.what


def test_a_missing_unreadable_or_undecodable_file_is_told(tmp_path: Path):
    with pytest.raises(UserError, match="no such file"):
        list(read_squad_file(tmp_path / "en.json"))
    with pytest.raises(UserError, match="cannot be read"):
        list(read_squad_file(tmp_path))
    (tmp_path / "en.json").write_bytes(b'{"data": "\xff')
    with pytest.raises(UserError, match="not UTF-8"):
        list(read_squad_file(tmp_path / "en.json"))


@pytest.mark.parametrize(
    ("name", "questions", "paragraphs"),
    [
        ("amazon_reviews_v1.0", 9885, 2050),
        ("new_wiki_v1.0", 7938, 1581),
        ("reddit_v1.0", 9803, 2033),  # 2,035 paragraphs, two of them repeated
    ],
)
def test_squadshifts_is_read_whole(tmp_path: Path, name: str, questions: int, paragraphs: int):
    mirror = os.environ.get("BABELMIX_MIRROR")
    found = (
        sorted(Path(mirror).glob(f"raw.githubusercontent.com/modestyachts/*/*/datasets/{name}.json")) if mirror else []
    )
    if not found:
        pytest.skip("BABELMIX_MIRROR names no folder with the SQuADShifts files")
    shutil.copyfile(found[0], tmp_path / f"{name}.en.json")
    benchmark, left_out = squad.build(tmp_path, "squadshifts")
    assert (len(benchmark.queries), len(benchmark.passages)) == (questions, paragraphs)
    assert left_out == {}
    texts = {passage.id: passage.text for passage in benchmark.passages}
    raw = json.loads(found[0].read_text(encoding="utf-8"))
    plain = {
        asked["id"]: paragraph["context"]
        for article in raw["data"]
        for paragraph in article["paragraphs"]
        for asked in paragraph["qas"]
    }
    assert {qrel.parallel_id: texts[qrel.passage] for qrel in benchmark.qrels} == plain
    assert max(Counter(texts.values()).values()) == 1
