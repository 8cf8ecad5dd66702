"""Vectors read from disk: shards act as one array, rows are picked in any order, errors name the file."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from babelmix.common.errors import UserError
from babelmix.retrieval.vectors import Picked, Shards, open_rows, unit_rows


@given(st.lists(st.integers(1, 5), min_size=1, max_size=5), st.integers(0, 30), st.integers(0, 30), st.data())
def test_shards_are_one_array(lengths: list[int], start: int, stop: int, data: st.DataObject) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        whole = np.random.default_rng(0).normal(size=(sum(lengths), 3)).astype(np.float16)
        for number, part in enumerate(np.split(whole, np.cumsum(lengths)[:-1])):
            np.save(folder / f"passages-{number:05}.npy", part)
        rows = open_rows(folder, "passages")
        assert rows.shape == whole.shape
        assert np.array_equal(rows[start:stop], whole[start:stop]) and np.array_equal(rows[:], whole)
        wanted = np.array(sorted(data.draw(st.lists(st.integers(0, len(whole) - 1)))), dtype=np.intp)
        assert np.array_equal(rows[wanted], whole[wanted])


@given(st.data())
def test_rows_are_picked_in_any_order(data: st.DataObject) -> None:
    whole = np.random.default_rng(0).normal(size=(12, 3))
    picked = np.array(data.draw(st.lists(st.integers(0, 11), unique=True)), dtype=np.int64)
    rows = Picked(whole, picked)
    assert rows.shape == (len(picked), 3)
    start, stop = sorted(data.draw(st.tuples(st.integers(0, 12), st.integers(0, 12))))
    assert np.array_equal(rows[start:stop], whole[picked][start:stop])
    some = data.draw(st.lists(st.integers(0, len(picked) - 1))) if len(picked) else []
    assert np.array_equal(rows[np.array(some, dtype=np.intp)], whole[picked[some]] if some else np.empty((0, 3)))


@given(arrays(np.float32, (4, 3), elements=st.floats(-100, 100, width=32)))
def test_other_rows_become_unit_vectors_whose_products_sum_exactly(vectors: np.ndarray) -> None:
    found = unit_rows(vectors).astype(np.float64)
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=1)
    for row, length, vector in zip(found, lengths, vectors.astype(np.float64), strict=True):
        assert np.array_equal(np.round(row * 2**24), row * 2**24)
        np.testing.assert_allclose(row, vector / length if length else 0 * vector, atol=2**-24)


def test_float16_rows_are_left_as_they_are() -> None:
    rows = np.array([[3.0, 4.0]], dtype=np.float16)
    assert unit_rows(rows) is rows


@pytest.mark.parametrize(
    ("array", "told"),
    [
        (np.zeros(4, dtype=np.float16), r"an array of float16, shape \(4,\)"),
        (np.zeros((3, 2), dtype=np.int64), r"an array of int64, shape \(3, 2\)"),
        (np.zeros((0, 2), dtype=np.float16), r"shape \(0, 2\)"),
    ],
)
def test_arrays_that_are_no_rows_are_told(array: np.ndarray, told: str, tmp_path: Path) -> None:
    np.save(tmp_path / "queries.npy", array)
    with pytest.raises(UserError, match=told):
        open_rows(tmp_path, "queries")


def test_missing_broken_and_unlike_files_are_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"queries.npy: no such file"):
        open_rows(tmp_path, "queries")
    (tmp_path / "queries.npy").write_bytes(b"\x93NUMPY\x01\x00")
    with pytest.raises(UserError, match="not a whole"):
        open_rows(tmp_path, "queries")
    np.save(tmp_path / "queries.npy", np.eye(500, dtype=np.float16))
    content = (tmp_path / "queries.npy").read_bytes()
    (tmp_path / "queries.npy").write_bytes(content[: len(content) // 2])  # cut short
    with pytest.raises(UserError, match="not a whole"):
        open_rows(tmp_path, "queries")
    for number, dimensions in enumerate((3, 4)):
        np.save(tmp_path / f"passages-{number:05}.npy", np.ones((2, dimensions), dtype=np.float16))
    with pytest.raises(UserError, match=r"passages-00001.npy: 4 dimensions, where passages-00000.npy has 3"):
        Shards(sorted(tmp_path.glob("passages-*")))


def test_an_array_of_objects_is_refused_rather_than_unpickled(tmp_path: Path) -> None:
    np.save(tmp_path / "queries.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(UserError, match="not a whole"):
        open_rows(tmp_path, "queries")


@pytest.mark.parametrize("size", [1e-200, 1e-30, 1.0, 1e30, 1e200])
def test_vectors_of_any_length_become_the_same_unit_vectors(size: float):
    vectors = np.random.default_rng(4).normal(size=(5, 8))
    assert np.allclose(unit_rows(vectors * size), unit_rows(vectors), atol=1e-7)
    assert np.array_equal(unit_rows(vectors * 2.0**90), unit_rows(vectors))
    assert not np.isfinite(unit_rows(np.full((1, 8), np.inf))).any()
