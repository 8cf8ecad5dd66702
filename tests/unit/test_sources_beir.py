import csv
import json
import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from babelmix.benchmark import Passage, Qrel, Query, read_benchmark, write_benchmark
from babelmix.config import BEIR
from babelmix.errors import UserError
from babelmix.sources import beir

DOCUMENTS = [
    {"_id": "d2", "title": "Bread", "text": "Flour and water. ", "metadata": {"url": "x"}},
    {"_id": "d10", "title": "", "text": "Milk and salt."},
    {"_id": "d3", "text": "Milk and salt."},
    {"_id": "d4", "title": " ", "text": ""},
]
GERMAN = [{"_id": "d2", "title": "Brot", "text": "Mehl und Wasser."}, {"_id": "x", "title": "", "text": "Nur hier."}]
QUERIES = [
    {"_id": "q2", "text": "How is bread made?"},
    {"_id": "q1", "text": "And cheese?"},
    {"_id": "q0", "text": "?"},
]
QRELS = [("q2", "d2", "2"), ("q2", "d10", "0"), ("q1", "d10", "1"), ("q1", "d4", "1"), ("q0", "d3", "-1")]


def rows(lines: Iterable[Any]) -> str:
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)


def table(qrels: Iterable[tuple[str, ...]]) -> str:
    return "query-id\tcorpus-id\tscore\n" + "".join("\t".join(fields) + "\n" for fields in qrels)


def write(folder: Path, **changes: str | None) -> Path:
    """A small English dataset; `changes` replace a file (`corpus__de` is corpus.de.jsonl) or take it out."""
    files = {"corpus": rows(DOCUMENTS), "queries": rows(QUERIES), "test": table(QRELS)} | changes
    (folder / "qrels").mkdir(parents=True)
    for name, content in files.items():
        file = folder / (f"qrels/{name}.tsv" if name in ("test", "dev") else f"{name.replace('__', '.')}.jsonl")
        if content is not None:
            file.write_text(content, encoding="utf-8")
    return folder


def test_what_cannot_be_used_is_left_out_and_counted(tmp_path: Path):
    benchmark, counts = beir.build(write(tmp_path / "raw"), "food")
    assert benchmark.name == "food"
    assert benchmark.queries == (
        Query("en:q1", "q1", "en", "And cheese?"),
        Query("en:q2", "q2", "en", "How is bread made?"),
    )
    assert benchmark.passages == (
        Passage("en:d10", "en", "Milk and salt."),
        Passage("en:d2", "en", "Bread Flour and water."),
        Passage("en:d3", "en", "Milk and salt."),
    )
    assert benchmark.qrels == (Qrel("q1", "en:d10", 1), Qrel("q2", "en:d2", 2))
    assert counts == {
        "queries without gold": 1,
        "qrels scored below 1": 2,
        "empty documents": 1,
        "qrels of empty documents": 1,
        "duplicate documents": 1,
    }


def test_one_qrels_file_serves_every_language_that_has_the_document(tmp_path: Path):
    german_queries = rows([{"_id": "q2", "text": "Wie backt man Brot?"}])
    raw = write(tmp_path / "raw", corpus__de=rows(GERMAN), queries__de=german_queries)
    benchmark, counts = beir.build(raw, "food")
    assert [query.id for query in benchmark.queries] == ["de:q2", "en:q1", "en:q2"]
    assert benchmark.queries[0] == Query("de:q2", "q2", "de", "Wie backt man Brot?")
    assert [passage.id for passage in benchmark.passages] == ["de:d2", "de:x", "en:d10", "en:d2", "en:d3"]
    assert benchmark.qrels == (Qrel("q1", "en:d10", 1), Qrel("q2", "de:d2", 2), Qrel("q2", "en:d2", 2))
    assert counts["queries without gold"] == 1
    write_benchmark(tmp_path / "food", benchmark)
    assert read_benchmark(tmp_path / "food") == benchmark


def test_a_dataset_needs_no_english(tmp_path: Path):
    swahili, yoruba = rows([{"_id": "q2", "text": "Mkate?"}]), rows([{"_id": "q1", "text": "Búrẹ́dì?"}])
    raw = write(
        tmp_path / "raw", corpus=None, queries=None, corpus__de=rows(GERMAN), queries__sw=swahili, queries__yo=yoruba,
        test=table([("q2", "x", "1"), ("q1", "d2", "1")]),
    )  # fmt: skip
    benchmark, _ = beir.build(raw, "food")
    assert [query.id for query in benchmark.queries] == ["sw:q2", "yo:q1"]
    assert benchmark.languages == ("de",)
    assert benchmark.qrels == (Qrel("q1", "de:d2", 1), Qrel("q2", "de:x", 1))


