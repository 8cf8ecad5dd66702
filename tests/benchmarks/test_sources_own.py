"""babelmix's own form as people write it: in any order, and with what cannot be used."""

import gzip
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from built import build_folder

from babelmix.benchmarks.benchmark import About, Itself, Lost, OwnId, Passage, Qrel, Query
from babelmix.benchmarks.files import is_built, read_about, read_benchmark
from babelmix.benchmarks.sources import own
from babelmix.common.errors import UserError

QUERIES: list[dict[str, Any]] = [
    {"id": "en:2", "parallel_id": "2", "lang": "en", "text": "How long does sourdough need?"},
    {"id": "de:1", "parallel_id": "1", "lang": "de", "text": "Welches Brot hält lange?"},
    {"id": "en:1", "parallel_id": "1", "lang": "en", "text": "Which bread keeps?"},
]
PASSAGES: list[dict[str, Any]] = [
    {
        "id": "en:b",
        "lang": "en",
        "text": "Sourdough needs a whole night.",
        "context": "Bread. Sourdough needs a night.",
    },
    {"id": "en:a", "lang": "en", "text": "Rye keeps longer than wheat."},
    {"id": "de:a", "lang": "de", "text": "Roggenbrot hält länger."},
]
QRELS: list[dict[str, Any]] = [
    {"parallel_id": "2", "passage": "en:b"},
    {"parallel_id": "1", "passage": "en:a", "relevance": 2},
    {"parallel_id": "1", "passage": "de:a", "relevance": 1},
]


def write(folder: Path, **changes: Iterable[Any] | str | bytes) -> Path:
    """A small benchmark in the own form; `changes` replace the rows or the whole of a file."""
    folder.mkdir()
    for name, rows in ({"queries": QUERIES, "passages": PASSAGES, "qrels": QRELS} | changes).items():
        content = rows if isinstance(rows, str | bytes) else "".join(json.dumps(row) + "\n" for row in rows)
        (folder / f"{name}.jsonl").write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def nonzero(counts: dict[str, int]) -> dict[str, int]:
    return {reason: number for reason, number in counts.items() if number}


def test_rows_may_stand_in_any_order(tmp_path: Path) -> None:
    benchmark, counts = own.build(write(tmp_path / "mine"), "mine")
    assert nonzero(counts) == {}
    assert benchmark.queries == tuple(Query(**row) for row in sorted(QUERIES, key=lambda row: row["id"]))
    assert benchmark.passages == tuple(Passage(**row) for row in sorted(PASSAGES, key=lambda row: row["id"]))
    assert benchmark.qrels == (Qrel("1", "de:a", 1), Qrel("1", "en:a", 2), Qrel("2", "en:b", 1))
    assert benchmark.own_passages == tuple(OwnId(name, name, name[:2]) for name in ("en:b", "en:a", "de:a"))
    assert benchmark.own_queries == tuple(OwnId(name, name, name[:2]) for name in ("en:2", "de:1", "en:1"))


@pytest.mark.parametrize(
    "change",
    [
        lambda text: "\ufeff" + text,
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("\n", "\n \n"),
        lambda text: text.replace("\n", " "),
        lambda text: json.dumps(list(map(json.loads, text.splitlines()))),
        lambda text: json.dumps(list(map(json.loads, text.splitlines())), indent=2),
        lambda text: text.encode("utf-16"),
        lambda text: gzip.compress(text.encode(), mtime=0),
        lambda text: text.replace('"parallel_id": "1"', '"parallel_id": 1').replace(
            '"parallel_id": "2"', '"parallel_id": 2.0'
        ),
        lambda text: text.replace('"relevance": 2', '"relevance": "2.0"').replace(
            '"relevance": 1', '"relevance": null'
        ),
        lambda text: text.replace('"relevance": 2', '"relevance": 2.0'),
        lambda text: text + text.splitlines()[0] + "\n",
    ],
)
def test_every_way_to_write_the_files_gives_the_same_benchmark(tmp_path: Path, change: Any) -> None:
    plain = write(tmp_path / "plain")
    files = {file.stem: change(file.read_text()) for file in plain.iterdir()}
    expected, _ = own.build(plain, "mine")
    found, _ = own.build(write(tmp_path / "loose", **files), "mine")
    assert (found.queries, found.passages, found.qrels) == (expected.queries, expected.passages, expected.qrels)


