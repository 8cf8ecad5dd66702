"""LPR, recall split by language, MRC@10 and hubs, against loops over full rankings."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scored import Given

from babelmix.benchmarks.benchmark import Benchmark, Itself, Lost, Passage, Qrel, Query
from babelmix.benchmarks.qrels import Qrels, qrels_of
from babelmix.evaluation.consistency import mrc_at_10
from babelmix.evaluation.hubness import SAMPLE, Hubness, hubness, sampled_queries
from babelmix.evaluation.language_preference import Preference, language_preference
from babelmix.evaluation.ranks import rank_relevant

LANGUAGES = ("de", "en", "zh")
Case = tuple[Benchmark, np.ndarray]  # and the scores of every query against every passage; 0 is "not found"


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Any qrels, with lost answers and passages that are their own query; a question need not be asked everywhere."""
    passages = tuple(
        Passage(f"p{i:02}", draw(st.sampled_from(LANGUAGES)), "!") for i in range(draw(st.integers(2, 14)))
    )
    names = [passage.id for passage in passages]
    spoken = sorted({passage.lang for passage in passages})
    queries, qrels, itself, lost = [], [], [], []
    for question in (f"q{i}" for i in range(draw(st.integers(1, 5)))):
        asked = draw(st.lists(st.sampled_from((*LANGUAGES, "fi")), min_size=1, max_size=4, unique=True))
        queries += [Query(f"{lang}-{question}", question, lang, "?") for lang in asked]
        right = draw(st.lists(st.sampled_from(names), min_size=1, max_size=5, unique=True))
        qrels += [Qrel(question, name) for name in right]
        others = [name for name in names if name not in right]
        if others and draw(st.booleans()):
            itself.append(Itself(question, draw(st.sampled_from(others))))
        if draw(st.booleans()):
            lost.append(Lost(question, draw(st.sampled_from(spoken))))
    queries = tuple(sorted(queries, key=lambda query: query.id))
    scores = draw(st.lists(st.integers(0, 4), min_size=len(queries) * len(names), max_size=len(queries) * len(names)))
    benchmark = Benchmark("toy", queries, passages, tuple(qrels), itself=tuple(itself), lost=tuple(lost))
    return benchmark, np.array(scores, dtype=float).reshape(len(queries), len(names))


def measured(case: Case, not_found: float | None = 0.0) -> tuple[Preference, float | None]:
    judged = qrels_of(case[0])
    ranks = rank_relevant(judged, Given(case[1], not_found=not_found))
    return language_preference(judged, ranks), mrc_at_10(judged, ranks)


def rankings(case: Case) -> dict[str, list[Passage]]:
    """query id -> what the system finds, best first, without the query itself."""
    benchmark, scores = case
    found: dict[str, list[Passage]] = {}
    for row, query in zip(scores, benchmark.queries, strict=True):
        barred = {one.passage for one in benchmark.itself if one.parallel_id == query.parallel_id}
        order = sorted(range(len(row)), key=lambda p: (-row[p], p))
        found[query.id] = [
            benchmark.passages[p] for p in order if row[p] > 0 and benchmark.passages[p].id not in barred
        ]
    return found


def mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None


def mean_by_language(values: list[tuple[str, float]]) -> float | None:
    means = [mean([value for lang, value in values if lang == one]) for one in sorted({lang for lang, _ in values})]
    return mean([value for value in means if value is not None])


@given(cases())
def test_lpr_is_that_of_a_loop_over_full_rankings(case: Case) -> None:
    benchmark, found = case[0], rankings(case)
    language = {passage.id: passage.lang for passage in benchmark.passages}
    first, expected = [], []
    for query in benchmark.queries:
        right = [qrel.passage for qrel in benchmark.qrels if qrel.parallel_id == query.parallel_id]
        own = sum(language[name] == query.lang for name in right)
        answers = [passage for passage in found[query.id] if passage.id in right]
        if answers and 0 < own < len(right):
            first.append((query.lang, float(answers[0].lang == query.lang)))
            expected.append((query.lang, own / len(right)))
    preference, _ = measured(case)
    assert preference.lpr == pytest.approx(mean_by_language(first))
    assert preference.lpr_expected == pytest.approx(mean_by_language(expected))


