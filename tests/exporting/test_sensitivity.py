"""Which products stay in float32: as few as the bound allows, the most harmed first."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from babelmix.encoder.load import load_encoder
from babelmix.exporting.engine import encode_with
from babelmix.exporting.sensitivity import choose_float32, cosine_error, linears_of, most_sensitive

TEXTS = ["the file menu", "die datei oeffnet das menue", "le fichier ouvre un menu de cellule avec du texte"]


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@given(st.integers(2, 8), st.integers(0, 2**32 - 1))
def test_the_error_is_the_root_mean_square_over_pairs_of_unequal_texts(texts: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    one, other = (unit(generator.normal(size=(texts, 5))) for _ in range(2))
    pairs = [(i, j) for i in range(texts) for j in range(texts) if i != j]
    expected = np.sqrt(np.mean([(float(one[i] @ one[j]) - float(other[i] @ other[j])) ** 2 for i, j in pairs]))
    assert cosine_error(one, other) == pytest.approx(expected, abs=1e-6)
    assert cosine_error(one, one) == 0


@pytest.mark.parametrize(("needed", "tried"), [(0, [0]), (1, [0, 1]), (3, [0, 1, 2, 4]), (6, [0, 1, 2, 4, 6])])
def test_the_worst_stay_until_the_bound_is_met(needed: int, tried: list[int]) -> None:
    exact, far, seen = np.eye(2, dtype=np.float32), np.ones((2, 2), dtype=np.float32), list[int]()

    def build(places):
        seen.append(len(places))
        return exact if len(places) >= needed else far

    found = choose_float32(build, exact, lambda: [5, 3, 1, 0, 2, 4], products=6)
    assert seen == tried and found.number == tried[-1] and found.error == 0
    assert set(found.places) == {5, 3, 1, 0, 2, 4} if found.number == 6 else {5, 3, 1, 0}.issuperset(found.places)


def test_with_all_in_float32_the_error_is_accepted() -> None:
    exact, far = np.eye(2, dtype=np.float32), np.ones((2, 2), dtype=np.float32)
    found = choose_float32(lambda places: far, exact, lambda: [0], products=1)
    assert found.places == (0,) and found.error == 2


def test_every_layer_is_ranked_and_the_model_is_unchanged(tiny_encoder: Path) -> None:
    model = load_encoder(tiny_encoder).cpu().eval()

    def encode() -> np.ndarray:
        return unit(encode_with(model, TEXTS, prompt="query"))

    layers = linears_of(model, encode)
    assert len(layers) == 12  # two layers of query, key, value, output, and two of the wide part
    before = encode(), [layer.weight.clone() for layer in layers]
    found = most_sensitive(model, encode)
    assert sorted(found) == list(range(12)) and found == most_sensitive(model, encode)
    assert np.array_equal(encode(), before[0])
    assert all(torch.equal(one.weight, other) for one, other in zip(layers, before[1], strict=True))


def test_the_harm_of_a_layer_is_that_of_torchs_own_rounding(tiny_encoder: Path) -> None:
    model = load_encoder(tiny_encoder).cpu().eval()

    def encode() -> np.ndarray:
        return unit(encode_with(model, TEXTS, prompt="query"))

    exact, harm = encode(), list[float]()
    for layer in linears_of(model, encode):
        weight, scale = layer.weight.data, layer.weight.data.abs().amax(dim=1) / 63
        zeros = torch.zeros(len(scale), dtype=torch.int32)
        layer.weight.data = torch.fake_quantize_per_channel_affine(weight, scale, zeros, 0, -63, 63)
        hook = layer.register_forward_pre_hook(lambda _, given: (torch_rounded(given[0]),))
        harm.append(cosine_error(encode(), exact))
        hook.remove()
        layer.weight.data = weight
    order = most_sensitive(model, encode)
    worst = max(harm)
    assert all(harm[one] >= harm[other] - 0.1 * worst for one, other in pairwise(order))


def torch_rounded(inputs: torch.Tensor) -> torch.Tensor:
    low, high = min(float(inputs.min()), 0.0), max(float(inputs.max()), 0.0)
    scale = (high - low) / 255
    return torch.fake_quantize_per_tensor_affine(inputs, scale, round(-low / scale), 0, 255)
