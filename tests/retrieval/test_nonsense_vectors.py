"""Vectors of the nonsense queries: as those of any query, the same bytes each time, and refused when damaged."""

from pathlib import Path

import numpy as np
import pytest

from babelmix.benchmarks.nonsense import nonsense_queries
from babelmix.common.errors import UserError
from babelmix.encoder.encode import encode, encode_raw
from babelmix.encoder.load import load_encoder
from babelmix.encoder.settings import Embed
from babelmix.retrieval.nonsense import read_nonsense, write_nonsense

EMBED = Embed(max_tokens=64, context=False, precision="float32")


def test_they_are_the_vectors_of_queries(tiny_encoder: Path, tmp_path: Path) -> None:
    model = load_encoder(tiny_encoder)
    for name in ("one.npz", "two.npz"):
        write_nonsense(tmp_path / name, model, EMBED, 1)
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()
    found = read_nonsense(tmp_path / "one.npz")
    assert found.dtype == np.float16 and len(found) == 100
    assert np.array_equal(found, encode(model, nonsense_queries(), prompt="query", settings=EMBED, threads=1))


def test_a_model_of_dot_products_keeps_the_lengths(tiny_encoder: Path, tmp_path: Path) -> None:
    model = load_encoder(tiny_encoder)
    del model[-1]  # the module that normalises
    model.similarity_fn_name = "dot"
    write_nonsense(tmp_path / "n.npz", model, EMBED, 1)
    found = read_nonsense(tmp_path / "n.npz")
    assert found.dtype == np.float32
    assert np.array_equal(found, encode_raw(model, nonsense_queries(), prompt="query", settings=EMBED, threads=1))


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "n.npz"
    with pytest.raises(UserError) as caught:
        read_nonsense(file)
    assert str(caught.value) == f"{file}: no such file; embed the benchmarks again"
    file.write_bytes(b"PK rubbish")
    with pytest.raises(UserError) as caught:
        read_nonsense(file)
    assert str(caught.value).startswith(f"{file}: not a whole .npz file of vectors of nonsense queries")
    np.savez(file, nonsense=np.arange(3))
    with pytest.raises(UserError) as caught:
        read_nonsense(file)
    assert str(caught.value).startswith(f"{file}: an array of int64, shape (3,)")
