"""One step of training against what torch and the library do by themselves: vectors, gradients, weights."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.optim.optimizer import register_optimizer_step_pre_hook

from babelmix.batches.objective import Objective
from babelmix.batches.sampler import Batch
from babelmix.batches.units import Units, index_units
from babelmix.corpus.index import train_rows
from babelmix.corpus.records import Pair
from babelmix.encoder.load import load_encoder
from babelmix.settings.params import load_settings
from babelmix.training import engine as engine_module
from babelmix.training.distributed import ProcessGroup
from babelmix.training.engine import MAX_GRAD_NORM, set_dropout
from babelmix.training.losses import info_nce
from babelmix.training.settings import Train
from babelmix.training.step import Engine, Extras
from babelmix.training.tokenized_pairs import TokenizedPairs, read_tokenized, write_tokenized

ROOT = Path(__file__).parents[2]
WORDS = "0.model.embeddings.word_embeddings.weight"
HYBRID = Objective(alpha=0.5)
T = 0.05
Gradients = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Watched(ProcessGroup):
    """A group of one process that keeps a dense copy of the gradients before they are clipped."""

    seen: list[list[torch.Tensor | None]] = field(default_factory=list)

    def sum_gradients(self, parameters: Sequence[torch.nn.Parameter]) -> None:
        self.seen.append([None if one.grad is None else one.grad.to_dense().clone() for one in parameters])


def watched() -> Watched:
    return Watched(0, 1, torch.device("cpu"), 1)


def some_train(**changes: Any) -> Train:
    plain = {"temperature": T, "symmetric": False, "matryoshka": (), "dropout": 0.0, "bfloat16": False,
             "freeze_word_embeddings": True, "cached": False, "max_query_tokens": 32,
             "max_passage_tokens": 64}  # fmt: skip
    return load_settings(ROOT / "params.yaml").train.model_copy(update=plain | changes)


@dataclass(frozen=True)
class Data:
    """Tokenized pairs, their units, and their texts."""

    tokenized: TokenizedPairs
    units: Units
    pairs: list[Pair]

    def row(self, unit: int, lang: str) -> int:
        return int(self.units.rows[lang][unit])

    def query(self, unit: int, lang: str) -> str:
        return f"query: {self.pairs[self.row(unit, lang)].query}"

    def passage(self, unit: int, lang: str) -> str:
        return f"passage: {self.pairs[self.row(unit, lang)].passage}"


def gathered(pairs: list[Pair], encoder: Path, folder: Path) -> Data:
    write_tokenized(folder, ((pair, False) for pair in pairs), load_encoder(encoder), some_train())
    tokenized = read_tokenized(folder)
    return Data(tokenized, index_units(tokenized.index, train_rows(tokenized.index)), pairs)


@pytest.fixture(scope="module")
def data(tiny_encoder: Path, parallel_pairs: list[Pair], tmp_path_factory: pytest.TempPathFactory) -> Data:
    """The parallel pairs, of which two units share a passage, so that they are one group."""
    shared = {("page06#h", "de"): "page01#h"}
    text = {(pair.parallel_id, pair.lang): pair.passage for pair in parallel_pairs}
    pairs = [
        Pair(
            one.parallel_id,
            one.lang,
            one.split,
            one.query,
            text[shared.get((one.parallel_id, one.lang), one.parallel_id), one.lang],
            "",
        )
        for one in parallel_pairs
        if (one.parallel_id, one.lang) != ("page13#h", "fr")
    ]
    return gathered(pairs, tiny_encoder, tmp_path_factory.mktemp("engine") / "tokens")


BATCH = Batch("crosslingual", tuple((unit, *("de", "fr", "en", "de")[unit % 3 :][:2]) for unit in range(12)))


def some_negatives(data: Data) -> np.ndarray:
    """Up to three hard negatives of each row, among them units of no group of the batch, and none."""
    rng = np.random.default_rng(5)
    return rng.integers(-1, 45, (len(data.pairs), 3)).astype(np.int32)


def gradients_of_step(
    encoder: Path, data: Data, train: Train, extras: Extras | None = None, *, number: int = 3
) -> tuple[float, Gradients]:
    """The loss and the gradients of one step, before they are clipped."""
    model, processes = load_encoder(encoder), watched()
    engine = Engine(model, data.tokenized, train, processes, extras or Extras(), seed=13)
    loss = engine.step(data.units, BATCH, number, 1e-3, HYBRID)
    names = [name for name, weight in model.named_parameters() if weight.requires_grad]
    (found,) = processes.seen
    return loss, {name: one for name, one in zip(names, found, strict=True) if one is not None}


def by_hand(
    encoder: Path, texts: list[str], loss: Callable[[torch.Tensor], torch.Tensor], *, words: bool
) -> tuple[float, Gradients]:
    """The same by one padded batch through the library's own forward pass."""
    model = load_encoder(encoder).train()
    set_dropout(model, 0.0)
    model[0].model.get_input_embeddings().requires_grad_(words)
    features = model.tokenizer(texts, padding=True, truncation=True, max_length=64, return_tensors="pt")
    value = loss(model(dict(features))["sentence_embedding"])
    value.backward()
    return value.item(), {name: one.grad for name, one in model.named_parameters() if one.grad is not None}


