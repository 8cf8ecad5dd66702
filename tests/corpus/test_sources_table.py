import contextlib
import datetime
import gzip
import json
import tracemalloc
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import pytest
from hub import Hub
from hypothesis import given
from hypothesis import strategies as st
from mmarco_files import write_mmarco

from babelmix.common.errors import UserError
from babelmix.common.outputs import MANIFEST
from babelmix.corpus.registry import source_of
from babelmix.corpus.settings import Pairs, Table
from babelmix.corpus.sources import table
from babelmix.stages.raw import fetch_into

PAIRS = Pairs(
    languages=("en",), passage_paragraphs=3, passage_sentences=1, mmarco_queries=1, min_passage_characters=10,
    dev_share=0.3, dev_questions=10,
)  # fmt: skip
RIVER = "The river is long and wide. The bridge was built by an Engineer in 1931. Nobody knows his name today."


def rows_of(count: int) -> list[dict[str, Any]]:
    return [
        {
            "query": f"What is the name of river number {n}?",
            "passage": f"The river with the number {n} has no name at all.",
        }
        for n in range(count)
    ]


def write(file: Path, rows: list[Any]) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.suffix == ".parquet":
        import pyarrow
        from pyarrow.parquet import write_table

        write_table(pyarrow.Table.from_pylist(rows), file)
        return file
    content = "".join(json.dumps(row) + "\n" for row in rows).encode()
    file.write_bytes(gzip.compress(content, mtime=0) if file.suffix == ".gz" else content)
    return file


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that a user's files lie in, seen from the project's own."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data/own").mkdir(parents=True)
    return Path("data/own")


def own(name: str, **more: Any) -> Table:
    return Table(path=Path("data/own") / name, language=more.pop("language", "en"), **more)


def build(spec: Table, settings: Pairs = PAIRS) -> tuple[list[Any], Any]:
    pairs, counts = source_of("mine", {"mine": spec}).build(Path("raw"), settings)
    assert list(counts) == [spec.language]
    return pairs, counts[spec.language]


def told(spec: Table, settings: Pairs = PAIRS) -> str:
    with pytest.raises(UserError) as caught:
        build(spec, settings)
    return str(caught.value)


@pytest.mark.parametrize("name", ["mine.jsonl", "mine.jsonl.gz", "mine.parquet"])
def test_rows_become_pairs_in_each_form(project: Path, name: str):
    write(project / name, rows_of(40))
    pairs, counts = build(own(name))
    assert counts["dropped"] == {}
    assert counts["kept_train"] + counts["kept_dev"] == len(pairs) == 40
    assert counts["kept_dev"] > 3
    assert len({pair.parallel_id for pair in pairs}) == 40
    assert all(pair.parallel_id.startswith("mine:") and len(pair.parallel_id) == 21 for pair in pairs)
    assert {(pair.lang, pair.origin, pair.answer) for pair in pairs} == {("en", "human", "")}
    assert {(pair.query, pair.passage) for pair in pairs} == {(row["query"], row["passage"]) for row in rows_of(40)}


def nested(number: int, **more: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "id": number,
        "asked": f"Who built bridge number {number} over the river?",
        "found": [{"text": f"{number}. {RIVER}", "title": "Bridge"}],
        "answers": ["an  engineer"],
        "label": 1,
        "with.point": "x",
    }
    return row | more


COLUMNS = {"query": "asked", "passage": "found.0.text", "answer": "answers.0", "parallel_id": "id"}


@pytest.mark.parametrize("name", ["mine.jsonl", "mine.parquet"])
def test_columns_reach_into_nested_values_and_the_passage_is_cut_around_the_answer(project: Path, name: str):
    rows = [
        nested(1),
        nested(2, label=0),
        nested(3, found=[]),
        nested(4, answers=[]),
        nested(5, answers=None),
        nested(1, asked="Who was it that built the bridge?"),
        nested(7, answers=["a bishop"]),
        nested(8, asked=None),
    ]
    write(project / name, rows)
    pairs, counts = build(own(name, **COLUMNS, where={"label": 1, "with.point": "x"}))
    first, other = pairs
    assert (first.parallel_id, first.answer) == ("mine:1", "an Engineer"), "word for word, as the passage has it"
    assert first.passage == "The bridge was built by an Engineer in 1931."
    assert (other.parallel_id, other.answer, other.passage) == ("mine:7", "", f"7. {RIVER}")
    assert counts["dropped"] == {"duplicate": 1, "no-answer": 3, "too-short": 1}


