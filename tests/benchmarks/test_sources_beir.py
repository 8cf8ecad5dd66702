import csv
import json
import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any
from unicodedata import normalize

import pytest

from babelmix.benchmarks.benchmark import Itself, Lost, OwnId, Passage, Qrel, Query
from babelmix.benchmarks.files import read_benchmark, write_benchmark
from babelmix.benchmarks.sources import beir, beir_tasks
from babelmix.common.errors import UserError

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


def nonzero(counts: dict[str, int]) -> dict[str, int]:
    return {reason: number for reason, number in counts.items() if number}


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
    assert nonzero(counts) == {
        "queries without a relevant document": 1,
        "judgements below 1": 2,
        "documents without text": 1,
        "judgements of documents without text": 1,
        "documents with the text of another": 1,
    }
    assert benchmark.lost == (Lost("q1", "en", 1),)
    assert benchmark.own_passages == (
        OwnId("d2", "en:d2", "en"),
        OwnId("d10", "en:d10", "en"),
        OwnId("d3", "en:d3", "en"),
        OwnId("d4", "", "en"),
    )
    assert benchmark.own_queries == (
        OwnId("q2", "en:q2", "en"),
        OwnId("q1", "en:q1", "en"),
        OwnId("q0", "", "en"),
    )


def test_one_qrels_file_serves_every_language_that_has_the_document(tmp_path: Path):
    german_queries = rows([{"_id": "q2", "text": "Wie backt man Brot?"}])
    raw = write(tmp_path / "raw", corpus__de=rows(GERMAN), queries__de=german_queries)
    benchmark, counts = beir.build(raw, "food")
    assert [query.id for query in benchmark.queries] == ["de:q2", "en:q1", "en:q2"]
    assert benchmark.queries[0] == Query("de:q2", "q2", "de", "Wie backt man Brot?")
    assert [passage.id for passage in benchmark.passages] == ["de:d2", "de:x", "en:d10", "en:d2", "en:d3"]
    assert benchmark.qrels == (Qrel("q1", "en:d10", 1), Qrel("q2", "de:d2", 2), Qrel("q2", "en:d2", 2))
    assert [(row.own, row.lang) for row in benchmark.own_passages] == [
        *(("d2", "en"), ("d10", "en"), ("d3", "en"), ("d4", "en")),
        *(("d2", "de"), ("x", "de")),
    ]
    assert counts["queries without a relevant document"] == 1
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


def test_an_empty_translation_is_lost_in_its_own_language_alone(tmp_path: Path):
    german = rows([{"_id": "d2", "title": "", "text": "\n"}, {"_id": "d3", "text": "Milch und Salz."}])
    benchmark, counts = beir.build(write(tmp_path / "raw", corpus__de=german), "food")
    assert benchmark.qrels == (Qrel("q1", "en:d10", 1), Qrel("q2", "en:d2", 2))
    assert benchmark.lost == (Lost("q1", "en", 1), Lost("q2", "de", 2))
    assert (counts["documents without text"], counts["judgements of documents without text"]) == (2, 2)


def test_a_relevant_document_in_no_corpus_is_missed_in_every_language_that_has_a_text(tmp_path: Path):
    raw = write(
        tmp_path / "raw",
        corpus__de=rows(GERMAN),
        corpus__fr=rows([{"_id": "d2", "title": None, "text": None}]),
        test=table([*QRELS, ("q2", "d9", "3"), ("q0", "d8", "1")]),
    )
    benchmark, counts = beir.build(raw, "food")
    assert benchmark.lost == (
        *(Lost("q0", "de", 1), Lost("q0", "en", 1), Lost("q1", "en", 1)),
        *(Lost("q2", "de", 3), Lost("q2", "en", 3)),
    )
    assert [query.id for query in benchmark.queries] == ["en:q0", "en:q1", "en:q2"]
    assert counts["judgements of documents that are not in the corpus"] == 2
    write_benchmark(tmp_path / "food", benchmark)
    assert read_benchmark(tmp_path / "food") == benchmark


