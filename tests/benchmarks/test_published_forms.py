"""Benchmarks as people publish them, from their files to scores; and any bytes at all, which end in one line."""

import gzip
import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from unicodedata import normalize

import numpy as np
import pytest
from built import build_folder
from hypothesis import given, settings
from hypothesis import strategies as st

from babelmix.benchmarks.benchmark import Benchmark
from babelmix.benchmarks.files import read_about, read_benchmark, write_benchmark
from babelmix.benchmarks.qrels import read_qrels
from babelmix.benchmarks.sources import beir, own
from babelmix.common.errors import UserError
from babelmix.evaluation.evaluate import evaluate
from babelmix.evaluation.score_files import to_json
from babelmix.retrieval.bm25 import Bm25Scorer
from babelmix.retrieval.embeddings import open_embeddings
from babelmix.retrieval.scorers import CosineScorer

SOURDOUGH = "Sourdough needs a warm place and a whole night."
HEADER = "query-id\tcorpus-id\tscore\n"


def rows(*objects: Mapping[str, Any]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in objects)


def write(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def beir_files(corpus: str, queries: str, qrels: str) -> dict[str, str]:
    return {"corpus.jsonl": corpus, "queries.jsonl": queries, "qrels/test.tsv": HEADER + qrels}


RYE = {"_id": "d2", "title": "", "text": "It keeps longer than wheat."}
ASKED = rows({"_id": "q1", "text": "How long does sourdough need?"})
LOOSE = {
    "null title": beir_files(rows({"_id": "d1", "title": None, "text": SOURDOUGH}, RYE), ASKED, "q1\td1\t1\n"),
    "no title": beir_files(rows({"_id": "d1", "text": SOURDOUGH}, RYE), ASKED, "q1\td1\t1\n"),
    "null text": beir_files(
        rows({"_id": "d1", "title": SOURDOUGH, "text": None}, {"_id": "d3", "text": None}, RYE), ASKED, "q1\td1\t1\n"
    ),
    "numbers as ids": beir_files(
        rows({"_id": 1, "title": "", "text": SOURDOUGH}, {"_id": 2.0, "title": "", "text": "It keeps longer."}),
        rows({"_id": 7, "text": "How long does sourdough need?"}),
        "7\t1\t1\n",
    ),
    "blank last line": {
        name: content + "\n"
        for name, content in beir_files(rows({"_id": "d1", "text": SOURDOUGH}, RYE), ASKED, "q1\td1\t1\n").items()
    },
    "one line": {
        name: content if name.endswith(".tsv") else content.replace("\n", " ")
        for name, content in beir_files(rows({"_id": "d1", "text": SOURDOUGH}, RYE), ASKED, "q1\td1\t1\n").items()
    },
    "scores as 1.0": beir_files(rows({"_id": "d1", "text": SOURDOUGH}, RYE), ASKED, "q1\td1\t 1.0 \nq1\td2\t0\n"),
    "quoted": beir_files(rows({"_id": "d1", "text": SOURDOUGH}, RYE), ASKED, '"q1"\t"d1"\t"1"\n'),
    "other names": {
        "corpus.jsonl": rows({"docid": "d1", "title": "", "text": SOURDOUGH}),
        "queries.jsonl": rows({"query_id": "q1", "query": "How long does sourdough need?"}),
        "qrels.txt": "q1 0 d1 1\n",
    },
    "byte order mark": {
        name: b"\xef\xbb\xbf" + content.encode()
        for name, content in beir_files(rows({"_id": "d1", "text": SOURDOUGH}, RYE), ASKED, "q1\td1\t1\n").items()
    },
    "of Windows": {
        name: content.replace("\n", "\r\n").encode("utf-16")
        for name, content in beir_files(rows({"_id": "d1", "text": SOURDOUGH}, RYE), ASKED, "q1\td1\t1\n").items()
    },
    "packed": {
        f"{name}.gz": gzip.compress(content.encode(), mtime=0)
        for name, content in beir_files(rows({"_id": "d1", "text": SOURDOUGH}, RYE), ASKED, "q1\td1\t1\n").items()
    },
    "unknown query": beir_files(rows({"_id": "d1", "text": SOURDOUGH}, RYE), ASKED, "q1\td1\t1\nq9\td2\t1\n"),
    "train query": beir_files(
        rows({"_id": "d1", "text": SOURDOUGH}, RYE), rows({"_id": "t", "text": "Rye?"}) + ASKED, "q1\td1\t1\n"
    ),
    "accents in two ways": beir_files(
        rows({"_id": "cafe\u0301", "text": "Le caf\u00e9 ouvre."}, RYE),
        rows({"_id": "q1", "text": "Le cafe\u0301 ?"}),
        "q1\tcaf\u00e9\t1\n",
    ),
    "query among others": beir_files(
        rows({"_id": "q1", "text": "The museum opens at ten."}, {"_id": "z", "text": "The museum opens late."}),
        rows({"_id": "q1", "text": "The museum  opens at ten. "}),
        "q1\tz\t1\nq1\tq1\t1\n",
    ),
    "equal ids by chance": beir_files(
        rows({"_id": "1", "text": "The museum opens at ten."}, {"_id": "2", "text": "The pool opens at seven."}),
        rows({"_id": "1", "text": "When does the museum open?"}),
        "1\t1\t1\n",
    ),
    "own form, soft hyphens": {
        "queries.jsonl": rows({"id": "q", "parallel_id": 1, "lang": "de", "text": "Hochspannungsnetzger\u00e4t"}),
        "passages.jsonl": rows(
            {"id": "z", "lang": "de", "text": "Das Hoch\u00adspannungs\u00adnetz\u00adger\u00e4t wird gepr\u00fcft."},
            {"id": "a", "lang": "de", "text": "Der Garten ist am Abend offen."},
        ),
        "qrels.jsonl": rows({"parallel_id": "1", "passage": "z", "relevance": 1.0}),
    },
}


def scores_of(folder: Path) -> dict[str, Any]:
    """The figures of BM25 over all passages."""
    found = evaluate(read_qrels(folder), Bm25Scorer.build(read_benchmark(folder)))
    return to_json(found, "bm25")["scopes"]["multilingual"]


@pytest.mark.parametrize("case", list(LOOSE))
def test_what_is_published_loosely_is_found_all_the_same(tmp_path: Path, case: str) -> None:
    build_folder(write(tmp_path / "raw", LOOSE[case]), tmp_path / "built")
    figures = scores_of(tmp_path / "built")
    assert (figures["queries"], figures["ndcg_at_10"], figures["recall_at_1"]) == (1, 1.0, 1.0)


def test_a_lost_document_counts_in_the_denominators(tmp_path: Path) -> None:
    files = beir_files(
        rows({"_id": "d1", "text": SOURDOUGH}, {"_id": "d2", "text": "Rye keeps longer than wheat."}),
        ASKED + rows({"_id": "q2", "text": "Which bread keeps longest, rye?"}),
        "q1\td1\t1\nq2\td2\t1\nq2\td9-lost\t1\n",
    )
    left_out = build_folder(write(tmp_path / "raw", files), tmp_path / "built")
    assert left_out["judgements of documents that are not in the corpus"] == 1
    figures = scores_of(tmp_path / "built")
    assert figures["queries"] == 2
    assert figures["ndcg_at_10"] == pytest.approx((1 + 1 / (1 + 1 / np.log2(3))) / 2, abs=1e-6)
    assert (figures["recall_at_10"], figures["map"]) == (0.75, 0.75)


def test_the_only_split_is_read_and_named(tmp_path: Path) -> None:
    files = beir_files(rows({"_id": "d1", "text": SOURDOUGH}, RYE), ASKED, "q1\td1\t1\n")
    files["qrels/dev.tsv"] = files.pop("qrels/test.tsv")
    for split in (None, "dev"):
        build_folder(write(tmp_path / "raw", files), tmp_path / "built", split=split)
        assert read_about(tmp_path / "built").split == "dev"
        assert scores_of(tmp_path / "built")["ndcg_at_10"] == 1.0
    with pytest.raises(UserError, match="unknown split 'test'"):
        build_folder(tmp_path / "raw", tmp_path / "built", split="test")


@pytest.mark.parametrize("ids", ["none", "own", "benchmark"])
@pytest.mark.parametrize("train", [False, True])
def test_vectors_of_the_users_files_belong_to_their_texts(tmp_path: Path, ids: str, train: bool) -> None:
    shelves = [{"_id": str(n), "title": "", "text": f"Shelf {n} holds author {n}."} for n in range(1, 13)]
    asked = {"t": 12, "a": 2, "b": 10, "c": 3} if train else {"a": 2, "b": 10, "c": 3}
    files = beir_files(
        rows(*shelves),
        rows(*({"_id": name, "text": f"Where is author {n}?"} for name, n in asked.items())),
        "a\t2\t1\nb\t10\t1\nc\t3\t1\n",
    )
    build_folder(write(tmp_path / "raw", files), tmp_path / "built")
    vectors = tmp_path / "vectors"
    vectors.mkdir()
    np.save(vectors / "passages.npy", np.eye(12, dtype=np.float32))
    np.save(vectors / "queries.npy", np.eye(12, dtype=np.float32)[[n - 1 for n in asked.values()]])
    if ids != "none":
        before = "en:" if ids == "benchmark" else ""
        (vectors / "passages.txt").write_text("".join(f"{before}{n}\n" for n in range(1, 13)))
        (vectors / "queries.txt").write_text("".join(f"{before}{name}\n" for name in asked))
    opened = open_embeddings(vectors, tmp_path / "built")
    found = evaluate(read_qrels(tmp_path / "built"), CosineScorer(opened.queries, opened.passages))
    assert to_json(found, "x")["scopes"]["multilingual"]["ndcg_at_10"] == 1.0


# Texts and ids of any kind that a reader accepts, with what tables and JSON make difficult among them.
SIGNS = st.characters(exclude_categories=["Cs"], exclude_characters=[chr(n) for n in (*range(32), 127)])
TEXTS = st.text(SIGNS, max_size=20)
BREAKS = "\x85\u2028\u2029"
IDS = st.text(SIGNS.filter(lambda sign: sign not in BREAKS), min_size=1, max_size=6).map(
    lambda text: normalize("NFC", text.strip())
)
IDS = st.one_of(st.integers(0, 30).map(str), IDS.filter(bool))


@st.composite
def small(draw: st.DrawFn) -> tuple[dict[str, tuple[str, str]], dict[str, str], dict[tuple[str, str], int]]:
    """{document: (title, text)}, {query: text} and {(query, document): score}, one of them right for sure."""
    corpus = draw(st.dictionaries(IDS, st.tuples(TEXTS, TEXTS), min_size=1, max_size=5))
    queries = draw(st.dictionaries(IDS, TEXTS, min_size=1, max_size=4))
    corpus["d"], queries["q"] = ("Bread", "Flour and water."), "How is bread made?"
    pairs = st.tuples(st.sampled_from(sorted(queries)), st.sampled_from(sorted(corpus)))
    judged = draw(st.dictionaries(pairs, st.integers(-1, 3), max_size=8))
    return corpus, queries, judged | {("q", "d"): 1}


JSON_FORMS: list[Callable[[list[dict[str, Any]]], str]] = [
    lambda objects: "".join(json.dumps(row) + "\n" for row in objects),
    lambda objects: "\n\n".join(json.dumps(row, ensure_ascii=False) for row in objects),
    lambda objects: " ".join(map(json.dumps, objects)),
    json.dumps,
    lambda objects: json.dumps(objects, indent=1, ensure_ascii=False),
    lambda objects: "".join(json.dumps(row, indent=2) + "\n" for row in objects),
    lambda objects: "".join(json.dumps(row) + "\n" for row in [*objects, objects[0]]),
    lambda objects: "".join(json.dumps({**row, "_id": numbered(row["_id"])}) + "\n" for row in objects),
    lambda objects: "".join(json.dumps({**row, "metadata": {"a": [1]}}) + "\n" for row in objects),
]
TABLE_FORMS: list[Callable[[list[tuple[str, str, int]]], str]] = [
    lambda judged: "".join(f"{q}\t{d}\t{s}\n" for q, d, s in judged),
    lambda judged: HEADER + "\n".join(f"{q}\t{d}\t{s}.0\n" for q, d, s in judged),
    lambda judged: HEADER + "".join(f"{quoted(q)}\t{quoted(d)}\t {s} \n" for q, d, s in judged),
    lambda judged: "qid\tq0\tdocno\trel\n" + "".join(f"{q}\t0\t{d}\t{s}\n" for q, d, s in judged),
    lambda judged: HEADER + "".join(f"{q}\t{d}\t{s}\n" for q, d, s in [*judged, *judged]),
]
BYTE_FORMS: list[Callable[[str], bytes]] = [
    str.encode,
    lambda text: text.encode("utf-8-sig"),
    lambda text: text.encode("utf-16"),
    lambda text: text.replace("\n", "\r\n").encode(),
    lambda text: gzip.compress(text.encode(), mtime=0),
]


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def numbered(name: str) -> str | int:
    return int(name) if name.isascii() and name.isdigit() and str(int(name)) == name else name


@settings(max_examples=150, deadline=None)
@given(
    small(),
    st.tuples(st.sampled_from(JSON_FORMS), st.sampled_from(JSON_FORMS), st.sampled_from(TABLE_FORMS)),
    st.tuples(*[st.sampled_from(BYTE_FORMS)] * 3),
)
def test_every_published_form_gives_the_same_benchmark(drawn: Any, forms: Any, encodings: Any) -> None:
    corpus, queries, judged = drawn
    documents = [{"_id": name, "title": title or None, "text": text or None} for name, (title, text) in corpus.items()]
    asked = [{"_id": name, "text": text or None} for name, text in queries.items()]
    scores = [(query, document, score) for (query, document), score in judged.items()]
    plain = (JSON_FORMS[0](documents), JSON_FORMS[0](asked), TABLE_FORMS[0](scores))
    loose = (forms[0](documents), forms[1](asked), forms[2](scores))
    with tempfile.TemporaryDirectory() as folder:
        names = ("corpus.jsonl", "queries.jsonl", "qrels/test.tsv")
        write(Path(folder) / "plain", dict(zip(names, plain, strict=True)))
        contents = [encode(text) for encode, text in zip(encodings, loose, strict=True)]
        write(Path(folder) / "loose", dict(zip(names, contents, strict=True)))
        expected, _ = beir.build(Path(folder) / "plain", "x")
        found, _ = beir.build(Path(folder) / "loose", "x")
        assert without_own(found) == without_own(expected)
        assert [row for row in found.own_passages if row.id] == [row for row in expected.own_passages if row.id]
        assert comes_back(found, Path(folder) / "x")
        beir.stream(Path(folder) / "loose", Path(folder) / "streamed")
        assert read_benchmark(Path(folder) / "streamed") == replace(found, name="streamed")
    full = {
        name: f"{title if title.strip() else ''} {text if text.strip() else ''}"
        for name, (title, text) in corpus.items()
    }
    assert {row.id: row.text for row in found.passages} == {
        f"en:{name}": normalize("NFC", text).strip() for name, text in full.items() if text.strip()
    }
    found_pairs = {(row.parallel_id, row.passage): row.relevance for row in found.qrels}
    themselves = {(row.parallel_id, row.passage) for row in found.itself}
    assert found_pairs == {
        (query, f"en:{document}"): score
        for (query, document), score in judged.items()
        if score > 0
        and full[document].strip()
        and queries[query].strip()
        and (query, f"en:{document}") not in themselves
    }


def without_own(benchmark: Benchmark) -> Benchmark:
    return replace(benchmark, own_queries=(), own_passages=())


def comes_back(benchmark: Benchmark, folder: Path) -> bool:
    """Whether what a reader accepted is written, read strictly, and the same."""
    write_benchmark(folder, benchmark)
    read_qrels(folder)
    return read_benchmark(folder) == replace(benchmark, name=folder.name)


PIECES = st.sampled_from(
    [
        *('{"_id": "a", "text": "b"}\n', '{"_id": 1, "title": null, "text": null}\n', '{"id": "x"', "[", "]", "{", "}"),
        *(
            '{"id": "en:a", "lang": "en", "text": "t", "parallel_id": "q"}\n',
            '{"id": "en:a", "lang": "en", "text": "t"}\n',
        ),
        *(
            '{"parallel_id": "q", "passage": "en:a", "relevance": 1}\n',
            '"text"',
            ": ",
            ", ",
            "NaN",
            "-Infinity",
            "1e999",
            "null",
        ),
        *("a\ta\t1\n", "a 0 a 1\n", HEADER, "\t", "\n", "\r", '"', "\\ud800", "\\u0000", "\ufeff", "\x00", "\x85"),
        *("9" * 5000, "[" * 2000, "1.0", "-1", "a", " ", "\u0301", "é", "\U0001f600"),
    ]
)
CONTENTS = st.one_of(
    st.binary(max_size=60),
    st.lists(PIECES, max_size=8).map(lambda parts: "".join(parts).encode()),
    st.lists(PIECES, max_size=5).map(lambda parts: "".join(parts).encode("utf-16")),
    st.lists(PIECES, max_size=5).map(lambda parts: gzip.compress("".join(parts).encode(), mtime=0)[:-1]),
)


@settings(max_examples=120, deadline=None)
@given(st.tuples(CONTENTS, CONTENTS, CONTENTS), st.sampled_from(["corpus.jsonl", "passages.jsonl"]), st.booleans())
def test_any_bytes_give_a_benchmark_or_one_line(contents: tuple[bytes, ...], texts: str, as_json: bool) -> None:
    valid = {
        "corpus.jsonl": (b'{"_id": "a", "text": "b"}\n', b'{"_id": "a", "text": "c"}\n', b"a\ta\t1\n"),
        "passages.jsonl": (
            b'{"id": "en:a", "lang": "en", "text": "t"}\n',
            b'{"id": "en:q", "parallel_id": "q", "lang": "en", "text": "u"}\n',
            b'{"parallel_id": "q", "passage": "en:a"}\n',
        ),
    }[texts]
    qrels = "qrels.jsonl" if texts == "passages.jsonl" else f"qrels/test.{'jsonl' if as_json else 'tsv'}"
    build = own.build if texts == "passages.jsonl" else beir.build
    for broken in (*range(3), None):  # each file by itself, then all of them
        files = [
            new if broken in (place, None) else old
            for place, (old, new) in enumerate(zip(valid, contents, strict=True))
        ]
        with tempfile.TemporaryDirectory() as folder:
            write(Path(folder) / "raw", dict(zip((texts, "queries.jsonl", qrels), files, strict=True)))
            try:
                benchmark, counts = build(Path(folder) / "raw", "x")
            except UserError as error:
                assert "\n" not in str(error) and len(str(error)) < 1_000
                continue
            assert all(number >= 0 for number in counts.values())
            assert comes_back(benchmark, Path(folder) / "x")
