"""Attention within each text of a group, for models whose class lets us replace it.

    with packing(model) as packs:
        hidden = model[0].model(input_ids=ids[None], **{LAYOUT: Layout(lengths, device)})

A GPU with flash attention reads the texts as they lie (varlen.py). Elsewhere attention works on buckets of texts of
similar length, each padded to its longest.
"""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.autograd.profiler import record_function

from babelmix.encoder import varlen
from babelmix.encoder.groups import group_by_length

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

PACKED = "babelmix_packed"  # the name under which transformers knows our attention
# Padded tokens in a bucket: larger buckets hold more padding, smaller ones take more calls.
BUCKET_TOKENS = {"cpu": 512, "cuda": 65_536, "mps": 16_384}
LAYOUT = "packed_layout"  # the keyword argument that carries a group's `Layout` through the model to its attention


@contextmanager
def packing(model: "SentenceTransformer") -> Generator[bool]:
    """Replace the model's attention by ours for the block; yield whether the model's class allows that."""
    from transformers import AttentionInterface

    inner: Any = getattr(model[0], "model", None)
    if not getattr(inner, "_supports_attention_backend", False):
        yield False
        return
    AttentionInterface.register(PACKED, _attention)
    before = inner.config._attn_implementation
    if before != PACKED:
        inner.set_attn_implementation(PACKED)
    try:
        yield True
    finally:
        if before != PACKED:
            inner.set_attn_implementation(before)


@dataclass(frozen=True)
class Bucket:
    """Texts of similar length inside a group, as attention sees them: padded to the longest.

    `start`, `stop`: the bucket's tokens in the group. `index`: int64 [texts, longest], the token at each position, an
    arbitrary token at padding. `flat_positions`: int64 [tokens], the flat position of each token. `mask`: bool
    [texts, longest], True at tokens, False at padding; None if all texts are equally long.
    """

    start: int
    stop: int
    index: torch.Tensor
    flat_positions: torch.Tensor
    mask: torch.Tensor | None


class Layout:
    """Where the texts of a group lie, in the form that attention asks for."""

    def __init__(self, lengths: list[int], device: torch.device) -> None:
        """Take the lengths of the texts, ascending, and the device of the model."""
        self._lengths, self._device = lengths, device

    @cached_property
    def starts(self) -> varlen.Lengths:
        """Where each text starts, for attention without buckets."""
        return varlen.lengths_of(self._lengths, self._device)

    @cached_property
    def buckets(self) -> list[Bucket]:
        """The group's texts in buckets of similar length."""
        found: list[Bucket] = []
        start = 0
        # Lengths ascend, so the rows of a bucket are consecutive.
        for rows in group_by_length(self._lengths, BUCKET_TOKENS[self._device.type], padded=True):
            found.append(bucket([self._lengths[row] for row in rows], start, self._device))
            start = found[-1].stop
        return found


def bucket(lengths: list[int], start: int, device: torch.device) -> Bucket:
    """Return one bucket of texts of these lengths, whose first token is number `start` of the group."""
    ends = np.cumsum(lengths)
    mask = np.arange(max(lengths)) < np.array(lengths)[:, None]
    index = np.where(mask, (ends - lengths)[:, None] + np.arange(max(lengths)), 0)
    return Bucket(
        start,
        start + int(ends[-1]),
        torch.from_numpy(index).to(device),
        torch.from_numpy(np.flatnonzero(mask)).to(device),
        None if mask.all() else torch.from_numpy(mask).to(device),
    )


def pad(tokens: torch.Tensor, bucket: Bucket) -> torch.Tensor:
    """Return the tokens of a bucket, [tokens, ...], as padded texts, [texts, longest, ...]; gradients come back."""
    found: Any = _Pad.apply(tokens, bucket.index, bucket.flat_positions)
    return found


class _Pad(torch.autograd.Function):
    """From tokens [tokens, ...] to padded texts [texts, longest, ...]; padding adds nothing to the gradient."""

    @staticmethod
    def forward(ctx: Any, tokens: torch.Tensor, index: torch.Tensor, flat_positions: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(flat_positions)
        return tokens[index]

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        (flat_positions,) = ctx.saved_tensors
        return grads[0].flatten(0, 1)[flat_positions], None, None


class _Unpad(torch.autograd.Function):
    """From padded texts [texts, longest, ...] back to tokens [tokens, ...]."""

    @staticmethod
    def forward(ctx: Any, padded: torch.Tensor, flat_positions: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(flat_positions)
        ctx.shape = padded.shape
        return padded.flatten(0, 1)[flat_positions]

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor, None]:
        (flat_positions,) = ctx.saved_tensors
        empty = grads[0].new_zeros((ctx.shape[0] * ctx.shape[1], *ctx.shape[2:]))
        return empty.index_copy_(0, flat_positions, grads[0]).view(ctx.shape), None


def _attention(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: Any,
    scaling: float | None = None,
    dropout: float = 0.0,
    sliding_window: int | None = None,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """Attention within each text of a group; [1, heads, tokens, d] to [1, tokens, heads, d], as transformers asks.

    In buckets on a CPU these are plain matrix products: for texts this short, the backward pass of torch's fused kernel
    takes eight times as long.
    """
    layout: Layout = kwargs[LAYOUT]
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    if shared := query.shape[1] // key.shape[1] - 1:  # several query heads share one head of keys and values
        key, value = (part.repeat_interleave(shared + 1, dim=1) for part in (key, value))
    rows = [part[0].transpose(0, 1) for part in (query, key, value)]  # [tokens, heads, d]
    if sliding_window is None and not dropout and varlen.usable(query.device, query.dtype, query.shape[-1]):
        q, k, v = rows
        return varlen.varlen_attention(q, k, v, layout.starts, scale)[None], None
    with record_function("babelmix::attention"):
        found = [_in_bucket(bucket, rows, sliding_window, scale, dropout) for bucket in layout.buckets]
    return torch.cat(found)[None], None


def _in_bucket(
    bucket: Bucket, rows: list[torch.Tensor], window: int | None, scale: float, dropout: float
) -> torch.Tensor:
    """Return attention within the texts of a bucket, [tokens, heads, d]; `rows`: queries, keys, values of the group."""
    q, k, v = (pad(part[bucket.start : bucket.stop], bucket).transpose(1, 2) for part in rows)
    bias = _bias(bucket, window, q)
    if q.device.type == "cpu":
        weights = (q * scale) @ k.transpose(2, 3)
        weights = torch.softmax(weights if bias is None else weights + bias, dim=-1)
        mixed = torch.nn.functional.dropout(weights, dropout) @ v
    else:
        mixed = torch.nn.functional.scaled_dot_product_attention(q, k, v, bias, dropout, scale=scale)
    found: Any = _Unpad.apply(mixed.transpose(1, 2), bucket.flat_positions)
    return found


def _bias(bucket: Bucket, window: int | None, like: torch.Tensor) -> torch.Tensor | None:
    """Return what is added to the attention scores: the lowest finite number at padding and beyond the window.

    A fully masked row would be NaN after softmax with minus infinity, so the lowest finite number is used. None if
    nothing is masked.
    """
    hidden = None if bucket.mask is None else ~bucket.mask[:, None, None]
    if window is not None and bucket.index.shape[1] > window:  # a token sees tokens less than a window away
        positions = torch.arange(bucket.index.shape[1], device=like.device)
        far = (positions[:, None] - positions).abs() >= window
        hidden = far if hidden is None else hidden | far
    if hidden is None:
        return None
    return torch.zeros(hidden.shape, dtype=like.dtype, device=like.device).masked_fill(
        hidden, torch.finfo(like.dtype).min
    )
