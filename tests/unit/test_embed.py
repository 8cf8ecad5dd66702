"""Embedding: the same vectors as sentence-transformers' own encode, in the benchmark's order."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from babelmix.backbone import load_encoder
from babelmix.benchmark import Benchmark, Pair, Passage, Qrel, Query
from babelmix.config import Embed
from babelmix.embed import Embeddings, embed_benchmark, encode, read_embeddings, write_embeddings
from babelmix.errors import UserError
from babelmix.forward import group_by_length

EXACT = Embed(max_tokens=64, bfloat16=False, context=False)


@given(st.lists(st.integers(1, 40), max_size=60), st.integers(1, 200))
def test_groups_cover_every_row_once_within_the_bound(lengths: list[int], bound: int) -> None:
    groups = list(group_by_length(lengths, bound))
    assert sorted(row for group in groups for row in group) == list(range(len(lengths)))
    assert all(len(group) == 1 or len(group) * max(lengths[row] for row in group) <= bound for group in groups)


@pytest.mark.parametrize("prompt", ["query", "passage"])
def test_vectors_equal_those_of_the_library(prompt: str, tiny_encoder: Path, parallel_pairs: list[Pair]) -> None:
    model = load_encoder(tiny_encoder)
    texts = [pair.passage for pair in parallel_pairs] * 2
    ours = encode(model, texts, prompt=prompt, settings=EXACT, threads=1)
    theirs = model.encode(texts, prompt_name=prompt, show_progress_bar=False)
    assert ours.dtype == np.float16 and ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs, atol=1e-3)
    np.testing.assert_allclose(np.linalg.norm(ours.astype(np.float64), axis=1), 1, atol=2e-3)


def test_a_passage_is_read_with_its_context_only_when_asked(tiny_encoder: Path) -> None:
    model = load_encoder(tiny_encoder)
    benchmark = Benchmark(
        "b",
        (Query("q", "q", "en", "the file"),),
        (Passage("p", "en", "the cell", "opens every page"),),
        (Qrel("q", "p"),),
    )
    alone, within = (
        embed_benchmark(model, benchmark, settings=EXACT.model_copy(update={"context": context}), threads=1).passages
        for context in (False, True)
    )
    assert np.array_equal(alone, encode(model, ["the cell"], prompt="passage", settings=EXACT, threads=1))
    joined = encode(model, ["the cell opens every page"], prompt="passage", settings=EXACT, threads=1)
    assert np.array_equal(within, joined)


def test_bfloat16_stays_near_float32(tiny_encoder: Path, parallel_pairs: list[Pair]) -> None:
    model, texts = load_encoder(tiny_encoder), [pair.passage for pair in parallel_pairs]
    fast = EXACT.model_copy(update={"bfloat16": True})
    exact, rounded = (
        encode(model, texts, prompt="passage", settings=s, threads=1).astype(float) for s in (EXACT, fast)
    )
    assert (exact * rounded).sum(axis=1).min() > 0.999


def test_embeddings_come_back_as_written(tmp_path: Path) -> None:
    vectors = np.eye(3, dtype=np.float16)
    write_embeddings(tmp_path / "v", Embeddings(vectors, vectors[:2]))
    again = read_embeddings(tmp_path / "v")
    assert np.array_equal(again.queries, vectors) and np.array_equal(again.passages, vectors[:2])


def test_missing_broken_and_misshapen_arrays_are_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        read_embeddings(tmp_path)
    (tmp_path / "queries.npy").write_bytes(b"\x93NUMPY\x01\x00")
    with pytest.raises(UserError, match="not a whole"):
        read_embeddings(tmp_path)
    np.save(tmp_path / "queries.npy", np.zeros(4, dtype=np.float16))
    with pytest.raises(UserError, match="1 dimensions"):
        read_embeddings(tmp_path)


def test_an_array_of_objects_is_refused_rather_than_unpickled(tmp_path: Path) -> None:
    np.save(tmp_path / "queries.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(UserError, match="not a whole"):
        read_embeddings(tmp_path)
