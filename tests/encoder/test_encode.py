"""Vectors of texts are those of sentence-transformers' own encode."""

from pathlib import Path

import numpy as np
import pytest

from babelmix.corpus.records import Pair
from babelmix.encoder.encode import encode
from babelmix.encoder.load import load_encoder
from babelmix.encoder.settings import Embed

EXACT = Embed(max_tokens=64, precision="float32", context=False)


@pytest.mark.parametrize("prompt", ["query", "passage"])
def test_vectors_equal_those_of_the_library(prompt: str, tiny_encoder: Path, parallel_pairs: list[Pair]) -> None:
    model = load_encoder(tiny_encoder)
    texts = [pair.passage for pair in parallel_pairs] * 2
    ours = encode(model, texts, prompt=prompt, settings=EXACT, threads=1)
    theirs = model.encode(texts, prompt_name=prompt, show_progress_bar=False)
    assert ours.dtype == np.float16 and ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs, atol=1e-3)
    np.testing.assert_allclose(np.linalg.norm(ours.astype(np.float64), axis=1), 1, atol=2e-3)


def test_bfloat16_stays_near_float32(tiny_encoder: Path, parallel_pairs: list[Pair]) -> None:
    model, texts = load_encoder(tiny_encoder), [pair.passage for pair in parallel_pairs]
    fast = EXACT.model_copy(update={"precision": "bfloat16"})
    exact, rounded = (
        encode(model, texts, prompt="passage", settings=s, threads=1).astype(float) for s in (EXACT, fast)
    )
    assert (exact * rounded).sum(axis=1).min() > 0.999