def test_without_an_answer_the_passage_is_whole_and_with_0_sentences_too(project: Path):
    write(project / "mine.jsonl", [nested(1)])
    pairs, _ = build(own("mine.jsonl", **(COLUMNS | {"answer": None})))
    assert (pairs[0].passage, pairs[0].answer) == (f"1. {RIVER}", "")
    pairs, _ = build(own("mine.jsonl", **COLUMNS), PAIRS.model_copy(update={"passage_sentences": 0}))
    assert (pairs[0].passage, pairs[0].answer) == (f"1. {RIVER}", "an Engineer")


def test_an_answer_is_found_as_a_word_before_it_is_found_in_one(project: Path):
    row = {"query": "Where is it found?", "passage": "The cart stood outside. We saw art there.", "answer": "art"}
    write(project / "mine.jsonl", [row])
    assert build(own("mine.jsonl", answer="answer"))[0][0].passage == "We saw art there."


def test_rows_bounds_what_is_kept_and_no_more_is_read(project: Path):
    write(project / "mine.jsonl", rows_of(20))
    with (project / "mine.jsonl").open("a") as stream:
        stream.write("no JSON\n")
    pairs, counts = build(own("mine.jsonl", rows=20))
    assert len(pairs) == 20
    assert counts["kept_train"] + counts["kept_dev"] == 20
    assert "line 21, column 1: not valid JSON" in told(own("mine.jsonl", rows=21))


def test_one_passage_stands_on_one_side_however_it_is_cut(project: Path):
    rows = [
        nested(
            n,
            found=[{"text": f"Number {n % 9} is old. {RIVER} The river {n % 9} it is."}],
            asked=f"Who built bridge {n}?",
        )
        for n in range(60)
    ]
    for row in rows:
        row["answers"] = ["Number" if row["id"] % 2 else "it is"]
    write(project / "mine.jsonl", rows)
    pairs, _ = build(own("mine.jsonl", **COLUMNS), PAIRS.model_copy(update={"dev_share": 0.5}))
    sides: dict[int, set[str]] = {}
    for pair in pairs:
        sides.setdefault(int(pair.parallel_id.removeprefix("mine:")) % 9, set()).add(pair.split)
    assert len(pairs) > 30
    assert all(len(splits) == 1 for splits in sides.values())
    assert {split for splits in sides.values() for split in splits} == {"train", "dev"}


def test_squad_form_is_a_table_too_and_no_context_stands_on_both_sides(project: Path):
    def paragraph(number: int) -> dict[str, Any]:
        context = f"{number}. {RIVER}"
        answers = [{"text": text, "answer_start": context.index(text)} for text in ("1931", "Nobody")]
        asked = (f"When was bridge {number} built?", f"Who knows the name {number} today?")
        return {
            "context": context,
            "qas": [{"id": f"{number}{n}", "question": asked[n], "answers": [answers[n]]} for n in (0, 1)],
        }

    raw = {"data": [{"paragraphs": [paragraph(n) for n in range(20)]}]}
    (project / "mine.json").write_text(json.dumps(raw))
    settings = PAIRS.model_copy(update={"passage_sentences": 0, "dev_share": 0.5})
    pairs, counts = build(own("mine.json"), settings)
    assert counts["dropped"] == {}
    assert len(pairs) == 40
    sides: dict[str, set[str]] = {}
    for pair in pairs:
        sides.setdefault(pair.passage, set()).add(pair.split)
    assert len(sides) == 20
    assert all(len(splits) == 1 for splits in sides.values())
    assert len(build(own("mine.json", rows=3), settings)[0]) <= 3
    assert "SQuAD form has no columns" in told(own("mine.json", where={"a": 1}))
    (project / "mine.json").write_text("{")
    assert "not valid JSON" in told(own("mine.json"))


def test_rows_in_another_language_are_dropped_and_too_many_are_an_error(project: Path):
    german = {
        "query": "Wie heißt der Fluss?",
        "passage": "Der Fluss hat keinen Namen, denn niemand hat ihm je einen gegeben.",
    }
    write(project / "mine.jsonl", [*rows_of(5), german])
    assert build(own("mine.jsonl"))[1]["dropped"] == {"wrong-language": 1}
    message = told(own("mine.jsonl", language="de"))
    assert "5 of 6 rows are not in 'de'; `language:` of params.yaml, source.mine is probably wrong" in message


