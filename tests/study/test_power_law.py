"""Known power laws are found again, and a bad fit shows."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from babelmix.study.fit_quality import fit_quality, slope_scatter
from babelmix.study.power_law import fit_power_law, sizes_missing

N = np.array([3_548_928, 5_323_392, 7_097_856, 10_646_784, 15_970_176, 21_293_568], dtype=np.float64)
ROUGH = np.array([0.91, 0.88, 0.83, 0.75, 0.66, 0.47])  # falls faster and faster, as real errors do
noise = st.lists(st.floats(-0.1, 0.1), min_size=6, max_size=6).map(np.array)


@settings(deadline=None)
@given(level=st.floats(0.05, 0.9), exponent=st.floats(-0.3, 1.5))
def test_a_power_law_is_found_again(level: float, exponent: float) -> None:
    errors = level * (N / 1e7) ** -exponent
    law = fit_power_law(N, errors)
    assert law.exponent == pytest.approx(exponent, abs=1e-9)
    assert law.error(N) == pytest.approx(errors, rel=1e-9)


@settings(deadline=None, max_examples=50)
@given(level=st.floats(0.05, 0.9), exponent=st.floats(0.2, 1.5), share=st.floats(0.1, 0.8))
def test_a_power_law_with_a_floor_is_found_again(level: float, exponent: float, share: float) -> None:
    above = level * (N / 1e7) ** -exponent
    floor = share / (1 - share) * above.min()
    law = fit_power_law(N, floor + above, floor=True)
    assert law.identified
    assert law.exponent == pytest.approx(exponent, rel=1e-3)
    assert law.floor == pytest.approx(floor, rel=1e-2)
    assert law.error(N) == pytest.approx(floor + above, rel=1e-6)


@given(moved=noise)
def test_the_line_is_that_of_scipy(moved: np.ndarray) -> None:
    errors = ROUGH * np.exp(moved)
    line: Any = stats.linregress(np.log(N), np.log(errors))
    assert fit_power_law(N, errors).exponent == pytest.approx(-line.slope)
    assert fit_quality(N, errors).r2 == pytest.approx(line.rvalue**2)


@given(moved=noise)
def test_the_scatter_of_a_slope_is_its_textbook_standard_error(moved: np.ndarray) -> None:
    x, y = np.log(N), np.log(ROUGH * np.exp(moved))
    design = np.stack([np.ones_like(x), x], axis=1)
    rest = y - design @ np.linalg.lstsq(design, y, rcond=None)[0]
    covariance = np.linalg.inv(design.T @ design) * (rest @ rest) / (len(x) - 2)
    assert slope_scatter(x, y) == pytest.approx(np.sqrt(covariance[1, 1]), rel=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_no_point_of_a_fine_grid_fits_better(seed: int) -> None:
    moved = 0.05 * np.random.default_rng(seed).standard_normal(6)
    errors = (0.2 + 0.3 * (N / 1e7) ** -0.8) * np.exp(moved)
    law = fit_power_law(N, errors, floor=True)
    found = float(np.square(np.log(law.error(N) / errors)).sum())
    floor, exponent, level = np.meshgrid(
        np.linspace(0, 0.999, 60) * errors.min(), np.linspace(0.05, 4, 80), np.linspace(-4, 0, 80), indexing="ij"
    )
    squares = np.zeros(floor.shape)
    for parameters, error in zip(N, errors, strict=True):
        squares += np.square(np.log(floor + np.exp(level) * (parameters / 1e7) ** -exponent) - np.log(error))
    assert found <= squares.min()
    assert found > squares.min() * 0.8  # and the grid is fine enough to say so


def test_a_floor_that_the_sizes_do_not_tell_is_said() -> None:
    law, plain = fit_power_law(N, ROUGH, floor=True), fit_power_law(N, ROUGH)
    assert not law.identified
    assert (law.floor, law.exponent) == (0, plain.exponent)
    edge = fit_power_law(N, [0.9, 0.5, 0.5, 0.5, 0.5, 0.5], floor=True)
    assert not edge.identified
    assert edge.floor == pytest.approx(0.5, rel=2e-3)


def test_points_of_several_seeds_count_one_size() -> None:
    twice, errors = np.concatenate([N[:3], N[:3]]), np.concatenate([ROUGH[:3], ROUGH[:3] * 1.02])
    middle = np.sqrt(ROUGH[:3] * ROUGH[:3] * 1.02)
    assert fit_power_law(twice, errors).exponent == pytest.approx(fit_power_law(N[:3], middle).exponent)
    assert sizes_missing(twice) == 0
    assert sizes_missing(twice, floor=True) == 1


@pytest.mark.parametrize(
    ("parameters", "errors", "floor", "message"),
    [
        (N[:2], ROUGH[:2], False, "1 more sizes are needed"),
        (N[:3], ROUGH[:3], True, "1 more sizes are needed"),
        (N, [0.5, 0.4, 0.3, 0.2, 0.1, 0.0], False, "an error has no logarithm"),
        (N, [0.5, 0.4, 0.3, 0.2, 0.1, math.nan], False, "an error has no logarithm"),
    ],
)
def test_what_cannot_be_fitted(parameters: np.ndarray, errors: np.ndarray, floor: bool, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fit_power_law(parameters, errors, floor=floor)


def test_a_bad_fit_shows() -> None:
    good, bad = fit_quality(N, 0.5 * (N / 1e7) ** -0.4), fit_quality(N, ROUGH)
    assert good.r2 == pytest.approx(1)
    assert good.largest < 1e-9
    assert bad.r2 < 0.9
    assert bad.largest == pytest.approx(np.abs(fit_power_law(N, ROUGH).error(N) - ROUGH).max())
    assert bad.largest > 0.05


def test_the_left_out_miss_is_that_of_each_size_in_turn() -> None:
    misses = []
    for place in range(6):
        slope, level = np.polyfit(np.log(np.delete(N, place)), np.log(np.delete(ROUGH, place)), 1)
        misses.append(ROUGH[place] - np.exp(level + slope * np.log(N[place])))
    assert fit_quality(N, ROUGH).left_out == pytest.approx(np.sqrt(np.mean(np.square(misses))))
    assert fit_quality(N[:3], ROUGH[:3]).left_out is None
    assert fit_quality(N[:4], ROUGH[:4], floor=True).left_out is None


def test_aicc_is_that_of_its_paper_and_needs_enough_points() -> None:
    squares = np.square(np.log(fit_power_law(N, ROUGH).error(N) / ROUGH)).sum()
    assert fit_quality(N, ROUGH).aicc == pytest.approx(6 * np.log(squares / 6) + 6 + 24 / 2)
    assert fit_quality(N[:4], ROUGH[:4]).aicc is None
    assert fit_quality(N[:5], ROUGH[:5], floor=True).aicc is None
    assert fit_quality(N, 0.3 + 0.5 * (N / 1e7) ** -1.0, floor=True).aicc is not None
