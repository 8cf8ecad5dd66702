"""SQuAD form as people publish it: what is read, what is left out by which reason, and that nothing else happens."""

import copy
import gzip
import json
import unicodedata
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from built import build_folder
from hypothesis import given
from hypothesis import strategies as st

from babelmix.benchmarks.files import read_benchmark
from babelmix.common.errors import UserError
from babelmix.corpus.squad_file import (
    BLANK_ANSWER,
    BLANK_CONTEXT,
    BLANK_QUESTION,
    DISPLACED,
    LOST_ANSWER,
    NO_ID,
    NOT_IN_CONTEXT,
    REPEATED_ID,
    UNANSWERED,
    Paragraph,
    read_squad_file,
)

POOL = "The pool has two basins, one of them for children."
GOOD = {"id": "g", "question": "How many basins has the pool?", "answers": [{"text": "two", "answer_start": 13}]}


def pool(*questions: Any) -> dict[str, Any]:
    return {"context": POOL, "qas": [GOOD, *questions]}


def envelope(*paragraphs: Any) -> dict[str, Any]:
    return {"version": "own", "data": [{"title": None, "paragraphs": list(paragraphs)}]}


def write(path: Path, raw: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(raw if isinstance(raw, str) else json.dumps(raw), encoding="utf-8")
    return path


def read(folder: Path, raw: Any, name: str = "x.en.json") -> list[Paragraph]:
    return list(read_squad_file(write(folder / name, raw)))


def counts(paragraphs: list[Paragraph]) -> dict[str, int]:
    """What was left out and what was mended."""
    total: dict[str, int] = {}
    for paragraph in paragraphs:
        for reason, number in (paragraph.left_out + paragraph.mended).items():
            total[reason] = total.get(reason, 0) + number
    return total


def spans(paragraphs: list[Paragraph]) -> dict[str, str]:
    """{id: the answer as the context has it}."""
    return {one.id: paragraph.context[one.start : one.end] for paragraph in paragraphs for one in paragraph.questions}


@pytest.mark.parametrize(
    "more",
    [
        {"answers": []},
        {"answers": None},
        {},
        {"answers": [{"text": "", "answer_start": -1}]},
        {"answers": [{"text": " ", "answer_start": 0}, {"text": None, "answer_start": None}]},
        {"answers": {"text": [], "answer_start": []}},
        {"answers": {"text": "", "answer_start": -1}},
        {"answers": [""]},
        {"answers": "\u200b"},
        {"answers": [{"text": "CANNOTANSWER", "answer_start": 50}]},
        {"plausible_answers": [{"text": "two", "answer_start": 13}], "is_impossible": True},
        *({"is_impossible": flag, "answers": GOOD["answers"]} for flag in (True, "TRUE", "true", " True", 1, "1", 1.0)),
        {"no_answer": True, "answers": GOOD["answers"]},
    ],
)
def test_every_way_to_say_no_answer_is_one(tmp_path: Path, more: dict[str, Any]):
    found = read(tmp_path, envelope(pool({"id": "x", "question": "How deep is the pool?", **more})))
    assert spans(found) == {"g": "two"}
    assert counts(found) == {UNANSWERED: 1}
    assert found[0].ids == ("g", "x")


@pytest.mark.parametrize("flag", [False, "FALSE", "false", 0, "0", 0.0, None, "", "None"])
def test_every_way_to_say_that_there_is_an_answer_is_one(tmp_path: Path, flag: Any):
    found = read(tmp_path, envelope({"context": POOL, "qas": [{**GOOD, "is_impossible": flag}]}))
    assert spans(found) == {"g": "two"} and not counts(found)


@pytest.mark.parametrize(
    "raw",
    [
        [pool()],
        pool(),
        [{"paragraphs": [pool()]}],
        {"data": {"paragraphs": [pool()]}},
        {"data": [{"paragraphs": pool()}]},
        {"data": [pool()], "version": 2},
        {"data": [None, {"title": "t", "paragraphs": None}, {"title": ["t"], "paragraphs": [pool()], "extra": {}}]},
        {"context": POOL, "qas": GOOD},
        {"context": POOL, **GOOD},
        [{"context": POOL, "question_id": "g", "question": GOOD["question"], "answers": GOOD["answers"]}],
        f"{json.dumps(pool())}\n\n{json.dumps({'context': 'Other text.', 'qas': None})}\n",
        f"{json.dumps(pool())}{json.dumps({'context': 'Other text.'})}",
    ],
)
def test_every_envelope_is_read(tmp_path: Path, raw: Any):
    found = read(tmp_path, raw)
    assert spans(found) == {"g": "two"} and not counts(found)


@pytest.mark.parametrize(
    "answers",
    [
        {"text": "two", "answer_start": 13},
        {"text": ["two"], "answer_start": [13]},
        {"text": ["two", "basins"], "answer_start": [13]},
        {"text": ["two"], "answer_start": 13},
        {"text": ["two"]},
        {"text": "two", "answer_start": [13]},
        [{"text": "two", "answer_start": "13"}],
        [{"text": "two", "answer_start": 13.0}],
        [{"text": "two"}],
        [{"text": "two", "answer_start": None}],
        [{"text": "two", "answer_start": -1}],
        [{"text": ["two"], "answer_start": [13]}],
        [None, {"text": "", "answer_start": 0}, {"text": "two", "answer_start": 13}],
        ["two"],
        "two",
    ],
)
def test_answers_are_read_in_every_shape(tmp_path: Path, answers: Any):
    found = read(tmp_path, pool({"id": "a", "question": "How many?", "answers": answers}))
    assert spans(found) == {"g": "two", "a": "two"}
    assert counts(found) == ({BLANK_ANSWER: 2} if isinstance(answers, list) and None in answers else {})
    found = read(tmp_path, pool({"id": "a", "question": "How many?", "answer": answers}))
    assert spans(found) == {"g": "two", "a": "two"}


def test_a_number_is_an_answer_and_one_letter_for_letter_at_its_start_comes_before_others(tmp_path: Path):
    context = "In 1931 it had 12 doors; in 1932 it had 12."
    asked = {"id": "a", "question": "When?", "answers": [{"text": 1932}, {"text": 12, "answer_start": 40}]}
    assert spans(read(tmp_path, {"context": context, "qas": [asked]})) == {"a": "12"}
    (paragraph,) = read(tmp_path, {"context": context, "qas": [asked]})
    assert paragraph.questions[0].start == 40


@pytest.mark.parametrize(
    ("context", "answer", "start", "found"),
    [
        ("One two. One two.", "two", 6, 4),
        ("One two. One two.", "two", 12, 13),
        ("One two. One two.", "two", 10_000, 13),
        ("It was  the\nRiver.", "the river", 2, 8),
        (unicodedata.normalize("NFD", "Thư viện mở cửa."), "mở cửa", 8, 12),
        ("Thư viện mở cửa.", unicodedata.normalize("NFD", "mở cửa"), 12, 9),
        ("Sie kooperieren.", "koope\u00adrieren", 0, 4),
        ("門票１５元。", "15元", 0, 2),
    ],
)
def test_a_displaced_answer_is_taken_from_where_it_stands(
    tmp_path: Path, context: str, answer: str, start: int, found: int
):
    asked = {"id": "a", "question": "What?", "answers": [{"text": answer, "answer_start": start}]}
    (paragraph,) = read(tmp_path, {"context": context, "qas": [asked]})
    assert paragraph.questions[0].start == found
    assert counts([paragraph]) == {DISPLACED: 1}


def test_an_answer_that_stands_nowhere_leaves_the_others_or_the_question_is_left_out(tmp_path: Path):
    nowhere = {"text": "three", "answer_start": 13}
    asked = [
        {"id": "a", "question": "How many?", "answers": [nowhere, {"text": "two", "answer_start": 13}]},
        {"id": "b", "question": "How many?", "answers": [nowhere]},
    ]
    found = read(tmp_path, {"context": POOL, "qas": asked})
    assert spans(found) == {"a": "two"}
    assert counts(found) == {NOT_IN_CONTEXT: 1, LOST_ANSWER: 1}


def test_blank_questions_and_paragraphs_are_left_out(tmp_path: Path):
    blank = {"id": "a", "question": " \u200f", "answers": GOOD["answers"]}
    found = read(
        tmp_path, envelope(pool(blank, {**blank, "id": "b", "question": None}), {"context": None, "qas": [GOOD]})
    )
    assert spans(found) == {"g": "two"}
    assert counts(found) == {BLANK_QUESTION: 2, BLANK_CONTEXT: 1, UNANSWERED: 1, REPEATED_ID: 1}
    assert found[1].context == "" and found[1].ids == ("g#2",)


def test_repeated_ids_get_one_of_their_own_and_missing_ones_their_place(tmp_path: Path):
    ids: list[Any] = [7, 7, "7", 7.0, "7#2", None, "", "  ", "00000#7", 8]
    asked = [{**GOOD, "id": id_} for id_ in ids]
    del asked[5]["id"]
    found = read(tmp_path, {"context": POOL, "qas": asked})
    expected = ("7", "7#3", "7#4", "7#5", "7#2", "00000#6", "00000#7#", "00000#8", "00000#7", "8")
    assert tuple(one.id for one in found[0].questions) == found[0].ids == expected
    assert counts(found) == {REPEATED_ID: 3, NO_ID: 3}
    assert found[0].repeated == ("7", "7", "7")


def test_the_sentence_that_holds_the_start_decides(tmp_path: Path):
    context = "One is here. Two was here."
    raw = {"context": context, "sentences": ["One is here. ", "Two was here."], "sentence_breaks": [[0, 13], [13, 26]]}

    def ask(id_: str, text: str, start: Any) -> dict[str, Any]:
        return {"id": id_, "question": "What?", "answers": [{"text": text, "answer_start": start}]}

    asked = [
        ask("a", "here. Two", 7),
        ask("b", "here", 20),
        ask("c", "Two", 9),
        ask("d", "TWO", 0),
        ask("e", "three", 0),
    ]
    (paragraph,) = read(tmp_path, {**raw, "qas": asked})
    assert {one.id: one.answer for one in paragraph.questions} == {"a": 0, "b": 1, "c": 1, "d": 1}
    assert counts([paragraph]) == {DISPLACED: 3, NOT_IN_CONTEXT: 1}
    (paragraph,) = read(tmp_path, {**raw, "sentence_breaks": [[0, 5], [14, 26]], "qas": [ask("a", "here", 7)]})
    assert counts([paragraph]) == {NOT_IN_CONTEXT: 1}, "no sentence holds it"
    (paragraph,) = read(tmp_path, {"context": context, "sentences": None, "sentence_breaks": None, "qas": []})
    assert paragraph.sentences == ()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be"])
@pytest.mark.parametrize("name", ["x.de.json", "x.de.json.gz", "x.de.jsonl", "x.de.jsonl.gz"])
def test_encodings_and_packings_are_read(tmp_path: Path, encoding: str, name: str):
    raw = {"context": "Die Bäder öffnen um neun.", "qas": [{**GOOD, "answers": [{"text": "um neun"}]}]}
    text = json.dumps(raw, ensure_ascii=False).replace("{", "{ " if "jsonl" in name else "{\r\n")
    content = text.encode(encoding)
    (tmp_path / name).write_bytes(gzip.compress(content, mtime=0) if name.endswith("gz") else content)
    assert spans(list(read_squad_file(tmp_path / name))) == {"g": "um neun"}


def test_json_lines_are_told_with_their_line_and_a_list_with_its_place(tmp_path: Path):
    broken = {**pool(), "context": "a\ud800"}
    with pytest.raises(UserError, match=r"x\.en\.jsonl, line 2, context, character 2: half a character"):
        read(tmp_path, f"{json.dumps(pool())}\n{json.dumps(broken)}\n", "x.en.jsonl")
    with pytest.raises(UserError, match=r"x\.en\.json, \[1\]\.context, character 2: half a character"):
        read(tmp_path, [pool(), broken])
    with pytest.raises(UserError, match=r"line 2, column 2: not valid JSON"):
        read(tmp_path, f"{json.dumps(pool())}\n{{\n")
    with pytest.raises(UserError, match=r"x\.en\.jsonl: empty file"):
        read(tmp_path, "", "x.en.jsonl")


def asked(id_: Any, *answers: tuple[str, int], **more: Any) -> dict[str, Any]:
    told = [{"text": text, "answer_start": start} for text, start in answers]
    return {"id": id_, "question": "Hvor mange?", "answers": told, **more}


CASES: list[Any] = [
    envelope(
        {"context": "Biblioteket åpner klokka ni.", "qas": [asked(7, ("klokka ni", 18))]},
        {
            "context": "Svømmehallen har to basseng, ett for barn.",
            "qas": [asked(7, ("to", 17)), asked(8, ("", 0), ("barn", 37))],
        },
    ),
    [pool(asked("x1", is_impossible="TRUE"))],
    {
        "context": "One is. Two is.",
        "sentences": ["One is. ", "Two is."],
        "sentence_breaks": [[0, 8], [8, 15]],
        "qas": [asked("a") | {"answers": {"text": ["Two"], "answer_start": [8]}}],
    },
]
ODD: list[Any] = [None, True, -1, 0, 7.0, 1e400, float("nan"), "", "a", "\ud800", "\x00", "TRUE", [], {}, [[]], 10**30]
values = st.recursive(
    st.sampled_from(ODD) | st.text(max_size=3) | st.integers(-2, 60) | st.floats(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["data", "paragraphs", "context", "qas", "id", "question", "answers", "text",
                                           "answer_start", "is_impossible", "sentences", "sentence_breaks"]), inner)
    ),
    max_leaves=12,
)  # fmt: skip