def test_packed_files_are_found_under_their_own_name(tmp_path: Path) -> None:
    folder = write(tmp_path / "mine")
    expected = own.build(folder, "mine")
    for file in list(folder.iterdir()):
        file.with_name(f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes(), mtime=0))
        file.unlink()
    assert own.build(folder, "mine") == expected
    assert build_folder(folder, tmp_path / "built") == expected[1]


def test_what_cannot_be_used_is_counted(tmp_path: Path) -> None:
    folder = write(
        tmp_path / "mine",
        queries=[
            *QUERIES,
            {"id": "en:3", "parallel_id": "3", "lang": "en", "text": "Nobody judged this."},
            {"id": "en:4", "parallel_id": "4", "lang": "en", "text": "Nothing answers this."},
            {"id": "en:5", "parallel_id": "5", "lang": "en", "text": None},
            QUERIES[0],
        ],
        passages=[*PASSAGES, {"id": "en:c", "lang": "en", "text": " "}, {"id": "en:d", "lang": "en", "text": "Rye?"}],
        qrels=[
            *QRELS,
            QRELS[1],
            {"parallel_id": "1", "passage": "en:a", "relevance": 3},
            {"parallel_id": "4", "passage": "en:a", "relevance": 0},
            {"parallel_id": "4", "passage": "en:b", "relevance": -1},
            {"parallel_id": "2", "passage": "en:c", "relevance": 1},
            {"parallel_id": "2", "passage": "de:lost", "relevance": 2},
            {"parallel_id": "2", "passage": "lost", "relevance": 1},
            {"parallel_id": "5", "passage": "en:a"},
            {"parallel_id": "6", "passage": "en:a"},
        ],
    )
    benchmark, counts = own.build(folder, "mine")
    assert nonzero(counts) == {
        "queries without judgements": 1,
        "queries without a relevant document": 1,
        "queries without text": 1,
        "queries known to judgements alone": 1,
        "repeated queries": 1,
        "documents without text": 1,
        "repeated judgements": 1,
        "judgements of one pair with two scores": 1,
        "judgements of queries without text": 2,
        "judgements below 1": 2,
        "judgements of documents without text": 1,
        "judgements of documents that are not in the corpus": 2,
    }
    assert benchmark.lost == (Lost("2", "de", 1), Lost("2", "de", 2), Lost("2", "en", 1), Lost("2", "en", 1))
    assert Qrel("1", "en:a", 3) in benchmark.qrels
    assert {query.parallel_id for query in benchmark.queries} == {"1", "2"}
    left_out = build_folder(folder, tmp_path / "built")
    assert left_out == counts
    assert read_about(tmp_path / "built") == About("own", None, nonzero(counts))
    assert is_built(tmp_path / "built") and not is_built(folder)
    built = read_benchmark(tmp_path / "built")
    assert (built.queries, built.passages, built.lost) == (benchmark.queries, benchmark.passages, benchmark.lost)


@pytest.mark.parametrize("name", ["2", "en:2"])
def test_a_passage_with_the_id_and_text_of_a_query_is_that_query(tmp_path: Path, name: str) -> None:
    passages = [*PASSAGES, {"id": name, "lang": "en", "text": "How long  does sourdough need? "}]
    folder = write(tmp_path / "mine", passages=passages, qrels=[*QRELS, {"parallel_id": "2", "passage": name}])
    benchmark, counts = own.build(folder, "mine")
    assert benchmark.itself == (Itself("2", name),)
    assert Qrel("2", name) not in benchmark.qrels
    assert nonzero(counts) == {"qrels of a query to itself": 1, "passages that are their own query": 1}


