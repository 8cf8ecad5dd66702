"""Fused layers give what the model's own layers give, whatever texts stand beside a text."""

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from babelmix.encoder import fused
from babelmix.encoder.fused import fuse
from babelmix.encoder.kernels import load_kernels

WIDTH, HEADS = 64, 2
TYPES = [torch.float32, torch.bfloat16]


def make(layers: int = 2, **more: Any) -> Any:
    from transformers import XLMRobertaConfig, XLMRobertaModel

    torch.manual_seed(5)
    config = XLMRobertaConfig(
        vocab_size=50, hidden_size=WIDTH, num_hidden_layers=layers, num_attention_heads=HEADS, intermediate_size=96,
        max_position_embeddings=600, pad_token_id=1, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, **more,
    )  # fmt: skip
    model = XLMRobertaModel(config, add_pooling_layer=False).train()
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(torch.randn_like(weight) / 10)  # biases and norms too
    return model


def starts_of(lengths: list[int]) -> torch.Tensor:
    return torch.tensor([0, *lengths]).cumsum(0)


def texts(lengths: list[int], seed: int = 0) -> list[torch.Tensor]:
    draw = torch.Generator().manual_seed(seed)
    return [torch.randn(length, WIDTH, generator=draw) for length in lengths]


def own(model: Any, parts: list[torch.Tensor]) -> torch.Tensor:
    """The model's own layers, one text at a time."""
    return torch.cat([model.encoder(part[None], attention_mask=None).last_hidden_state[0] for part in parts])


def gradients(model: Any, found: torch.Tensor, hidden: torch.Tensor) -> dict[str, torch.Tensor]:
    """Gradients of the layers' parameters and of their input."""
    model.zero_grad(set_to_none=True)
    hidden.grad = None
    found.float().backward(torch.randn(found.shape, generator=torch.Generator().manual_seed(1)))
    layers = {name: weight.grad for name, weight in model.encoder.named_parameters() if weight.grad is not None}
    return layers | {"input": hidden.grad}


@given(st.lists(st.integers(1, 70), min_size=1, max_size=6))
@settings(max_examples=25, deadline=None)
def test_vectors_and_gradients_are_those_of_the_own_layers(lengths: list[int]) -> None:
    model = make()
    hidden = torch.cat(texts(lengths)).requires_grad_()
    layers, _ = fuse(model, torch.float32)
    assert layers is not None
    expected_rows = own(model, list(hidden.split(lengths)))
    expected = gradients(model, expected_rows, hidden)
    rows = layers(hidden, starts_of(lengths))
    torch.testing.assert_close(rows, expected_rows, atol=1e-5, rtol=1e-5)
    found = gradients(model, rows, hidden)
    assert found.keys() == expected.keys() and len(found) == 2 * 16 + 1
    largest = max(gradient.abs().max().item() for gradient in expected.values())
    for name, gradient in expected.items():
        close = 2e-5 * gradient.abs().max().item() + 1e-6 * largest  # of a key's bias it is zero, and noise in both
        torch.testing.assert_close(found[name], gradient, atol=close, rtol=1e-4, msg=name)


def test_a_text_of_512_tokens_is_read_whole() -> None:
    model = make()
    parts = texts([512, 3])
    layers, _ = fuse(model, torch.float32)
    assert layers is not None
    with torch.no_grad():
        found = layers(torch.cat(parts), starts_of([512, 3]))
        torch.testing.assert_close(found, own(model, parts), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("dtype", TYPES)
def test_vectors_are_the_same_bytes_with_and_without_gradients_and_with_any_threads(dtype: torch.dtype) -> None:
    model, lengths = make(), [7, 20, 33, 4]
    layers, _ = fuse(model, dtype)
    assert layers is not None
    hidden = torch.cat(texts(lengths))
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 4):
            torch.set_num_threads(threads)
            with torch.no_grad():
                found.append(layers(hidden, starts_of(lengths)))
            found.append(layers(hidden, starts_of(lengths)).detach())
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(found[0], other) for other in found)


@pytest.mark.parametrize("dtype", TYPES)
def test_a_text_is_the_same_bytes_in_any_company(dtype: torch.dtype) -> None:
    """Groups have a multiple of 64 rows, as packing.py makes them."""
    layers, _ = fuse(make(), dtype)
    assert layers is not None
    (text,) = texts([13], seed=9)
    found = []
    for before, behind in (([], [51]), ([30, 5], [16]), ([40, 40, 35], [64, 64])):
        parts = [*texts(before), text, *texts(behind, seed=2)]
        with torch.no_grad():
            rows = layers(torch.cat(parts), starts_of([len(part) for part in parts]))
        found.append(rows[sum(before) : sum(before) + len(text)])
    assert torch.equal(found[0], found[1]) and torch.equal(found[0], found[2])


