"""Attention without padding. No GPU is needed: a stand-in of the same signature takes the kernel's place."""

import inspect
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch.nn.attention import varlen
from torch.nn.functional import scaled_dot_product_attention

from babelmix.encoder.varlen import Lengths, lengths_of, usable, varlen_attention

KERNEL = varlen.varlen_attn
LENGTHS = [1, 3, 3, 7]


def kernel(*args: Any, **kwargs: Any) -> torch.Tensor:
    """What flash attention computes, one text at a time; refuses arguments that the real one refuses."""
    asked = inspect.signature(KERNEL).bind(*args, **kwargs).arguments
    starts = asked["cu_seq_q"]
    assert starts.dtype == torch.int32 and starts is asked["cu_seq_k"]
    assert asked["max_q"] == asked["max_k"] == int(starts.diff().max())
    parts = [asked[name] for name in ("query", "key", "value")]
    assert all(part.is_contiguous() for part in parts)
    found = [
        scaled_dot_product_attention(*(part[start:stop].transpose(0, 1) for part in parts), scale=asked["scale"])
        for start, stop in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True)
    ]
    return torch.cat([part.transpose(0, 1) for part in found])


def by_hand(parts: Sequence[torch.Tensor], scaling: float) -> torch.Tensor:
    """All tokens against all, with what belongs to another text masked."""
    text = torch.repeat_interleave(torch.arange(len(LENGTHS)), torch.tensor(LENGTHS))
    query, key, value = (part.transpose(0, 1) for part in parts)
    scores = (query @ key.transpose(1, 2) * scaling).masked_fill(text[:, None] != text, float("-inf"))
    return (scores.softmax(-1) @ value).transpose(0, 1)


def test_attention_stays_within_each_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(varlen, "varlen_attn", kernel)
    torch.manual_seed(0)
    parts = [torch.randn(2, 14, 8).transpose(0, 1).requires_grad_() for _ in range(3)]  # as packing.py has them
    found = varlen_attention(parts[0], parts[1], parts[2], lengths_of(LENGTHS, torch.device("cpu")), 0.3)
    expected = by_hand(parts, 0.3)
    torch.testing.assert_close(found, expected)
    toward = torch.randn_like(found)
    for one, other in zip(
        torch.autograd.grad(found, parts, toward), torch.autograd.grad(expected, parts, toward), strict=True
    ):
        torch.testing.assert_close(one, other)


def test_torchs_own_operator_takes_what_we_give_it() -> None:
    """On tensors that have a shape but no numbers, so that no GPU is needed."""
    device = torch.device("meta")
    parts = [torch.empty(14, 2, 8, dtype=torch.bfloat16, device=device, requires_grad=True) for _ in range(3)]
    lengths = Lengths(torch.empty(5, dtype=torch.int32, device=device), 7)
    found = varlen_attention(parts[0], parts[1], parts[2], lengths, 0.3)
    assert found.shape == (14, 2, 8) and found.dtype == torch.bfloat16
    found.sum().backward()
    assert all(part.grad is not None and part.grad.shape == part.shape for part in parts)


@pytest.mark.parametrize(
    ("device", "dtype", "dimensions", "capability", "expected"),
    [
        ("cuda", torch.bfloat16, 64, (8, 0), True),
        ("cuda", torch.float16, 32, (9, 0), True),
        ("cuda", torch.float32, 64, (9, 0), False),
        ("cuda", torch.bfloat16, 64, (7, 5), False),
        ("cuda", torch.bfloat16, 12, (9, 0), False),
        ("cuda", torch.bfloat16, 512, (9, 0), False),
        ("cpu", torch.bfloat16, 64, (9, 0), False),
        ("mps", torch.float16, 64, (9, 0), False),
    ],
)
def test_the_kernel_is_used_only_where_it_runs(
    device: str,
    dtype: torch.dtype,
    dimensions: int,
    capability: tuple[int, int],
    expected: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    monkeypatch.setattr(torch.backends.cuda, "is_flash_attention_available", lambda: True)
    assert usable(torch.device(device), dtype, dimensions) == expected
