"""A step with a lexical batch: symmetric InfoNCE alone, negatives in the passage's language; and mining of words."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from small_pairs import WORDS as VOCABULARY
from small_training import ALONE, run, small_settings, write_small_tokenized

from babelmix.batches.lexicon import LEXICAL, Lexicon
from babelmix.batches.objective import Objective
from babelmix.batches.sampler import Batch
from babelmix.batches.units import Units, index_units, training_rows
from babelmix.corpus.index import index_pairs, train_rows
from babelmix.corpus.records import WORDS, Pair, of_words
from babelmix.encoder.load import load_encoder
from babelmix.encoder.settings import Embed
from babelmix.training.losses import info_nce
from babelmix.training.mining import mine
from babelmix.training.step import Engine, Extras
from babelmix.training.tokenized_pairs import TokenizedPairs

HALF = Objective(alpha=0.5, lexicon=Lexicon(share=0.5))
ROWS = tuple((unit, *languages) for unit, languages in enumerate([("de", "en"), ("en", "de"), ("de", "fr")] * 2))


def words() -> list[Pair]:
    return [
        Pair(f"{WORDS}mine:{n:03}", lang, "train", spoken[n], spoken[n], "human")
        for n in range(12)
        for lang, spoken in VOCABULARY.items()
        if spoken.index(spoken[n]) == n  # a word that comes again is left out
    ]


@pytest.fixture(scope="module")
def tokenized(
    tiny_encoder: Path, parallel_pairs: list[Pair], tmp_path_factory: pytest.TempPathFactory
) -> TokenizedPairs:
    return write_small_tokenized(tmp_path_factory.mktemp("words") / "tokens", parallel_pairs + words(), tiny_encoder)


def of_kind(tokenized: TokenizedPairs, *, lexical: bool) -> Units:
    return index_units(tokenized.index, training_rows(tokenized.index, HALF)).only(words=lexical)


def numbers(units: Units) -> list[int]:
    """Units that exist in all three languages, one of each group."""
    known = np.flatnonzero(units.within("de", "en", "fr"))
    return known[np.unique(units.groups[known], return_index=True)[1]].tolist()


def losses(
    tokenized: TokenizedPairs, encoder: Path, units: Units, batch: Batch, extras: Extras, objective: Objective = HALF
) -> tuple[float, float, float]:
    """The loss of a step; and InfoNCE of the same vectors, one-sided and symmetric."""
    train = small_settings(bfloat16=False).training()
    engine = Engine(load_encoder(encoder), tokenized, train, ALONE, extras, seed=1)
    sides = [
        [texts[int(units.rows[row[side]][row[0]])] for row in batch.rows]
        for side, texts in ((1, tokenized.queries), (2, tokenized.passages))
    ]
    queries, passages = (torch.from_numpy(engine.encode(side)) for side in sides)
    one, both = (
        info_nce(queries, passages, train.temperature, symmetric=symmetric).item() for symmetric in (False, True)
    )
    return engine.step(units, batch, 1, 0.0, objective), one, both


def test_the_loss_of_words_is_symmetric_and_that_of_texts_is_not(tokenized: TokenizedPairs, tiny_encoder: Path) -> None:
    for lexical in (False, True):
        units = of_kind(tokenized, lexical=lexical)
        rows = tuple((unit, *row[1:]) for unit, row in zip(numbers(units), ROWS, strict=False))
        batch = Batch(LEXICAL if lexical else "crosslingual", rows)
        found, one, both = losses(tokenized, tiny_encoder, units, batch, Extras())
        assert abs(one - both) > 1e-3
        assert found == pytest.approx(both if lexical else one, rel=1e-5)


def test_words_have_no_teacher_and_no_consistency_loss(tokenized: TokenizedPairs, tiny_encoder: Path) -> None:
    units = of_kind(tokenized, lexical=True)
    batch = Batch(LEXICAL, tuple((unit, *row[1:]) for unit, row in zip(numbers(units), ROWS, strict=False)))
    vectors = np.random.default_rng(1).normal(size=(2, len(tokenized.index.units), 32)).astype(np.float32)
    more = HALF.model_copy(update={"kl_weight": 1.0, "teacher": "large", "distil_first": 0.9})
    found, _, both = losses(tokenized, tiny_encoder, units, batch, Extras(teacher=vectors), more)
    assert found == pytest.approx(both, rel=1e-5)


def test_hard_negatives_of_words_are_in_the_passage_s_language(
    tokenized: TokenizedPairs, tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    units = of_kind(tokenized, lexical=True)
    first, second, *_, hard = numbers(units)
    negatives = np.full((len(tokenized.index.unit), 1), hard, dtype=np.int32)
    engine = Engine(
        load_encoder(tiny_encoder), tokenized, small_settings().training(), ALONE, Extras(negatives=negatives), seed=1
    )
    seen: list[list[list[int]]] = []
    monkeypatch.setattr(engine, "update", lambda texts, *_: seen.append([text.tolist() for text in texts]) or 0.0)
    rows = ((first, "de", "fr"), (second, "en", "de"))
    for kind in (LEXICAL, "crosslingual"):
        engine.step(units, Batch(kind, rows), 1, 0.0, HALF)
    for texts, languages in zip(seen, (("fr", "de"), ("de", "en")), strict=True):
        expected = [tokenized.passages[int(units.rows[lang][hard])].tolist() for lang in languages]
        assert texts[4:] == expected


def test_mining_keeps_words_and_texts_apart(tiny_encoder: Path, parallel_pairs: list[Pair]) -> None:
    model, settings = load_encoder(tiny_encoder), Embed(max_tokens=64, precision="float32", context=False)

    def mined(pairs: list[Pair]) -> dict[tuple[str, str], list[str]]:
        index = index_pairs((pair, False) for pair in pairs)
        rows = train_rows(index)
        found = mine(model, pairs, index, rows, index_units(index, rows), 3, settings=settings, threads=1)
        return {
            (found.languages[lang], found.units[unit]): [found.units[other] for other in line if other >= 0]
            for lang, unit, line in zip(found.lang, found.unit, found.negatives.tolist(), strict=True)
        }

    both = mined(parallel_pairs + words())
    assert both == mined(parallel_pairs) | mined(words())
    assert all(of_words(name) == of_words(other) for (_, name), line in both.items() for other in line)
    assert any(line for (_, name), line in both.items() if of_words(name))


def test_a_training_takes_lexical_steps_where_the_plan_has_them(tokenized: TokenizedPairs, tiny_encoder: Path) -> None:
    settings = small_settings(steps=4, batch_size=4, eval_steps=4)
    _, history = run(tiny_encoder, tokenized, settings, HALF)
    assert [step.kind == LEXICAL for step in history] == [False, True, False, True]
    assert all(np.isfinite(step.loss) for step in history)


def test_an_objective_without_words_trains_as_if_there_were_none(
    tokenized: TokenizedPairs, tiny_encoder: Path, parallel_pairs: list[Pair], tmp_path: Path
) -> None:
    settings = small_settings(steps=3, eval_steps=3)
    alone = write_small_tokenized(tmp_path / "tokens", parallel_pairs, tiny_encoder)
    (model, history), (other, expected) = (run(tiny_encoder, texts, settings) for texts in (tokenized, alone))
    assert history == expected
    weights = model.state_dict()
    assert all(torch.equal(weights[name], value) for name, value in other.state_dict().items())
    plain = replace(tokenized.index, units=tuple(f"x{name}" for name in tokenized.index.units))
    assert not plain.words.any()  # were the words texts, the training would be another
    assert run(tiny_encoder, replace(tokenized, index=plain), settings)[1] != expected