@pytest.mark.parametrize("dtype", TYPES)
def test_gradients_are_the_same_bytes_each_time(dtype: torch.dtype) -> None:
    model, lengths = make(), [7, 20, 33, 4]
    hidden = torch.cat(texts(lengths)).requires_grad_()

    def once() -> dict[str, torch.Tensor]:
        layers, _ = fuse(model, dtype)
        assert layers is not None
        return gradients(model, layers(hidden, starts_of(lengths)), hidden)

    one, other = once(), once()
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_what_is_frozen_gets_no_gradient_and_changes_no_other() -> None:
    model, lengths = make(), [9, 12]
    hidden = torch.cat(texts(lengths)).requires_grad_()

    def found() -> dict[str, torch.Tensor]:
        layers, _ = fuse(model, torch.float32)
        assert layers is not None
        return gradients(model, layers(hidden, starts_of(lengths)), hidden)

    everything = found()
    frozen = {name for name, _ in model.encoder.named_parameters() if name.startswith("layer.0.") or "wide" in name}
    for name, weight in model.encoder.named_parameters():
        weight.requires_grad_(name not in frozen)
    rest = found()
    assert rest.keys() == everything.keys() - frozen
    assert all(torch.equal(rest[name], everything[name]) for name in rest)


def test_the_mean_is_that_of_each_texts_rows_and_has_its_gradient() -> None:
    layers, _ = fuse(make(), torch.float32)
    assert layers is not None
    lengths = [3, 1, 8]
    hidden = torch.cat(texts([*lengths, 4])).requires_grad_()  # the last rows belong to no text
    found = layers.mean(hidden, starts_of(lengths))
    expected = torch.stack([part.mean(0) for part in hidden[:12].split(lengths)])
    torch.testing.assert_close(found, expected)
    weights = torch.randn(found.shape)
    (ours,) = torch.autograd.grad((found * weights).sum(), hidden)
    (theirs,) = torch.autograd.grad((expected * weights).sum(), hidden)
    torch.testing.assert_close(ours, theirs)


def test_a_row_that_is_not_finite_stays_so() -> None:
    """A loss that is not finite stops a training, so no kernel may hide it."""
    layers, _ = fuse(make(), torch.bfloat16)
    assert layers is not None
    lengths = [5, 6]
    hidden = torch.cat(texts(lengths))
    hidden[2, 3] = float("nan")
    with torch.no_grad():
        found = layers(hidden, starts_of(lengths))
    assert found[:5].isnan().any(dim=1).all() and found[5:].isfinite().all()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"hidden_act": "relu"}, "activation is not GELU"),
        ({"is_decoder": True}, "decoder"),
        ({"head": 1}, "not multiples of 16 wide"),
        ({"dropout": 0.1}, "trains with dropout"),
        ({"linear": True}, "other modules than linear ones"),
        ({"half": True}, "other modules than linear ones"),
        ({"class": True}, "Own is none of BertModel"),
        ({"compiler": True}, "no working C\\+\\+ compiler"),
    ],
)
def test_what_cannot_be_fused_is_named(change: dict[str, Any], reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = make(layers=1, **{key: change[key] for key in ("hidden_act", "is_decoder") if key in change})
    if "head" in change:
        model.config.num_attention_heads = 8
    if "dropout" in change:
        model.encoder.layer[0].attention.self.dropout.p = 0.1
    if "linear" in change:
        model.encoder.layer[0].output.dense = torch.nn.Sequential(model.encoder.layer[0].output.dense)
    if "half" in change:
        model.bfloat16()
    if "class" in change:
        model.__class__ = type("Own", (type(model),), {})
    if "compiler" in change:
        monkeypatch.setattr(fused, "load_kernels", lambda: None)
    layers, found = fuse(model, torch.float32)
    assert layers is None
    with pytest.raises(AssertionError, match=reason):
        raise AssertionError(found)
    if "dropout" in change:
        assert fuse(model.eval(), torch.float32)[0] is not None


def test_this_machine_has_the_kernels() -> None:
    """Or else all of the above tests nothing here."""
    assert load_kernels() is not None
