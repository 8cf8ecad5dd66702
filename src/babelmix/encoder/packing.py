"""Token ids through an encoder, without padding: every layer multiplies real tokens only.

    for rows, vectors in forward(model, ids, tokens_per_batch=2048):
        ...                                    # vectors[i] belongs to ids[rows[i]]

The texts of a group are laid end to end, as one row of the model. Only attention separates the texts: it works on
buckets of texts of similar length. (Two thirds of a padded batch of questions and passages is padding.) A model whose
class does not let us replace its attention gets padded groups instead.
"""

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

    from babelmix.encoder.tokenise import Texts

# Tokens that go through the layers together: few enough to fit a CPU's caches, many enough to fill a GPU.
TOKENS_PER_FORWARD = {"cpu": 2048, "cuda": 65_536, "mps": 16_384}
PACKED = "babelmix_packed"  # the name under which transformers knows our attention
# Padded tokens in a bucket: larger buckets hold more padding, smaller ones take more calls.
BUCKET_TOKENS = {"cpu": 512, "cuda": 65_536, "mps": 16_384}
LAYOUT = "packed_layout"  # the keyword argument that carries a group's buckets through the model to its attention


def forward(
    model: "SentenceTransformer", texts: "Texts", *, tokens_per_batch: int
) -> Iterator[tuple[list[int], torch.Tensor]]:
    """Yield (row numbers, float [rows, d] vectors) of groups of texts, the shortest first; every text comes once.

    Args:
        model: the encoder. The caller sets gradients and autocast.
        texts: token ids of each text.
        tokens_per_batch: the most tokens in a group; a longer text forms a group alone.
    """
    with packing(model) as packs:
        for rows in group_by_length([len(text) for text in texts], tokens_per_batch, padded=not packs):
            group = [texts[row] for row in rows]
            yield rows, _packed(model, group) if packs else _padded(model, group)


def group_by_length(lengths: Sequence[int], tokens: int, *, padded: bool) -> Iterator[list[int]]:
    """Yield groups of row numbers in ascending order of length (then of row), each as large as `tokens` allows.

    `padded` counts every row as long as the longest of its group.
    """
    group: list[int] = []
    total = 0
    for row in sorted(range(len(lengths)), key=lambda row: lengths[row]):  # so this row is the longest yet
        total = (len(group) + 1) * lengths[row] if padded else total + lengths[row]
        if group and total > tokens:
            yield group
            group, total = [], lengths[row]
        group.append(row)
    if group:
        yield group


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


def _packed(model: "SentenceTransformer", texts: "Texts") -> torch.Tensor:
    device = model.device
    inner: Any = model[0].model
    if inner.config._attn_implementation != PACKED:  # its own attention would see all texts as one
        raise RuntimeError("two passes over one model at once: finish the first before the second")
    lengths = [len(text) for text in texts]
    ids = torch.from_numpy(np.concatenate([np.asarray(text, dtype=np.int64) for text in texts])).to(device)
    positions = np.concatenate([np.arange(length) for length in lengths]) + _first_position(inner)
    hidden = inner(
        input_ids=ids[None],
        position_ids=torch.from_numpy(positions)[None].to(device),
        **{LAYOUT: _buckets(lengths, device)},
    ).last_hidden_state[0]
    whole = _bucket(lengths, 0, device)
    features: dict[str, Any] = {
        "token_embeddings": _Pad.apply(hidden, whole.index, whole.flat_positions),
        "attention_mask": torch.ones_like(whole.index) if whole.mask is None else whole.mask.long(),
    }
    for module in list(model)[1:]:  # pooling, and the modules that the model has after it
        features = module(features)
    return features["sentence_embedding"]


def _padded(model: "SentenceTransformer", texts: "Texts") -> torch.Tensor:
    features = model.tokenizer.pad({"input_ids": [list(map(int, text)) for text in texts]}, return_tensors="pt")
    return model(dict(features.to(model.device)))["sentence_embedding"]


def _first_position(inner: Any) -> int:
    """Return the number of a text's first position: RoBERTa counts on from its padding token, others from 0."""
    table = getattr(getattr(inner, "embeddings", None), "position_embeddings", None)
    padding = getattr(table, "padding_idx", None)
    return 0 if padding is None else padding + 1


def _buckets(lengths: list[int], device: torch.device) -> list[Bucket]:
    buckets: list[Bucket] = []
    start = 0
    # Lengths ascend, so the rows of a bucket are consecutive.
    for rows in group_by_length(lengths, BUCKET_TOKENS[device.type], padded=True):
        buckets.append(_bucket([lengths[row] for row in rows], start, device))
        start = buckets[-1].stop
    return buckets


def _bucket(lengths: list[int], start: int, device: torch.device) -> Bucket:
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

    On a CPU these are plain matrix products: for texts this short, the backward pass of torch's fused kernel takes
    eight times as long.
    """
    buckets: list[Bucket] = kwargs[LAYOUT]
    scaling = query.shape[-1] ** -0.5 if scaling is None else scaling
    if shared := query.shape[1] // key.shape[1] - 1:  # several query heads share one head of keys and values
        key, value = (part.repeat_interleave(shared + 1, dim=1) for part in (key, value))
    rows = [part[0].transpose(0, 1) for part in (query, key, value)]  # [tokens, heads, d]
    found: list[torch.Tensor] = []
    for bucket in buckets:
        q, k, v = (
            _Pad.apply(part[bucket.start : bucket.stop], bucket.index, bucket.flat_positions).transpose(1, 2)
            for part in rows
        )
        bias = _bias(bucket, sliding_window, q)
        if q.device.type == "cpu":
            weights = (q * scaling) @ k.transpose(2, 3)
            weights = torch.softmax(weights if bias is None else weights + bias, dim=-1)
            mixed = torch.nn.functional.dropout(weights, dropout) @ v
        else:
            mixed = torch.nn.functional.scaled_dot_product_attention(q, k, v, bias, dropout, scale=scaling)
        found.append(_Unpad.apply(mixed.transpose(1, 2), bucket.flat_positions))
    return torch.cat(found)[None], None


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