@pytest.mark.parametrize(
    ("document", "equal"),
    [
        ({"text": "How is bread made?"}, True),
        ({"title": None, "text": " How is\nbread  made? "}, True),
        ({"title": "How is", "text": "bread made?"}, True),
        ({"title": "Bread", "text": "How is bread made?"}, True),
        ({"title": "How is bread made?", "text": None}, True),
        ({"text": "how is bread made?"}, False),
        ({"text": "How is bread made"}, False),
    ],
)
def test_a_query_is_a_document_where_id_and_text_are_equal(tmp_path: Path, document: dict[str, Any], equal: bool):
    raw = write(
        tmp_path / "raw",
        corpus=rows([*DOCUMENTS, {"_id": "q2"} | document]),
        corpus__de=rows([*GERMAN, {"_id": "q2", "text": "Wie backt man Brot?"}]),
        test=table([*QRELS, ("q2", "q2", "1")]),
    )
    benchmark, counts = beir.build(raw, "food")
    themselves = (Itself("q2", "de:q2"), Itself("q2", "en:q2"))
    assert benchmark.itself == (themselves if equal else ())
    assert counts["passages that are their own query"] == len(benchmark.itself)
    assert counts["qrels of a query to itself"] == equal
    assert (Qrel("q2", "en:q2", 1) in benchmark.qrels) is not equal


def test_accents_written_in_two_ways_are_one_text_and_one_id(tmp_path: Path):
    raw = write(
        tmp_path / "raw",
        corpus=rows([{"_id": "cafe\u0301", "title": "Cafe\u0301", "text": "Ouvert."}]),
        queries=rows([{"_id": "q2", "text": "Un cafe\u0301 ?"}]),
        test=table([("q2", "caf\u00e9", "1")]),
    )
    benchmark, _ = beir.build(raw, "food")
    assert benchmark.passages == (Passage("en:caf\u00e9", "en", "Caf\u00e9 Ouvert."),)
    assert benchmark.queries == (Query("en:q2", "q2", "en", "Un caf\u00e9 ?"),)


def test_the_header_is_optional_and_windows_lines_are_read(tmp_path: Path):
    plain = beir.build(write(tmp_path / "a"), "food")
    assert beir.build(write(tmp_path / "b", test=table(QRELS).split("\n", 1)[1]), "food") == plain
    windows = write(tmp_path / "c")
    for file in (windows / "qrels" / "test.tsv", windows / "corpus.jsonl"):
        file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    assert beir.build(windows, "food") == plain


def test_the_order_of_lines_matters_to_vectors_alone(tmp_path: Path):
    raw = write(
        tmp_path / "b", corpus=rows(DOCUMENTS[::-1]), queries=rows(QUERIES[::-1]), test=table(QRELS[::-1])
    )  # fmt: skip
    turned, counts = beir.build(raw, "food")
    benchmark, same = beir.build(write(tmp_path / "a"), "food")
    assert (turned.own_passages, turned.own_queries) == (benchmark.own_passages[::-1], benchmark.own_queries[::-1])
    assert replace(turned, own_passages=(), own_queries=()) == replace(benchmark, own_passages=(), own_queries=())
    assert counts == same


def test_another_split_is_read_from_its_own_file(tmp_path: Path):
    raw = write(tmp_path / "raw", dev=table([("q0", "d3", "1")]))
    benchmark, counts = beir.build(raw, "food", split="dev")
    assert [query.parallel_id for query in benchmark.queries] == ["q0"]
    assert counts["queries without judgements"] == 2
    assert beir.build(raw, "food") == beir.build(raw, "food", split="test")
    with pytest.raises(UserError, match=r"unknown split 'tests'; did you mean 'test'\? valid: dev, test"):
        beir.build(raw, "food", split="tests")


@pytest.mark.parametrize(
    ("names", "split", "chosen"),
    [
        (["qrels/dev.tsv"], None, "dev"),
        (["qrels/dev.tsv"], "dev", "dev"),
        (["qrels/dev.tsv", "qrels/test.tsv"], None, "test"),
        (["qrels/dev.tsv", "qrels/train.tsv", "qrels/test.tsv.gz"], "train", "train"),
        (["qrels/validation.jsonl"], None, "validation"),
        (["qrels.tsv"], None, "qrels"),
        (["qrels.tsv"], "qrels", "qrels"),
        (["qrels.dev.tsv", "qrels_test.tsv"], None, "test"),
        (["qrels.txt"], None, "qrels"),
        (["qrels/dev.tsv", "qrels/README.txt"], None, "dev"),
        (["qrels/dev.txt"], None, "dev"),
    ],
)
def test_without_a_split_it_is_test_or_the_only_one(tmp_path: Path, names: list[str], split: str | None, chosen: str):
    (tmp_path / "qrels").mkdir()
    for name in names:
        (tmp_path / name).touch()
    found, file = beir.find_qrels(tmp_path, split)
    assert found == chosen
    assert file in [tmp_path / name for name in names]


