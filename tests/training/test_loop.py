"""Training: the losses against the plain formulas, the same bytes twice, the looks, and what a fault looks like."""

import csv
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_training import (
    ALONE,
    Job,
    hashes,
    run,
    same,
    small_settings,
    start,
    weights,
    write_result,
    write_small_corpus,
)

from babelmix.batches.objective import Objective
from babelmix.batches.sampler import plan
from babelmix.batches.units import index_units, training_rows
from babelmix.common.errors import UserError
from babelmix.corpus.records import Pair
from babelmix.encoder.build import load_encoder
from babelmix.training import step as engine
from babelmix.training.checkpoint import Keeper
from babelmix.training.distributed import Team
from babelmix.training.loop import inputs, learning_rate_share, train, write_history
from babelmix.training.losses import BatchRows, batch_loss
from babelmix.training.step import Extras
from babelmix.training.tokenized_pairs import Corpus

OBJECTIVES = sorted(small_settings().objective_presets)


@pytest.fixture(scope="module")
def corpus(tiny_encoder: Path, parallel_pairs: list[Pair], tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """German, English and French by people, and the French once more by a machine."""
    machine = [replace(pair, origin="engine") for pair in parallel_pairs if pair.lang == "fr"]
    return write_small_corpus(tmp_path_factory.mktemp("corpus") / "tokens", parallel_pairs + machine, tiny_encoder)


def unit_rows(*shape: int) -> torch.Tensor:
    rows = torch.from_numpy(np.random.default_rng(shape[0]).normal(size=shape)).float()
    return torch.nn.functional.normalize(rows, dim=-1)


# The losses


def test_a_literal_temperature_of_one_cannot_learn_from_100_pairs() -> None:
    perfect = torch.eye(100) * 2 - 1  # a query's own passage at cosine 1, the others at -1: no vectors do better
    best = torch.nn.functional.cross_entropy(perfect, torch.arange(100)).item()
    assert best == pytest.approx(2.667, abs=1e-3)


# What every training does


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_every_objective_learns(objective: str, tiny_encoder: Path, corpus: Corpus) -> None:
    _, history = run(tiny_encoder, corpus, small_settings(steps=40, look_steps=40), objective)
    assert [step.step for step in history] == list(range(1, 41))
    assert np.mean([step.loss for step in history[-10:]]) < np.mean([step.loss for step in history[:10]])
    expected = {"contrastive": {"monolingual"}, "english": {"monolingual"}, "crosslingual": {"crosslingual"}}
    kinds = expected | {"mixed": {"mixed"}}
    assert {step.kind for step in history} == kinds.get(objective, {"monolingual", "crosslingual"})


@pytest.mark.parametrize(
    "asked",
    [
        {"alpha": ((0.0, 1.0), (1.0, 0.0))},
        {"alpha": 0.0, "batch_languages": 2},
        {"alpha": 0.5, "weights": "size"},
        {"alpha": 0.5, "weights": 2.0, "batch_languages": 3},
    ],
)
def test_what_else_an_objective_may_ask_is_learned_from(
    asked: dict[str, Any], tiny_encoder: Path, corpus: Corpus
) -> None:
    chosen = Objective.model_validate(asked)
    settings = small_settings(steps=40, look_steps=40, learning_rate=5e-3, freeze_word_embeddings=False)
    _, history = run(tiny_encoder, corpus, settings, chosen)
    losses = [step.loss for step in history if step.kind == "crosslingual"]
    assert np.mean(losses[-5:]) < np.mean(losses[:5])
    if isinstance(chosen.alpha, tuple):
        assert (history[0].kind, history[-1].kind) == ("monolingual", "crosslingual")


def test_two_trainings_leave_the_same_bytes(tiny_encoder: Path, corpus: Corpus, tmp_path: Path) -> None:
    for name in ("first", "second"):
        write_result(*run(tiny_encoder, corpus, small_settings(dropout=0.1)), tmp_path / name)
        torch.rand(3)  # what stands in the generator is of no account
    first = hashes(tmp_path / "first")
    assert first == hashes(tmp_path / "second")
    assert "model.safetensors" in first and not [name for name in first if name.endswith((".bin", ".pt", ".pkl"))]


def test_another_seed_and_another_dropout_leave_other_weights(tiny_encoder: Path, corpus: Corpus) -> None:
    found = [
        weights(run(tiny_encoder, corpus, small_settings(seed=seed, dropout=dropout))[0])
        for seed, dropout in ((1, 0.0), (2, 0.0), (1, 0.1))
    ]
    assert not any(same(found[a], found[b]) for a, b in ((0, 1), (0, 2), (1, 2)))


@pytest.mark.parametrize("frozen", [True, False])
def test_only_the_words_of_the_batches_move_and_only_where_they_are_not_frozen(
    frozen: bool, tiny_encoder: Path, corpus: Corpus
) -> None:
    before: dict[str, torch.Tensor] = {}
    settings = small_settings(freeze_word_embeddings=frozen)
    model, _ = run(tiny_encoder, corpus, settings, prepare=lambda model: before.update(weights(model)))
    after = weights(model)
    (words,) = (name for name in before if name.endswith("word_embeddings.weight"))
    moved = (before[words] != after[words]).any(1).nonzero().flatten().tolist()
    hybrid = settings.objective("hybrid")
    units = index_units(corpus.index, training_rows(corpus.index, hybrid))
    seen: set[int] = set()
    for batch in plan(units, hybrid, batch_size=8, seed=settings.seed, steps=12):
        for unit, query, passage in batch.rows:
            seen |= set(corpus.queries[units.rows[query][unit]].tolist())
            seen |= set(corpus.passages[units.rows[passage][unit]].tolist())
    assert moved == ([] if frozen else sorted(seen)) and len(seen) < len(before[words])
    assert not any(torch.equal(before[name], after[name]) for name in before if name.endswith("output.dense.weight"))


def test_the_learning_rate_warms_up_and_ends_near_zero(tiny_encoder: Path, corpus: Corpus) -> None:
    recipe = small_settings(steps=100, warmup_share=0.1).train
    shares = [learning_rate_share(step, recipe) for step in range(100)]
    assert shares[0] == pytest.approx(0.1) and max(shares) == shares[9] == 1.0
    assert shares[9:] == sorted(shares[9:], reverse=True) and 0 < shares[-1] < 0.02
    assert learning_rate_share(0, small_settings(warmup_share=0).train) == 1.0
    settings = small_settings(learning_rate=0.002)
    _, history = run(tiny_encoder, corpus, settings)
    assert [step.learning_rate for step in history] == [
        0.002 * learning_rate_share(step, settings.train) for step in range(12)
    ]


# The looks at the dev losses


def test_the_history_is_a_table_with_dev_losses_where_they_were_taken(
    tiny_encoder: Path, corpus: Corpus, tmp_path: Path
) -> None:
    write_history(run(tiny_encoder, corpus, small_settings())[1], tmp_path / "h.csv")
    rows = list(csv.DictReader((tmp_path / "h.csv").read_text().splitlines()))
    assert [row["step"] for row in rows] == [str(step) for step in range(1, 13)]
    for setting in ("english", "monolingual", "crosslingual", "pooled"):
        looked = {row["step"]: float(row[f"dev_{setting}"]) for row in rows if row[f"dev_{setting}"]}
        assert list(looked) == ["5", "10", "12"] and all(0 < loss < 20 for loss in looked.values())


class Stopped(Exception):
    """Raised in the middle of a training."""


def stop_after(number: int) -> Callable[[int], None]:
    """What `told` is given: it raises after so many steps."""
    done = 0

    def told(steps: int) -> None:
        nonlocal done
        done += steps
        if done == number:
            raise Stopped

    return told


@pytest.mark.parametrize("keep", ["english", "monolingual", "crosslingual", "pooled"])
def test_the_look_with_the_lowest_dev_loss_is_kept(keep: str, tiny_encoder: Path, corpus: Corpus) -> None:
    recipe: dict[str, Any] = {"steps": 36, "look_steps": 4, "learning_rate": 0.03, "freeze_word_embeddings": False}
    model, history = run(tiny_encoder, corpus, small_settings(keep=keep, **recipe))
    losses = {step.step: getattr(step, f"dev_{keep}") for step in history if step.dev_pooled is not None}
    best = min(losses, key=lambda step: losses[step])
    assert 4 <= best < 36, "the last look is the best: a training that shows nothing"
    held: list[Any] = []
    with pytest.raises(Stopped):
        run(tiny_encoder, corpus, small_settings(**recipe), told=stop_after(best), prepare=held.append)
    assert same(weights(model), weights(held[0]))
    last, plain = run(tiny_encoder, corpus, small_settings(**recipe))
    assert plain == history and not same(weights(model), weights(last))


def test_a_dev_loss_that_the_data_cannot_give_is_told(
    tiny_encoder: Path, parallel_pairs: list[Pair], tmp_path: Path
) -> None:
    cut = [pair for pair in parallel_pairs if pair.split == "train" or pair.lang != "en"]
    without = write_small_corpus(tmp_path / "tokens", cut, tiny_encoder)
    with pytest.raises(UserError, match=r"train\.keep: the dev split cannot give the english loss; choose another"):
        run(tiny_encoder, without, small_settings(keep="english"))
    _, history = run(tiny_encoder, without, small_settings(keep="monolingual"))
    assert history[4].dev_english is None and history[4].dev_monolingual is not None
    none = write_small_corpus(tmp_path / "none", [p for p in cut if p.split == "train"], tiny_encoder)
    assert run(tiny_encoder, none, small_settings())[1][-1].dev_pooled is None


# Teachers and hard negatives


def test_a_teachers_vectors_are_learned(tiny_encoder: Path, corpus: Corpus) -> None:
    targets = unit_rows(2, len(corpus.index.units), 32).numpy()
    objective = Objective(alpha=0.5, teacher="large", teacher_weight=3.0)
    settings = small_settings(steps=60, look_steps=60)
    plain = run(tiny_encoder, corpus, settings, objective)[1]
    taught = run(tiny_encoder, corpus, settings, objective, extras=Extras(teacher=targets))[1]
    losses = [step.loss for step in taught]
    assert np.mean(losses[:5]) - np.mean(losses[-5:]) > plain[0].loss, (
        "InfoNCE alone can lose no more than it begins with"
    )
    assert taught[-1].dev_pooled != plain[-1].dev_pooled


def test_a_teacher_of_another_width_is_told(tiny_encoder: Path, corpus: Corpus) -> None:
    targets = np.ones((2, len(corpus.index.units), 48), dtype=np.float32)
    objective = Objective(alpha=0.5, teacher="large")
    with pytest.raises(UserError, match=r"model\.teachers: its vectors have 48 numbers, the encoder's 32"):
        run(tiny_encoder, corpus, small_settings(), objective, extras=Extras(teacher=targets))


def test_more_processes_than_texts_are_told(tiny_encoder: Path, corpus: Corpus) -> None:
    team = Team(0, 9, torch.device("cpu"), 1)
    with pytest.raises(UserError, match=r"9 processes for batches of 8.*start fewer"):
        train(load_encoder(tiny_encoder), corpus, Objective(alpha=0.5), small_settings(), team=team)


def test_hard_negatives_join_the_passages_where_they_are_in_the_querys_language(
    tiny_encoder: Path, corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    negatives = np.full((len(corpus.index.unit), 2), -1, dtype=np.int32)
    negatives[:, 0] = (corpus.index.unit + 1) % 60  # the next unit; of the last one of train that is a dev unit
    seen: list[tuple[int, torch.Tensor]] = []

    def spy(vectors: torch.Tensor, rows: BatchRows, recipe: Any) -> torch.Tensor:
        seen.append((len(vectors), rows.groups))
        return batch_loss(vectors, rows, recipe)

    monkeypatch.setattr(engine, "batch_loss", spy)
    _, history = run(tiny_encoder, corpus, small_settings(), extras=Extras(negatives=negatives))
    hybrid = small_settings().objective("hybrid")
    units = index_units(corpus.index, training_rows(corpus.index, hybrid))
    for (texts, groups), batch in zip(seen, plan(units, hybrid, batch_size=8, seed=13, steps=12), strict=True):
        own = [unit for unit, _, _ in batch.rows]
        more = [unit + 1 for unit in own if unit + 1 < 45]
        assert texts == 8 + 8 + len(more)
        assert groups.tolist() == units.groups[own + more].tolist()
    plain = run(tiny_encoder, corpus, small_settings())[1]
    assert history[0].loss > plain[0].loss


# What can go wrong


def kept(tiny_encoder: Path, corpus: Corpus, folder: Path, **recipe: Any) -> tuple[Keeper, Any]:
    settings = small_settings(**recipe)
    return Keeper(folder, inputs("hybrid", settings, tiny_encoder, folder, [], ALONE)), settings


@pytest.mark.parametrize("what", ["loss", "gradient"])
def test_a_loss_or_gradient_that_is_no_number_stops_before_it_is_learned_from(
    what: str, tiny_encoder: Path, corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper, settings = kept(tiny_encoder, corpus, tmp_path, look_steps=3, freeze_word_embeddings=False)
    calls = 0

    def broken(vectors: torch.Tensor, rows: BatchRows, recipe: Any) -> torch.Tensor:
        nonlocal calls
        calls += 1
        loss = batch_loss(vectors, rows, recipe)
        if calls < 8:
            return loss
        return loss * float("nan") if what == "loss" else loss + (vectors.sum() * 0).abs().sqrt()

    held: list[Any] = []
    before: list[dict[str, torch.Tensor]] = []
    monkeypatch.setattr(engine, "batch_loss", broken)
    with pytest.raises(UserError, match=rf"train, step 8 \(\w+ +8 units: .*\): the {what} nan.*lower the") as told:
        run(
            tiny_encoder, corpus, settings, keeper=keeper, prepare=held.append,
            told=lambda _: before.append(weights(held[0])),
        )  # fmt: skip
    assert f"no model was written; the state of the last look is kept in {keeper.file}" in str(told.value)
    assert len(before) == 7 and same(before[-1], weights(held[0]))
    state = keeper.read()
    assert state and state.step == 6
    assert all(torch.isfinite(tensor).all() for tensor in state.tensors.values())


def test_processes_that_see_different_states_train_nothing(
    tiny_encoder: Path, corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper, settings = kept(tiny_encoder, corpus, tmp_path)
    monkeypatch.setattr(Team, "agree", lambda team, number: False)
    with pytest.raises(UserError, match="the processes see different kept states; let all of them see the folder"):
        run(tiny_encoder, corpus, settings, keeper=keeper, told=pytest.fail)


def test_an_encoder_that_is_no_number_stops_at_the_first_step(tiny_encoder: Path, corpus: Corpus) -> None:
    def spoil(model: Any) -> None:
        with torch.no_grad():
            model[0].model.encoder.layer[0].output.dense.weight.fill_(float("nan"))

    with pytest.raises(UserError, match=r"step 1 \(.*the loss nan is no number.*no model was written$"):
        run(tiny_encoder, corpus, small_settings(), prepare=spoil)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:117] . DefaultCPUAllocator: can't allocate memory: 2 bytes"),
        MemoryError(),
    ],
)
@pytest.mark.parametrize("cached", [True, False])
def test_out_of_memory_is_told_with_what_helps(
    error: Exception, cached: bool, tiny_encoder: Path, corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forward(*args: Any, **kwargs: Any) -> None:
        raise error

    monkeypatch.setattr(engine, "forward", forward)
    with pytest.raises(UserError, match=r"step 1 \(.*out of memory; .*train\.batch_size") as told:
        run(tiny_encoder, corpus, small_settings(cached=cached))
    assert ("train.cached" in str(told.value)) == (not cached)


def test_another_error_of_torch_stays_what_it_is(
    tiny_encoder: Path, corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forward(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    monkeypatch.setattr(engine, "forward", forward)
    with pytest.raises(RuntimeError, match="mat1"):
        run(tiny_encoder, corpus, small_settings())


def test_memory_that_really_ends_is_told(tiny_encoder: Path, parallel_pairs: list[Pair], tmp_path: Path) -> None:
    write_small_corpus(tmp_path / "tokens", parallel_pairs, tiny_encoder)
    job = Job(
        str(tiny_encoder), str(tmp_path / "tokens"), str(tmp_path / "out"), {"batch_size": 40},
        wide=500_000, memory=300_000_000,
    )  # fmt: skip
    process = start([job], tmp_path / "process")
    try:
        output, error = process.communicate(timeout=600)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    assert process.returncode == 2, error
    assert "out of memory; set train.cached to true, or lower train.batch_size" in error and output == ""
    assert not (tmp_path / "out-0").exists()
