"""Token ids through an encoder, without padding: every layer multiplies real tokens only.

    for rows, vectors in forward(model, ids, tokens_per_batch=2048):
        ...                                    # vectors[i] belongs to ids[rows[i]]

The texts of a group are laid end to end, as one row of the model. Only attention separates the texts: it works on
buckets of texts of similar length. (Two thirds of a padded batch of questions and passages is padding.) On a CPU the
layers of BERT-like models are those of fused.py. A model whose class does not let us replace its attention gets padded
groups instead.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from babelmix.encoder.attention import LAYOUT, PACKED, bucket, buckets, packing, pad
from babelmix.encoder.fused import Layers, fuse
from babelmix.encoder.groups import group_by_length

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

    from babelmix.encoder.tokenise import Texts

# Fused layers multiply a multiple of so many rows. An odd number costs an eighth, and may add in another order.
ROWS = 64


def forward(
    model: "SentenceTransformer", texts: "Texts", *, tokens_per_batch: int, own_layers: bool = False
) -> Iterator[tuple[list[int], torch.Tensor]]:
    """Yield (row numbers, float [rows, d] vectors) of groups of texts, the shortest first; every text comes once.

    Args:
        model: the encoder. The caller sets gradients and autocast.
        texts: token ids of each text.
        tokens_per_batch: the most tokens in a group; a longer text forms a group alone.
        own_layers: use the layers of the model's own class also where they can be fused.
    """
    layers = None if own_layers else fuse_layers(model)[0]
    with packing(model) as packs:
        for rows in group_by_length([len(text) for text in texts], tokens_per_batch, padded=not packs):
            group = [texts[row] for row in rows]
            yield rows, _packed(model, group, layers) if packs else _padded(model, group)


def fuse_layers(model: "SentenceTransformer") -> tuple[Layers, None] | tuple[None, str]:
    """Return the model's layers fused for products in autocast's type, or None and the reason why they cannot be."""
    inner: Any = getattr(model[0], "model", None)
    return fuse(inner, torch.bfloat16 if torch.is_autocast_enabled("cpu") else torch.float32)


def note_on_layers(model: "SentenceTransformer") -> str | None:
    """Return a line for the user if the model takes a slower way than others: padded, or with its own layers on a CPU.

    Set dropout and the model's mode (train, eval) first: layers that train with dropout are not fused.
    """
    with packing(model) as packs:
        if not packs:
            return f"texts are padded, which is slower: {_kind(model)} does not let its attention be replaced"
    reason = fuse_layers(model)[1] if model.device.type == "cpu" else None
    return None if reason is None else f"its own layers are used, slower than fused ones: {reason}"


def _kind(model: "SentenceTransformer") -> str:
    return type(getattr(model[0], "model", model[0])).__name__


def _packed(model: "SentenceTransformer", texts: "Texts", layers: Layers | None) -> torch.Tensor:
    device = model.device
    inner: Any = model[0].model
    if inner.config._attn_implementation != PACKED:  # its own attention would see all texts as one
        raise RuntimeError("two passes over one model at once: finish the first before the second")
    lengths = [len(text) for text in texts]
    count, tokens = len(texts), sum(lengths)
    if layers is not None and (spare := -tokens % ROWS):
        texts, lengths = [*texts, [0] * spare], [*lengths, spare]  # one more text, whose vector is left out
    ids = np.concatenate([np.asarray(text, dtype=np.int64) for text in texts])
    positions = np.concatenate([np.arange(length) for length in lengths]) + _first_position(inner)
    places: dict[str, Any] = {
        "input_ids": torch.from_numpy(ids)[None].to(device),
        "position_ids": torch.from_numpy(positions)[None].to(device),
    }
    rest = list(model)[1:]  # pooling, and the modules that the model has after it
    if layers is None:
        hidden = inner(**places, **{LAYOUT: buckets(lengths, device)}).last_hidden_state[0]
    else:
        starts = torch.from_numpy(np.cumsum([0, *lengths]))
        hidden = layers(inner.embeddings(**places)[0], starts)
        if _is_mean(rest[0]):
            return _through(rest[1:], {"sentence_embedding": layers.mean(hidden, starts[: count + 1])})
        hidden = hidden[:tokens].float()
    whole = bucket(lengths[:count], 0, device)
    features: dict[str, Any] = {
        "token_embeddings": pad(hidden, whole),
        "attention_mask": torch.ones_like(whole.index) if whole.mask is None else whole.mask.long(),
    }
    return _through(rest, features)


def _is_mean(module: Any) -> bool:
    from sentence_transformers.sentence_transformer.modules import Pooling

    return type(module) is Pooling and module.pooling_mode == "mean" and module.include_prompt


def _through(modules: list[Any], features: dict[str, Any]) -> torch.Tensor:
    for module in modules:
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