@given(cases(), st.sampled_from([10, 100]))
def test_recall_is_that_of_a_loop_over_the_answers_of_each_side(case: Case, k: int) -> None:
    benchmark, found = case[0], rankings(case)
    language = {passage.id: passage.lang for passage in benchmark.passages}
    shares: dict[bool, list[tuple[str, float]]] = {True: [], False: []}
    for query in benchmark.queries:
        first = [passage.id for passage in found[query.id][:k]]
        right = [
            (qrel.passage, language[qrel.passage]) for qrel in benchmark.qrels if qrel.parallel_id == query.parallel_id
        ]
        right += [("lost", one.lang) for one in benchmark.lost if one.parallel_id == query.parallel_id]
        for same in (True, False):
            wanted = [name for name, lang in right if (lang == query.lang) == same]
            if wanted:
                shares[same].append((query.lang, sum(name in first for name in wanted) / len(wanted)))
    preference, _ = measured(case)
    assert getattr(preference, f"recall_same_at_{k}") == pytest.approx(mean_by_language(shares[True]))
    assert getattr(preference, f"recall_across_at_{k}") == pytest.approx(mean_by_language(shares[False]))


@given(cases())
def test_mrc_is_that_of_a_loop_over_pairs_of_translations(case: Case) -> None:
    benchmark, found = case[0], rankings(case)
    k = min(10, len(benchmark.passages))
    questions = []
    for question in sorted({query.parallel_id for query in benchmark.queries}):
        tops = [
            {passage.id for passage in found[query.id][:10]}
            for query in benchmark.queries
            if query.parallel_id == question
        ]
        if len(tops) > 1:
            questions.append(mean([len(a & b) / k for a, b in combinations(tops, 2)]))
    assert measured(case)[1] == pytest.approx(mean(questions))


@given(cases(), st.randoms(use_true_random=False))
def test_other_names_and_another_order_change_no_figure(case: Case, random) -> None:
    benchmark, scores = case
    scores = scores + np.arange(scores.shape[1]) / 100 * (scores > 0)  # without ties, which the order breaks
    row, column = list(range(scores.shape[0])), list(range(scores.shape[1]))
    random.shuffle(row)
    random.shuffle(column)
    renamed = {benchmark.passages[old].id: f"n{new:02}" for new, old in enumerate(column)}
    other = Benchmark(
        "other",
        tuple(replace(benchmark.queries[old], id=f"{new:02}") for new, old in enumerate(row)),
        tuple(replace(benchmark.passages[old], id=f"n{new:02}") for new, old in enumerate(column)),
        tuple(replace(qrel, passage=renamed[qrel.passage]) for qrel in benchmark.qrels[::-1]),
        itself=tuple(replace(one, passage=renamed[one.passage]) for one in benchmark.itself),
        lost=benchmark.lost[::-1],
    )
    before, after = measured((benchmark, scores)), measured((other, scores[np.ix_(row, column)]))
    for name in Preference.__dataclass_fields__:
        assert getattr(after[0], name) == pytest.approx(getattr(before[0], name))
    assert after[1] == pytest.approx(before[1])


def parallel(languages: tuple[str, ...], questions: int) -> Benchmark:
    pairs = [(lang, f"{q:03}") for lang in languages for q in range(questions)]
    return Benchmark(
        "toy",
        tuple(Query(f"{lang}-{q}", q, lang, "?") for lang, q in pairs),
        tuple(Passage(f"{lang}-{q}", lang, "!") for lang, q in pairs),
        tuple(Qrel(q, f"{lang}-{q}") for lang, q in pairs),
    )


