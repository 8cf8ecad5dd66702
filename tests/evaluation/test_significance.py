"""Paired statistics: against plain loops, slopes by small steps and simulated truth; see also test_crossed."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from babelmix.common.errors import UserError
from babelmix.evaluation.query_scores import QueryScores
from babelmix.evaluation.question_values import question_values
from babelmix.evaluation.significance import Difference, holm, paired_difference, pooled_difference, score_interval


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


def against_nothing(values, **shape):
    """The paired difference of `values` and a system that scores 0 everywhere: what is tested is `values`."""
    first, second = multilingual(values, **shape), multilingual(np.zeros_like(values), **shape)
    return paired_difference([first], [second], "multilingual")


def clustered(rng, mean=0.0, questions=50):
    """Differences with a question effect that its translations share, and noise of their own."""
    return mean + rng.normal(0, 0.2, (questions, 1)) + rng.normal(0, 0.1, (questions, 3))


def test_the_mean_is_the_difference_of_the_means_over_languages():
    values = np.array([[0.1, 0.2, 0.9], [0.3, 0.4, 0.0], [0.5, 0.6, 0.0]])
    found = against_nothing(values, missing=((1, 2), (2, 2)))
    assert found.mean == pytest.approx((0.3 + 0.4 + 0.9) / 3)
    assert found.questions == 3


@given(st.integers(0, 2**32 - 1), st.sets(st.tuples(st.integers(0, 5), st.integers(0, 1)), max_size=7))
def test_the_value_of_a_question_is_the_slope_of_the_figure_in_its_weight(seed, missing):
    values = np.random.default_rng(seed).random((6, 3))
    kept = np.array([[(q, i) not in missing for i in range(3)] for q in range(6)])
    groups = [i for i in range(3) if kept[:, i].any()]

    def figure(weights):
        means = []
        for i in groups:
            asked = [q for q in range(6) if kept[q, i]]
            means.append(sum(weights[q] * values[q, i] for q in asked) / sum(weights[q] for q in asked))
        return sum(means) / len(means)

    found = question_values(multilingual(values, missing=missing), "multilingual", "average_precision")
    assert found.mean() == pytest.approx(figure(np.ones(6)))
    for q in range(6):
        step = 1e-4 * (np.arange(6) == q)
        slope = (figure(1 + step) - figure(1 - step)) / 2e-4
        assert found[q] == pytest.approx(figure(np.ones(6)) + 6 * slope, abs=1e-6)


def test_the_value_of_a_question_in_all_languages_is_its_mean():
    values = np.random.default_rng(1).random((8, 3))
    found = question_values(multilingual(values), "multilingual", "average_precision")
    assert found == pytest.approx(values.mean(axis=1))


def test_a_language_with_few_questions_is_covered_too():
    """Ten questions make a third of the figure: the spread of a plain mean over queries would be too narrow."""
    rng = np.random.default_rng(4)
    missing = tuple((q, 2) for q in range(10, 40))
    found = [against_nothing(clustered(rng, 0.05, 40), missing=missing) for _ in range(1000)]
    assert 0.92 <= np.mean([one.low <= 0.05 <= one.high for one in found]) <= 0.97
    plain = 1.96 * (0.2**2 + 0.1**2 / 3) ** 0.5 / 40**0.5
    assert np.mean([one.high - one.mean for one in found]) > 1.1 * plain


def test_intervals_cover_the_true_difference_about_95_times_in_100():
    rng = np.random.default_rng(4)
    found = [against_nothing(clustered(rng, mean=0.05)) for _ in range(1000)]
    covered = np.mean([difference.low <= 0.05 <= difference.high for difference in found])
    assert 0.93 <= covered <= 0.97


def test_more_translations_of_the_same_questions_do_not_narrow_the_interval():
    effect = np.random.default_rng(6).normal(0.1, 0.2, (50, 1))
    one = against_nothing(effect, languages=("a",))
    ten = against_nothing(np.repeat(effect, 10, axis=1), languages=tuple("abcdefghij"))
    assert (ten.low, ten.high, ten.p) == pytest.approx((one.low, one.high, one.p))


def test_a_system_is_equivalent_to_itself():
    scores = multilingual(np.random.default_rng(7).random((20, 3)))
    found = paired_difference([scores], [scores], "multilingual")
    assert (found.mean, found.low, found.high, found.lower, found.p, found.by_seed) == (0, 0, 0, 0, 1, (0,))
    assert found.p_equivalent == 0 and found.verdict == "equivalent" and found.no_worse


def test_one_question_shows_nothing():
    found = against_nothing(np.array([[0.1, 0.2, 0.7]]))
    assert (found.low, found.high, found.p) == (-np.inf, np.inf, 1)
    assert found.verdict == "no difference shown" and not found.no_worse


def test_swapped_systems_change_the_sign_only():
    rng = np.random.default_rng(8)
    first, second = multilingual(rng.random((20, 3))), multilingual(rng.random((20, 3)))
    there, back = (paired_difference([a], [b], "multilingual") for a, b in ((first, second), (second, first)))
    assert (back.mean, back.low, back.high, back.p) == pytest.approx((-there.mean, -there.high, -there.low, there.p))
    assert back.p_equivalent == pytest.approx(there.p_equivalent)


def test_seeds_that_disagree_widen_the_interval_and_are_reported():
    base = np.random.default_rng(10).normal(0.3, 0.05, (200, 3))
    zero = multilingual(np.zeros_like(base))
    apart = [multilingual(base + shift) for shift in (-0.1, 0.0, 0.1)]
    many = paired_difference(apart, [zero] * 3, "multilingual")
    same = paired_difference([multilingual(base)] * 3, [zero] * 3, "multilingual")
    one = against_nothing(base)
    assert many.mean == pytest.approx(same.mean) and many.by_seed == pytest.approx(
        tuple(same.mean + shift for shift in (-0.1, 0.0, 0.1))
    )
    assert (same.low, same.high) == pytest.approx((one.low, one.high))
    assert many.high - many.low > 3 * (same.high - same.low)


def test_the_interval_of_a_score_is_that_of_its_difference_from_zero():
    values = [np.random.default_rng(seed).random((30, 3)) for seed in (1, 2)]
    zero = multilingual(np.zeros((30, 3)))
    found = score_interval([multilingual(one) for one in values], "multilingual", "average_precision")
    expected = paired_difference([multilingual(one) for one in values], [zero] * 2, "multilingual")
    assert (found.mean, found.low, found.high) == (expected.mean, expected.low, expected.high)
    assert (found.questions, found.seeds) == (30, 2)


def test_tasks_weigh_the_same_whatever_their_number_of_questions():
    rng = np.random.default_rng(11)
    tasks = [
        ([multilingual(rng.random((size, 3))) for _ in range(2)], [multilingual(rng.random((size, 3)))] * 2)
        for size in (5, 40)
    ]
    found = pooled_difference(tasks, "multilingual")
    alone = [paired_difference(*task, "multilingual") for task in tasks]
    assert found.mean == pytest.approx((alone[0].mean + alone[1].mean) / 2)
    assert found.by_seed == pytest.approx(tuple(np.mean([one.by_seed for one in alone], axis=0)))
    assert found.questions == 45


def test_a_seed_that_lifts_every_task_is_not_averaged_away():
    rng = np.random.default_rng(12)
    zero = [multilingual(np.zeros((300, 3)))] * 3
    bases = [rng.normal(0.3, 0.01, (300, 3)) for _ in range(8)]
    tasks = [([multilingual(base + shift) for shift in (-0.1, 0.0, 0.1)], zero) for base in bases]
    one, eight = (pooled_difference(tasks[:count], "multilingual") for count in (1, 8))
    assert eight.high - eight.low == pytest.approx(one.high - one.low, rel=0.01)


def test_another_measure_is_compared_when_asked():
    first, second = multilingual(np.full((4, 3), 0.5)), multilingual(np.zeros((4, 3)))
    changed = replace(first, ndcg_at_10=first.ndcg_at_10 + 0.25)
    assert paired_difference([changed], [second], "multilingual", "ndcg_at_10").mean == pytest.approx(0.75)


def of_p(p, mean=0.0, p_equivalent=1.0, lower=-1.0):
    return Difference(mean, -1, 1, lower, 0.005, p, p_equivalent, p, p_equivalent, 10, (mean,))


@pytest.mark.parametrize(
    ("mean", "p_holm", "p_equivalent_holm", "word"),
    [
        (0.01, 0.01, 1.0, "better"),
        (-0.01, 0.01, 1.0, "worse"),
        (0.001, 0.01, 0.01, "better"),
        (0.001, 0.05, 0.01, "equivalent"),
        (0.001, 0.05, 0.05, "no difference shown"),
    ],
)
def test_the_verdict_follows_the_corrected_tests(mean, p_holm, p_equivalent_holm, word):
    found = replace(of_p(0.01, mean, 0.01), p_holm=p_holm, p_equivalent_holm=p_equivalent_holm)
    assert found.verdict == word


def test_a_small_loss_can_be_worse_and_yet_no_loss_within_the_bound():
    loss = np.random.default_rng(13).normal(-0.003, 0.005, (200, 3))
    found = against_nothing(loss)
    assert found.verdict == "worse" and found.no_worse and found.p_equivalent < 0.05
    assert against_nothing(3 * loss).no_worse is False


@pytest.mark.parametrize("bound", [0.001, 0.02])
def test_what_is_equivalent_depends_on_the_bound(bound):
    values = np.random.default_rng(14).normal(0, 0.05, (200, 3))
    zero = multilingual(np.zeros_like(values))
    found = paired_difference([multilingual(values)], [zero], "multilingual", bound=bound)
    assert found.verdict == ("equivalent" if bound == 0.02 else "no difference shown")


def test_systems_scored_on_different_queries_are_refused():
    first, second = multilingual(np.zeros((4, 3))), multilingual(np.zeros((5, 3)))
    with pytest.raises(UserError, match="scored on different queries"):
        paired_difference([first], [second], "multilingual")


def test_a_scope_without_queries_is_refused():
    scores = multilingual(np.zeros((4, 3)))
    with pytest.raises(UserError, match="scope 'crosslingual': no queries to compare"):
        paired_difference([scores], [scores], "crosslingual")


@pytest.mark.parametrize(("seeds", "line"), [((2, 3), "2 trainings are compared with 3"), ((0, 0), "0 trainings")])
def test_other_numbers_of_seeds_are_refused(seeds, line):
    scores = multilingual(np.zeros((4, 3)))
    with pytest.raises(UserError, match=f"seeds: {line}"):
        paired_difference([scores] * seeds[0], [scores] * seeds[1], "multilingual")
    with pytest.raises(UserError, match="seeds: 1 trainings are compared with 2"):
        pooled_difference([([scores], [scores]), ([scores] * 2, [scores] * 2)], "multilingual")


def test_no_tasks_are_refused():
    with pytest.raises(UserError, match="no tasks to compare"):
        pooled_difference([], "multilingual")


def test_holm_gives_the_values_worked_by_hand():
    # Sorted: .005 * 4, .01 * 3, .03 * 2, .04 * 1; the last may not fall below the one before it.
    corrected = holm([of_p(0.01), of_p(0.04), of_p(0.03), of_p(0.005)])
    assert [difference.p_holm for difference in corrected] == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert [difference.p for difference in corrected] == [0.01, 0.04, 0.03, 0.005]


def test_holm_corrects_equivalences_as_a_family_of_their_own():
    corrected = holm([of_p(0.5, p_equivalent=0.02), of_p(0.01, p_equivalent=0.9), of_p(0.6, p_equivalent=0.01)])
    assert [difference.p_equivalent_holm for difference in corrected] == pytest.approx([0.04, 0.9, 0.03])
    assert [difference.p_holm for difference in corrected] == pytest.approx([1, 0.03, 1])


def test_holm_never_exceeds_one_and_leaves_a_family_of_one_alone():
    assert [d.p_holm for d in holm([of_p(0.6), of_p(0.9)])] == [1, 1]
    assert holm([of_p(0.2)]) == (of_p(0.2),)
    assert holm([]) == ()
