"""Linear layers in int8 stay near those in float32, for each text by itself."""

from pathlib import Path

import numpy as np
import pytest
import torch

from babelmix.corpus.records import Pair
from babelmix.encoder.encode import encode
from babelmix.encoder.int8 import Int8Linear
from babelmix.encoder.load import load_encoder
from babelmix.encoder.precision import has_int8
from babelmix.encoder.settings import Embed

pytestmark = pytest.mark.skipif(not has_int8(torch.device("cpu")), reason="this CPU has no VNNI")
EXACT = Embed(max_tokens=64, precision="float32", context=False)


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("shape", [(7, 16), (1, 5, 16)])
def test_a_layer_is_the_product_of_the_rounded_numbers(bias: bool, shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    linear, inputs = torch.nn.Linear(16, 24, bias=bias), torch.randn(shape)
    inputs[..., 0, :] = 0.0  # a row of zeros has no scale
    weight_scales = linear.weight.detach().abs().amax(1, keepdim=True) / 127
    scales = inputs.abs().amax(-1, keepdim=True).clamp_min(1e-30) / 127
    with torch.inference_mode():
        rounded = torch.round(inputs / scales) @ torch.round(linear.weight / weight_scales).T
        expected = rounded * scales * weight_scales[:, 0] + (0.0 if linear.bias is None else linear.bias)
        found = Int8Linear(linear)(inputs)
        exact = linear(inputs)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    assert 0 < (found - exact).norm() / exact.norm() < 0.02
    assert torch.equal(found[..., 0, :].flatten(), torch.zeros(24) if linear.bias is None else linear.bias.detach())


def test_vectors_in_int8_stay_near_those_in_float32(tiny_encoder: Path, parallel_pairs: list[Pair]) -> None:
    model, texts = load_encoder(tiny_encoder), [pair.passage for pair in parallel_pairs]
    exact, rounded = (
        encode(model, texts, prompt="passage", settings=chosen, threads=1).astype(np.float64)
        for chosen in (EXACT, EXACT.model_copy(update={"precision": "int8"}))
    )
    assert not np.array_equal(exact, rounded)
    assert (exact * rounded).sum(axis=1).min() > 0.995