def test_a_system_that_prefers_the_own_language_and_one_that_knows_none() -> None:
    benchmark = parallel(LANGUAGES, 20)
    own = np.array([[p // 20 == q // 20 for p in range(60)] for q in range(60)])
    right = np.array([[p % 20 == q % 20 for p in range(60)] for q in range(60)])
    preference, mrc = measured((benchmark, 2.0 * own + right), not_found=None)
    assert (preference.lpr, preference.lpr_expected) == (1, pytest.approx(1 / 3))
    assert (preference.recall_same_at_10, preference.recall_across_at_10) == (1, 0)
    assert (preference.recall_across_at_100, mrc) == (1, 0)
    preference, mrc = measured((benchmark, 1.0 * right), not_found=None)
    assert preference.lpr == pytest.approx(1 / 3)  # German, by the order of ties, and that is each language's once
    assert (preference.recall_across_at_10, mrc) == (1, 1)


def test_a_pool_of_one_language_has_no_preference_and_a_native_one_no_answers_across() -> None:
    beir = replace(parallel(("en",), 5), queries=parallel(("de", "en"), 5).queries)
    preference, mrc = measured((beir, np.ones((10, 5))))
    assert (preference.lpr, preference.lpr_expected) == (None, None)
    assert (preference.recall_same_at_10, preference.recall_across_at_10, mrc) == (1, 1, 1)
    native = Benchmark(
        "native",
        (Query("a", "1", "de", "?"), Query("b", "2", "en", "?")),
        (Passage("p", "de", "!"), Passage("q", "en", "!")),
        (Qrel("1", "p"), Qrel("2", "q")),
    )
    preference, mrc = measured((native, np.ones((2, 2))))
    assert (preference.lpr, preference.recall_across_at_10, preference.recall_across_at_100, mrc) == (None,) * 4
    assert preference.recall_same_at_10 == 1


def test_a_system_that_finds_nothing_prefers_nothing() -> None:
    preference, mrc = measured((parallel(LANGUAGES, 4), np.zeros((12, 12))))
    assert (preference.lpr, preference.lpr_expected, preference.recall_same_at_100, mrc) == (None, None, 0, 0)


@given(st.lists(st.lists(st.integers(-1, 6), min_size=3, max_size=3), min_size=1, max_size=9))
def test_hubs_are_those_of_a_loop(rows: list[list[int]]) -> None:
    top = np.array([sorted(row, key=lambda p: p < 0) for row in rows])  # what is missing stands last
    first = [row[0] for row in top.tolist() if row[0] >= 0]
    places = [p for row in top.tolist() for p in row if p >= 0]
    found = hubness(top)
    if not first:
        assert found == Hubness(None, None)
        return
    assert found.same_first == pytest.approx(max(first.count(p) for p in first) / len(first))
    assert found.distinct_top10 == pytest.approx(len(set(places)) / len(places))


def test_one_hub_for_all_queries_and_none() -> None:
    assert hubness(np.tile(np.arange(10), (100, 1))) == Hubness(1, 0.01)
    assert hubness(np.arange(1000).reshape(100, 10)) == Hubness(0.01, 1)


def test_the_sampled_queries_ask_different_questions_whatever_their_order() -> None:
    judged = qrels_of(parallel(LANGUAGES, 300))
    rows = sampled_queries(judged)
    assert len(rows) == SAMPLE == len({judged.queries[row].parallel_id for row in rows})
    assert {judged.queries[row].lang for row in rows} == set(LANGUAGES)
    few = sampled_queries(qrels_of(parallel(LANGUAGES, 7)))
    assert len(few) == 7
    names = {judged.queries[row].id for row in rows}
    backwards = sampled_queries(_reversed(judged))
    assert {judged.queries[::-1][row].id for row in backwards} == names


def _reversed(judged: Qrels) -> Qrels:
    return replace(judged, queries=judged.queries[::-1], query=np.sort(len(judged.queries) - 1 - judged.query))