def test_an_empty_translation_takes_only_its_own_qrel_with_it(tmp_path: Path):
    raw = write(tmp_path / "raw", corpus__de=rows([{"_id": "d2", "title": "", "text": "\n"}]))
    benchmark, counts = beir.build(raw, "food")
    assert benchmark.qrels == (Qrel("q1", "en:d10", 1), Qrel("q2", "en:d2", 2))
    assert (counts["empty documents"], counts["qrels of empty documents"]) == (2, 2)


def test_the_header_is_optional_and_windows_lines_are_read(tmp_path: Path):
    plain = beir.build(write(tmp_path / "a"), "food")
    assert beir.build(write(tmp_path / "b", test=table(QRELS).split("\n", 1)[1]), "food") == plain
    windows = write(tmp_path / "c")
    for file in (windows / "qrels" / "test.tsv", windows / "corpus.jsonl"):
        file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    assert beir.build(windows, "food") == plain


def test_the_order_of_lines_does_not_matter(tmp_path: Path):
    raw = write(
        tmp_path / "b", corpus=rows(DOCUMENTS[::-1]), queries=rows(QUERIES[::-1]), test=table(QRELS[::-1])
    )  # fmt: skip
    assert beir.build(raw, "food") == beir.build(write(tmp_path / "a"), "food")


def test_another_split_is_read_from_its_own_file(tmp_path: Path):
    raw = write(tmp_path / "raw", dev=table([("q0", "d3", "1")]))
    benchmark, counts = beir.build(raw, "food", split="dev")
    assert [query.question for query in benchmark.queries] == ["q0"]
    assert counts["queries without gold"] == 2
    with pytest.raises(UserError, match=r"unknown split 'tests'; did you mean 'test'\? valid: dev, test"):
        beir.build(raw, "food", split="tests")


def replaced(lines: list[Any], number: int, line: Any) -> list[Any]:
    return [*lines[:number], line, *lines[number + 1 :]]


def qrel(*fields: str) -> str:
    return table(replaced(QRELS, 2, fields))


@pytest.mark.parametrize(
    ("changes", "where", "what"),
    [
        ({"corpus": None}, "raw", "no file of the corpus here"),
        ({"queries": None}, "raw", "no file of the queries here"),
        ({"test": None}, "qrels/test.tsv", "no qrels here"),
        ({"corpus__dee": ""}, "corpus.dee.jsonl, file name", "unknown language code 'dee'"),
        ({"queries__xx": ""}, "queries.xx.jsonl, file name", "unknown language code 'xx'"),
        ({"corpus__en": ""}, "corpus.en.jsonl", "a second English file"),
        ({"corpus": rows(DOCUMENTS)[:-9]}, "corpus.jsonl, line 4", "not a line of JSON"),
        ({"corpus": "[" * 100_000}, "corpus.jsonl, line 1", "not a line of JSON"),
        ({"corpus": rows([*DOCUMENTS, []])}, "corpus.jsonl, line 5", "not a JSON object"),
        ({"corpus": rows(replaced(DOCUMENTS, 1, {"text": "a"}))}, "line 2, _id", "missing"),
        ({"corpus": rows(replaced(DOCUMENTS, 1, {"_id": 10, "text": "a"}))}, "line 2, _id", "not a text"),
        ({"corpus": rows(replaced(DOCUMENTS, 1, {"_id": " ", "text": "a"}))}, "line 2, _id", "blank id"),
        ({"corpus": rows(replaced(DOCUMENTS, 1, {"_id": "d10", "title": "a"}))}, "line 2, text", "missing"),
        ({"corpus": rows(replaced(DOCUMENTS, 1, {"_id": "d10", "title": 3, "text": ""}))}, "line 2, title", "not a"),
        ({"corpus": '{"_id": "a", "text": "\\ud83d"}\n'}, "corpus.jsonl, line 1, text", "half a character"),
        ({"corpus": rows([*DOCUMENTS, DOCUMENTS[1]])}, "corpus.jsonl, line 5, _id", "duplicate id 'd10'"),
        ({"queries": rows([*QUERIES, QUERIES[0]])}, "queries.jsonl, line 4, _id", "duplicate id 'q2'"),
        ({"queries": rows(replaced(QUERIES, 2, {"_id": "q0"}))}, "queries.jsonl, line 3, text", "missing"),
        ({"queries": rows(replaced(QUERIES, 2, {"_id": "q0", "text": "\t"}))}, "line 3, text", "blank query"),
        ({"queries__de": rows([{"_id": "q7", "text": "Wie?"}])}, "queries.de.jsonl, line 1, _id", "unknown query 'q7'"),
        ({"test": qrel("q7", "d2", "1")}, "test.tsv, line 4, query-id", "unknown query 'q7'"),
        ({"test": qrel("q7", "d2", "0")}, "test.tsv, line 4, query-id", "unknown query 'q7'"),
        ({"test": qrel("q1", "d7", "1")}, "test.tsv, line 4, corpus-id", "unknown document 'd7'"),
        ({"test": qrel("q2", "d10", "1")}, "test.tsv, line 4", "duplicate qrel of 'q2' and 'd10'"),
        ({"test": qrel("q1", "d10", "1.5")}, "test.tsv, line 4, score", "not a whole number: '1.5'"),
        ({"test": qrel("q1", "d10", "1_0")}, "test.tsv, line 4, score", "not a whole number"),
        ({"test": qrel("q1", "d10", "")}, "test.tsv, line 4, score", "not a whole number"),
        ({"test": qrel("q1", "d10", "9" * 5000)}, "test.tsv, line 4, score", "not a whole number"),
        ({"test": qrel("q1", "d10")}, "test.tsv, line 4", "2 fields, not 3"),
        ({"test": table(QRELS) + "\n"}, "test.tsv, line 7", "1 fields, not 3"),
        ({"test": "qid\tdid\tscore\n" + table(QRELS)}, "test.tsv, line 1, query-id", "unknown query 'qid'"),
        ({"test": table([])}, "qrels/test.tsv", "no query has an answer"),
        ({"test": table([("q1", "d10", "0"), ("q2", "d4", "1")])}, "qrels/test.tsv", "no query has an answer"),
    ],
)
def test_a_fault_is_told_with_its_place(tmp_path: Path, changes: dict[str, str | None], where: str, what: str):
    raw = write(tmp_path / "raw", **changes)
    with pytest.raises(UserError) as caught:
        beir.build(raw, "food")
    assert caught.value.where.startswith(str(raw))
    assert caught.value.where.endswith(where)
    assert what in caught.value.what


