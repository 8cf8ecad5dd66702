"""Packed and padded forward passes give the same vectors and the same gradients."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from babelmix.encoder import packing as forward_module
from babelmix.encoder import varlen
from babelmix.encoder.attention import BUCKET_TOKENS, PACKED, packing
from babelmix.encoder.groups import group_by_length
from babelmix.encoder.packing import forward, fuse_layers
from babelmix.encoder.tokenise import tokenise

WORDS = [f"w{number}" for number in range(40)]
HIDDEN = 32
KINDS = ("bert", "bert-fused", "xlmr", "xlmr-fused", "xlmr-xl", "modernbert", "eurobert", "eurobert-grouped")
WINDOW = 8  # of ModernBERT's local layers: a token sees the four before it and the four behind it

Build = Callable[..., Any]


def some_texts(number: int = 14, longest: int = 40, seed: int = 1) -> list[str]:
    """Texts of one word up to `longest`, most of them short, two of one length."""
    draw = Random(seed)
    lengths = [1, 1, 3, 3, longest, *(draw.randint(2, 12) for _ in range(number - 6)), longest - 9]
    return [" ".join(draw.choices(WORDS, k=length)) for length in lengths]


def make(kind: str, **more: Any) -> Any:
    """A random transformer of a class, with two layers (ModernBERT: two local ones, two that see everything)."""
    import transformers as tf

    common: dict[str, Any] = {
        "vocab_size": len(WORDS) + 4, "hidden_size": HIDDEN, "intermediate_size": 48, "num_attention_heads": 4,
        "num_hidden_layers": 2, "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2, "initializer_range": 0.3,
    }  # fmt: skip
    if kind.endswith("-fused"):  # the kernels ask for heads of 16 numbers
        return make(kind.removesuffix("-fused"), num_attention_heads=2, **more)
    plain = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    placed = common | plain | {"max_position_embeddings": 64}
    if kind == "bert":
        return tf.BertModel(tf.BertConfig(**placed | more), add_pooling_layer=False)
    if kind == "xlmr":
        return tf.XLMRobertaModel(tf.XLMRobertaConfig(**placed | more), add_pooling_layer=False)
    if kind == "xlmr-xl":
        return tf.XLMRobertaXLModel(tf.XLMRobertaXLConfig(**placed | more), add_pooling_layer=False)
    if kind == "modernbert":
        own = {"num_hidden_layers": 4, "global_attn_every_n_layers": 2, "local_attention": WINDOW,
               "initializer_cutoff_factor": 3.0, "cls_token_id": 0, "sep_token_id": 2}  # fmt: skip
        return tf.ModernBertModel(tf.ModernBertConfig(**common | own | more))
    heads = {"num_key_value_heads": 2 if kind == "eurobert-grouped" else 4, "mask_token_id": 3}
    return tf.EuroBertModel(tf.EuroBertConfig(**common | heads | more))


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """Return what makes an encoder of a class, with a pooling and, where asked, a dense layer behind it."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Dense, Normalize, Pooling, Transformer
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    special = ["<s>", "<pad>", "</s>", "<unk>"]
    tokenizer = Tokenizer(models.WordLevel({word: at for at, word in enumerate([*special, *WORDS])}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )

    def build(kind: str, *, pooling: Any = "mean", dense: bool = False, **more: Any) -> SentenceTransformer:
        folder = tmp_path_factory.mktemp(kind)
        PreTrainedTokenizerFast(
            tokenizer_object=tokenizer, bos_token="<s>", pad_token="<pad>", eos_token="</s>", unk_token="<unk>",
            model_max_length=2048, model_input_names=["input_ids", "attention_mask"],
        ).save_pretrained(folder)  # fmt: skip
        torch.manual_seed(7)
        inner = make(kind, **more)
        with torch.no_grad():
            for weight in inner.parameters():
                weight.add_(torch.randn_like(weight) / 50)  # biases and norms too
        inner.save_pretrained(folder)
        kwargs = {} if kind.startswith(("modern", "euro")) else {"add_pooling_layer": False}
        modules: list[torch.nn.Module] = [Transformer(str(folder), model_kwargs=kwargs), Pooling(HIDDEN, pooling)]
        if dense:
            modules.append(Dense(HIDDEN, 16, activation_function=torch.nn.Tanh()))
        return SentenceTransformer(modules=[*modules, Normalize()], device="cpu").eval()

    return build


def ids_of(model: Any, texts: list[str]) -> list[list[int]]:
    return tokenise(model, texts, prompt="query", max_tokens=2048)


def packed(model: Any, texts: list[str], tokens_per_batch: int = 100) -> torch.Tensor:
    """The vectors of `forward`, in the order of the texts."""
    ids = ids_of(model, texts)
    rows, vectors = zip(*forward(model, ids, tokens_per_batch=tokens_per_batch), strict=True)
    order = [row for group in rows for row in group]
    assert sorted(order) == list(range(len(texts)))
    return torch.cat(vectors)[np.argsort(order)]


def padded(model: Any, texts: list[str]) -> torch.Tensor:
    """The library's own way: one padded batch through all modules."""
    features = model.tokenizer(texts, padding=True, return_tensors="pt")
    return model(dict(features))["sentence_embedding"]


def gradients(model: Any, vectors: torch.Tensor) -> dict[str, torch.Tensor]:
    """The gradients of every parameter for a loss that weighs every number of every vector differently."""
    weights = torch.randn(vectors.shape, generator=torch.Generator().manual_seed(3))
    model.zero_grad(set_to_none=True)
    (vectors * weights).sum().backward()
    return {name: weight.grad.clone() for name, weight in model.named_parameters() if weight.grad is not None}


@pytest.mark.parametrize("kind", KINDS)
def test_fused_layers_are_what_this_file_says(kind: str, build: Build) -> None:
    layers, reason = fuse_layers(build(kind))
    assert (layers is not None) == kind.endswith("-fused"), reason


@pytest.mark.parametrize("kind", KINDS)
def test_vectors_are_those_of_the_library(kind: str, build: Build) -> None:
    model, texts = build(kind), some_texts()
    with torch.no_grad():
        found = packed(model, texts)
    np.testing.assert_allclose(found.numpy(), model.encode(texts), atol=1e-5)
    assert found.dtype == torch.float32 and len({tuple(row) for row in found.round(decimals=3).tolist()}) > 10


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_of_all_parameters_are_those_of_the_padded_way(
    kind: str, build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(BUCKET_TOKENS, "cpu", 30)  # several buckets in a group, several texts in a bucket
    model, texts = build(kind, dense=True), some_texts()
    expected = gradients(model, padded(model, texts))
    found = gradients(model, packed(model, texts, 60))
    assert found.keys() == expected.keys() == {name for name, _ in model.named_parameters()}
    largest = max(gradient.abs().max().item() for gradient in expected.values())
    for name, gradient in expected.items():
        close = 1e-4 * gradient.abs().max().item() + 1e-6 * largest  # of a key's bias it is zero, and noise in both
        np.testing.assert_allclose(found[name].numpy(), gradient.numpy(), rtol=1e-4, atol=close, err_msg=name)


@pytest.mark.parametrize("mode", ["cls", "mean", "lasttoken", "max", "weightedmean"])
@pytest.mark.parametrize("kind", ["xlmr", "xlmr-fused", "modernbert"])
def test_every_pooling_sees_the_texts_own_tokens(kind: str, mode: str, build: Build) -> None:
    model, texts = build(kind, pooling=mode), some_texts()
    with torch.no_grad():
        np.testing.assert_allclose(packed(model, texts).numpy(), model.encode(texts), atol=1e-5)


@pytest.mark.parametrize("kind", ["bert", "bert-fused", "eurobert"])
def test_a_dense_layer_behind_the_pooling_is_gone_through(kind: str, build: Build) -> None:
    model, texts = build(kind, pooling="cls", dense=True), some_texts()
    with torch.no_grad():
        found = packed(model, texts)
    assert found.shape == (len(texts), 16)
    np.testing.assert_allclose(found.numpy(), model.encode(texts), atol=1e-5)


def test_a_local_layer_sees_its_window_and_no_more(build: Build) -> None:
    """Lengths around the window, where a bound that is off by one would show, and far beyond it."""
    draw = Random(2)
    turn = {kind: {"rope_type": "default", "rope_theta": 10_000.0} for kind in ("full_attention", "sliding_attention")}
    local, everywhere = (
        build("modernbert", global_attn_every_n_layers=every, rope_parameters=turn) for every in (4, 1)
    )
    everywhere.load_state_dict(local.state_dict())
    for words in (2, 3, 4, 5, 6, 7, 8, 30):
        texts = [" ".join(draw.choices(WORDS, k=words)) for _ in range(3)]
        with torch.no_grad():
            found, other = packed(local, texts), packed(everywhere, texts)
        np.testing.assert_allclose(found.numpy(), local.encode(texts), atol=1e-5)
        same = np.allclose(found.numpy(), other.numpy(), atol=1e-4)
        assert same == (words + 2 <= WINDOW // 2 + 1)  # with the two signs around it, all within the window


@pytest.mark.parametrize("kind", ["xlmr", "xlmr-fused", "modernbert"])
@pytest.mark.parametrize("bucket", [1, 16, 100_000])
@pytest.mark.parametrize("tokens", [1, 50, 100_000])
def test_neither_groups_nor_buckets_change_a_vector(
    kind: str, bucket: int, tokens: int, build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(BUCKET_TOKENS, "cpu", bucket)
    model, texts = build(kind), some_texts()
    with torch.no_grad():
        np.testing.assert_allclose(packed(model, texts, tokens).numpy(), padded(model, texts).numpy(), atol=1e-5)


@pytest.mark.parametrize("kind", ["xlmr", "modernbert", "eurobert-grouped"])
def test_flash_attention_sees_each_text_by_itself_where_it_can_be_used(
    kind: str, build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stand-in computes it here. ModernBERT's local layers cannot use it; groups of heads share keys and values."""
    calls: list[int] = []

    def stand_in(query: Any, key: Any, value: Any, lengths: Any, scaling: float) -> torch.Tensor:
        calls.append(len(query))
        sizes = lengths.starts.diff().tolist()
        texts = zip(*(part.transpose(0, 1).split(sizes, dim=1) for part in (query, key, value)), strict=True)
        found = [torch.nn.functional.scaled_dot_product_attention(*text, scale=scaling) for text in texts]
        return torch.cat(found, dim=1).transpose(0, 1)

    model, texts = build(kind), some_texts()
    monkeypatch.setattr(varlen, "usable", lambda *_: True)
    monkeypatch.setattr(varlen, "varlen_attention", stand_in)
    with torch.no_grad():
        np.testing.assert_allclose(packed(model, texts).numpy(), padded(model, texts).numpy(), atol=1e-5)
    ids = sum(map(len, ids_of(model, texts)))
    assert sum(calls) == 2 * ids  # two layers, or ModernBERT's two that see everything


@pytest.mark.parametrize("kind", ["modernbert", "eurobert"])
def test_a_text_longer_than_group_and_bucket_goes_alone(kind: str, build: Build) -> None:
    model = build(kind)
    texts = [*some_texts(8), " ".join(Random(4).choices(WORDS, k=BUCKET_TOKENS["cpu"] + 88))]
    groups = [rows for rows, _ in forward(model, ids_of(model, texts), tokens_per_batch=90)]
    assert groups[-1] == [8] and len(groups) > 2
    with torch.no_grad():
        np.testing.assert_allclose(packed(model, texts, 90).numpy(), model.encode(texts), atol=1e-5)


def test_no_texts_give_no_groups(build: Build) -> None:
    assert list(forward(build("bert"), [], tokens_per_batch=100)) == []


@pytest.mark.parametrize("kind", ["bert", "bert-fused", "modernbert", "eurobert"])
def test_bfloat16_stays_near_float32_both_ways(kind: str, build: Build) -> None:
    model, texts = build(kind, initializer_range=0.05), some_texts()
    expected = gradients(model, exact := packed(model, texts))
    with torch.autocast("cpu", torch.bfloat16):
        rounded = packed(model, texts)
    np.testing.assert_allclose(rounded.detach().float().numpy(), exact.detach().numpy(), atol=0.02)
    found = gradients(model, rounded)
    one, other = (torch.cat([part.flatten() for part in parts.values()]) for parts in (expected, found))
    assert torch.nn.functional.cosine_similarity(one, other, dim=0) > 0.99


LENGTHS = st.lists(st.integers(1, 60), max_size=60)


@given(LENGTHS, st.integers(1, 200), st.booleans())
@settings(max_examples=200, deadline=None)
def test_groups_hold_every_row_once_within_the_bound(lengths: list[int], tokens: int, padded: bool) -> None:
    def cost(rows: list[int]) -> int:
        of_rows = [lengths[row] for row in rows]
        return max(of_rows) * len(rows) if padded else sum(of_rows)

    groups = list(group_by_length(lengths, tokens, padded=padded))
    order = [row for rows in groups for row in rows]
    assert order == sorted(range(len(lengths)), key=lambda row: (lengths[row], row))
    assert all(cost(rows) <= tokens or len(rows) == 1 for rows in groups)
    assert all(cost([*rows, following[0]]) > tokens for rows, following in pairwise(groups))  # none could be larger


def implementation(model: Any) -> str:
    return model[0].model.config._attn_implementation


def test_the_attention_is_put_back_after_use(build: Build) -> None:
    model, texts = build("bert"), some_texts()
    before, expected = implementation(model), model.encode(texts)
    assert before != PACKED
    going = forward(model, ids_of(model, texts), tokens_per_batch=50)
    next(going)
    assert implementation(model) == PACKED
    list(going)
    assert implementation(model) == before
    half = forward(model, ids_of(model, texts), tokens_per_batch=50)
    next(half)
    half.close()  # left half-way, as by a break
    assert implementation(model) == before
    np.testing.assert_array_equal(model.encode(texts), expected)


def test_the_attention_is_put_back_after_an_error(build: Build) -> None:
    model = build("bert")
    before = implementation(model)
    with pytest.raises(IndexError):
        list(forward(model, [[0, 5, 2], [0, 10_000, 2]], tokens_per_batch=50))
    assert implementation(model) == before
    with pytest.raises(KeyError), packing(model):
        raise KeyError
    assert implementation(model) == before


def test_one_use_within_another_leaves_the_outer_one_packed(build: Build) -> None:
    model, texts = build("bert"), some_texts()
    with packing(model) as can, torch.no_grad():
        assert can
        np.testing.assert_allclose(packed(model, texts), packed(model, texts, 1), atol=1e-5)
        assert implementation(model) == PACKED
    assert implementation(model) != PACKED


@pytest.mark.parametrize("kind", ["bert", "xlmr"])
def test_a_class_without_exchangeable_attention_is_given_padded_groups(
    kind: str, build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, texts = build(kind), some_texts()
    with torch.no_grad():
        expected = packed(model, texts)
        monkeypatch.setattr(type(model[0].model), "_supports_attention_backend", False)
        with packing(model) as can:
            assert not can and implementation(model) != PACKED
        monkeypatch.setattr(forward_module, "_packed", None)
        np.testing.assert_allclose(packed(model, texts).numpy(), expected.numpy(), atol=1e-5)
    lengths = [len(text) for text in ids_of(model, texts)]
    for rows, _ in forward(model, ids_of(model, texts), tokens_per_batch=100):
        assert len(rows) * max(lengths[row] for row in rows) <= 100


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "option"),
    [
        ("bert", "attention_probs_dropout_prob"),
        ("bert-fused", "attention_probs_dropout_prob"),
        ("xlmr-xl", "attention_probs_dropout_prob"),
        ("modernbert", "attention_dropout"),
        ("eurobert", "attention_dropout"),
    ],
)
def test_attention_drops_in_training_alone_and_by_the_seed(kind: str, option: str, build: Build) -> None:
    model, texts = build(kind, **{option: 0.4}), some_texts()
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout) and kind == "modernbert":
            module.p = 0.0  # its outputs drop by the same option

    def vectors(seed: int) -> np.ndarray:
        torch.manual_seed(seed)
        with torch.no_grad():
            return packed(model, texts).numpy()

    np.testing.assert_allclose(vectors(1), model.encode(texts), atol=1e-5)
    model.train()
    np.testing.assert_array_equal(vectors(1), vectors(1))
    assert np.abs(vectors(1) - vectors(2)).max() > 0.01
    mean = np.mean([vectors(seed) for seed in range(100)], axis=0)  # what is left is scaled up for what was dropped
    model.eval()
    near = (mean * vectors(1)).sum(axis=1) / np.linalg.norm(mean, axis=1)
    assert near.mean() > 0.9


def test_a_texts_prompt_is_the_models_own_and_the_cut_keeps_the_last_sign(tiny_encoder: Path) -> None:
    from babelmix.encoder.load import load_encoder

    model = load_encoder(tiny_encoder)
    texts = ["the file menu opens", "text"]
    queries, passages = (tokenise(model, texts, prompt=prompt, max_tokens=64) for prompt in ("query", "passage"))
    assert queries == model.tokenizer([f"query: {text}" for text in texts])["input_ids"]
    assert passages == model.tokenizer([f"passage: {text}" for text in texts])["input_ids"]
    cut = tokenise(model, texts, prompt="query", max_tokens=5)
    assert cut == [[*queries[0][:4], queries[0][-1]], queries[1]]
    model.prompts = {}
    assert tokenise(model, texts, prompt="query", max_tokens=64) == model.tokenizer(texts)["input_ids"]
    model.prompts = {"passage": "passage: ", "document": ""}  # the library sets what it was not given to nothing
    assert tokenise(model, texts, prompt="passage", max_tokens=64) == passages
