"""Texts through an encoder, without padding: every layer multiplies real tokens alone.

    ids = tokenise(model, texts, prompt="query", max_tokens=32)
    for rows, vectors in forward(model, ids, tokens_per_batch=2048):
        ...                                    # vectors[i] belongs to ids[rows[i]]

Training and embedding go through here, so that a text is read in one way. The texts of a group are laid end to end, as
one row of the model; only attention looks at them one by one, in boxes of near lengths. A padded batch of questions and
passages is two thirds padding. A model whose class has no exchangeable attention is given padded groups instead.
"""

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np
import torch
from numpy.typing import NDArray

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

    Texts = Sequence[NDArray[np.int32] | list[int]]

# Tokens that go through the layers together: on a CPU few enough for its caches, on a GPU many enough to fill it.
TOKENS_PER_FORWARD = {"cpu": 2048, "cuda": 65_536, "mps": 16_384}
PACKED = "babelmix_packed"  # our attention's name in transformers' register
# Padded tokens that attention looks at together: larger boxes hold more padding, smaller ones are more calls.
BOX_TOKENS = {"cpu": 512, "cuda": 65_536, "mps": 16_384}
PROMPTS = {"query": ("query",), "passage": ("document", "passage")}  # their names; "document" is the library's
LAYOUT = "packed_layout"  # the argument that carries a group's boxes through the model to its attention


@dataclass(frozen=True, slots=True)
class Limit:
    """How many tokens of a text are read, what says so, and how many the model has positions for (None: any number)."""

    tokens: int
    source: str
    positions: int | None


def limit_of(model: "SentenceTransformer", max_tokens: int) -> Limit:
    """Return how many tokens of a text the model reads where `max_tokens` are asked for: no more than it can."""
    positions = _positions(model)
    own: Any = model.max_seq_length  # of its tokenizer, where 10^30 stands for none
    found = Limit(max_tokens, "embed.max_tokens", positions)
    for tokens, source in ((own, "the model's max_seq_length"), (positions, "its positions")):
        if _is_limit(tokens) and tokens < found.tokens:
            found = Limit(tokens, source, positions)
    return found


def prompt_of(model: "SentenceTransformer", prompt: str) -> str:
    """Return the model's prompt for a "query" or a "passage", empty where it has none."""
    return next((found for name in PROMPTS[prompt] if (found := model.prompts.get(name))), "")


def tokenise(model: "SentenceTransformer", texts: Sequence[str], *, prompt: str, max_tokens: int) -> list[list[int]]:
    """Return the token ids of each text behind the model's own prompt ("query" or "passage"), cut to `max_tokens`.

    To fewer where the model reads fewer, see `limit_of`.
    """
    return _tokens(model, texts, prompt, limit_of(model, max_tokens).tokens)


def cut_texts(
    model: "SentenceTransformer", texts: Sequence[str], ids: "Texts", *, prompt: str, max_tokens: int
) -> list[int]:
    """Return which texts `tokenise` has cut, in ascending order: those longer where one more may stay."""
    limit = limit_of(model, max_tokens).tokens
    full = [row for row, found in enumerate(ids) if len(found) >= limit]
    longer = _tokens(model, [texts[row] for row in full], prompt, limit + 1) if full else []
    return [row for row, found in zip(full, longer, strict=True) if len(found) > limit]


def _tokens(model: "SentenceTransformer", texts: Sequence[str], prompt: str, limit: int) -> list[list[int]]:
    prefix = prompt_of(model, prompt)
    return model.tokenizer([prefix + text for text in texts], truncation=True, max_length=limit)["input_ids"]


def _positions(model: "SentenceTransformer") -> int | None:
    """Return how many tokens the model can tell the places of; XLM-R's table begins after the padding's row."""
    inner: Any = getattr(model[0], "model", None)
    table: Any = getattr(getattr(inner, "embeddings", None), "position_embeddings", None)
    if table is None:
        found = getattr(getattr(inner, "config", None), "max_position_embeddings", None)
        return found if _is_limit(found) else None
    return table.num_embeddings - (0 if table.padding_idx is None else table.padding_idx + 1)


def _is_limit(number: Any) -> TypeGuard[int]:
    return isinstance(number, int) and 0 < number < 10**9


def forward(
    model: "SentenceTransformer", texts: "Texts", *, tokens_per_batch: int
) -> Iterator[tuple[list[int], torch.Tensor]]:
    """Yield (row numbers, float [rows, dimension] vectors), shortest texts first; together they cover all texts once.

    `texts` are token ids. `tokens_per_batch` bounds the tokens of a group; a single longer text still goes alone.
    Gradients and autocast are the caller's.
    """
    with packing(model) as packs:
        for rows in group_by_length([len(text) for text in texts], tokens_per_batch, padded=not packs):
            group = [texts[row] for row in rows]
            yield rows, _packed(model, group) if packs else _padded(model, group)


def group_by_length(lengths: Sequence[int], tokens: int, *, padded: bool) -> Iterator[list[int]]:
    """Yield groups of row numbers in ascending order of length (then of row), each as large as the bound allows.

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
    """Let the model's attention read texts laid end to end; yield whether its class can, and put the old one back."""
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
class Box:
    """Texts of near lengths inside a group, as attention sees them.

    `start`, `stop`: their tokens in the group. `index`: int64 [texts, longest], the token at each place, any token
    where there is none. `places`: int64 [tokens], the flat place of each token. `there`: bool [texts, longest], where
    there is a token; None where all texts are equally long.
    """

    start: int
    stop: int
    index: torch.Tensor
    places: torch.Tensor
    there: torch.Tensor | None