VIETNAMESE = {
    "query": "Thư viện mở cửa lúc mấy giờ vào ngày thường?",
    "passage": "Thư viện mở cửa từ chín giờ sáng đến sáu giờ chiều, trừ ngày chủ nhật và ngày lễ.",
}
LIBRARY = {
    "query": "Hồ bơi có mấy bể và bể nào dành cho trẻ em?",
    "passage": "Hồ bơi có hai bể, bể nhỏ hơn ở phía đông dành cho trẻ em dưới tám tuổi.",
}


def test_a_row_in_another_normal_form_is_a_duplicate(project: Path):
    twin = {name: unicodedata.normalize("NFD", text) for name, text in VIETNAMESE.items()}
    write(project / "mine.jsonl", [twin, VIETNAMESE, LIBRARY])
    pairs, counts = build(own("mine.jsonl", language="vi"))
    assert {pair.query for pair in pairs} == {VIETNAMESE["query"], LIBRARY["query"]}
    assert counts["dropped"] == {"duplicate": 1}


def test_the_normal_form_of_a_table_does_not_matter(project: Path):
    rows = [VIETNAMESE | {"answer": "chín giờ"}, LIBRARY | {"answer": "HAI BỂ"}]
    for form, other in (("NFC", "NFC"), ("NFD", "NFD"), ("NFC", "NFD")):
        texts = [
            {name: unicodedata.normalize(other if name == "answer" else form, text) for name, text in row.items()}
            for row in rows
        ]
        write(project / f"{form}{other}.jsonl", texts)
    plain, *others = (
        build(own(f"{forms}.jsonl", language="vi", answer="answer"))[0] for forms in ("NFCNFC", "NFDNFD", "NFCNFD")
    )
    assert [pair.answer for pair in plain] and all(pair.answer for pair in plain)
    assert others == [plain, plain]


def test_a_sentence_of_few_chinese_characters_is_none_too_short(project: Path):
    library, pool = (
        "图书馆每天早上九点开门。星期天全天休息。借书证在一楼办理。",
        "游泳池有两个池子,小的给孩子用。门票十五元。",
    )
    asked = {
        "图书馆几点开门?": (library, "早上九点"),
        "哪一天休息?": (library, "星期天"),
        "门票多少钱?": (pool, "十五元"),
    }
    raw = [
        {
            "context": text,
            "question": query,
            "id": query,
            "answers": {"text": answer, "answer_start": text.index(answer)},
        }
        for query, (text, answer) in asked.items()
    ]
    (project / "short.zh.json").write_text(json.dumps(raw), encoding="utf-8")
    pairs, counts = build(own("short.zh.json", language="zh"), PAIRS.model_copy(update={"min_passage_characters": 40}))
    assert {pair.passage for pair in pairs} == {"图书馆每天早上九点开门。", "星期天全天休息。", "门票十五元。"}
    assert counts["dropped"] == {}


@pytest.mark.parametrize("name", ["mine.jsonl", "mine.jsonl.gz"])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be", "utf-32"])
def test_encodings_are_told_apart(project: Path, name: str, encoding: str):
    content = "\r\n".join(json.dumps(row, ensure_ascii=False) for row in (VIETNAMESE, LIBRARY)).encode(encoding)
    (project / name).write_bytes(gzip.compress(content, mtime=0) if name.endswith("gz") else content)
    assert len(build(own(name, language="vi"))[0]) == 2


def test_norwegian_is_one_language_in_both_forms_and_by_either_name(project: Path):
    bokmal = {
        "query": "Når åpner biblioteket om morgenen?",
        "passage": "Biblioteket åpner klokka ni hver dag unntatt søndag, og kaffen i lesesalen er gratis.",
    }
    nynorsk = {
        "query": "Kva tid opnar biblioteket om morgonen?",
        "passage": "Biblioteket opnar klokka ni kvar dag unnateke sundag, og kaffien i lesesalen er ikkje dyr.",
    }
    write(project / "faq.jsonl", [bokmal, nynorsk])
    assert len(build(own("faq.jsonl", language="no"))[0]) == 2


