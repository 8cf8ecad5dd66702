"""The intervals of exponents: against closed forms, against a bootstrap, and by how often they hold the truth."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from babelmix.evaluation.crossed import crossed_mean
from babelmix.study.delta import influence_values
from babelmix.study.exponents import interaction, scaling_of
from babelmix.study.power_law import fit_power_law

N = np.array([3.5e6, 5.3e6, 10.6e6, 21.3e6])


def cells(seed: int, exponent: float = 0.3, seeds: int = 5, questions: int = 200, seed_sd: float = 0.01) -> np.ndarray:
    """Errors [sizes, seeds, questions] of a power law: question effects are common, skewed, and grow with the error."""
    drawn = np.random.default_rng(seed)
    errors = 0.6 * (N / 1e7) ** -exponent
    question = drawn.beta(1, 1, questions) - 0.5
    moved = seed_sd * drawn.standard_normal((len(N), seeds, 1))
    rest = 0.1 * drawn.standard_normal((len(N), seeds, questions))
    return errors[:, None, None] * (1 + question) + moved + rest


def exponent_of(errors: np.ndarray) -> float:
    return -float(np.polyfit(np.log(N), np.log(errors), 1)[0])


@settings(deadline=None)
@given(seed=st.integers(0, 10_000))
def test_the_slopes_are_those_of_the_closed_form(seed: int) -> None:
    errors = cells(seed, questions=20)
    values = influence_values(lambda e: [fit_power_law(N, e).exponent], errors)[0]
    x, means = np.log(N) - np.log(N).mean(), errors.mean(axis=(1, 2))
    slopes = -x / np.square(x).sum() / means
    expected = exponent_of(means) + np.tensordot(slopes, errors - means[:, None, None], axes=1)
    assert values == pytest.approx(expected, abs=1e-6)
    assert values.mean() == pytest.approx(exponent_of(means))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_standard_error_over_questions_is_that_of_a_bootstrap(seed: int) -> None:
    errors = cells(seed, seeds=1)
    found = crossed_mean(list(influence_values(lambda e: [fit_power_law(N, e).exponent], errors)))
    drawn = np.random.default_rng(seed).integers(0, 200, (2000, 200))
    means = np.array([own[0][drawn].mean(axis=1) for own in errors])
    again = -np.polyfit(np.log(N), np.log(means), 1)[0]
    assert found.mean == pytest.approx(exponent_of(errors.mean(axis=(1, 2))))
    assert found.standard_error == pytest.approx(np.std(again), rel=0.08)


def test_the_floor_has_the_standard_error_of_a_bootstrap() -> None:
    drawn = np.random.default_rng(4)
    parameters = np.geomspace(3.5e6, 200e6, 6)
    errors = (0.2 + 0.4 * (parameters / 1e7) ** -0.7)[:, None, None] * (1 + 0.2 * drawn.standard_normal((1, 1, 300)))
    errors = errors + 0.02 * drawn.standard_normal((6, 1, 300))
    found = scaling_of(parameters, errors)
    assert found is not None and found.floor is not None and found.floor_exponent is not None
    laws = [
        fit_power_law(parameters, errors[:, 0, drawn.integers(0, 300, 300)].mean(axis=1), floor=True)
        for _ in range(150)
    ]
    assert found.floor.standard_error == pytest.approx(np.std([law.floor for law in laws]), rel=0.2)
    assert found.floor_exponent.standard_error == pytest.approx(np.std([law.exponent for law in laws]), rel=0.2)
    assert found.floor.limits(0.95)[0] < 0.2 < found.floor.limits(0.95)[1]


@pytest.mark.parametrize("seeds", [1, 3, 5])
def test_the_interval_holds_the_truth_95_times_in_100(seeds: int) -> None:
    """200 studies: the standard error of the share is 1.5 points."""
    held = 0
    for study in range(200):
        errors = cells(study, seeds=seeds, questions=100, seed_sd=0.02 if seeds > 1 else 0)
        values = influence_values(lambda e: [fit_power_law(N, e).exponent], errors)
        low, high = crossed_mean(list(values)).limits(0.95)
        held += low <= 0.3 <= high
    assert 0.91 <= held / 200 <= 0.99


def test_the_interval_of_the_interaction_holds_the_truth() -> None:
    """Two systems on the same questions, whose exponents differ by .1."""
    held = 0
    for study in range(200):
        first = cells(study, 0.4, seeds=3, questions=80, seed_sd=0.02)
        second = cells(study + 5000, 0.3, seeds=3, questions=80, seed_sd=0.02)
        found = interaction(N, first, second)
        assert found is not None
        held += found.exponent.low <= 0.1 <= found.exponent.high
    assert 0.91 <= held / 200 <= 0.99


def test_the_interaction_is_the_difference_of_the_exponents_and_is_paired() -> None:
    first, second = cells(1, 0.4), cells(1, 0.3)  # the same questions and seeds
    found, one, other = interaction(N, first, second), scaling_of(N, first), scaling_of(N, second)
    assert found is not None and one is not None and other is not None
    assert found.exponent.mean == pytest.approx(one.law.exponent - other.law.exponent)
    width = found.exponent.high - found.exponent.low
    alone = [fit.exponent.limits(0.95) for fit in (one, other)]
    assert width < sum(high - low for low, high in alone) / 3
    gains = (second - first).mean(axis=(1, 2))
    assert found.gain.mean == pytest.approx(np.polyfit(np.log10(N), gains, 1)[0])
    assert len(found.exponent.by_seed) == 5
    small = first / 4, second / 4  # so that all scores are above 0
    found = interaction(N, *small)
    assert found is not None and found.odds is not None
    odds = [np.log((1 - own.mean(axis=(1, 2))) / own.mean(axis=(1, 2))) for own in small]
    assert found.odds.mean == pytest.approx(np.polyfit(np.log10(N), odds[0] - odds[1], 1)[0])
    zero = interaction(N, first * 0 + 1.0, second)
    assert zero is not None and zero.odds is None


def test_sizes_off_the_line_do_not_show_a_sign_over_sizes() -> None:
    flat = np.full((4, 1, 50), 0.5) + 0.05 * np.random.default_rng(1).standard_normal((1, 1, 50))
    bent = flat * np.array([1.0, 0.9, 0.95, 0.9])[:, None, None]
    straight = flat * ((N / 1e7) ** -0.05)[:, None, None]
    found, clear = interaction(N, bent, flat), interaction(N, straight, flat)
    assert found is not None and clear is not None
    assert found.exponent.p < 0.05
    assert found.exponent_over_sizes[0] < 0 < found.exponent_over_sizes[1]
    assert clear.exponent_over_sizes[0] > 0


def test_gains_off_the_line_do_not_show_a_sign_over_sizes() -> None:
    """Gains of .01, .05, .02 and .06; the sum is the slope of the closed form, with t of 2 degrees."""
    flat = np.full((4, 1, 50), 0.5) + 0.05 * np.random.default_rng(1).standard_normal((1, 1, 50))
    gains = np.array([0.01, 0.05, 0.02, 0.06])
    found = interaction(N, flat - gains[:, None, None], flat)
    assert found is not None and found.gain.p < 0.05
    x = np.log10(N) - np.log10(N).mean()
    slope = x @ gains / (x @ x)
    half = 4.302653 * np.sqrt(np.square(gains - gains.mean() - slope * x).sum() / 2 / (x @ x))
    assert found.gain_over_sizes == pytest.approx((slope - half, slope + half))
    assert found.gain_over_sizes[0] < 0


def test_too_few_sizes_and_a_perfect_score_are_not_fitted() -> None:
    errors = cells(1)
    assert scaling_of(N[:2], errors[:2]) is None
    assert scaling_of(N, errors * np.array([1, 1, 1, 0])[:, None, None]) is None
    assert scaling_of(N, errors[:, :0]) is None
    assert interaction(N, errors, errors * 0) is None
    three = scaling_of(N[:3], errors[:3])
    assert three is not None and three.with_floor is None