def _packed(model: "SentenceTransformer", texts: "Texts") -> torch.Tensor:
    device = model.device
    inner: Any = model[0].model
    if inner.config._attn_implementation != PACKED:  # it would see all texts as one
        raise RuntimeError("two passes over one model at once: finish the first before the second")
    ids = torch.from_numpy(np.concatenate([np.asarray(text, dtype=np.int64) for text in texts])).to(device)
    positions = np.concatenate([np.arange(len(text)) for text in texts]) + _first_position(inner)
    hidden = inner(
        input_ids=ids[None],
        position_ids=torch.from_numpy(positions)[None].to(device),
        **{LAYOUT: _boxes([len(text) for text in texts], device)},
    ).last_hidden_state[0]
    whole = _box([len(text) for text in texts], 0, device)
    features: dict[str, Any] = {
        "token_embeddings": _Pad.apply(hidden, whole.index, whole.places),
        "attention_mask": torch.ones_like(whole.index) if whole.there is None else whole.there.long(),
    }
    for module in list(model)[1:]:  # pooling, and what else the model puts behind it
        features = module(features)
    return features["sentence_embedding"]


def _padded(model: "SentenceTransformer", texts: "Texts") -> torch.Tensor:
    features = model.tokenizer.pad({"input_ids": [list(map(int, text)) for text in texts]}, return_tensors="pt")
    return model(dict(features.to(model.device)))["sentence_embedding"]


def _first_position(inner: Any) -> int:
    """The number of a text's first position: RoBERTa counts on from its padding token, others from 0."""
    table = getattr(getattr(inner, "embeddings", None), "position_embeddings", None)
    padding = getattr(table, "padding_idx", None)
    return 0 if padding is None else padding + 1


def _boxes(lengths: list[int], device: torch.device) -> list[Box]:
    boxes: list[Box] = []
    start = 0
    for rows in group_by_length(lengths, BOX_TOKENS[device.type], padded=True):  # lengths ascend: each is a stretch
        boxes.append(_box([lengths[row] for row in rows], start, device))
        start = boxes[-1].stop
    return boxes


def _box(lengths: list[int], start: int, device: torch.device) -> Box:
    ends = np.cumsum(lengths)
    there = np.arange(max(lengths)) < np.array(lengths)[:, None]
    index = np.where(there, (ends - lengths)[:, None] + np.arange(max(lengths)), 0)
    return Box(
        start,
        start + int(ends[-1]),
        torch.from_numpy(index).to(device),
        torch.from_numpy(np.flatnonzero(there)).to(device),
        None if there.all() else torch.from_numpy(there).to(device),
    )


class _Pad(torch.autograd.Function):
    """Tokens [tokens, ...] to places [texts, longest, ...]; a place without a token takes no part in the gradient."""

    @staticmethod
    def forward(ctx: Any, tokens: torch.Tensor, index: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(places)
        return tokens[index]

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        (places,) = ctx.saved_tensors
        return grads[0].flatten(0, 1)[places], None, None


class _Unpad(torch.autograd.Function):
    """The way back: places [texts, longest, ...] to tokens [tokens, ...]."""

    @staticmethod
    def forward(ctx: Any, padded: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(places)
        ctx.shape = padded.shape
        return padded.flatten(0, 1)[places]

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor, None]:
        (places,) = ctx.saved_tensors
        empty = grads[0].new_zeros((ctx.shape[0] * ctx.shape[1], *ctx.shape[2:]))
        return empty.index_copy_(0, places, grads[0]).view(ctx.shape), None


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

    Plain matrix products on a CPU: torch's fused kernel takes eight times as long backwards on texts this short.
    """
    boxes: list[Box] = kwargs[LAYOUT]
    scaling = query.shape[-1] ** -0.5 if scaling is None else scaling
    if shared := query.shape[1] // key.shape[1] - 1:  # several heads of queries look at one of keys and values
        key, value = (part.repeat_interleave(shared + 1, dim=1) for part in (key, value))
    rows = [part[0].transpose(0, 1) for part in (query, key, value)]  # [tokens, heads, d]
    found: list[torch.Tensor] = []
    for box in boxes:
        q, k, v = (_Pad.apply(part[box.start : box.stop], box.index, box.places).transpose(1, 2) for part in rows)
        bias = _bias(box, sliding_window, q)
        if q.device.type == "cpu":
            weights = (q * scaling) @ k.transpose(2, 3)
            weights = torch.softmax(weights if bias is None else weights + bias, dim=-1)
            mixed = torch.nn.functional.dropout(weights, dropout) @ v
        else:
            mixed = torch.nn.functional.scaled_dot_product_attention(q, k, v, bias, dropout, scale=scaling)
        found.append(_Unpad.apply(mixed.transpose(1, 2), box.places))
    return torch.cat(found)[None], None


def _bias(box: Box, window: int | None, like: torch.Tensor) -> torch.Tensor | None:
    """What is added to the scores: nothing, or the lowest number where there is no token, or one beyond the window.

    Not minus infinity: a place without a token may see nothing else, and what is no number there would spread.
    """
    hidden = None if box.there is None else ~box.there[:, None, None]
    if window is not None and box.index.shape[1] > window:  # a token sees those that stand less than it apart
        places = torch.arange(box.index.shape[1], device=like.device)
        far = (places[:, None] - places).abs() >= window
        hidden = far if hidden is None else hidden | far
    if hidden is None:
        return None
    return torch.zeros(hidden.shape, dtype=like.dtype, device=like.device).masked_fill(
        hidden, torch.finfo(like.dtype).min
    )
