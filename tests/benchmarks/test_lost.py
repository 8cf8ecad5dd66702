"""Relevant passages that nothing can find: they count as those that a system did not find, as trec_eval has it."""

from dataclasses import replace
from pathlib import Path

import ir_measures
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ir_measures import AP, R, nDCG
from numpy.testing import assert_allclose
from scored import Given

from babelmix.benchmarks.benchmark import About, Benchmark, Lost, OwnId, Passage, Qrel, Query, own_ids
from babelmix.benchmarks.files import is_built, read_about, read_benchmark, write_benchmark
from babelmix.benchmarks.qrels import qrels_of, read_qrels
from babelmix.common.errors import UserError
from babelmix.evaluation.evaluate import evaluate
from babelmix.evaluation.measures import MEASURES
from babelmix.evaluation.score_files import to_json

LANGUAGES = ("de", "en")
PASSAGES = tuple(Passage(f"{lang}:{number}", lang, "!") for lang in LANGUAGES for number in range(6))
QUERIES = tuple(Query(f"{lang}:q{number}", f"q{number}", lang, "?") for lang in LANGUAGES for number in range(4))


@st.composite
def benchmarks(draw: st.DrawFn) -> tuple[Benchmark, Benchmark, np.ndarray]:
    """A benchmark, the same with some passages lost, and scores that are 0, "not found", for those alone."""
    gone = draw(st.sets(st.sampled_from([passage for passage in PASSAGES if not passage.id.endswith("0")])))
    pairs = st.tuples(st.sampled_from(QUERIES), st.sampled_from(PASSAGES), st.integers(1, 3))
    judged = {(query.parallel_id, passage): grade for query, passage, grade in draw(st.lists(pairs))}
    judged["q0", PASSAGES[0]] = 1
    asked = {question for question, _ in judged}
    whole = Benchmark(
        "whole",
        tuple(query for query in QUERIES if query.parallel_id in asked),
        PASSAGES,
        tuple(Qrel(question, passage.id, grade) for (question, passage), grade in judged.items()),
    )
    part = replace(
        whole,
        passages=tuple(passage for passage in PASSAGES if passage not in gone),
        qrels=tuple(Qrel(key, row.id, grade) for (key, row), grade in judged.items() if row not in gone),
        lost=tuple(Lost(key, row.lang, grade) for (key, row), grade in judged.items() if row in gone),
    )
    seed = draw(st.integers(0, 2**32 - 1))
    scores = np.random.default_rng(seed).permuted(np.arange(1, 1 + len(QUERIES) * 12)).reshape(len(QUERIES), 12)
    scores = scores[: len(whole.queries)] * np.array([passage not in gone for passage in PASSAGES])
    return whole, part, scores


@settings(max_examples=100, deadline=None)
@given(benchmarks())
def test_what_is_lost_scores_as_what_is_not_found(drawn: tuple[Benchmark, Benchmark, np.ndarray]) -> None:
    whole, part, scores = drawn
    there = [number for number, passage in enumerate(whole.passages) if passage in part.passages]
    expected = evaluate(qrels_of(whole), Given(scores, not_found=0.0)).scores
    found = evaluate(qrels_of(part), Given(scores[:, there], not_found=0.0)).scores
    for name in ("scope", "parallel_id", "query_language", "passage_language"):
        assert getattr(found, name).tolist() == getattr(expected, name).tolist(), name
    for name in MEASURES.values():
        assert_allclose(getattr(found, name), getattr(expected, name), rtol=1e-12, err_msg=name)