def places(raw: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) of a JSON value."""
    inside: list[tuple[Any, Any]] = list(raw.items()) if isinstance(raw, dict) else list(enumerate(raw))
    found: list[tuple[Any, Any]] = []
    for key, value in inside:
        found.append((raw, key))
        if isinstance(value, dict | list):
            found += places(value)
    return found


def gives_a_benchmark_or_one_line(content: str) -> None:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "x.en.json"
        file.write_text(content, encoding="utf-8", errors="surrogatepass")
        try:
            build_folder(file, Path(folder) / "out" / "x")
        except UserError as error:
            assert "\n" not in str(error)
        else:
            benchmark = read_benchmark(Path(folder) / "out" / "x")
            assert benchmark.queries and benchmark.passages


@given(values)
def test_anything_in_the_shape_gives_a_benchmark_or_one_line(raw: Any):
    gives_a_benchmark_or_one_line(json.dumps(raw))


@given(st.sampled_from(CASES), st.lists(st.tuples(st.integers(0, 10_000), values), min_size=1, max_size=3))
def test_a_file_that_is_changed_anywhere_gives_a_benchmark_or_one_line(raw: Any, changes: list[tuple[int, Any]]):
    raw = copy.deepcopy(raw)
    for at, value in changes:
        if found := places(raw):
            container, key = found[at % len(found)]
            container[key] = copy.deepcopy(value)
    gives_a_benchmark_or_one_line(json.dumps(raw))


@given(
    st.sampled_from(CASES),
    st.integers(0, 10_000),
    st.sampled_from(["", "x", "\x00", "}", ",", "é", '"', "\ud800", "\n"]),
)
def test_a_text_that_is_changed_anywhere_gives_a_benchmark_or_one_line(raw: Any, at: int, sign: str):
    text = json.dumps(raw, ensure_ascii=False)
    at %= len(text)
    gives_a_benchmark_or_one_line(text[:at] + sign + text[at + 1 :])
    gives_a_benchmark_or_one_line(text[:at])


@pytest.mark.parametrize("raw", CASES)
def test_the_normal_form_of_a_file_does_not_matter(tmp_path: Path, raw: Any):
    plain = read(tmp_path, raw)
    other = read(tmp_path, unicodedata.normalize("NFD", json.dumps(raw, ensure_ascii=False)))
    assert [[(one.id, one.text, one.answer) for one in paragraph.questions] for paragraph in plain] == [
        [(one.id, one.text, one.answer) for one in paragraph.questions] for paragraph in other
    ]
    assert spans(plain) == {name: unicodedata.normalize("NFC", text) for name, text in spans(other).items()}