@pytest.mark.parametrize("name", ["corpus.jsonl", "queries.jsonl", "qrels/test.tsv"])
def test_a_file_that_is_not_utf8_is_told(tmp_path: Path, name: str):
    raw = write(tmp_path / "raw")
    (raw / name).write_bytes((raw / name).read_bytes() + b"\xff")
    with pytest.raises(UserError, match="not UTF-8 text") as caught:
        beir.build(raw, "food")
    assert caught.value.where == str(raw / name)


def test_an_unknown_dataset_is_refused_before_anything_is_downloaded(tmp_path: Path):
    with pytest.raises(UserError, match=r"unknown BEIR dataset 'nf-corpus'; did you mean 'nfcorpus'"):
        beir.fetch("nf-corpus", tmp_path / "raw")
    assert list(tmp_path.iterdir()) == []


def test_every_dataset_of_the_settings_has_its_checksum():
    assert set(beir.DATASETS) == set(BEIR)


@pytest.fixture(scope="module")
def nfcorpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not os.environ.get("BABELMIX_MIRROR"):
        pytest.skip("BABELMIX_MIRROR is not set: the published files are not at hand")
    folder = tmp_path_factory.mktemp("raw") / "nfcorpus"
    beir.fetch("nfcorpus", folder)
    return folder


def test_nfcorpus_has_its_published_counts_within_seconds(nfcorpus: Path, tmp_path: Path):
    names = sorted(str(path.relative_to(nfcorpus)) for path in nfcorpus.rglob("*.*"))
    assert names == ["corpus.jsonl", "qrels/dev.tsv", "qrels/test.tsv", "qrels/train.tsv", "queries.jsonl"]
    start = time.process_time()
    benchmark, counts = beir.build(nfcorpus, "nfcorpus")
    assert time.process_time() - start < 5
    assert len(benchmark.queries) == 323
    assert len(benchmark.passages) == 3_633
    assert len(benchmark.qrels) == 12_334
    assert counts == {
        "queries without gold": 2_914,
        "qrels scored below 1": 0,
        "empty documents": 0,
        "qrels of empty documents": 0,
        "duplicate documents": 40,
    }
    write_benchmark(tmp_path / "nfcorpus", benchmark)
    assert read_benchmark(tmp_path / "nfcorpus") == benchmark


def test_nfcorpus_agrees_with_a_plain_reading_of_its_files(nfcorpus: Path):
    benchmark, _ = beir.build(nfcorpus, "nfcorpus")
    plain: dict[str, dict[str, Any]] = {}
    for name in ("corpus", "queries"):
        lines = (nfcorpus / f"{name}.jsonl").read_bytes().split(b"\n")[:-1]
        plain[name] = {row["_id"]: row for row in map(json.loads, lines)}
    with (nfcorpus / "qrels" / "test.tsv").open(newline="", encoding="utf-8") as stream:
        judged = {
            (row["query-id"], row["corpus-id"]): int(row["score"]) for row in csv.DictReader(stream, delimiter="\t")
        }
    assert {(qrel.question, qrel.passage): qrel.grade for qrel in benchmark.qrels} == {
        (question, f"en:{document}"): score for (question, document), score in judged.items()
    }
    assert {passage.id: passage.text for passage in benchmark.passages} == {
        f"en:{key}": (row["title"] + " " + row["text"]).strip() for key, row in plain["corpus"].items()
    }
    assert {query.id: query.text for query in benchmark.queries} == {
        f"en:{key}": plain["queries"][key]["text"] for key in {question for question, _ in judged}
    }
