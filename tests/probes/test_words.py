"""Vectors of words: their prompt, their length, and the mean input embedding against a loop."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_training import one_thread

from babelmix.encoder.encode import encode
from babelmix.encoder.load import load_encoder
from babelmix.encoder.settings import Embed
from babelmix.probes.words import WordEncoder

SETTINGS = Embed(max_tokens=64, precision="float32", context=False)
WORDS = ["file", "menu text", "datei", "file"]


@pytest.fixture(scope="module")
def model(tiny_encoder: Path) -> Any:
    with one_thread():
        return load_encoder(tiny_encoder).eval()


def test_words_are_encoded_after_the_query_prompt_or_none(model: Any) -> None:
    words = WordEncoder(model, SETTINGS, 1, "query")
    found, bare = words(WORDS), words.after("none")(WORDS)
    expected = encode(model, WORDS, prompt="query", settings=SETTINGS, threads=1)
    np.testing.assert_allclose(found, expected.astype(np.float32), atol=1e-3)
    assert found.dtype == bare.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(bare, axis=1), 1, rtol=1e-6)
    assert np.abs(found - bare).max() > 0.01
    own = model.prompts
    np.testing.assert_allclose(bare, model.encode(WORDS, prompt=""), atol=2e-3)
    assert model.prompts == own and own["query"] == "query: "


def test_static_vectors_are_means_of_input_embeddings_without_special_tokens(model: Any) -> None:
    weight = model[0].model.embeddings.word_embeddings.weight.detach().numpy()
    found = WordEncoder(model, SETTINGS, 1, "query").static([*WORDS, ""])
    for word, vector in zip(WORDS, found, strict=False):
        ids = model.tokenizer.convert_tokens_to_ids(word.split())
        mean = np.mean([weight[one] for one in ids], axis=0)
        np.testing.assert_allclose(vector, mean / np.linalg.norm(mean), atol=1e-6)
    assert not found[-1].any()  # a text without tokens
