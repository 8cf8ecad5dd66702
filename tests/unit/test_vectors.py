"""Vectors read back from disk: shards are one array, ids bring rows into order, faults are told by file and row."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from babelmix.benchmark import Benchmark, Passage, Qrel, Query, write_benchmark
from babelmix.errors import UserError
from babelmix.vectors import Shards, open_embeddings, open_rows, unit_rows

BENCHMARK = Benchmark(
    "b",
    (Query("q1", "1", "de", "Wie?"), Query("q2", "1", "en", "How?")),
    (Passage("p1", "de", "So."), Passage("p2", "en", "Thus."), Passage("p3", "en", "Else.")),
    (Qrel("1", "p1"),),
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_benchmark(tmp_path / "b", BENCHMARK)
    (tmp_path / "v").mkdir()
    np.save(tmp_path / "v/queries.npy", np.eye(4, dtype=np.float16)[:2])
    np.save(tmp_path / "v/passages.npy", np.eye(4, dtype=np.float16)[1:])
    return tmp_path


def test_rows_without_ids_stand_in_the_benchmarks_order(folder: Path) -> None:
    queries, passages = open_embeddings(folder / "v", folder / "b")
    assert np.array_equal(queries[:], np.eye(4)[:2]) and np.array_equal(passages[:], np.eye(4)[1:])


def test_rows_with_ids_are_brought_into_the_benchmarks_order(folder: Path) -> None:
    (folder / "v/passages.txt").write_text("p3\np1\np2\n")
    _, passages = open_embeddings(folder / "v", folder / "b")
    assert np.array_equal(passages[:], np.eye(4)[[2, 3, 1]])


@pytest.mark.parametrize(
    ("ids", "told"),
    [
        ("p1\np2\np2\n", r"passages.txt, line 3: duplicate id 'p2'; line 2 has it already"),
        ("p1\np2\n", r"2 ids for 3 rows of passages.npy"),
        ("p1\np2\np4\n", r"no row for 'p3'"),
    ],
)
def test_ids_that_do_not_fit_are_told(ids: str, told: str, folder: Path) -> None:
    (folder / "v/passages.txt").write_text(ids)
    with pytest.raises(UserError, match=told):
        open_embeddings(folder / "v", folder / "b")


def test_an_id_of_no_passage_is_told(folder: Path) -> None:
    np.save(folder / "v/passages.npy", np.eye(4, dtype=np.float16))
    (folder / "v/passages.txt").write_text("p1\np2\np3\np4\n")
    with pytest.raises(UserError, match="unknown id 'p4'"):
        open_embeddings(folder / "v", folder / "b")


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
