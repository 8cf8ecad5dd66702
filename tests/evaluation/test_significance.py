"""Paired statistics: against plain loops, exact enumeration and simulated truth."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from babelmix.common.errors import UserError
from babelmix.evaluation.query_scores import QueryScores
from babelmix.evaluation.significance import Difference, holm, paired_difference


def multilingual(values, languages=("de", "en", "zh"), missing=()):
    """Scores with average precisions [questions, languages]; `missing` holds (question, language) numbers."""
    rows = [
        (f"q{q:03}", lang, values[q, i])
        for q in range(len(values))
        for i, lang in enumerate(languages)
        if (q, i) not in missing
    ]
    question, language, ap = (np.array(column) for column in zip(*rows, strict=True))
    pool = np.full(len(rows), "pool")
    return QueryScores(np.full(len(rows), "multilingual"), question, language, pool, *[ap] * 6)


def against_nothing(values, rng, resamples=200, **shape):
    """The paired difference of `values` and a system that scores 0 everywhere: what is tested is `values`."""
    first, second = multilingual(values, **shape), multilingual(np.zeros_like(values), **shape)
    return paired_difference([first], [second], "multilingual", rng, resamples)


def clustered(rng, mean=0.0, questions=50):
    """Differences with a question effect that its translations share, and noise of their own."""
    return mean + rng.normal(0, 0.2, (questions, 1)) + rng.normal(0, 0.1, (questions, 3))


def test_the_mean_is_the_difference_of_the_means_over_languages():
    values = np.array([[0.1, 0.2, 0.9], [0.3, 0.4, 0.0], [0.5, 0.6, 0.0]])
    found = against_nothing(values, np.random.default_rng(0), missing=((1, 2), (2, 2)))
    assert found.mean == pytest.approx((0.3 + 0.4 + 0.9) / 3)
    assert found.questions == 3


def test_the_interval_is_that_of_a_plain_loop_over_resampled_questions():
    values = clustered(np.random.default_rng(1), questions=12)
    missing = ((0, 1), (3, 2), (4, 2))
    found = against_nothing(values, np.random.default_rng(7), resamples=300, missing=missing)
    kept = np.array([[(q, i) not in missing for i in range(3)] for q in range(12)])
    means = []
    for weights in np.random.default_rng(7).multinomial(12, np.full(12, 1 / 12), size=300):
        drawn = np.repeat(np.arange(12), weights)
        means.append(np.mean([values[drawn, i][kept[drawn, i]].mean() for i in range(3)]))
    assert (found.low, found.high) == pytest.approx(tuple(np.percentile(means, (2.5, 97.5))))


def test_a_language_that_a_resample_misses_is_left_out_of_it():
    values = np.array([[0.5, 0.5], [0.5, 0.5], [0.5, 0.5]])
    shape = {"languages": ("de", "en"), "missing": ((0, 1), (1, 1))}
    found = against_nothing(values, np.random.default_rng(0), **shape)
    assert (found.low, found.mean, found.high) == pytest.approx((0.5, 0.5, 0.5))


def test_the_permutation_p_value_approaches_the_exact_one():
    values = np.random.default_rng(2).normal(0.1, 0.2, (9, 3))
    values[7:, 2] = (0.9, -0.3)
    missing = tuple((q, 2) for q in range(7))  # two questions make a third of the figure
    count = np.array([9, 9, 2])
    kept = np.array([[(q, i) not in missing for i in range(3)] for q in range(9)])
    share = (values * kept / count).mean(axis=1)
    sums = np.abs([np.dot(signs, share) for signs in product((-1, 1), repeat=9)])
    exact = np.mean(sums >= abs(share.sum()) - 1e-12)
    found = against_nothing(values, np.random.default_rng(3), resamples=20000, missing=missing)
    assert found.p == pytest.approx(exact, abs=0.01)


def test_equal_differences_are_never_less_extreme_than_themselves():
    found = against_nothing(np.array([[0.1, 0.2, 0.7]]), np.random.default_rng(0))
    assert found.p == 1


def test_intervals_cover_the_true_difference_about_95_times_in_100():
    rng = np.random.default_rng(4)
    found = [against_nothing(clustered(rng, mean=0.05), rng) for _ in range(300)]
    covered = np.mean([difference.low <= 0.05 <= difference.high for difference in found])
    assert 0.90 <= covered <= 0.98


def test_p_values_are_uniform_where_there_is_no_difference():
    rng = np.random.default_rng(5)
    p = np.array([against_nothing(clustered(rng), rng).p for _ in range(400)])
    assert np.mean(p <= 0.05) == pytest.approx(0.05, abs=0.03)
    assert np.mean(p) == pytest.approx(0.5, abs=0.05)


def test_more_translations_of_the_same_questions_do_not_narrow_the_interval():
    rng = np.random.default_rng(6)
    effect = rng.normal(0.1, 0.2, (50, 1))
    languages = tuple("abcdefghij")
    one = against_nothing(effect, np.random.default_rng(1), languages=("a",))
    ten = against_nothing(np.repeat(effect, 10, axis=1), np.random.default_rng(1), languages=languages)
    assert (ten.low, ten.high, ten.p) == pytest.approx((one.low, one.high, one.p))


def test_a_system_does_not_differ_from_itself():
    scores = multilingual(np.random.default_rng(7).random((20, 3)))
    found = paired_difference([scores], [scores], "multilingual", np.random.default_rng(0), 200)
    assert found == Difference(0, 0, 0, 1, 1, 20, (0,))


def test_swapped_systems_change_the_sign_only():
    rng = np.random.default_rng(8)
    first, second = multilingual(rng.random((20, 3))), multilingual(rng.random((20, 3)))
    there = paired_difference([first], [second], "multilingual", np.random.default_rng(9), 200)
    back = paired_difference([second], [first], "multilingual", np.random.default_rng(9), 200)
    assert (back.mean, back.low, back.high, back.p) == pytest.approx((-there.mean, -there.high, -there.low, there.p))


def test_seeds_that_disagree_widen_the_interval_and_are_reported():
    rng = np.random.default_rng(10)
    base = rng.normal(0.3, 0.05, (200, 3))
    zero = multilingual(np.zeros_like(base))
    apart = [multilingual(base + shift) for shift in (-0.1, 0.0, 0.1)]
    alike = [multilingual(base)] * 3
    many = paired_difference(apart, [zero] * 3, "multilingual", np.random.default_rng(1), 500)
    same = paired_difference(alike, [zero] * 3, "multilingual", np.random.default_rng(1), 500)
    one = paired_difference(alike[:1], [zero], "multilingual", np.random.default_rng(1), 500)
    assert many.mean == pytest.approx(same.mean) and many.by_seed == pytest.approx(
        tuple(same.mean + shift for shift in (-0.1, 0.0, 0.1))
    )
    assert (same.low, same.high) == pytest.approx((one.low, one.high))
    assert many.high - many.low > 3 * (same.high - same.low)


def test_another_measure_is_compared_when_asked():
    first, second = multilingual(np.full((4, 3), 0.5)), multilingual(np.zeros((4, 3)))
    changed = replace(first, ndcg_at_10=first.ndcg_at_10 + 0.25)
    found = paired_difference([changed], [second], "multilingual", np.random.default_rng(0), 100, "ndcg_at_10")
    assert found.mean == pytest.approx(0.75)


@pytest.mark.parametrize(
    ("low", "high", "p_holm", "word"),
    [
        (0.01, 0.2, 0.01, "better"),
        (-0.2, -0.01, 0.01, "worse"),
        (-0.1, 0.1, 0.01, "no difference shown"),
        (0.0, 0.1, 0.01, "no difference shown"),
        (0.01, 0.2, 0.05, "no difference shown"),
    ],
)
def test_the_verdict_needs_an_interval_without_zero_and_a_corrected_p(low, high, p_holm, word):
    assert Difference(0.0, low, high, 0.01, p_holm, 10, (0.0,)).verdict == word


def test_systems_scored_on_different_queries_are_refused():
    first, second = multilingual(np.zeros((4, 3))), multilingual(np.zeros((5, 3)))
    with pytest.raises(UserError, match="scored on different queries"):
        paired_difference([first], [second], "multilingual", np.random.default_rng(0), 100)


def test_a_scope_without_queries_is_refused():
    scores = multilingual(np.zeros((4, 3)))
    with pytest.raises(UserError, match="scope 'crosslingual': no queries to compare"):
        paired_difference([scores], [scores], "crosslingual", np.random.default_rng(0), 100)


def of_p(p):
    return Difference(0.0, 0.0, 0.0, p, p, 10, (0.0,))


def test_holm_gives_the_values_worked_by_hand():
    # Sorted: .005 * 4, .01 * 3, .03 * 2, .04 * 1; the last may not fall below the one before it.
    corrected = holm([of_p(0.01), of_p(0.04), of_p(0.03), of_p(0.005)])
    assert [difference.p_holm for difference in corrected] == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert [difference.p for difference in corrected] == [0.01, 0.04, 0.03, 0.005]


def test_holm_never_exceeds_one_and_leaves_a_family_of_one_alone():
    assert [d.p_holm for d in holm([of_p(0.6), of_p(0.9)])] == [1, 1]
    assert holm([of_p(0.2)]) == (of_p(0.2),)
    assert holm([]) == ()