def test_the_denominators_are_those_of_trec_eval(tmp_path: Path) -> None:
    benchmark = Benchmark(
        "b",
        (Query("en:1", "1", "en", "?"), Query("en:2", "2", "en", "?")),
        tuple(Passage(f"en:{name}", "en", "!") for name in "abc"),
        (Qrel("1", "en:b", 2), Qrel("1", "en:c", 1)),
        lost=(Lost("1", "en", 3), Lost("2", "en", 1)),
    )
    write_benchmark(tmp_path / "b", benchmark)
    assert read_benchmark(tmp_path / "b") == benchmark
    figures = to_json(evaluate(read_qrels(tmp_path / "b"), Given([[3, 2, 1], [1, 2, 3]])), "x")
    qrels = {"1": {"b": 2, "c": 1, "lost": 3}, "2": {"lost": 1}}
    run = {"1": {"a": 3.0, "b": 2.0, "c": 1.0}, "2": {"a": 1.0, "b": 2.0, "c": 3.0}}
    expected = ir_measures.pytrec_eval.calc_aggregate([AP, nDCG @ 10, R @ 10, R @ 1], qrels, run)
    for scope in ("monolingual", "multilingual"):
        found = figures["scopes"][scope]
        assert found["queries"] == 2
        assert found["map"] == pytest.approx(expected[AP], abs=1e-6)
        assert found["ndcg_at_10"] == pytest.approx(expected[nDCG @ 10], abs=1e-6)
        assert found["recall_at_10"] == pytest.approx(expected[R @ 10], abs=1e-6)
    assert figures["main_score"] == "ndcg_at_10"


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ('{"parallel_id": "9", "lang": "en"}', "lost.jsonl, line 1: parallel_id '9', relevance 1"),
        ('{"parallel_id": "1", "lang": "en", "relevance": 0}', "lost.jsonl, line 1: parallel_id '1', relevance 0"),
        ('{"parallel_id": "1", "lang": "de"}', "lost.jsonl, line 1, lang: unknown language of the passages 'de'"),
        ('{"parallel_id": "1"}', "lost.jsonl, line 1, lang: missing or empty"),
    ],
)
def test_a_faulty_row_of_what_is_lost_is_told(tmp_path: Path, row: str, told: str) -> None:
    benchmark = Benchmark("b", (Query("1", "1", "en", "?"),), (Passage("a", "en", "!"),), (Qrel("1", "a"),))
    write_benchmark(tmp_path / "b", benchmark)
    (tmp_path / "b" / "lost.jsonl").write_text(row)
    for read in (read_benchmark, read_qrels):
        with pytest.raises(UserError, match=told):
            read(tmp_path / "b")


def test_a_benchmark_says_what_it_was_built_out_of(tmp_path: Path) -> None:
    benchmark = Benchmark("b", (Query("1", "1", "en", "?"),), (Passage("a", "en", "!"),), (Qrel("1", "a"),))
    write_benchmark(tmp_path / "b", benchmark)
    assert is_built(tmp_path / "b")
    assert read_about(tmp_path / "b") == About()
    write_benchmark(tmp_path / "b", benchmark, About("beir", "dev", {"repeated queries": 2, "none": 0}))
    assert read_about(tmp_path / "b") == About("beir", "dev", {"repeated queries": 2})
    (tmp_path / "b" / ".babelmix-manifest").unlink()
    assert not is_built(tmp_path / "b")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[]", "about.json, left_out: not what was left out, by reason: null"),
        ('{"form": 7, "left_out": {}}', "about.json, form: not a text: 7"),
        ('{"form": "", "left_out": {"a": true}}', "about.json, left_out: not what was left out"),
        ('{"form": "", "split": [], "left_out": {}}', "about.json, split: not a text: a list"),
        ("{", "about.json, line 1, column 2: not valid JSON"),
    ],
)
def test_a_faulty_note_is_told(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "about.json").write_text(text)
    with pytest.raises(UserError, match=told):
        read_about(tmp_path)


def test_a_text_is_named_where_it_is_kept_and_stands_first() -> None:
    rows = [OwnId("1", "en:1", "en"), OwnId("2", "en:2", "en"), OwnId("1", "en:1", "en")]
    assert own_ids(rows, {"en:1"}) == (rows[0], OwnId("2", "", "en"), OwnId("1", "", "en"))