def test_rows_are_chosen_by_value_and_kind(project: Path):
    kept: list[Any] = ["yes", "no", True, False, 1, 1.0, 0, None]
    write(project / "mine.jsonl", [row | {"right": value} for row, value in zip(rows_of(8), kept, strict=True)])

    def rows(value: Any) -> list[str]:
        pairs, _ = build(own("mine.jsonl", where={"right": value}))
        return sorted(repr(kept[int(pair.query[-2])]) for pair in pairs)

    assert rows("no") == ["'no'", "False"] and rows("yes") == ["'yes'", "True"]
    assert rows(True) == ["True"] and rows(False) == ["False"]
    assert rows(1) == ["1", "1.0"] and rows(0) == ["0"]


def test_ids_are_texts_or_whole_numbers(project: Path):
    ids = [7, "7", 8.0, "8", 9]
    write(project / "mine.jsonl", [row | {"id": id_} for row, id_ in zip(rows_of(5), ids, strict=True)])
    pairs, counts = build(own("mine.jsonl", parallel_id="id"))
    assert [pair.parallel_id for pair in pairs] == ["mine:7", "mine:8", "mine:9"]
    assert counts["dropped"] == {"duplicate": 2}
    for odd in (1.5, float("nan"), True, "a\tb", ""):
        write(project / "mine.jsonl", [rows_of(1)[0] | {"id": odd}])
        assert "line 1, id" in told(own("mine.jsonl", parallel_id="id"))


def test_parquet_values_that_are_no_texts_are_told(project: Path):
    rows = [{"query": b"a", "passage": "The river is long.", "day": datetime.date(2020, 1, 1)}]
    write(project / "mine.parquet", rows)
    assert "row 1, query: not a text" in told(own("mine.parquet"))
    assert "row 1, day: not a text" in told(own("mine.parquet", query="day"))


ODD = st.sampled_from(
    [None, True, 1, 1.5, float("nan"), 1e400, "", "\ud800", "\x00", [], {}, "Is it here?", "It is here."]
)


NAMES = st.sampled_from(["query", "passage", "answer", "unit", "right"])


@given(
    st.lists(st.dictionaries(NAMES, ODD | st.text(max_size=9)), max_size=4),
    st.sampled_from(["answer", None]),
    st.sampled_from(["unit", None]),
    st.sampled_from([{}, {"right": True}, {"right": "no"}]),
)
def test_any_rows_give_pairs_or_one_line(rows: list[Any], answer: str | None, unit: str | None, where: dict[str, Any]):
    with TemporaryDirectory() as folder, contextlib.chdir(folder):
        write(Path("data/own/mine.jsonl"), rows)
        try:
            pairs, _ = build(own("mine.jsonl", answer=answer, parallel_id=unit, where=where))
        except UserError as error:
            assert "\n" not in str(error)
        else:
            assert all(pair.query and pair.passage and pair.parallel_id for pair in pairs)


GOOD = json.dumps(rows_of(1)[0]).encode() + b"\n"


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.jsonl", b"", "a.jsonl: empty file"),
        ("a.jsonl", b"\n \n", "a.jsonl: empty file"),
        ("a.jsonl", GOOD + b"[1]\n", "a.jsonl, line 2: not a JSON object"),
        ("a.jsonl", GOOD + GOOD[:-9], "a.jsonl, line 2, column 61: not valid JSON (unterminated string"),
        ("a.jsonl", b"[" * 100_000, "a.jsonl, line 1: JSON that is nested too deep"),
        ("a.jsonl", GOOD + b'{"query": "\xff"}\n', "a.jsonl, line 2: not UTF-8 text (byte 0xff; it may be in Latin-1"),
        ("a.jsonl", b'{"query": "q", "text": ""}\n', "line 1, passage: no such column; there are: query, text"),
        ("a.jsonl", b'{"query": 3, "passage": "t"}\n', "a.jsonl, line 1, query: not a text: 3;"),
        ("a.jsonl", b'{"query": NaN, "passage": "t"}\n', "a.jsonl, line 1, query: not a text: NaN"),
        ("a.jsonl", b'{"query": "q\\ud83d", "passage": "t"}\n', "line 1, query, character 2: half a character"),
        ("a.jsonl", b'{"query": "q", "passage": "t\\u0000"}\n', "line 1, passage, character 2: a control character"),
        ("a.jsonl", b'{"query": "q\x07", "passage": "t"}\n', "line 1, column 13: a control character (U+0007)"),
        ("a.jsonl", b'{"query": "q", "passage": ["t"]}\n', "a.jsonl, line 1, passage: not a text"),
        ("a.jsonl", b'{"query": "", "passage": "t"}\n', "a.jsonl: no pair is left (1 too-short)"),
        ("a.jsonl.gz", gzip.compress(GOOD * 900, mtime=0)[:-20], "a.jsonl.gz: damaged gzip"),
        ("a.jsonl.gz", b"no gzip", "a.jsonl.gz, line 1, column 1: not valid JSON"),
        ("a.parquet", b"PAR1 and no more", "a.parquet, after row 0: damaged file"),
        ("a.csv", b"query,passage\n", "not a table: 'a.csv'; give one that ends in .jsonl, .jsonl.gz"),
    ],
)  # fmt: skip
def test_a_fault_is_told_with_its_place(project: Path, name: str, content: bytes, expected: str):
    (project / name).write_bytes(content)
    assert expected in told(own(name))


