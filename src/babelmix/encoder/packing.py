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
from torch.autograd.profiler import record_function

from babelmix.encoder.attention import LAYOUT, PACKED, Layout, bucket, packing, pad
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
    inner: Any = model[0].model
    if inner.config._attn_implementation != PACKED:  # its own attention would see all texts as one
        raise RuntimeError("two passes over one model at once: finish the first before the second")
    lengths = [len(text) for text in texts]
    if layers is None:
        with record_function("babelmix::layout"):
            places = _places(inner, texts) | {LAYOUT: Layout(lengths, model.device)}
        return _pool(model, inner(**places).last_hidden_state[0], lengths)
    with record_function("babelmix::layout"):
        spare = -sum(lengths) % ROWS
        filled = [*texts, [0] * spare] if spare else texts  # one more text, whose vector is left out
        places, starts = _places(inner, filled), torch.from_numpy(np.cumsum([0, *map(len, filled)]))
    hidden = layers(inner.embeddings(**places)[0], starts)
    if not _is_mean(model[1]):
        return _pool(model, hidden[: sum(lengths)].float(), lengths)
    vectors = layers.mean(hidden, starts[: len(texts) + 1])
    return _through(list(model)[2:], {"sentence_embedding": vectors})


def _places(inner: Any, texts: "Texts") -> dict[str, Any]:
    """Return the token ids and positions of texts laid end to end, int64 [1, tokens] each."""
    ids = np.concatenate([np.asarray(text, dtype=np.int64) for text in texts])
    positions = np.concatenate([np.arange(len(text)) for text in texts]) + _first_position(inner)
    arrays = {"input_ids": ids, "position_ids": positions}
    return {name: torch.from_numpy(array)[None].to(inner.device) for name, array in arrays.items()}


def _pool(model: "SentenceTransformer", hidden: torch.Tensor, lengths: list[int]) -> torch.Tensor:
    """Return what the model's modules after its transformer make of [tokens, width]: pooling, and what follows it."""
    with record_function("babelmix::pooling"):
        whole = bucket(lengths, 0, hidden.device)
        mask = torch.ones_like(whole.index) if whole.mask is None else whole.mask.long()
        return _through(list(model)[1:], {"token_embeddings": pad(hidden, whole), "attention_mask": mask})


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
