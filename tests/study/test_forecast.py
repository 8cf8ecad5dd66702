"""The largest size is forecast where a power law holds, and missed where it does not; the gap and its slope."""

import numpy as np
import pytest

from babelmix.evaluation.crossed import crossed_mean
from babelmix.study.forecast import forecast, forecast_gain, without_largest
from babelmix.study.gap import gaps_of

N = np.array([3.5e6, 5.3e6, 7.1e6, 10.6e6, 21.3e6])


def cells(means: np.ndarray, seed: int = 1) -> np.ndarray:
    """Errors [sizes, 3 seeds, 80 questions] with these means exactly; the questions are common to all."""
    drawn = np.random.default_rng(seed)
    spread = 0.1 * np.random.default_rng(0).standard_normal(80) + 0.02 * drawn.standard_normal((len(means), 3, 80))
    return means[:, None, None] + spread - spread.mean(axis=(1, 2), keepdims=True)


def test_a_power_law_forecasts_its_largest_size() -> None:
    found = forecast(N, cells(0.5 * (N / 1e7) ** -0.4))
    assert found is not None
    assert found.forecast.mean == pytest.approx(0.5 * 2.13**-0.4)
    assert found.miss.mean == pytest.approx(0, abs=1e-9)
    assert found.with_floor is None, "no floor is told"


def test_a_floor_that_the_sizes_tell_forecasts() -> None:
    found = forecast(N, cells(0.2 + 0.4 * (N / 1e7) ** -0.7))
    assert found is not None
    assert found.with_floor == pytest.approx(0.2 + 0.4 * 2.13**-0.7, abs=1e-4)
    assert found.forecast.mean < found.with_floor


def test_a_size_off_the_line_is_missed_by_what_polyfit_says() -> None:
    errors = cells(np.array([0.9, 0.88, 0.83, 0.75, 0.47]))
    found = forecast(N, errors)
    slope, level = np.polyfit(np.log(N[:-1]), np.log(errors[:-1].mean(axis=(1, 2))), 1)
    expected = np.exp(level + slope * np.log(N[-1]))
    assert found is not None
    assert found.forecast.mean == pytest.approx(expected)
    assert found.measured.mean == pytest.approx(0.47)
    assert found.miss.mean == pytest.approx(0.47 - expected)
    assert found.miss.limits(0.95)[1] < 0
    own = crossed_mean([errors[-1]])
    assert found.measured.standard_error == pytest.approx(own.standard_error)


def test_the_forecast_of_a_gain_is_the_difference_of_the_forecasts_and_is_paired() -> None:
    first, second = cells(0.45 * (N / 1e7) ** -0.42, 2), cells(0.5 * (N / 1e7) ** -0.4, 3)
    gain, one, other = forecast_gain(N, first, second), forecast(N, first), forecast(N, second)
    assert gain is not None and one is not None and other is not None
    assert gain.forecast.mean == pytest.approx(other.forecast.mean - one.forecast.mean)
    assert gain.measured.mean == pytest.approx(other.measured.mean - one.measured.mean)
    assert gain.measured.standard_error < one.measured.standard_error / 2
    assert gain.with_floor is None
    floors = cells(0.2 + 0.4 * (N / 1e7) ** -0.7, 2), cells(0.21 + 0.45 * (N / 1e7) ** -0.7, 3)
    gain, one, other = forecast_gain(N, *floors), forecast(N, floors[0]), forecast(N, floors[1])
    assert gain is not None and one is not None and other is not None
    assert gain.with_floor == pytest.approx((other.with_floor or 0) - (one.with_floor or 0)) and one.with_floor


def test_a_forecast_needs_three_sizes_beside_the_largest() -> None:
    errors = cells(0.5 * (N / 1e7) ** -0.4)
    assert forecast(N[:3], errors[:3]) is None
    assert forecast_gain(N[:3], errors[:3], errors[:3]) is None
    assert without_largest(N[:3], errors[:3]) is None
    four = forecast(N[:4], errors[:4])
    assert four is not None and four.with_floor is None


def test_the_gap_and_its_slope_are_paired_over_questions() -> None:
    mono, cross = cells(np.linspace(0.5, 0.3, 5), 4), cells(np.linspace(0.9, 0.4, 5), 5)
    gaps = gaps_of(N, mono, cross)
    assert [own.mean for own in gaps.by_size] == pytest.approx(np.linspace(0.4, 0.1, 5))
    assert gaps.slope is not None
    assert gaps.slope.mean == pytest.approx(np.polyfit(np.log10(N), np.linspace(0.4, 0.1, 5), 1)[0])
    assert gaps.by_size[0].standard_error < crossed_mean([mono[0]]).standard_error / 2
    assert gaps_of(N[:1], mono[:1], cross[:1]).slope is None
