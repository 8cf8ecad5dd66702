"""The data shapes: what is written comes back, and a faulty file is told by file, line and field."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from babelmix.benchmarks.benchmark import Benchmark, Itself, Lost, OwnId, Passage, Qrel, Query
from babelmix.benchmarks.dev import dev_benchmark
from babelmix.benchmarks.files import read_benchmark, write_benchmark
from babelmix.benchmarks.qrels import qrels_of, read_qrels
from babelmix.common import old_names
from babelmix.common.errors import UserError
from babelmix.corpus.records import Pair, read_pairs, write_pairs

GOOD = {"parallel_id": "u1", "lang": "en", "split": "train", "query": "How?", "passage": "So.", "origin": "human"}
BENCHMARK = Benchmark(
    "b",
    (Query("de:1", "1", "de", "Wie?"), Query("en:1", "1", "en", "How?")),
    (Passage("de:1", "de", "So."), Passage("en:1", "en", "Thus.", "It goes thus.")),
    (Qrel("1", "de:1"), Qrel("1", "en:1")),
)


def write_lines(file: Path, *rows: dict[str, object] | str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return file


def test_pairs_come_back_as_written_whatever_their_order(tmp_path: Path, parallel_pairs: list[Pair]) -> None:
    write_pairs(tmp_path / "a", parallel_pairs)
    write_pairs(tmp_path / "b", parallel_pairs[::-1])
    assert sorted(read_pairs(tmp_path / "a"), key=str) == sorted(parallel_pairs, key=str)
    assert all(f.read_bytes() == (tmp_path / "b" / f.name).read_bytes() for f in (tmp_path / "a").iterdir())


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (GOOD | {"query": "  "}, r"pairs.jsonl, line 2, query: missing or empty"),
        (GOOD | {"lang": "xx"}, r"line 2, lang: unknown language code 'xx'"),
        (GOOD | {"lang": "EN"}, r"line 2, lang: unknown language code 'EN'"),
        (GOOD | {"split": "tain"}, r"line 2, split: unknown split 'tain'; did you mean 'train'"),
        (GOOD, r"line 2: duplicate id 'u1' in en; .*line 1 has it already"),
        (GOOD | {"passage": 3}, r"line 2, passage: not a text: 3"),
        (GOOD | {"lable": "x"}, r"line 2: unknown field 'lable'"),
        ('{"parallel_id": "u1", "lang"', r"line 2, column 29: not valid JSON \(.*\); the file may be cut short"),
        ("[7]", r"line 2: not a JSON object"),
        (GOOD | {"query": "\ud83d"}, r"line 2, query, character 1: half a character"),
        (GOOD | {"query": "a\x00"}, r"line 2, query, character 2: a control character"),
        (GOOD | {"query": float("nan")}, r"line 2, query: not a text: NaN"),
        (GOOD | {"passage": True}, r"line 2, passage: not a text: true"),
        (
            GOOD | {"parallel_id": "u" * 200_000},
            r"line 2, parallel_id: an id of 200,000 characters; give it at most 1,200",
        ),
        (GOOD | {"parallel_id": "a\tb"}, r"line 2, parallel_id, character 2: a tab"),
        (GOOD | {"x" * 200_000: ""}, r"line 2: unknown field 'x{49}\.\.\.; valid"),
    ],
)
def test_a_faulty_pairs_file_is_told(row: dict[str, object] | str, told: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=told):
        read_pairs(write_lines(tmp_path / "pairs.jsonl", GOOD, row))


def test_half_a_character_is_never_written(tmp_path: Path) -> None:
    pairs = [Pair(**GOOD), Pair(**GOOD | {"parallel_id": "u2", "passage": "So\ud83d."})]
    with pytest.raises(UserError, match=r"en.jsonl, line 2, passage, character 3: half a character"):
        write_pairs(tmp_path / "pairs", pairs)
    assert not (tmp_path / "pairs").exists()


def test_no_pairs_at_all_are_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no pairs here"):
        read_pairs(tmp_path)


def test_a_benchmark_comes_back_as_written(tmp_path: Path) -> None:
    write_benchmark(tmp_path / "b", BENCHMARK)
    assert read_benchmark(tmp_path / "b") == BENCHMARK
    assert BENCHMARK.languages == ("de", "en")


def test_what_the_users_files_call_the_texts_comes_back_and_leaves_no_file_where_there_is_nothing(
    tmp_path: Path,
) -> None:
    own = (OwnId("2", "de:1", "de"), OwnId("left out", "", "de"), OwnId("1", "en:1", "en"))
    benchmark = replace(
        BENCHMARK, itself=(Itself("1", "de:1", "en:1"), Itself("1", "de:1")), own_queries=own, own_passages=own[::-1]
    )
    write_benchmark(tmp_path / "b", benchmark)
    assert read_benchmark(tmp_path / "b") == benchmark
    write_benchmark(tmp_path / "b", BENCHMARK)
    assert sorted(file.name for file in (tmp_path / "b").glob("*.jsonl")) == [
        "passages.jsonl",
        "qrels.jsonl",
        "queries.jsonl",
    ]


def test_reading_line_by_line_judges_as_reading_at_once(tmp_path: Path, parallel_pairs: list[Pair]) -> None:
    benchmark = dev_benchmark(parallel_pairs, 10)
    graded = replace(
        benchmark, qrels=tuple(replace(qrel, relevance=1 + i % 3) for i, qrel in enumerate(benchmark.qrels))
    )
    write_benchmark(tmp_path / "dev", graded)
    one, two = qrels_of(graded), read_qrels(tmp_path / "dev")
    assert (one.name, one.queries, one.languages) == (two.name, two.queries, two.languages)
    for column in ("passage_language", "query", "passage", "relevance"):
        assert getattr(one, column).tolist() == getattr(two, column).tolist(), column


@pytest.mark.parametrize(
    ("file", "row", "told"),
    [
        ("qrels.jsonl", {"parallel_id": "1", "passage": "fr:1"}, "line 3: unknown passage 'fr:1'"),
        ("qrels.jsonl", {"parallel_id": "2", "passage": "de:1"}, "line 3: unknown parallel_id '2'"),
        ("qrels.jsonl", {"parallel_id": "1", "passage": "de:1"}, "line 3: duplicate qrel of '1' and 'de:1'"),
        ("qrels.jsonl", {"parallel_id": "1", "passage": "en:1", "relevance": 0}, "line 3, relevance: relevance 0"),
        (
            "qrels.jsonl",
            {"parallel_id": "1", "passage": "en:1", "relevance": "2"},
            "line 3, relevance: not a whole number",
        ),
        (
            "qrels.jsonl",
            {"parallel_id": "1", "passage": "en:1", "relevance": True},
            "line 3, relevance: not a whole number",
        ),
        (
            "qrels.jsonl",
            {"parallel_id": "1", "passage": "en:1", "relevance": float("inf")},
            "line 3, relevance: not a whole",
        ),
        (
            "qrels.jsonl",
            {"parallel_id": "1", "passage": "en:1", "relevance": 2**31},
            "line 3, relevance: too large a number",
        ),
        (
            "queries.jsonl",
            {"id": "en:1", "parallel_id": "1", "lang": "en", "text": "x"},
            "line 3: duplicate id 'en:1'",
        ),
        (
            "queries.jsonl",
            {"id": "aa", "parallel_id": "1", "lang": "en", "text": "x"},
            "line 3: ids out of order",
        ),
        (
            "queries.jsonl",
            {"id": "en:2", "parallel_id": "2", "lang": "en", "text": "x"},
            "id 'en:2': no passage answers",
        ),
        (
            "passages.jsonl",
            {"id": "zz:1", "lang": "zz", "text": "x"},
            "line 3, lang: unknown language code 'zz'",
        ),
        ("itself.jsonl", {"parallel_id": "1", "passage": "fr:1"}, "itself.jsonl, line 1: unknown passage 'fr:1'"),
        (
            "itself.jsonl",
            {"parallel_id": "1", "passage": "en:1", "query": "en:2"},
            "itself.jsonl, line 1, query: 'en:2' is no query of '1'",
        ),
    ],
)
def test_a_faulty_benchmark_is_told(file: str, row: dict[str, object], told: str, tmp_path: Path) -> None:
    write_benchmark(tmp_path / "b", BENCHMARK)
    with (tmp_path / "b" / file).open("a") as stream:
        stream.write(json.dumps(row) + "\n")
    for read in (read_benchmark, read_qrels):
        with pytest.raises(UserError, match=told):
            read(tmp_path / "b")


def test_no_benchmark_says_which_stage_makes_it(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="dvc repro benchmark@gnome-help"):
        read_benchmark(tmp_path / "gnome-help")


def test_the_dev_benchmark_is_parallel_and_grows_by_adding(parallel_pairs: list[Pair]) -> None:
    small, large = (dev_benchmark(parallel_pairs, questions) for questions in (5, 10))
    assert len(small.queries) == len(small.passages) == 15
    assert {query.id for query in small.queries} < {query.id for query in large.queries}
    train = {pair.parallel_id for pair in parallel_pairs if pair.split == "train"}
    assert not train & {query.parallel_id for query in large.queries}


OLD = {"parallel_id": "unit"}, {"parallel_id": "question", "relevance": "grade"}


def with_old_keys(file: Path, names: dict[str, str]) -> None:
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    file.write_text("".join(json.dumps({names.get(k, k): v for k, v in row.items()}) + "\n" for row in rows))


def test_keys_of_the_last_release_are_read_and_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(old_names, "_said", set())
    write_pairs(tmp_path / "pairs", [Pair(**GOOD), Pair(**GOOD | {"parallel_id": "u2", "lang": "de"})])
    before = read_pairs(tmp_path / "pairs")
    lost = (Lost("1", "de", relevance=2),)
    whole = replace(BENCHMARK, qrels=(Qrel("1", "de:1", relevance=3),), itself=(Itself("1", "en:1"),), lost=lost)
    write_benchmark(tmp_path / "b", whole)
    for folder, names in zip(("pairs", "b"), OLD, strict=True):
        for file in (tmp_path / folder).glob("*.jsonl"):
            with_old_keys(file, names)
    assert (
        '"unit"' in (tmp_path / "pairs/en.jsonl").read_text() and '"grade"' in (tmp_path / "b/lost.jsonl").read_text()
    )
    assert capsys.readouterr().err == ""
    assert read_pairs(tmp_path / "pairs") == before
    assert read_benchmark(tmp_path / "b") == whole
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert lines[0].endswith("line 1: `unit` is called `parallel_id` now; only this release still reads the old name")
    both = write_lines(tmp_path / "both.jsonl", GOOD | {"unit": "u9"})
    with pytest.raises(UserError, match=r"line 1: unknown field 'unit'; valid: parallel_id, lang"):
        read_pairs(both)