def test_of_several_splits_none_is_guessed(tmp_path: Path):
    raw = write(tmp_path / "raw", test=None, dev=table(QRELS))
    (raw / "qrels" / "train.tsv").touch()
    with pytest.raises(UserError, match="2 splits, and none is `test`; choose one of them with --split: dev, train"):
        beir.build(raw, "food")
    with pytest.raises(UserError, match=r"unknown split 'test'; .*valid: dev, train"):
        beir.build(raw, "food", split="test")


def test_of_one_split_in_two_forms_the_table_is_read(tmp_path: Path):
    raw = write(tmp_path / "raw")
    (raw / "qrels" / "test.jsonl").write_text("broken")
    assert beir.find_qrels(raw, None) == ("test", raw / "qrels" / "test.tsv")


@pytest.mark.parametrize("name", ["id", "doc_id", "docid"])
def test_other_names_of_ids_and_queries_are_known(tmp_path: Path, name: str):
    names = {"doc_id": "query_id", "docid": "qid"}
    raw = write(
        tmp_path / "raw",
        corpus=rows([{name: row["_id"], **{k: v for k, v in row.items() if k != "_id"}} for row in DOCUMENTS]),
        queries=rows([{names.get(name, name): row["_id"], "query": row["text"]} for row in QUERIES]),
    )
    assert beir.build(raw, "food") == beir.build(write(tmp_path / "plain"), "food")


def test_repeated_rows_are_kept_once_and_counted(tmp_path: Path):
    raw = write(
        tmp_path / "raw",
        corpus=rows([*DOCUMENTS, DOCUMENTS[1]]),
        queries=rows([QUERIES[0], *QUERIES]),
        test=table([*QRELS, QRELS[0], ("q1", "d10", "3"), ("q1", "d10", "2")]),
    )
    benchmark, counts = beir.build(raw, "food")
    assert [passage.id for passage in benchmark.passages] == ["en:d10", "en:d2", "en:d3"]
    assert benchmark.own_passages[-1] == OwnId("d10", "", "en")
    assert benchmark.qrels == (Qrel("q1", "en:d10", 3), Qrel("q2", "en:d2", 2))
    assert nonzero(counts).items() >= {
        ("repeated documents", 1),
        ("repeated queries", 1),
        ("repeated judgements", 1),
        ("judgements of one pair with two scores", 2),
    }


def test_queries_that_cannot_be_asked_are_counted(tmp_path: Path):
    raw = write(
        tmp_path / "raw",
        queries=rows([*QUERIES, {"_id": "q3", "text": None}, {"_id": "q4", "text": " "}, {"_id": "t", "text": "?"}]),
        test=table([*QRELS, ("q3", "d2", "1"), ("q8", "d2", "1"), ("q8", "d3", "1")]),
    )
    benchmark, counts = beir.build(raw, "food")
    assert [query.parallel_id for query in benchmark.queries] == ["q1", "q2"]
    assert nonzero(counts).items() >= {
        ("queries without judgements", 1),
        ("queries without a relevant document", 1),
        ("queries without text", 2),
        ("queries known to judgements alone", 1),
        ("judgements of queries without text", 3),
    }


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
        ({"corpus": rows(DOCUMENTS)[:-9]}, "corpus.jsonl, line 4, column 29", "not valid JSON"),
        ({"corpus": "[" * 100_000}, "corpus.jsonl, line 1", "JSON that is nested too deep"),
        ({"corpus": rows([*DOCUMENTS, 7])}, "corpus.jsonl, line 5", "not a JSON object"),
        ({"corpus": rows(replaced(DOCUMENTS, 1, {"text": "a"}))}, "line 2, _id", "missing; the fields are 'text'"),
        ({"corpus": rows(replaced(DOCUMENTS, 1, {"_id": 1.5, "text": "a"}))}, "line 2, _id", "not an id: 1.5"),
        ({"corpus": rows(replaced(DOCUMENTS, 1, {"_id": True, "text": "a"}))}, "line 2, _id", "not a text: true"),
        ({"corpus": rows(replaced(DOCUMENTS, 1, {"_id": " ", "text": "a"}))}, "line 2, _id", "blank id"),
        ({"corpus": rows(replaced(DOCUMENTS, 1, {"_id": "a\tb", "text": "a"}))}, "_id, character 2", "a tab"),
        ({"corpus": rows(replaced(DOCUMENTS, 1, {"_id": "x" * 200_000, "text": "a"}))}, "_id", "an id of 200,000"),
        ({"corpus": rows(replaced(DOCUMENTS, 1, {"_id": "d10", "title": "a"}))}, "line 2, text", "missing"),
        ({"corpus": rows(replaced(DOCUMENTS, 1, {"_id": "d10", "title": 3, "text": ""}))}, "line 2, title", "not a"),
        ({"corpus": '{"_id": "a", "text": NaN}\n'}, "corpus.jsonl, line 1, text", "not a text: NaN"),
        ({"corpus": '{"_id": NaN, "text": "a"}\n'}, "corpus.jsonl, line 1, _id", "not an id: NaN"),
        ({"corpus": '{"_id": "a", "text": "\\ud83d"}\n'}, "line 1, text, character 1", "half a character"),
        ({"corpus": '{"_id": "a", "text": "x\\u0000"}\n'}, "line 1, text, character 2", "a control character"),
        ({"corpus": rows([*DOCUMENTS, DOCUMENTS[1] | {"text": "b"}])}, "corpus.jsonl, line 5", "duplicate id 'd10'"),
        ({"queries": rows([*QUERIES, QUERIES[0] | {"text": "?"}])}, "queries.jsonl, line 4", "duplicate id 'q2'"),
        ({"queries": rows(replaced(QUERIES, 2, {"_id": "q0"}))}, "line 3, text", "missing; the fields are '_id'"),
        ({"test": qrel("q1", "d10", "1.5")}, "test.tsv, line 4, score", "not a whole number: '1.5'"),
        ({"test": qrel("q1", "d10", "")}, "test.tsv, line 4", "2 fields, not 3"),
        ({"test": table([])}, "qrels/test.tsv", "no query has an answer (3 queries without judgements"),
        (
            {"test": table([("q1", "d10", "0"), ("q2", "d4", "1"), ("q0", "d8", "1")])},
            "qrels/test.tsv",
            "1 judgements below 1, 1 judgements of documents without text, 1 judgements of documents that are not in",
        ),
    ],
)
def test_a_fault_is_told_with_its_place(tmp_path: Path, changes: dict[str, str | None], where: str, what: str):
    raw = write(tmp_path / "raw", **changes)
    with pytest.raises(UserError) as caught:
        beir.build(raw, "food")
    assert caught.value.where.startswith(str(raw))
    assert caught.value.where.endswith(where)
    assert what in caught.value.what
    assert len(str(caught.value).removeprefix(str(raw))) < 500


