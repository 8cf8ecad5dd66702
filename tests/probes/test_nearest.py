"""Ranks and CSLS against a brute force that counts in float64, one pair at a time."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from babelmix.probes import nearest
from babelmix.probes.nearest import Gold, best_rank, mean_similarity, rank_gold

# Coordinates of few values: many exact ties, and products that float32 holds without rounding.
GRID = st.integers(min_value=-2, max_value=2)


def matrix(rows: int, seed: int, width: int = 3) -> NDArray[np.float32]:
    return np.random.default_rng(seed).integers(-2, 3, (rows, width)).astype(np.float32)


def counted(scores: NDArray[np.float64], query: int, candidate: int) -> int:
    """The rank by sorting: score descending, then candidate ascending."""
    order = sorted(range(scores.shape[1]), key=lambda one: (-scores[query, one], one))
    return order.index(candidate) + 1


def mean_of_highest(candidate: NDArray[np.float32], references: NDArray[np.float32], k: int) -> float:
    return float(np.mean(sorted((float(candidate @ one) for one in references), reverse=True)[:k]))


@given(st.integers(1, 150), st.integers(1, 60), st.integers(0, 10_000))
def test_ranks_are_those_of_a_sort_with_ties_by_row(queries: int, candidates: int, seed: int) -> None:
    x, y, rng = matrix(queries, seed), matrix(candidates, seed + 1), np.random.default_rng(seed)
    gold = Gold(rng.integers(0, queries, 20), rng.integers(0, candidates, 20))
    scores = x.astype(np.float64) @ y.T.astype(np.float64)
    expected = [counted(scores, *pair) for pair in zip(gold.query, gold.candidate, strict=True)]
    assert rank_gold(x, y, gold).tolist() == expected


@given(st.integers(1, 80), st.integers(1, 40), st.integers(1, 12), st.integers(0, 10_000))
def test_csls_is_twice_the_cosine_less_the_nearness_to_the_source_words(
    queries: int, candidates: int, references: int, seed: int
) -> None:
    x, y, words = matrix(queries, seed), matrix(candidates, seed + 1), matrix(references, seed + 2)
    close = mean_similarity(y, words, 2)  # of two whole numbers: exact in float32
    assert close.tolist() == [mean_of_highest(one, words, min(2, references)) for one in y]
    gold = Gold(np.arange(queries), np.arange(queries) % candidates)
    scores = 2 * x.astype(np.float64) @ y.T.astype(np.float64) - close
    expected = [counted(scores, *pair) for pair in zip(gold.query, gold.candidate, strict=True)]
    assert rank_gold(x, y, gold, closeness=close).tolist() == expected


@pytest.mark.parametrize("references", [9, 10, 11, 640, 671, 672, 1000])
def test_the_highest_are_found_in_groups_too(references: int) -> None:
    rng = np.random.default_rng(references)
    y, words = (rng.normal(size=(count, 4)).astype(np.float32) for count in (70, references))
    expected = [mean_of_highest(one, words, min(10, references)) for one in y]
    np.testing.assert_allclose(mean_similarity(y, words), expected, rtol=1e-5)


def test_a_hub_comes_first_by_cosine_and_not_by_csls() -> None:
    def unit(*degrees: float) -> NDArray[np.float32]:
        return np.array([[np.cos(one), np.sin(one)] for one in np.radians(degrees)], dtype=np.float32)

    words = unit(0, 20, 40)
    candidates = unit(20, -14, 54)  # the first is near all words, the others each near one
    gold = Gold(np.array([0, 2]), np.array([1, 2]))
    assert rank_gold(words, candidates, gold).tolist() == [1, 1]
    far = unit(20, -22, 62)
    assert rank_gold(words, far, gold).tolist() == [2, 2]
    assert rank_gold(words, far, gold, closeness=mean_similarity(far, words)).tolist() == [1, 1]


def test_the_number_of_cores_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    x, y = (rng.normal(size=(count, 24)).astype(np.float32) for count in (200, 500))
    gold = Gold(np.arange(200), np.arange(200))
    found: list[tuple[bytes, bytes]] = []
    for cores in (1, 4):
        monkeypatch.setattr(nearest, "cores", lambda cores=cores: cores)
        close = mean_similarity(y, x)
        found.append((close.tobytes(), rank_gold(x, y, gold, closeness=close).tobytes()))
    assert found[0] == found[1]


def test_the_best_answer_counts_and_a_query_without_one_has_no_rank() -> None:
    gold = Gold(np.array([2, 0, 0]), np.array([0, 1, 2]))
    assert best_rank(np.array([7, 5, 3], dtype=np.int32), gold, 4).tolist() == [3, np.inf, 7, np.inf]
