"""Spearman against the textbook's ranks, its interval against simulation and against known values."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from babelmix.lexicon.simlex import PARTS_OF_SPEECH, Graded
from babelmix.probes.graded import correlations, interval, spearman

VALUES = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=4, max_size=30)


def average_ranks(values: list[int]) -> list[float]:
    return [sum(one < value for one in values) + (sum(one == value for one in values) + 1) / 2 for value in values]


@given(VALUES)
def test_spearman_is_pearson_of_average_ranks(pairs: list[tuple[int, int]]) -> None:
    one, other = ([pair[side] for pair in pairs] for side in (0, 1))
    found = spearman(np.array(one, dtype=np.float64), np.array(other, dtype=np.float64))
    if len(set(one)) == 1 or len(set(other)) == 1:
        assert found == 0
    else:
        assert found == pytest.approx(np.corrcoef(average_ranks(one), average_ranks(other))[0, 1])


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    rng, truth, held = np.random.default_rng(5), 6 / np.pi * np.arcsin(0.6 / 2), 0
    for _ in range(400):
        x, y = rng.multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]], 60).T
        low, high = interval(spearman(x, y), 60)
        held += low <= truth <= high
    assert 0.91 < held / 400 < 0.985


def test_a_perfect_order_has_no_interval() -> None:
    assert interval(1.0, 50) == (1.0, 1.0)


def test_parts_of_speech_are_correlated_alone() -> None:
    """Nouns are judged and encoded higher than verbs, and within each the order is reversed."""
    rows = [Graded("a", "b", "nouns", 5 + n / 10) for n in range(8)] + [
        Graded("a", "b", "verbs", n / 10) for n in range(8)
    ]
    cosine = np.array([0.9 - n / 100 for n in range(8)] + [0.1 - n / 100 for n in range(8)])
    one = np.tile(np.array([[1, 0]], dtype=np.float32), (16, 1))
    other = np.stack([cosine, np.sqrt(1 - cosine**2)], axis=1).astype(np.float32)
    found = correlations(rows, one, other)
    assert found["nouns"] == found["verbs"] == found["within_parts_of_speech"] == pytest.approx(-1)
    assert found["spearman"] > 0.4 and found["low"] < found["spearman"] < found["high"]
    assert not {*PARTS_OF_SPEECH[2:]} & found.keys()
