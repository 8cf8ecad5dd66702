"""BEIR's form as a stream: byte for byte what is built in memory, in memory that does not grow with the texts."""

import json
import tracemalloc
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from babelmix.benchmarks import sorting
from babelmix.benchmarks.benchmark import About, Passage, Query
from babelmix.benchmarks.files import read_about, read_benchmark, write_benchmark
from babelmix.benchmarks.sorting import Digests, SortedPassages
from babelmix.benchmarks.sources import beir
from babelmix.common.errors import UserError


def write(folder: Path, files: dict[str, list[dict[str, Any]]], qrels: list[tuple[str, str, Any]]) -> Path:
    (folder / "qrels").mkdir(parents=True)
    for name, rows in files.items():
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    lines = ["\t".join(map(str, row)) + "\n" for row in qrels]
    (folder / "qrels/test.tsv").write_text("query-id\tcorpus-id\tscore\n" + "".join(lines))
    return folder


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def drawn_folder(folder: Path, seed: int) -> Path:
    """Documents in two languages, out of order, repeated, blank, with equal texts, and some that are queries."""
    rng = Random(seed)
    names = [f"d{number}" for number in range(30)] + [f"q{number}" for number in range(4)]
    words = ["bread", "milk", "salt", "flour", ""]

    def document(name: str) -> dict[str, Any]:
        text = f"Question {name}?" if name[0] == "q" and rng.random() < 0.7 else rng.choice(words)
        return {"_id": name, "title": rng.choice([None, "", "Food"]), "text": text}

    english = [document(name) for name in names if rng.random() < 0.9]
    german = [document(name) for name in names if rng.random() < 0.5]
    for rows in (english, german):
        rows += [rng.choice(rows) for _ in range(3)]
        rng.shuffle(rows)
    queries = [{"_id": f"q{number}", "text": f"Question q{number}?" if number else ""} for number in range(8)]
    pairs = [(f"q{rng.randrange(9)}", rng.choice([*names, "nowhere"]), rng.randrange(-1, 4)) for _ in range(40)]
    return write(folder, {"corpus": english, "corpus.de": german, "queries": queries}, [*pairs, ("q7", "bread", 1)])


@pytest.mark.parametrize("seed", range(12))
def test_a_stream_writes_the_bytes_of_the_build_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int):
    raw = drawn_folder(tmp_path / "raw", seed)
    benchmark, counts = beir.build(raw, "streamed")
    write_benchmark(tmp_path / "built", benchmark, About(split="test", left_out=counts))
    monkeypatch.setattr(sorting.SortedPassages.__init__, "__defaults__", (1_000,))  # a run of five passages
    assert beir.stream(raw, tmp_path / "streamed") == counts
    assert content(tmp_path / "streamed") == content(tmp_path / "built")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["built", "raw", "streamed"]


def test_queries_are_asked_in_more_languages_and_the_loss_is_counted(tmp_path: Path):
    raw = drawn_folder(tmp_path / "raw", 1)

    def ask(queries: Sequence[Query]) -> tuple[list[Query], dict[str, int]]:
        more = [Query(f"pt:{row.parallel_id}", row.parallel_id, "pt", "Como?") for row in queries[1:]]
        return [*queries, *more], {"pt queries badly translated": 1}

    counts = beir.stream(raw, tmp_path / "out", ask=ask)
    benchmark, alone = beir.build(raw, "out")
    found = read_benchmark(tmp_path / "out")
    assert found.queries[: len(benchmark.queries)] == benchmark.queries
    assert {row.parallel_id for row in found.queries if row.lang == "pt"} == {
        row.parallel_id for row in benchmark.queries[1:]
    }
    assert counts == alone | {"pt queries badly translated": 1}
    assert read_about(tmp_path / "out").left_out["pt queries badly translated"] == 1


@pytest.mark.parametrize("run", [1, 1 << 20])
def test_an_id_with_two_texts_is_told_with_both_places_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: int
):
    rows = [{"_id": "d2", "text": "Milk."}, {"_id": "d1", "text": "Salt."}, {"_id": "d2", "text": "Milk."}]
    raw = write(
        tmp_path / "raw",
        {"corpus": [*rows, {"_id": "d2", "text": "Water."}], "queries": [{"_id": "q", "text": "What?"}]},
        [("q", "d1", 1)],
    )
    monkeypatch.setattr(sorting.SortedPassages.__init__, "__defaults__", (run,))
    told: list[str] = []
    for build in (lambda: beir.build(raw, "out"), lambda: beir.stream(raw, tmp_path / "out")):
        with pytest.raises(UserError) as caught:
            build()
        told.append(str(caught.value))
    assert told[1] == told[0]
    assert told[1] == (
        f"{raw}/corpus.jsonl, line 4: duplicate id 'd2' with another text; line 1 has it already: keep one of them"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["raw"]


def test_without_any_answer_nothing_is_written(tmp_path: Path):
    raw = write(tmp_path / "raw", {"corpus": [{"_id": "d", "text": "a"}], "queries": [{"_id": "q", "text": "b"}]}, [])
    with pytest.raises(UserError, match=r"no query has an answer \(1 queries without judgements\)"):
        beir.stream(raw, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["raw"]


def test_memory_does_not_hold_the_texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sorting.SortedPassages.__init__, "__defaults__", (200_000,))
    peaks: list[int] = []
    for documents in (1_000, 10_000):
        corpus = [{"_id": f"d{number}", "text": f"{number} " + "words " * 100} for number in range(documents)]
        files = {"corpus": corpus, "queries": [{"_id": "q", "text": "What?"}]}
        raw = write(tmp_path / f"raw{documents}", files, [("q", "d1", 1)])
        del corpus, files
        tracemalloc.start()
        beir.stream(raw, tmp_path / f"out{documents}")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert (tmp_path / "out10000/passages.jsonl").stat().st_size > 6_000_000
    assert peaks[1] < peaks[0] + 1_000_000, peaks


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.text(alphabet="ab\u00e9\u4e00\U0001f600", min_size=1, max_size=3), st.text(max_size=5))),
    st.integers(1, 1_000),
)
def test_passages_come_in_the_order_of_their_ids(tmp_path_factory: pytest.TempPathFactory, rows: Any, run: int):
    passages = SortedPassages(tmp_path_factory.mktemp("runs"), run)
    for name, text in rows:
        passages.add(Passage(name, "en", text.encode(errors="ignore").decode()))
    expected = sorted((name, number, text.encode(errors="ignore").decode()) for number, (name, text) in enumerate(rows))
    assert [(row.id, number, row.text) for number, row in passages] == expected
    assert len(passages) == len(rows)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(alphabet="abc", max_size=3)), st.lists(st.text(alphabet="abc", max_size=3)))
def test_digests_are_a_set_of_texts(texts: list[str], others: list[str]):
    digests, plain = Digests(), set[str]()
    for part in (texts, others):  # asked in between, and added to again
        for text in part:
            digests.add(text)
        plain |= set(part)
        assert len(digests) == len(plain)
        assert [text in digests for text in ("", "a", "abc", *others)] == [
            text in plain for text in ("", "a", "abc", *others)
        ]
    assert 7 not in digests