@pytest.mark.parametrize(
    ("name", "row", "where", "what"),
    [
        ("queries", QUERIES[0] | {"lable": 1}, "line 4", "unknown field 'lable'"),
        ("queries", QUERIES[0] | {"lang": "xx"}, "line 4, lang", "unknown language code 'xx'"),
        ("queries", QUERIES[0] | {"lang": 7}, "line 4, lang", "not a text: 7"),
        ("queries", QUERIES[0] | {"text": "Another?"}, "line 4", "duplicate id 'en:2' with another text"),
        ("queries", QUERIES[0] | {"parallel_id": None}, "line 4, parallel_id", "missing"),
        ("queries", QUERIES[0] | {"parallel_id": float("nan")}, "line 4, parallel_id", "not an id: NaN"),
        ("queries", {"id": "x", "parallel_id": "x", "lang": "en"}, "line 4, text", "missing; the fields are"),
        ("passages", PASSAGES[0] | {"context": 7}, "line 4, context", "not a text: 7"),
        ("passages", PASSAGES[0] | {"text": "\ud83d"}, "line 4, text, character 1", "half a character"),
        ("passages", PASSAGES[0] | {"text": "a\x07"}, "line 4, text, character 2", "a control character"),
        ("passages", PASSAGES[0] | {"id": "a\nb"}, "line 4, id, character 2", "a tab or a line end"),
        ("qrels", QRELS[0] | {"relevance": 0.5}, "line 4, relevance", "not a whole number: 0.5"),
        ("qrels", QRELS[0] | {"relevance": float("inf")}, "line 4, relevance", "not a whole number: Infinity"),
        ("qrels", QRELS[0] | {"relevance": True}, "line 4, relevance", "not a whole number: true"),
        ("qrels", QRELS[0] | {"passage": []}, "line 4, passage", "not a text: a list"),
    ],
)
def test_a_fault_is_told_with_file_line_and_field(
    tmp_path: Path, name: str, row: dict[str, Any], where: str, what: str
) -> None:
    rows = {"queries": QUERIES, "passages": PASSAGES, "qrels": QRELS}[name]
    folder = write(tmp_path / "mine", **{name: [*rows, row]})
    with pytest.raises(UserError) as found:
        own.build(folder, "mine")
    assert found.value.where == f"{folder / name}.jsonl, {where}"
    assert found.value.what.startswith(what)


def test_a_file_in_latin_1_is_told_with_its_line(tmp_path: Path) -> None:
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in QUERIES)
    folder = write(tmp_path / "mine", queries=text.encode("latin-1"))
    with pytest.raises(UserError, match=r"queries.jsonl, line 2: not UTF-8 text \(byte 0xe4; it may be in Latin-1"):
        own.build(folder, "mine")


def test_a_form_that_is_not_known_and_a_split_that_is_not_there_are_told(tmp_path: Path) -> None:
    folder = write(tmp_path / "mine")
    with pytest.raises(UserError, match="only a folder in BEIR form has splits; ask for no"):
        build_folder(folder, tmp_path / "built", split="dev")
    assert not (tmp_path / "built").exists()
    with pytest.raises(UserError, match="no such file or folder"):
        build_folder(tmp_path / "none", tmp_path / "built")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="no benchmark in a known form"):
        build_folder(tmp_path / "empty", tmp_path / "built")


def test_fields_of_the_last_release_are_read(tmp_path: Path) -> None:
    expected = own.build(write(tmp_path / "new"), "mine")
    folder = write(tmp_path / "old")
    for file in folder.iterdir():
        text = file.read_text(encoding="utf-8").replace('"parallel_id"', '"question"').replace('"relevance"', '"grade"')
        file.write_text(text, encoding="utf-8")
    assert own.build(folder, "mine") == expected
