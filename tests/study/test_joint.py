"""One fit for all objectives: against separate fits, against known terms, and which form forecasts best."""

import numpy as np
import pytest

from babelmix.study.exponents import scaling_of
from babelmix.study.joint import JointFit, joint_fits

N = np.array([3.5e6, 5.3e6, 7.1e6, 10.6e6, 21.3e6])
ALPHAS = (0.0, 0.5, 1.0)


def cells(error: dict[float, np.ndarray], spread: float = 0.1) -> dict[float, np.ndarray]:
    """Errors [sizes, 3 seeds, 60 questions] with these means exactly."""
    drawn = np.random.default_rng(1).standard_normal((len(N), 3, 60))
    drawn -= drawn.mean(axis=(1, 2), keepdims=True)
    return {alpha: own[:, None, None] + spread * drawn for alpha, own in error.items()}


def by_name(fits: list[JointFit]) -> dict[str, JointFit]:
    return {fit.name: fit for fit in fits}


def test_known_terms_are_found_again() -> None:
    errors = {alpha: 0.5 * np.exp(0.1 * alpha) * (N / N.mean()) ** -(0.3 + 0.05 * alpha) for alpha in ALPHAS}
    turn = by_name(joint_fits(N, cells(errors)))["turn"]
    assert turn.terms["b"].mean == pytest.approx(0.3)
    assert turn.terms["b1"].mean == pytest.approx(0.05)
    assert turn.r2 == pytest.approx(1)
    assert turn.left_out == pytest.approx(0, abs=1e-9)
    low, high = turn.terms["b1"].limits(0.95)
    assert low < 0.05 < high


def test_with_three_alphas_the_bend_is_a_line_for_each() -> None:
    drawn = np.random.default_rng(3)
    errors = cells({alpha: 0.5 * (N / 1e7) ** -0.3 * np.exp(0.1 * drawn.standard_normal(5)) for alpha in ALPHAS})
    terms = {name: one.mean for name, one in by_name(joint_fits(N, errors))["bend"].terms.items()}
    for alpha in ALPHAS:
        alone = scaling_of(N, errors[alpha])
        assert alone is not None
        assert alone.law.exponent == pytest.approx(terms["b"] + terms["b1"] * alpha + terms["b2"] * alpha**2)


def test_the_interaction_of_two_alphas_is_the_difference_of_their_exponents() -> None:
    drawn = np.random.default_rng(4)
    errors = cells({alpha: 0.5 * (N / 1e7) ** -0.3 * np.exp(0.1 * drawn.standard_normal(5)) for alpha in (0.0, 1.0)})
    fits = by_name(joint_fits(N, errors))
    assert list(fits) == ["shift", "turn"]
    alone = [scaling_of(N, errors[alpha]) for alpha in (0.0, 1.0)]
    assert alone[0] is not None and alone[1] is not None
    difference = alone[1].law.exponent - alone[0].law.exponent
    assert fits["turn"].terms["b1"].mean == pytest.approx(difference)


def test_a_power_of_the_share_is_found_and_forecasts_best() -> None:
    errors = {alpha: 0.5 * (N / N.mean()) ** -0.3 * (1 - alpha + 0.1) ** -0.05 for alpha in ALPHAS}
    fits = by_name(joint_fits(N, cells(errors)))
    power = fits["power of the share"]
    assert power.eps == 0.1
    assert power.terms["g"].mean == pytest.approx(0.05)
    assert power.left_out is not None and fits["shift"].left_out is not None
    assert power.left_out < fits["shift"].left_out / 100
    assert fits["turn"].eps is None


def test_too_few_sizes_or_alphas() -> None:
    errors = cells({alpha: 0.5 * (N / 1e7) ** -0.3 for alpha in ALPHAS})
    assert joint_fits(N[:2], {alpha: own[:2] for alpha, own in errors.items()}) == []
    assert joint_fits(N, {1.0: errors[1.0]}) == []
    assert all(fit.left_out is None for fit in joint_fits(N[:3], {alpha: own[:3] for alpha, own in errors.items()}))
