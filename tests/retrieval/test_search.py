"""Exact search equals sorting all scores, for any blocks, shards and ties."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from babelmix.common.errors import UserError
from babelmix.retrieval import search as module
from babelmix.retrieval.search import search
from babelmix.retrieval.vectors import open_rows


def unit(rng: np.random.Generator, rows: int, dimensions: int = 16, dtype: type = np.float16) -> np.ndarray:
    vectors = rng.normal(size=(rows, dimensions))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(dtype)


def by_sorting(queries: np.ndarray, passages: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    scores = (queries.astype(np.float64) @ passages.astype(np.float64).T).astype(np.float32)
    order = np.lexsort((np.broadcast_to(np.arange(len(passages)), scores.shape), -scores), axis=1)[:, :k]
    return order, np.take_along_axis(scores, order, axis=1)


@given(
    seed=st.integers(0, 99), passages=st.integers(1, 300), k=st.integers(1, 40), block=st.integers(1, 100),
    distinct=st.sampled_from([3, 50, 1000]),
)  # fmt: skip
def test_the_best_are_those_of_sorting_all_scores(seed: int, passages: int, k: int, block: int, distinct: int) -> None:
    rng = np.random.default_rng(seed)
    queries, pool = unit(rng, 7), unit(rng, distinct)[rng.integers(0, distinct, passages)]  # equal vectors tie
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "PASSAGES", block)
        patch.setattr(module, "QUERIES", 4)
        best = search(queries, pool, k)
    order, scores = by_sorting(queries, pool, k)
    assert np.array_equal(best.passage, order) and np.array_equal(best.score, scores)


def test_scores_nearer_than_float32_can_tell_are_put_in_their_exact_order() -> None:
    # All passages are rearrangements of one vector and the query nearly level: scores differ in the last places only.
    rng = np.random.default_rng(1)
    base = unit(rng, 1, 384)[0]
    pool = np.array([rng.permutation(base) for _ in range(3000)])
    query = np.full((1, 384), 384**-0.5)
    query[0, :7] += 1e-3
    query = (query / np.linalg.norm(query)).astype(np.float16)
    best = search(query, pool, 50)
    order, scores = by_sorting(query, pool, 50)
    assert np.array_equal(best.passage, order) and np.array_equal(best.score, scores)


def test_shards_on_disk_give_what_memory_gives(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    queries, pool = unit(rng, 5), unit(rng, 1000)
    for number, part in enumerate(np.split(pool, [100, 101, 700])):
        np.save(tmp_path / f"passages-{number:05}.npy", part)
    done: list[int] = []
    from_disk, from_memory = (
        search(queries, open_rows(tmp_path, "passages"), 30, on_progress=done.append),
        search(queries, pool, 30),
    )
    assert np.array_equal(from_disk.passage, from_memory.passage)
    assert np.array_equal(from_disk.score, from_memory.score)
    assert sum(done) == 1000


@pytest.mark.parametrize(
    ("vector", "told"),
    [([0, 0], "row 2: a zero vector"), ([np.nan, 1], "row 2: a number that is not finite"), ([3, 4], "length 5")],
)
def test_bad_vectors_are_told_by_row(vector: list[float], told: str) -> None:
    pool = np.array([[1, 0], [0, 1], vector])
    with pytest.raises(UserError, match=told):
        search(np.eye(2), pool, 2)
    with pytest.raises(UserError, match=told):
        search(pool, np.eye(2), 2)


def test_other_dimensions_are_told() -> None:
    with pytest.raises(UserError, match="queries have 2 dimensions, passages 3"):
        search(np.eye(2), np.eye(3), 2)
