"""Vectors of texts are those of sentence-transformers' own encode; equal texts are encoded once, and kept for later."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from babelmix.corpus.records import Pair
from babelmix.encoder import encode as encoding
from babelmix.encoder import keep
from babelmix.encoder.company import same_in_company
from babelmix.encoder.encode import TextList, encode, encode_each
from babelmix.encoder.keep import open_store
from babelmix.encoder.load import load_encoder
from babelmix.encoder.settings import Embed
from babelmix.encoder.vector_store import VectorStore

EXACT = Embed(max_tokens=64, precision="float32", context=False)


@pytest.mark.parametrize("prompt", ["query", "passage"])
def test_vectors_equal_those_of_the_library(prompt: str, tiny_encoder: Path, parallel_pairs: list[Pair]) -> None:
    model = load_encoder(tiny_encoder)
    texts = [pair.passage for pair in parallel_pairs] * 2
    ours = encode(model, texts, prompt=prompt, settings=EXACT, threads=1)
    theirs = model.encode(texts, prompt_name=prompt, show_progress_bar=False)
    assert ours.dtype == np.float16 and ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs, atol=1e-3)
    np.testing.assert_allclose(np.linalg.norm(ours.astype(np.float64), axis=1), 1, atol=2e-3)


def test_bfloat16_stays_near_float32(tiny_encoder: Path, parallel_pairs: list[Pair]) -> None:
    model, texts = load_encoder(tiny_encoder), [pair.passage for pair in parallel_pairs]
    fast = EXACT.model_copy(update={"precision": "bfloat16"})
    exact, rounded = (
        encode(model, texts, prompt="passage", settings=s, threads=1).astype(float) for s in (EXACT, fast)
    )
    assert (exact * rounded).sum(axis=1).min() > 0.999


def one_by_one(model: Any, ids: Any, *, tokens_per_batch: int) -> Iterator[tuple[list[int], torch.Tensor]]:
    """In place of `forward`: every text alone, so that no vector depends on its company."""
    for row, text in enumerate(ids):
        ((_, vectors),) = FORWARD(model, [text], tokens_per_batch=tokens_per_batch)
        yield [row], vectors


FORWARD = encoding.forward


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Every text goes through the model alone; the list has the number of tokens of each that did."""
    passed: list[int] = []

    def forward(model: Any, ids: Any, **options: Any) -> Iterator[tuple[list[int], torch.Tensor]]:
        passed.extend(map(len, ids))
        return one_by_one(model, ids, **options)

    for module in ("encode", "company"):
        monkeypatch.setattr(f"babelmix.encoder.{module}.forward", forward)
    return passed


def lists_of(pairs: list[Pair]) -> list[TextList]:
    queries, passages = [pair.query for pair in pairs], [pair.passage for pair in pairs]
    return [
        TextList("query", queries[:40]), TextList("query", queries[20:60]),
        TextList("passage", passages[:30]), TextList("passage", passages[:50]), TextList("passage", passages[::-3]),
    ]  # fmt: skip


def test_equal_texts_of_several_lists_are_encoded_once(
    tiny_encoder: Path, parallel_pairs: list[Pair], alone: list[int]
) -> None:
    model, lists = load_encoder(tiny_encoder), lists_of(parallel_pairs)
    done: list[int] = []
    found = list(encode_each(model, iter(lists), EXACT, 1, done.append, unit=True))
    assert [one for one, _, _ in found] == lists
    distinct = sum(
        len({text for one in lists if one.prompt == prompt for text in one.texts}) for prompt in ("query", "passage")
    )
    assert len(alone) == sum(done) == distinct < sum(len(one.texts) for one in lists)
    for one, vectors, _ in found:
        assert np.array_equal(vectors, encode(model, one.texts, prompt=one.prompt, settings=EXACT, threads=1))