def test_the_first_of_two_equal_ids_is_told(tmp_path: Path):
    raw = write(tmp_path / "raw", corpus=rows([*DOCUMENTS, {"_id": "d10", "text": "Other."}]))
    with pytest.raises(UserError, match="line 2 has it already: keep one of them"):
        beir.build(raw, "food")


@pytest.mark.parametrize("name", ["corpus.jsonl", "queries.jsonl", "qrels/test.tsv"])
def test_a_file_that_is_not_utf8_is_told(tmp_path: Path, name: str):
    raw = write(tmp_path / "raw")
    (raw / name).write_bytes((raw / name).read_bytes() + b"\xff")
    with pytest.raises(UserError, match="not UTF-8 text") as caught:
        beir.build(raw, "food")
    assert caught.value.where.startswith(f"{raw / name}, line ")


@pytest.fixture(scope="module")
def nfcorpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not os.environ.get("BABELMIX_MIRROR"):
        pytest.skip("BABELMIX_MIRROR is not set: the published files are not at hand")
    folder = tmp_path_factory.mktemp("raw") / "nfcorpus"
    beir_tasks.fetch("nfcorpus", folder)
    return folder


def test_nfcorpus_has_its_published_counts(nfcorpus: Path, tmp_path: Path):
    names = sorted(str(path.relative_to(nfcorpus)) for path in nfcorpus.rglob("[!.]*.*"))
    assert names == ["corpus.jsonl", "qrels/dev.tsv", "qrels/test.tsv", "qrels/train.tsv", "queries.jsonl"]
    benchmark, counts = beir.build(nfcorpus, "nfcorpus")
    assert len(benchmark.queries) == 323
    assert len(benchmark.passages) == 3_633
    assert len(benchmark.qrels) == 12_334
    assert nonzero(counts) == {"queries without judgements": 2_914, "documents with the text of another": 40}
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
    assert {(qrel.parallel_id, qrel.passage): qrel.relevance for qrel in benchmark.qrels} == {
        (question, f"en:{document}"): score for (question, document), score in judged.items()
    }
    assert {passage.id: passage.text for passage in benchmark.passages} == {
        f"en:{key}": normalize("NFC", row["title"] + " " + row["text"]).strip() for key, row in plain["corpus"].items()
    }
    assert {query.id: query.text for query in benchmark.queries} == {
        f"en:{key}": plain["queries"][key]["text"] for key in {question for question, _ in judged}
    }
