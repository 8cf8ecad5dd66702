"""The mean over crossed seeds and questions: against a plain analysis of variance, scipy, and simulated truth."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from interval_coverage import REPLICATIONS, bootstrap, coverage, crossed, draw
from scipy import stats

from babelmix.evaluation.crossed import Estimate, crossed_mean

SIZES = st.lists(st.integers(2, 6), min_size=1, max_size=3)


def by_loops(tasks):
    """Mean, variance and degrees of freedom from sums of squares in plain loops."""
    seeds, count = len(tasks[0]), len(tasks)
    means = [sum(sum(task[s]) / len(task[s]) for task in tasks) / count for s in range(seeds)]
    mean = sum(means) / seeds
    a = sum((m - mean) ** 2 for m in means) / (seeds - 1) / seeds
    terms, b, c = [(a, seeds - 1)], 0.0, 0.0
    for task in tasks:
        questions = len(task[0])
        grand = sum(sum(row) for row in task) / seeds / questions
        by_seed = [sum(row) / questions for row in task]
        by_question = [sum(task[s][q] for s in range(seeds)) / seeds for q in range(questions)]
        ms_question = seeds * sum((m - grand) ** 2 for m in by_question) / (questions - 1)
        rest = 0.0
        for s in range(seeds):
            for q in range(questions):
                rest += (task[s][q] - by_seed[s] - by_question[q] + grand) ** 2
        ms_rest = rest / (seeds - 1) / (questions - 1)
        size = seeds * questions * count**2
        b, c = b + ms_question / size, c + ms_rest / size
        terms += [(ms_question / size, questions - 1), (ms_rest / size, (seeds - 1) * (questions - 1))]
    variance = max(a + b - c, a, b)
    return mean, variance, variance**2 / sum(part**2 / own for part, own in terms)


@given(st.integers(0, 2**32 - 1), st.integers(2, 4), SIZES)
def test_the_variance_is_that_of_sums_of_squares_in_loops(seed, seeds, sizes):
    rng = np.random.default_rng(seed)
    tasks = [rng.normal(0.1, 1, (seeds, size)) + rng.normal(0, 0.3, (seeds, 1)) for size in sizes]
    found = crossed_mean(tasks)
    assert (found.mean, found.standard_error**2, found.degrees) == pytest.approx(by_loops([t.tolist() for t in tasks]))


def test_one_seed_is_the_t_test_of_one_sample():
    values = np.random.default_rng(1).normal(0.1, 0.4, 25)
    found, expected = crossed_mean([values[None]]), stats.ttest_1samp(values, 0)
    assert found.p_differs() == pytest.approx(expected.pvalue)
    assert found.limits(0.95) == pytest.approx(tuple(expected.confidence_interval(0.95)))
    assert found.p_above(-0.05) == pytest.approx(stats.ttest_1samp(values, -0.05, alternative="greater").pvalue)
    assert found.p_below(0.05) == pytest.approx(stats.ttest_1samp(values, 0.05, alternative="less").pvalue)


def test_two_tasks_of_one_seed_are_the_t_test_of_welch():
    """A mean over two tasks is half the difference of one and the other's negative."""
    rng = np.random.default_rng(2)
    one, other = rng.normal(0.1, 0.4, 12), rng.normal(0.2, 0.1, 40)
    found, expected = crossed_mean([one[None], other[None]]), stats.ttest_ind(one, -other, equal_var=False)
    assert found.p_differs() == pytest.approx(expected.pvalue)
    assert found.degrees == pytest.approx(expected.df)
    assert [2 * limit for limit in found.limits(0.95)] == pytest.approx(list(expected.confidence_interval(0.95)))


def test_seeds_that_agree_say_what_one_seed_says():
    values = np.random.default_rng(3).normal(0.1, 0.4, (1, 30))
    one, three = crossed_mean([values]), crossed_mean([np.repeat(values, 3, axis=0)])
    assert (three.mean, *three.limits(0.95)) == pytest.approx((one.mean, *one.limits(0.95)))


@given(st.integers(0, 2**32 - 1), st.integers(1, 4), SIZES)
def test_p_is_below_a_twentieth_where_the_interval_excludes_zero(seed, seeds, sizes):
    rng = np.random.default_rng(seed)
    found = crossed_mean([rng.normal(rng.normal(), 1, (seeds, size)) for size in sizes])
    low, high = found.limits(0.95)
    assert (found.p_differs() < 0.05) == (low > 0 or high < 0)
    assert (found.p_above(-0.1) < 0.05) == (found.limits(0.90)[0] > -0.1)


def test_without_spread_only_a_mean_of_zero_is_no_difference():
    nothing, something = (crossed_mean([np.full((3, 5), value)]) for value in (0.0, 0.3))
    assert (nothing.mean, *nothing.limits(0.95), nothing.p_differs()) == (0, 0, 0, 1)
    assert (*something.limits(0.95), something.p_differs()) == pytest.approx((0.3, 0.3, 0))
    assert nothing.p_above(-0.1) == nothing.p_below(0.1) == 0


def test_rounding_is_no_difference():
    values = np.full((1, 7), 1e-17)
    values[0, 0] = 2e-17
    assert crossed_mean([values]) == Estimate(0, 0, 1)


def test_one_question_shows_nothing():
    found = crossed_mean([np.full((3, 1), 0.9), np.full((3, 8), 0.9)])
    assert found.limits(0.95) == (-np.inf, np.inf)
    assert found.p_differs() == 1 and found.p_above(-0.5) == found.p_below(0.95) == 0.5


@pytest.mark.parametrize("questions", [(40,), (300,), (40, 100, 300)])
@pytest.mark.parametrize("seed_share", [0, 1])
@pytest.mark.parametrize("seeds", [3, 5])
def test_the_interval_holds_the_truth_95_times_in_100(seeds, questions, seed_share):
    assert 0.93 <= coverage(crossed, seeds, questions, seed_share) <= 0.985


def test_two_seeds_do_nearly_as_well_unless_seeds_differ_much():
    assert 0.93 <= coverage(crossed, 2, (300,), 0) <= 0.985
    assert 0.93 <= coverage(crossed, 2, (300,), 1) <= 0.985
    assert 0.86 <= coverage(crossed, 2, (300,), 10) <= 0.95


def test_the_bootstrap_that_it_replaces_holds_it_less_often_with_few_seeds():
    mine = coverage(crossed, 3, (40,), 3, replications=600)
    assert coverage(bootstrap(200), 3, (40,), 3, replications=600) < mine - 0.03


@pytest.mark.parametrize("seeds", [1, 3])
def test_p_is_uniform_where_there_is_no_difference(seeds):
    rng = np.random.default_rng(5)
    p = np.array([crossed_mean(draw(rng, seeds, (100,), 0.5 * (seeds > 1))).p_differs() for _ in range(REPLICATIONS)])
    assert np.mean(p < 0.05) == pytest.approx(0.05, abs=0.02)
    assert np.mean(p) == pytest.approx(0.5, abs=0.04)


@pytest.mark.parametrize("seeds", [1, 3])
def test_a_true_difference_at_the_bound_is_rarely_called_equivalent(seeds):
    """The bound is four standard errors, so that only the side where the truth lies can fail."""
    rng, bound = np.random.default_rng(6), 0.5
    found = [
        crossed_mean([values + bound for values in draw(rng, seeds, (100,), 0.3 * (seeds > 1))])
        for _ in range(REPLICATIONS)
    ]
    wrong = np.mean([max(one.p_above(-bound), one.p_below(bound)) < 0.05 for one in found])
    assert 0.02 < wrong <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / REPLICATIONS)