def test_faults_of_columns_are_told_with_their_place(project: Path):
    write(project / "a.parquet", [nested(1)])
    write(project / "a.jsonl", [nested(1, unit=None, inner={"x": 1})])
    message = told(own("a.parquet", **(COLUMNS | {"passage": "text.0"})))
    assert "a.parquet, text: no such column; there are: id, asked, found, answers, label, with.point" in message
    message = told(own("a.parquet", **(COLUMNS | {"passage": "found.0.body"})))
    assert "row 1, found.0.body: no such column; there are: text, title" in message
    assert "line 1, found.text: no 'text' in a list" in told(own("a.jsonl", **(COLUMNS | {"passage": "found.text"})))
    assert "no 'a' in a value that holds no others" in told(own("a.jsonl", **(COLUMNS | {"passage": "asked.a"})))
    for column, what in (("unit", "missing"), ("inner", "not a text: an object")):
        assert f"line 1, {column}: {what}" in told(own("a.jsonl", **(COLUMNS | {"parallel_id": column})))
    assert "line 1, other: no such column" in told(own("a.jsonl", **COLUMNS, where={"other": 1}))
    assert "no pair is left (no row)" in told(own("a.jsonl", **COLUMNS, where={"label": 2}))
    write(project / "empty.parquet", [])
    assert "there are: none" in told(own("empty.parquet"))


def test_only_files_below_data_own_are_read(project: Path, tmp_path: Path):
    outside = write(tmp_path / "outside.jsonl", rows_of(2))
    (project / "link.jsonl").symlink_to(outside.resolve())
    (project / "circle.jsonl").symlink_to("circle.jsonl")
    (project / "folder.jsonl").mkdir()
    write(project / "in/mine.jsonl", rows_of(2))
    for path in (
        "outside.jsonl",
        "data/own/../../outside.jsonl",
        str(outside.resolve()),
        "data/own/link.jsonl",
        "data/own",
    ):
        assert f"'{path}' is not below data/own" in told(Table(path=Path(path), language="en"))
    inside = str((project / "in/mine.jsonl").resolve())
    assert "is not below data/own" in told(Table(path=Path(inside), language="en"))
    assert "no such file" in told(own("circle.jsonl"))
    assert "no such file" in told(own("folder.jsonl"))
    assert "params.yaml, source.mine.path: data/own/none.jsonl: no such file" in told(own("none.jsonl"))
    assert "no such file" in told(own("a\0b.jsonl"))
    assert len(build(own("in/../in/mine.jsonl"))[0]) == 2


def test_odd_texts_do_no_harm(project: Path):
    passage = "It is\u00ad said\x85 that J.\u00a0Smith \u202bbuilt it\u202c. \u200f"
    write(
        project / "mine.jsonl",
        [{"q": "Who\u200f built\u3000 it?", "p": passage, "a": "built  it", "u": " \u200fx "}],
    )
    raw = (project / "mine.jsonl").read_bytes()
    (project / "mine.jsonl").write_bytes(b"\xef\xbb\xbf" + raw)
    (pair,), _ = build(own("mine.jsonl", query="q", passage="p", answer="a", parallel_id="u"))
    assert pair.query == "Who built it?"
    assert pair.passage == "It is said that J. Smith built it."
    assert (pair.answer, pair.parallel_id) == ("built it", "mine:x")
    (project / "long.jsonl").write_text(json.dumps({"query": "What is it?", "passage": "the word is here " * 3000}))
    assert len(build(own("long.jsonl"))[0][0].passage) > 50_000


