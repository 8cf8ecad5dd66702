"""Language bias, against oracles: random, perfect and one-sided rankings."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2, kruskal
from scored import Given

from babelmix.benchmarks.benchmark import Benchmark, Itself, Passage, Qrel, Query
from babelmix.benchmarks.qrels import qrels_of
from babelmix.evaluation.language_bias import expected_rank_distance, language_bias, peer
from babelmix.evaluation.measures import group_means, mean_of_means
from babelmix.evaluation.ranks import Ranks, rank_relevant

LANGUAGES = ("de", "en", "zh")


def benchmark_of(questions):
    """One query and one passage of each question in each language, in order of language, then question."""
    pairs = [(lang, q) for lang in LANGUAGES for q in range(questions)]
    return Benchmark(
        "toy",
        tuple(Query(f"{lang}-{q:03}", f"{q:03}", lang, "?") for lang, q in pairs),
        tuple(Passage(f"{lang}-{q:03}", lang, "!") for lang, q in pairs),
        tuple(Qrel(f"{q:03}", f"{lang}-{q:03}") for lang, q in pairs),
    )


def ranks_of(benchmark, rankings):
    """Ranks of the answers in given rankings of the pool, [Q, P] rows of passages, best first."""
    place, judged = np.argsort(rankings, axis=1) + 1, qrels_of(benchmark)
    found = np.full(len(judged.query), True)
    return Ranks(place[judged.query, judged.passage], np.ones_like(judged.query), rankings[:, :10], found)


def test_a_random_ranking_of_xquad_r_is_expected_at_10845_8():
    assert expected_rank_distance(13014, np.array([11]))[0] == pytest.approx(10845.8, abs=0.05)


def test_random_rankings_have_the_expected_rank_distance_and_language_shares():
    benchmark = benchmark_of(20)
    rng = np.random.default_rng(1)
    biases = [
        language_bias(qrels_of(benchmark), ranks_of(benchmark, rng.permuted(np.tile(np.arange(60), (60, 1)), axis=1)))
        for _ in range(100)
    ]
    assert biases[0].rank_distance_random == 61 * 2 / 4
    assert np.mean([bias.rank_distance_share for bias in biases]) == pytest.approx(1, abs=0.02)
    assert np.mean([bias.same_language_share_top10 for bias in biases]) == pytest.approx(1 / 3, abs=0.01)
    assert biases[0].language_share_pool == {lang: pytest.approx(1 / 3) for lang in LANGUAGES}


def test_a_perfect_ranking_has_one_rank_less_than_relevant_passages():
    benchmark = benchmark_of(20)
    answers = np.arange(60) % 20
    rest = [[p for p in range(60) if p % 20 != answer] for answer in answers]
    rankings = np.array([[a, a + 20, a + 40, *others] for a, others in zip(answers, rest, strict=True)])
    bias = language_bias(qrels_of(benchmark), ranks_of(benchmark, rankings))
    assert (bias.rank_distance, bias.max_rank) == (2, 3)
    assert bias.rank_distance_by == {"de": 2, "en": 2, "zh": 2}


def test_a_ranking_that_puts_the_query_language_first_shows_it():
    benchmark = benchmark_of(20)
    own_first = [sorted(range(60), key=lambda p: (p // 20 != q // 20, p)) for q in range(60)]
    bias = language_bias(qrels_of(benchmark), ranks_of(benchmark, np.array(own_first)))
    assert bias.same_language_share_top10 == 1
    assert bias.language_share_top10 == {lang: pytest.approx(1 / 3) for lang in LANGUAGES}
    english_first = [sorted(range(60), key=lambda p: (p // 20 != 1, p)) for _ in range(60)]
    bias = language_bias(qrels_of(benchmark), ranks_of(benchmark, np.array(english_first)))
    assert bias.language_share_top10 == {"de": 0, "en": 1, "zh": 0}
    assert bias.language_share_by == {lang: {"de": 0, "en": 1, "zh": 0} for lang in LANGUAGES}
    assert bias.same_language_share_top10 == pytest.approx(1 / 3)


def test_queries_with_one_relevant_passage_have_no_rank_distance():
    benchmark = Benchmark(
        "toy",
        (Query("a", "1", "de", "?"), Query("b", "2", "de", "?"), Query("c", "2", "en", "?")),
        tuple(Passage(f"p{i}", "de" if i < 2 else "en", "!") for i in range(4)),
        (Qrel("1", "p0"), Qrel("2", "p1"), Qrel("2", "p2")),
    )
    ranks = Ranks(np.array([4, 1, 2, 4, 1]), np.ones(5, dtype=int), np.zeros((3, 4), dtype=int), np.full(5, True))
    bias = language_bias(qrels_of(benchmark), ranks)
    assert bias.rank_distance_by == {"de": 1, "en": 3}
    assert (bias.rank_distance, bias.max_rank) == (2, (3 + 4) / 2)
    assert bias.rank_distance_random == 5 / 3


@given(st.lists(st.sampled_from(LANGUAGES), min_size=2, max_size=30).filter(lambda row: len(set(row)) > 1))
def test_peer_is_the_kruskal_wallis_test_where_the_relevant_fill_the_top(languages):
    rank = np.arange(1, len(languages) + 1)
    samples = [rank[np.array(languages) == lang] for lang in sorted(set(languages))]
    found = peer(np.zeros(len(rank), dtype=int), np.array(languages), rank)
    assert found == pytest.approx([kruskal(*samples).pvalue])


def test_peer_takes_the_ranks_of_the_ranking_itself():
    # Worked by hand: ranks 1, 2 against 3, 100; means 1.5 and 51.5 around 26.5; H = 3 * 2500 / 7261.
    h = 3 * (2 * 25**2 + 2 * 25**2) / (25.5**2 + 24.5**2 + 23.5**2 + 73.5**2)
    found = peer(np.zeros(4, dtype=int), np.array(["de", "de", "en", "en"]), np.array([1, 2, 3, 100]))
    assert found == pytest.approx([chi2.sf(h, 1)])


@given(st.sets(st.integers(1, 5000), min_size=3, max_size=3))
def test_peer_cannot_tell_rankings_apart_with_one_relevant_passage_a_language(ranks):
    found = peer(np.zeros(3, dtype=int), np.array(LANGUAGES), np.array(sorted(ranks)))
    assert found == pytest.approx([chi2.sf(2, 2)])


def test_peer_counts_relevant_passages_of_one_language_as_fair():
    assert peer(np.array([3, 3, 7]), np.array(["de", "de", "en"]), np.array([1, 9, 4])).tolist() == [1, 1]


def test_a_large_group_weighs_no_more_than_a_small_one():
    values, groups = np.array([1.0, 0.0, 0.0, 0.0]), np.array(["en", "de", "de", "de"])
    assert group_means(values, groups) == {"de": 0, "en": 1}
    assert mean_of_means(values, groups) == 0.5
    assert mean_of_means(values[:0], groups[:0]) is None


def test_what_was_not_found_stands_last_and_has_no_share():
    benchmark = benchmark_of(2)  # de-000, de-001, en-000, en-001, zh-000, zh-001
    judged = qrels_of(benchmark)
    scores = np.zeros((6, 6))
    scores[:2, :2] = [[3, 2], [2, 3]]  # German finds German, English its answer, the third nothing
    scores[2, 2] = scores[3, 3] = 1
    bias = language_bias(judged, rank_relevant(judged, Given(scores, not_found=0.0)))
    assert bias.language_share_by == {"de": {"de": 1, "en": 0, "zh": 0}, "en": {"de": 0, "en": 1, "zh": 0}}
    assert bias.language_share_top10 == {"de": 0.5, "en": 0.5, "zh": 0}
    assert bias.same_language_share_top10 == 1
    assert bias.rank_distance_by == {"de": 5, "en": 5, "zh": 0} and bias.max_rank == 6
    nothing = language_bias(judged, rank_relevant(judged, Given(np.zeros((6, 6)), not_found=0.0)))
    assert nothing.language_share_top10 == {"de": 0, "en": 0, "zh": 0} and nothing.language_share_by == {}
    assert (nothing.same_language_share_top10, nothing.rank_distance, nothing.peer) == (None, 0, 1)


@given(st.integers(0, 3))
def test_a_random_ranking_is_expected_over_the_passages_that_are_ranked(others):
    benchmark = benchmark_of(4)
    itself = tuple(Itself("000", f"de-{q:03}") for q in range(1, 1 + others))
    judged = qrels_of(replace(benchmark, itself=itself))
    bias = language_bias(judged, rank_relevant(judged, Given(np.zeros((12, 12)))))
    assert bias.rank_distance_random == pytest.approx((3 * 13 + 13 - others) / 4 * 2 / 4)