def test_lists_together_hold_no_more_texts_than_memory_allows(
    tiny_encoder: Path, parallel_pairs: list[Pair], alone: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, lists = load_encoder(tiny_encoder), lists_of(parallel_pairs)
    whole = list(encode_each(model, lists, EXACT, 1, alone.append, unit=True))
    monkeypatch.setattr(encoding, "SHARD", 85)
    monkeypatch.setattr(encoding, "TOKENISED", 7)
    sizes: list[int] = []
    real = encoding._encode
    monkeypatch.setattr(encoding, "_encode", lambda *rest: sizes.append(len(rest[1].lists)) or real(*rest))
    parts = list(encode_each(model, lists, EXACT, 1, alone.append, unit=True))
    assert sizes == [2, 2, 1]
    assert all(np.array_equal(one[1], other[1]) and one[2] == other[2] for one, other in zip(whole, parts, strict=True))


def test_an_error_of_the_lists_comes_out_and_what_was_before_it_too(
    tiny_encoder: Path, parallel_pairs: list[Pair]
) -> None:
    def lists() -> Iterator[TextList]:
        yield TextList("query", [parallel_pairs[0].query])
        yield TextList("passage", [parallel_pairs[0].passage])
        raise ValueError("a line that is no JSON")

    found = encode_each(load_encoder(tiny_encoder), lists(), EXACT, 1, lambda _: None, unit=True)
    assert len(next(found)[1]) == 1
    with pytest.raises(ValueError, match="no JSON"):
        list(found)


def test_kept_vectors_are_the_bytes_of_fresh_ones_and_their_cut_texts_count(
    tiny_encoder: Path, parallel_pairs: list[Pair], alone: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, lists = load_encoder(tiny_encoder), lists_of(parallel_pairs)
    short = EXACT.model_copy(update={"max_tokens": 6})
    monkeypatch.setattr(encoding, "KEPT", 16)
    fresh = list(encode_each(model, lists, short, 1, lambda _: None, unit=True))
    assert sum(cut for _, _, cut in fresh) > 0

    def kept(*some: TextList) -> list[tuple[TextList, Any, int]]:
        store = open_store(model, "weights", tmp_path, short, threads=1, unit=True)
        assert store is not None
        alone.clear()
        return list(encode_each(model, some, short, 1, lambda _: None, unit=True, store=store))

    kept(lists[0], lists[2])
    assert alone
    for expected, found in zip(fresh, kept(*lists), strict=True):
        assert expected[1].tobytes() == found[1].tobytes() and expected[2] == found[2]
    known = {(one.prompt, text) for one in (lists[0], lists[2]) for text in one.texts}
    assert len(alone) == len({(one.prompt, text) for one in lists for text in one.texts} - known) > 0
    assert [one[1].tobytes() for one in kept(*lists[::-1])] == [one[1].tobytes() for one in fresh[::-1]]
    assert not alone


def test_another_prompt_length_or_model_finds_no_kept_vector(
    tiny_encoder: Path, alone: list[int], tmp_path: Path
) -> None:
    model = load_encoder(tiny_encoder)

    def encoded(weights: str = "weights", prompt: str = "query", tokens: int = 64) -> int:
        settings = EXACT.model_copy(update={"max_tokens": tokens})
        store = open_store(model, weights, tmp_path, settings, threads=1, unit=True)
        alone.clear()
        encode(model, ["the file", "a page"], prompt=prompt, settings=settings, threads=1, store=store)
        return len(alone)

    assert encoded() == 2 and encoded() == 0
    assert encoded(prompt="passage") == encoded(weights="others") == encoded(tokens=32) == 2
    model.prompts["document"] = model.prompts["passage"] = model.prompts["query"]
    assert encoded(prompt="passage") == 0  # the very same text
    model.max_seq_length = 16
    assert encoded() == 2


def test_a_model_whose_vectors_depend_on_their_company_keeps_none_and_is_probed_once(
    tiny_encoder: Path, alone: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load_encoder(tiny_encoder)
    assert same_in_company(model, EXACT, threads=1)

    def crowded(model: Any, ids: Any, *, tokens_per_batch: int) -> Iterator[tuple[list[int], torch.Tensor]]:
        for rows, vectors in FORWARD(model, ids, tokens_per_batch=tokens_per_batch):
            yield rows, vectors + torch.eye(*vectors.shape) * 1e-6 * len(rows)

    monkeypatch.setattr("babelmix.encoder.company.forward", crowded)
    assert not same_in_company(model, EXACT, threads=1)
    for _ in range(2):
        assert open_store(model, "weights", tmp_path, EXACT, threads=1, unit=True) is None
    monkeypatch.setattr(keep, "same_in_company", lambda *_, **__: pytest.fail("probed again"))
    assert open_store(model, "weights", tmp_path, EXACT, threads=1, unit=True) is None
    assert [file.name for file in tmp_path.rglob("*") if file.is_file()] == ["facts.json"]


def test_a_store_that_refuses_changes_no_vector(tiny_encoder: Path, alone: list[int], tmp_path: Path) -> None:
    model = load_encoder(tiny_encoder)
    (tmp_path / "store").write_text("a file")
    store = VectorStore(tmp_path / "store", {})
    texts = ["the file", "a page"]
    found = encode(model, texts, prompt="query", settings=EXACT, threads=1, store=store)
    assert store.closed and np.array_equal(found, encode(model, texts, prompt="query", settings=EXACT, threads=1))
