"""A training with fused layers has the losses of one with the model's own layers."""

from pathlib import Path

import numpy as np
import pytest
from small_training import run, small_settings, write_small_tokenized

from babelmix.corpus.records import Pair
from babelmix.encoder import packing
from babelmix.encoder.load import load_encoder


@pytest.mark.slow
@pytest.mark.parametrize(
    "more", [{}, {"freeze_word_embeddings": False}, {"cached": True}], ids=["plain", "all", "cached"]
)
def test_240_losses_are_equal_to_a_thousandth(
    more: dict[str, bool],
    tiny_encoder: Path,
    parallel_pairs: list[Pair],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert packing.fuse_layers(load_encoder(tiny_encoder))[0] is not None
    tokenized = write_small_tokenized(tmp_path / "tokens", parallel_pairs, tiny_encoder)
    settings = small_settings(steps=240, eval_steps=240, bfloat16=False, learning_rate=2e-4, **more)
    fused = run(tiny_encoder, tokenized, settings)[1]
    monkeypatch.setattr(packing, "fuse", lambda model, dtype: (None, "for this test"))
    own = run(tiny_encoder, tokenized, settings)[1]
    losses = np.array([[step.loss for step in history] for history in (fused, own)])
    np.testing.assert_allclose(losses[0], losses[1], atol=1e-3)
    assert np.abs(np.diff(losses[1])).max() > 0.05  # they are no constants