def assert_close(found: Gradients, expected: Gradients, *, share: float) -> None:
    """Every element is within `share` of its parameter's largest, plus noise for parameters without a gradient."""
    assert found.keys() == expected.keys()
    largest = max(gradient.abs().max().item() for gradient in expected.values())
    for name, gradient in expected.items():
        close = share * gradient.abs().max().item() + share / 100 * largest
        np.testing.assert_allclose(found[name].numpy(), gradient.numpy(), rtol=share, atol=close, err_msg=name)


def texts_of_batch(data: Data) -> list[str]:
    rows = BATCH.rows
    return [data.query(u, lang) for u, lang, _ in rows] + [data.passage(u, lang) for u, _, lang in rows]


@pytest.fixture(params=[40, 100_000], ids=["several groups", "one group"])
def tokens(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "TOKENS_PER_FORWARD", {"cpu": request.param})


@pytest.mark.parametrize("cached", [False, True])
@pytest.mark.parametrize("freeze", [False, True])
@pytest.mark.usefixtures("tokens")
def test_a_steps_gradient_is_that_of_one_padded_batch(
    freeze: bool, cached: bool, tiny_encoder: Path, data: Data
) -> None:
    def loss(vectors: torch.Tensor) -> torch.Tensor:
        return info_nce(vectors[:12], vectors[12:], T, groups=groups)

    groups = torch.arange(12)
    groups[6] = 1  # the two units that share a passage
    value, expected = by_hand(tiny_encoder, texts_of_batch(data), loss, words=not freeze)
    chosen = some_train(freeze_word_embeddings=freeze, cached=cached)
    found, gradients = gradients_of_step(tiny_encoder, data, chosen)
    assert found == pytest.approx(value, rel=1e-5)
    assert (WORDS in gradients) == (not freeze)
    assert_close(gradients, expected, share=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("freeze", [False, True])
@pytest.mark.parametrize("negatives", [False, True])
@pytest.mark.parametrize("dropout", [0.0, 0.1])
@pytest.mark.usefixtures("tokens")
def test_cached_gives_the_gradients_of_plain(
    dropout: float, negatives: bool, freeze: bool, tiny_encoder: Path, data: Data
) -> None:
    extras = Extras(negatives=some_negatives(data) if negatives else None)
    (plain, expected), (cached, found) = (
        gradients_of_step(
            tiny_encoder, data, some_train(dropout=dropout, freeze_word_embeddings=freeze, cached=cached), extras
        )
        for cached in (False, True)
    )
    assert cached == plain
    assert_close(found, expected, share=1e-5)


def test_cached_stays_near_plain_in_bfloat16(tiny_encoder: Path, data: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "TOKENS_PER_FORWARD", {"cpu": 40})
    exact, plain, cached = (
        gradients_of_step(tiny_encoder, data, some_train(bfloat16=half, cached=cached, dropout=0.1))[1]
        for half, cached in ((False, False), (True, False), (True, True))
    )
    one, other, last = (torch.cat([part.flatten() for part in parts.values()]) for parts in (exact, plain, cached))
    assert torch.nn.functional.cosine_similarity(other, last, dim=0) > 0.999
    assert torch.nn.functional.cosine_similarity(one, last, dim=0) > 0.98
    assert last.dtype == torch.float32


def test_the_batch_goes_in_several_groups_where_the_bound_is_small(
    tiny_encoder: Path, data: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the tests above rely on: cached encodes each group twice, plain once."""
    monkeypatch.setattr(engine_module, "TOKENS_PER_FORWARD", {"cpu": 40})
    sizes: list[int] = []
    original = engine_module.forward

    def counted(model: Any, texts: Any, **options: Any) -> Iterator[tuple[list[int], torch.Tensor]]:
        for rows, vectors in original(model, texts, **options):
            sizes.append(len(rows))
            yield rows, vectors

    monkeypatch.setattr(engine_module, "forward", counted)
    gradients_of_step(tiny_encoder, data, some_train(cached=False))
    once = list(sizes)
    gradients_of_step(tiny_encoder, data, some_train(cached=True))
    assert len(once) > 4 and max(once) > 1 and sizes == once * 3


def test_dropout_is_the_same_for_the_same_step_and_another_for_another(tiny_encoder: Path, data: Data) -> None:
    def loss(dropout: float, number: int) -> float:
        torch.manual_seed(len(losses))  # what was drawn before does not matter
        return gradients_of_step(tiny_encoder, data, some_train(dropout=dropout), number=number)[0]

    losses: list[float] = []
    for dropout, number in ((0.1, 1), (0.1, 1), (0.1, 2), (0.0, 1), (0.0, 2)):
        losses.append(loss(dropout, number))
    assert losses[0] == losses[1] and losses[3] == losses[4]
    assert len(set(losses)) == 3


@pytest.mark.parametrize("freeze", [False, True])
@pytest.mark.parametrize("temperature", [T, 500.0])
def test_gradients_are_clipped_as_torch_clips_them(
    temperature: float, freeze: bool, tiny_encoder: Path, data: Data
) -> None:
    model, processes = load_encoder(tiny_encoder), watched()
    chosen = some_train(temperature=temperature, freeze_word_embeddings=freeze)
    engine = Engine(model, data.tokenized, chosen, processes, Extras(), seed=13)
    used: list[dict[int, torch.Tensor]] = []

    def record(optimiser: torch.optim.Optimizer, *_: Any) -> None:
        weights = [weight for group in optimiser.param_groups for weight in group["params"]]
        used.append({id(one): one.grad.to_dense().clone() for one in weights if one.grad is not None})

    handle = register_optimizer_step_pre_hook(record)
    try:
        engine.step(data.units, BATCH, 1, 1e-3, HYBRID)
    finally:
        handle.remove()
    copies = [torch.nn.Parameter(weight.detach().clone()) for weight in engine.params]
    for copy, gradient in zip(copies, processes.seen[0], strict=True):
        copy.grad = None if gradient is None else gradient.clone()
    norm = torch.nn.utils.clip_grad_norm_(copies, MAX_GRAD_NORM)
    assert (norm > MAX_GRAD_NORM) == (temperature == T)
    clipped = {key: gradient for part in used for key, gradient in part.items()}
    for weight, copy in zip(engine.params, copies, strict=True):
        if copy.grad is not None:
            torch.testing.assert_close(clipped[id(weight)], copy.grad, rtol=1e-5, atol=1e-8)
    total = torch.sqrt(sum(((gradient**2).sum() for gradient in clipped.values()), torch.zeros(())))
    assert total.item() == pytest.approx(min(norm.item(), MAX_GRAD_NORM), rel=1e-4)


def test_a_step_is_that_of_adamw_with_decay_on_matrices_alone(tiny_encoder: Path, data: Data) -> None:
    chosen = some_train(weight_decay=0.3)
    model, other, processes = load_encoder(tiny_encoder), load_encoder(tiny_encoder), watched()
    engine = Engine(model, data.tokenized, chosen, processes, Extras(), seed=13)
    weights = [weight for name, weight in other.named_parameters() if name != WORDS]
    matrices, vectors = ([one for one in weights if (one.ndim > 1) == many] for many in (True, False))
    optimiser = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": 0.3}, {"params": vectors, "weight_decay": 0.0}], lr=1.0
    )
    for number, lr in ((1, 1e-2), (2, 3e-3)):
        engine.step(data.units, BATCH, number, lr, HYBRID)
        for weight, gradient in zip(weights, processes.seen[-1], strict=True):
            weight.grad = None if gradient is None else gradient.clone()
        torch.nn.utils.clip_grad_norm_(weights, MAX_GRAD_NORM)
        for group in optimiser.param_groups:
            group["lr"] = lr
        optimiser.step()
    for (name, found), expected in zip(model.named_parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=2e-6, msg=name)


def test_only_the_words_of_the_batch_move(tiny_encoder: Path, data: Data) -> None:
    model = load_encoder(tiny_encoder)
    before = model[0].model.get_input_embeddings().weight.detach().clone()
    engine = Engine(model, data.tokenized, some_train(freeze_word_embeddings=False), watched(), Extras(), seed=13)
    engine.step(data.units, BATCH, 1, 1e-2, HYBRID)
    after = model[0].model.get_input_embeddings().weight.detach()
    read = {word for text in model.tokenizer(texts_of_batch(data))["input_ids"] for word in text}
    moved = set((before != after).any(dim=1).nonzero().flatten().tolist())
    assert moved == read and len(read) < len(before)
    frozen = Engine(model, data.tokenized, some_train(), watched(), Extras(), seed=13)
    frozen.step(data.units, BATCH, 2, 1e-2, HYBRID)
    torch.testing.assert_close(model[0].model.get_input_embeddings().weight.detach(), after, rtol=0, atol=0)


def test_a_step_follows_the_gradient_down(tiny_encoder: Path, data: Data) -> None:
    engine = Engine(load_encoder(tiny_encoder), data.tokenized, some_train(), watched(), Extras(), seed=13)
    losses = [engine.step(data.units, BATCH, number, 5e-3, HYBRID) for number in range(20)]
    assert losses[-1] < losses[0] / 2


def negatives_of(data: Data, **of_queries: list[int]) -> Extras:
    """`de_0=[6]`: unit 6 is a hard negative of the German query of unit 0."""
    table = np.full((len(data.pairs), 3), -1, dtype=np.int32)
    for name, units in of_queries.items():
        lang, unit = name.split("_")
        table[data.row(int(unit), lang), : len(units)] = units
    return Extras(negatives=table)


def loss_of(vectors: np.ndarray, size: int, masked: Sequence[tuple[int, int]]) -> float:
    """InfoNCE in numpy; `masked`: (query, passage) that are no negatives."""
    scores = np.exp(vectors[:size].astype(np.float64) @ vectors[size:].T.astype(np.float64) / T)
    right = np.diag(scores).copy()
    for query, passage in masked:
        scores[query, passage] = 0
    return float(-np.mean(np.log(right / scores.sum(axis=1))))


ROWS = Batch("monolingual", tuple((unit, "de", "de") for unit in range(4)))


def test_a_hard_negative_of_another_querys_group_is_none_of_that_one(tiny_encoder: Path, data: Data) -> None:
    """Unit 6 shares its passage with unit 1, whose query is in the batch."""
    model = load_encoder(tiny_encoder)
    texts = [data.query(unit, "de") for unit in range(4)] + [data.passage(unit, "de") for unit in (0, 1, 2, 3, 6, 20)]
    vectors = model.encode(texts)
    extras = negatives_of(data, de_0=[6, 20])
    found = Engine(model, data.tokenized, some_train(), watched(), extras, seed=13).step(
        data.units, ROWS, 1, 1e-3, HYBRID
    )
    assert found == pytest.approx(loss_of(vectors, 4, [(1, 4)]), rel=1e-4)
    assert found != pytest.approx(loss_of(vectors, 4, []), rel=1e-2)


def test_hard_negatives_are_in_the_querys_language_and_left_out_where_there_is_none(
    tiny_encoder: Path, data: Data
) -> None:
    model = load_encoder(tiny_encoder)
    batch = Batch("crosslingual", ((0, "fr", "de"), (2, "de", "en"), (3, "en", "fr")))
    assert data.row(13, "fr") < 0 <= data.row(13, "de")
    extras = negatives_of(data, fr_0=[13, 20], de_2=[13], de_0=[30])  # the last is of a query that is not asked
    texts = [data.query(0, "fr"), data.query(2, "de"), data.query(3, "en")]
    texts += [data.passage(0, "de"), data.passage(2, "en"), data.passage(3, "fr")]
    texts += [data.passage(20, "fr"), data.passage(13, "de")]
    expected = loss_of(model.encode(texts), 3, [])
    found = Engine(model, data.tokenized, some_train(), watched(), extras, seed=13).step(
        data.units, batch, 1, 1e-3, HYBRID
    )
    assert found == pytest.approx(expected, rel=1e-4)


def test_the_teacher_adds_its_loss_with_the_objectives_weight(tiny_encoder: Path, data: Data) -> None:
    rng = np.random.default_rng(4)
    teacher = rng.normal(size=(2, len(data.units.ids), 32)).astype(np.float32)
    teacher /= np.linalg.norm(teacher, axis=-1, keepdims=True)
    teacher[:, 2] = 0
    batch = Batch("monolingual", tuple((unit, "de", "de") for unit in (5, 2, 40, 11)))
    extras = Extras(teacher=teacher, negatives=negatives_of(data, de_5=[20]).negatives)
    model = load_encoder(tiny_encoder)
    texts = [data.query(unit, "de") for unit in (5, 2, 40, 11)]
    texts += [data.passage(unit, "de") for unit in (5, 2, 40, 11, 20)]
    vectors = model.encode(texts)
    queries, passages = vectors[[0, 2, 3]], vectors[[4, 6, 7]]
    to_passages, to_queries = teacher[1, [5, 40, 11]], teacher[0, [5, 40, 11]]
    taught = sum(loss_of(np.vstack(both), 3, []) for both in ((queries, to_passages), (passages, to_queries))) / 2
    for weight in (1.0, 0.25):
        engine = Engine(load_encoder(tiny_encoder), data.tokenized, some_train(), watched(), extras, seed=13)
        found = engine.step(data.units, batch, 1, 1e-3, Objective(alpha=0.5, teacher_weight=weight))
        assert found == pytest.approx(loss_of(vectors, 4, []) + weight * taught, rel=1e-4)


def test_encoding_gives_the_vectors_of_the_library(
    tiny_encoder: Path, data: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "TOKENS_PER_FORWARD", {"cpu": 200})
    model = load_encoder(tiny_encoder)
    engine = Engine(model, data.tokenized, some_train(dropout=0.3), watched(), Extras(), seed=13)
    engine.step(data.units, BATCH, 1, 1e-3, HYBRID)
    before = engine.copy_weights()
    rows = range(len(data.pairs))
    found = engine.encode(
        [data.tokenized.queries[row] for row in rows] + [data.tokenized.passages[row] for row in rows]
    )
    assert found.dtype == np.float32 and found.shape == (2 * len(rows), 32)
    queries = model.encode([pair.query for pair in data.pairs], prompt_name="query")
    passages = model.encode([pair.passage for pair in data.pairs], prompt_name="passage")
    np.testing.assert_allclose(found, np.concatenate([queries, passages]), atol=1e-5)
    assert all(torch.equal(weight, before[name]) for name, weight in engine.copy_weights().items())
    engine.step(data.units, BATCH, 2, 1e-3, HYBRID)  # and training goes on


def test_a_nan_loss_stops_before_the_weights_change(tiny_encoder: Path, data: Data) -> None:
    model = load_encoder(tiny_encoder)
    engine = Engine(model, data.tokenized, some_train(), watched(), Extras(), seed=13)
    with torch.no_grad():
        model[0].model.encoder.layer[0].output.dense.bias[3] = float("nan")
    before = engine.copy_weights()
    with pytest.raises(FloatingPointError, match="loss is nan"):
        engine.step(data.units, BATCH, 1, 1e-3, HYBRID)
    assert all(weight.equal(before[name]) or weight.isnan().any() for name, weight in engine.copy_weights().items())


@pytest.mark.parametrize("freeze", [False, True])
def test_an_engine_resumes_from_its_tensors_bit_by_bit(freeze: bool, tiny_encoder: Path, data: Data) -> None:
    chosen = some_train(freeze_word_embeddings=freeze, dropout=0.1)

    def started() -> Engine:
        return Engine(load_encoder(tiny_encoder), data.tokenized, chosen, watched(), Extras(), seed=13)

    whole = started()
    for number in (1, 2):
        whole.step(data.units, BATCH, number, 1e-3, HYBRID)
    best = whole.copy_weights()
    whole.step(data.units, BATCH, 3, 1e-3, HYBRID)
    kept = {name: tensor.clone() for name, tensor in whole.tensors(best).items()}
    whole.step(data.units, BATCH, 4, 1e-3, HYBRID)
    later = started()
    again = later.restore(kept)
    assert again.keys() == best.keys() and all(again[name].equal(best[name]) for name in best)
    later.step(data.units, BATCH, 4, 1e-3, HYBRID)
    one, other = whole.copy_weights(), later.copy_weights()
    assert one.keys() == other.keys() and all(one[name].equal(other[name]) for name in one)
    later.load_weights(best)
    assert all(weight.equal(best[name]) for name, weight in later.copy_weights().items())


def transformer(kind: str, dropout: float) -> Any:
    import transformers as tf

    torch.manual_seed(1)
    common: dict[str, Any] = {"vocab_size": 20, "hidden_size": 16, "intermediate_size": 24, "num_attention_heads": 2,
                              "num_hidden_layers": 2, "pad_token_id": 0}  # fmt: skip
    if kind == "bert":
        own = {"hidden_dropout_prob": dropout, "attention_probs_dropout_prob": dropout}
        return tf.BertModel(tf.BertConfig(**common, **own), add_pooling_layer=False)
    if kind == "modernbert":
        own = {"attention_dropout": dropout, "mlp_dropout": dropout, "embedding_dropout": dropout}
        signs = {"bos_token_id": 1, "eos_token_id": 2, "cls_token_id": 1, "sep_token_id": 2}
        return tf.ModernBertModel(tf.ModernBertConfig(**common, **own, **signs))
    signs = {"bos_token_id": 1, "eos_token_id": 2, "mask_token_id": 3}
    return tf.EuroBertModel(tf.EuroBertConfig(**common, **signs, attention_dropout=dropout))


@pytest.mark.parametrize("kind", ["bert", "modernbert", "eurobert"])
def test_dropout_is_set_whatever_the_class_began_with(kind: str) -> None:
    def hidden(model: Any, seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        with torch.no_grad():
            return model(input_ids=torch.arange(1, 17)[None]).last_hidden_state

    dropping = transformer(kind, 0.3)
    expected = hidden(dropping.eval(), 0)
    dropping.train()
    assert not torch.allclose(hidden(dropping, 0), expected, atol=1e-3)
    set_dropout(dropping, 0.0)
    torch.testing.assert_close(hidden(dropping, 0), expected, rtol=1e-5, atol=1e-6)
    plain = transformer(kind, 0.0).train()
    torch.testing.assert_close(hidden(plain, 1), hidden(plain, 2), rtol=0, atol=0)
    set_dropout(plain, 0.2)
    assert not torch.allclose(hidden(plain, 1), hidden(plain, 2), atol=1e-3)
    torch.testing.assert_close(hidden(plain, 1), hidden(plain, 1), rtol=0, atol=0)
    layers = plain.encoder.layer if kind == "bert" else plain.layers
    for layer in layers:
        own = {"bert": "attention.self.dropout.p", "modernbert": "attn.attention_dropout"}.get(
            kind, "self_attn.attention_dropout"
        )
        value: Any = layer
        for name in own.split("."):
            value = getattr(value, name)
        assert value == 0.2