def test_a_large_table_is_streamed(project: Path):
    """Ten times the rows, none of them wanted, need no more memory."""
    peaks: list[int] = []
    for count in (2_000, 20_000):
        with gzip.open(project / "big.jsonl.gz", "wt", compresslevel=1) as stream:
            for n in range(count):
                text = {"query": f"What is {n}?", "passage": "The river is long. " * 20, "label": int(n == 5)}
                stream.write(json.dumps(text) + "\n")
        tracemalloc.start()
        assert len(build(own("big.jsonl.gz", where={"label": 1}))[0]) == 1
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 100_000, peaks


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    data = tmp_path / "hub/datasets/one/data"
    for number in range(2):
        write(data / f"pair/train-{number}.parquet", rows_of(40)[number * 20 : number * 20 + 20])
    (data / "README.md").write_text("# Data\n")
    with Hub(tmp_path / "hub") as stand_in, stand_in.connected(tmp_path / "home", monkeypatch):
        yield stand_in


def test_a_table_comes_from_the_hub_at_a_commit_that_is_written_down(hub: Hub, tmp_path: Path):
    raw = tmp_path / "raw"
    spec = Table(hub="one/data", files="pair/train-*.parquet", language="en")
    assert source_of("nq", {"nq": spec}).fetch(raw, PAIRS) is None
    manifest = json.loads((raw / "manifest.json").read_text())
    assert manifest["one/data"]["commit"] == hub.commit("datasets", "one/data")
    assert sorted(manifest["one/data"]["files"]) == ["pair/train-0.parquet", "pair/train-1.parquet"]
    assert not (raw / "README.md").exists()
    pairs, counts = source_of("nq", {"nq": spec}).build(raw, PAIRS)
    assert len(pairs) == counts["en"]["kept_train"] + counts["en"]["kept_dev"] == 40
    few = Table(hub="one/data", files="pair/train-*.parquet", language="en", rows=25)
    assert len(table.build("nq", few, raw, PAIRS)[0]) == 25

    for pattern, expected in {
        "test/*": "no file matches 'test/*'; correct `files:`; there are README.md, pair/train-0.parquet",
        "*": "not a table: 'README.md'",
    }.items():
        spec = Table(hub="one/data", files=pattern, language="en")
        with pytest.raises(UserError) as caught:
            table.fetch(spec, tmp_path / "none")
        assert expected in str(caught.value)
        assert "one/data at main" in caught.value.where
    assert not (tmp_path / "none").exists()
    with pytest.raises(UserError, match=r"no file matches 'x'; correct `files:`; there are pair/train-0"):
        table.build("nq", Table(hub="one/data", files="x", language="en"), raw, PAIRS)
    with pytest.raises(UserError, match="there are none"):
        table.build("nq", spec, tmp_path / "nowhere", PAIRS)


def test_mmarco_comes_from_the_hub_in_the_chosen_languages(hub: Hub, tmp_path: Path):
    from babelmix.corpus.sources import mmarco

    write_mmarco(tmp_path / "hub/datasets" / mmarco.REPO)
    settings = PAIRS.model_copy(update={"languages": ("de", "en", "ko")})
    assert source_of("mmarco", {}).fetch(tmp_path / "raw", settings) == mmarco.LICENCE
    assert len([file for file in (tmp_path / "raw").rglob("*.tsv")]) == 5
    assert set(source_of("mmarco", {}).build(tmp_path / "raw", settings)[1]) == {"de", "en"}
    with pytest.raises(UserError, match="no such file at revision"):
        mmarco.fetch(tmp_path / "other", PAIRS.model_copy(update={"languages": ("en", "zh")}))


def test_nothing_is_downloaded_for_a_table_of_ones_own(tmp_path: Path):
    settings: Any = SimpleNamespace(source={"mine": own("mine.jsonl")}, pairs=PAIRS)
    fetch_into("mine", tmp_path / "raw", settings)
    assert {file.name for file in (tmp_path / "raw").iterdir()} == {"manifest.json", MANIFEST}
    assert json.loads((tmp_path / "raw/manifest.json").read_text()) == {}
