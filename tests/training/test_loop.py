"""Training: it learns, gives the same bytes twice, evaluates the dev loss, and explains its errors."""

import csv
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_training import (
    Job,
    Stopped,
    hashes,
    inputs_of,
    run,
    same,
    small_settings,
    start,
    stop_after,
    weights,
    write_result,
    write_small_tokenized,
)

from babelmix.batches.lexicon import Lexicon
from babelmix.batches.objective import Objective
from babelmix.batches.sampler import plan
from babelmix.batches.units import index_units, training_rows
from babelmix.common.errors import UserError
from babelmix.corpus.records import Pair
from babelmix.encoder.load import load_encoder
from babelmix.training import engine as encoder_engine
from babelmix.training import step as engine
from babelmix.training.checkpoint import CheckpointStore
from babelmix.training.distributed import ProcessGroup
from babelmix.training.history import write_history
from babelmix.training.loop import Step, lr_multiplier, train
from babelmix.training.losses import BatchRows, batch_loss
from babelmix.training.step import Extras
from babelmix.training.tokenized_pairs import TokenizedPairs

# Those that train on words too are in test_lexical_batches.py: these pairs have none.
OBJECTIVES = sorted(name for name, one in small_settings().objective_presets.items() if one.lexicon is None)


@pytest.fixture(scope="module")
def tokenized(
    tiny_encoder: Path, parallel_pairs: list[Pair], tmp_path_factory: pytest.TempPathFactory
) -> TokenizedPairs:
    """Human German, English and French pairs, and the French ones also machine-translated."""
    machine = [replace(pair, origin="engine") for pair in parallel_pairs if pair.lang == "fr"]
    return write_small_tokenized(tmp_path_factory.mktemp("corpus") / "tokens", parallel_pairs + machine, tiny_encoder)


def unit_rows(*shape: int) -> torch.Tensor:
    rows = torch.from_numpy(np.random.default_rng(shape[0]).normal(size=shape)).float()
    return torch.nn.functional.normalize(rows, dim=-1)


# The losses


def test_a_literal_temperature_of_one_cannot_learn_from_100_pairs() -> None:
    perfect = torch.eye(100) * 2 - 1  # a query's own passage at cosine 1, the others at -1: no vectors do better
    best = torch.nn.functional.cross_entropy(perfect, torch.arange(100)).item()
    assert best == pytest.approx(2.667, abs=1e-3)


# What every training does


@pytest.mark.slow
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_every_objective_learns(objective: str, tiny_encoder: Path, tokenized: TokenizedPairs) -> None:
    _, history = run(tiny_encoder, tokenized, small_settings(steps=40, eval_steps=40), objective)
    assert [step.step for step in history] == list(range(1, 41))
    assert np.mean([step.loss for step in history[-10:]]) < np.mean([step.loss for step in history[:10]])
    expected = {"contrastive": {"monolingual"}, "english": {"monolingual"}, "crosslingual": {"crosslingual"}}
    kinds = expected | {"mixed": {"mixed"}, "within": {"within"}, "distilled-first": {"crosslingual"}}
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
    asked: dict[str, Any], tiny_encoder: Path, tokenized: TokenizedPairs
) -> None:
    chosen = Objective.model_validate(asked)
    settings = small_settings(steps=40, eval_steps=40, learning_rate=5e-3, freeze_word_embeddings=False)
    _, history = run(tiny_encoder, tokenized, settings, chosen)
    losses = [step.loss for step in history if step.kind == "crosslingual"]
    assert np.mean(losses[-5:]) < np.mean(losses[:5])
    if isinstance(chosen.alpha, tuple):
        assert (history[0].kind, history[-1].kind) == ("monolingual", "crosslingual")


def test_two_trainings_leave_the_same_bytes(tiny_encoder: Path, tokenized: TokenizedPairs, tmp_path: Path) -> None:
    for name in ("first", "second"):
        write_result(*run(tiny_encoder, tokenized, small_settings(dropout=0.1)), tmp_path / name)
        torch.rand(3)  # the state of the global generator must not matter
    first = hashes(tmp_path / "first")
    assert first == hashes(tmp_path / "second")
    assert "model.safetensors" in first and not [name for name in first if name.endswith((".bin", ".pt", ".pkl"))]


def test_another_seed_and_another_dropout_leave_other_weights(tiny_encoder: Path, tokenized: TokenizedPairs) -> None:
    found = [
        weights(run(tiny_encoder, tokenized, small_settings(seed=seed, dropout=dropout))[0])
        for seed, dropout in ((1, 0.0), (2, 0.0), (1, 0.1))
    ]
    assert not any(same(found[a], found[b]) for a, b in ((0, 1), (0, 2), (1, 2)))


@pytest.mark.parametrize("frozen", [True, False])
def test_only_the_words_of_the_batches_move_and_only_where_they_are_not_frozen(
    frozen: bool, tiny_encoder: Path, tokenized: TokenizedPairs
) -> None:
    before: dict[str, torch.Tensor] = {}
    settings = small_settings(freeze_word_embeddings=frozen)
    model, _ = run(tiny_encoder, tokenized, settings, prepare=lambda model: before.update(weights(model)))
    after = weights(model)
    (words,) = (name for name in before if name.endswith("word_embeddings.weight"))
    moved = (before[words] != after[words]).any(1).nonzero().flatten().tolist()
    hybrid = settings.objective("hybrid")
    units = index_units(tokenized.index, training_rows(tokenized.index, hybrid))
    seen: set[int] = set()
    for batch in plan(units, hybrid, batch_size=8, seed=settings.seed, steps=12):
        for unit, query, passage in batch.rows:
            seen |= set(tokenized.queries[units.rows[query][unit]].tolist())
            seen |= set(tokenized.passages[units.rows[passage][unit]].tolist())
    assert moved == ([] if frozen else sorted(seen)) and len(seen) < len(before[words])
    assert not any(torch.equal(before[name], after[name]) for name in before if name.endswith("output.dense.weight"))


def test_the_learning_rate_warms_up_and_ends_near_zero(tiny_encoder: Path, tokenized: TokenizedPairs) -> None:
    chosen = small_settings(steps=100, warmup_ratio=0.1).train
    shares = [lr_multiplier(step, chosen) for step in range(100)]
    assert shares[0] == pytest.approx(0.1) and max(shares) == shares[9] == 1.0
    assert shares[9:] == sorted(shares[9:], reverse=True) and 0 < shares[-1] < 0.02
    assert lr_multiplier(0, small_settings(warmup_ratio=0).train) == 1.0
    settings = small_settings(learning_rate=0.002)
    _, history = run(tiny_encoder, tokenized, settings)
    assert [step.lr for step in history] == [0.002 * lr_multiplier(step, settings.train) for step in range(12)]


def test_words_before_or_after_the_texts_have_a_learning_rate_of_their_own() -> None:
    chosen = small_settings(steps=100, warmup_ratio=0.1).train
    for at, parts in (("first", (25, 75)), ("last", (75, 25))):
        lexicon = Lexicon.model_validate({"share": 0.25, "at": at})
        assert lexicon.parts(100) == parts
        found = [lr_multiplier(step, chosen, lexicon.parts(100)) for step in range(100)]
        own = [small_settings(steps=part, warmup_ratio=0.1).train for part in parts]
        assert found == [lr_multiplier(step, one) for one in own for step in range(one.steps)]
        lexical = [lexicon.before(step + 1, 100) - lexicon.before(step, 100) for step in range(100)]
        shares = [sum(rate for rate, word in zip(found, lexical, strict=True) if word == kind) for kind in (0, 1)]
        assert shares[1] / sum(shares) == pytest.approx(0.25, abs=0.01)
    assert Lexicon(share=0.25).parts(100) == (100,) and Lexicon(share=1, at="first").parts(100) == (100,)


# The dev loss


def test_the_history_is_a_table_with_dev_losses_where_they_were_taken(
    tiny_encoder: Path, tokenized: TokenizedPairs, tmp_path: Path
) -> None:
    write_history(run(tiny_encoder, tokenized, small_settings())[1], Step, tmp_path / "h.csv")
    rows = list(csv.DictReader((tmp_path / "h.csv").read_text().splitlines()))
    assert [row["step"] for row in rows] == [str(step) for step in range(1, 13)]
    assert list(rows[0])[:4] == ["step", "kind", "loss", "lr"]
    for scope in ("english", "monolingual", "crosslingual", "pooled"):
        losses = {row["step"]: float(row[f"dev_{scope}"]) for row in rows if row[f"dev_{scope}"]}
        assert list(losses) == ["5", "10", "12"] and all(0 < loss < 20 for loss in losses.values())


@pytest.mark.slow
@pytest.mark.parametrize("select_by", ["dev_english", "dev_monolingual", "dev_crosslingual", "dev_pooled"])
def test_the_weights_with_the_lowest_dev_loss_are_selected(
    select_by: str, tiny_encoder: Path, tokenized: TokenizedPairs
) -> None:
    changes: dict[str, Any] = {"steps": 36, "eval_steps": 4, "learning_rate": 0.03, "freeze_word_embeddings": False}
    model, history = run(tiny_encoder, tokenized, small_settings(select_by=select_by, **changes))
    losses = {step.step: getattr(step, select_by) for step in history if step.dev_pooled is not None}
    best = min(losses, key=lambda step: losses[step])
    assert 4 <= best < 36, "the last evaluation is the best: this training shows nothing"
    held: list[Any] = []
    with pytest.raises(Stopped):
        run(tiny_encoder, tokenized, small_settings(**changes), on_progress=stop_after(best), prepare=held.append)
    assert same(weights(model), weights(held[0]))
    last, plain = run(tiny_encoder, tokenized, small_settings(**changes))
    assert plain == history and not same(weights(model), weights(last))


def test_a_dev_loss_that_the_data_cannot_give_is_refused(
    tiny_encoder: Path, parallel_pairs: list[Pair], tmp_path: Path
) -> None:
    cut = [pair for pair in parallel_pairs if pair.split == "train" or pair.lang != "en"]
    without = write_small_tokenized(tmp_path / "tokens", cut, tiny_encoder)
    with pytest.raises(
        UserError, match=r"train\.select_by: the dev split has no pairs for dev_english; choose another"
    ):
        run(tiny_encoder, without, small_settings(select_by="dev_english"))
    _, history = run(tiny_encoder, without, small_settings(select_by="dev_monolingual"))
    assert history[4].dev_english is None and history[4].dev_monolingual is not None
    none = write_small_tokenized(tmp_path / "none", [p for p in cut if p.split == "train"], tiny_encoder)
    assert run(tiny_encoder, none, small_settings())[1][-1].dev_pooled is None


# Teachers and hard negatives


def test_a_teachers_vectors_are_learned(tiny_encoder: Path, tokenized: TokenizedPairs) -> None:
    targets = unit_rows(2, len(tokenized.index.units), 32).numpy()
    objective = Objective(alpha=0.5, teacher="large", teacher_weight=3.0)
    settings = small_settings(steps=60, eval_steps=60)
    plain = run(tiny_encoder, tokenized, settings, objective)[1]
    taught = run(tiny_encoder, tokenized, settings, objective, extras=Extras(teacher=targets))[1]
    losses = [step.loss for step in taught]
    assert np.mean(losses[:5]) - np.mean(losses[-5:]) > plain[0].loss, (
        "InfoNCE alone cannot fall by more than its first value"
    )
    assert taught[-1].dev_pooled != plain[-1].dev_pooled


def test_a_teacher_of_another_width_is_refused(tiny_encoder: Path, tokenized: TokenizedPairs) -> None:
    targets = np.ones((2, len(tokenized.index.units), 48), dtype=np.float32)
    objective = Objective(alpha=0.5, teacher="large")
    with pytest.raises(UserError, match=r"model\.teachers: its vectors have 48 dimensions, the encoder's 32"):
        run(tiny_encoder, tokenized, small_settings(), objective, extras=Extras(teacher=targets))


def test_more_processes_than_texts_are_refused(tiny_encoder: Path, tokenized: TokenizedPairs) -> None:
    processes = ProcessGroup(0, 9, torch.device("cpu"), 1)
    with pytest.raises(UserError, match=r"9 processes are too many for batches of 8 pairs.*start fewer"):
        chosen = small_settings().training()
        train(load_encoder(tiny_encoder), tokenized, Objective(alpha=0.5), chosen, seed=13, processes=processes)


def test_hard_negatives_join_the_passages_where_they_are_in_the_querys_language(
    tiny_encoder: Path, tokenized: TokenizedPairs, monkeypatch: pytest.MonkeyPatch
) -> None:
    negatives = np.full((len(tokenized.index.unit), 2), -1, dtype=np.int32)
    negatives[:, 0] = (tokenized.index.unit + 1) % 60  # the next unit; of the last one of train that is a dev unit
    seen: list[tuple[int, torch.Tensor]] = []

    def spy(vectors: torch.Tensor, rows: BatchRows, chosen: Any) -> torch.Tensor:
        seen.append((len(vectors), rows.groups))
        return batch_loss(vectors, rows, chosen)

    monkeypatch.setattr(engine, "batch_loss", spy)
    _, history = run(tiny_encoder, tokenized, small_settings(), extras=Extras(negatives=negatives))
    hybrid = small_settings().objective("hybrid")
    units = index_units(tokenized.index, training_rows(tokenized.index, hybrid))
    for (texts, groups), batch in zip(seen, plan(units, hybrid, batch_size=8, seed=13, steps=12), strict=True):
        own = [unit for unit, _, _ in batch.rows]
        more = [unit + 1 for unit in own if unit + 1 < 45]
        assert texts == 8 + 8 + len(more)
        assert groups.tolist() == units.groups[own + more].tolist()
    plain = run(tiny_encoder, tokenized, small_settings())[1]
    assert history[0].loss > plain[0].loss


# What can go wrong


def checkpoints_of(
    tiny_encoder: Path, tokenized: TokenizedPairs, folder: Path, **changes: Any
) -> tuple[CheckpointStore, Any]:
    settings = small_settings(**changes)
    return CheckpointStore(folder, inputs_of(settings, tiny_encoder, folder)), settings


@pytest.mark.parametrize("what", ["loss", "gradient"])
def test_a_loss_or_gradient_that_is_not_finite_stops_before_the_weights_change(
    what: str, tiny_encoder: Path, tokenized: TokenizedPairs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoints, settings = checkpoints_of(
        tiny_encoder, tokenized, tmp_path, eval_steps=3, freeze_word_embeddings=False
    )
    calls = 0

    def broken(vectors: torch.Tensor, rows: BatchRows, chosen: Any) -> torch.Tensor:
        nonlocal calls
        calls += 1
        loss = batch_loss(vectors, rows, chosen)
        if calls < 8:
            return loss
        return loss * float("nan") if what == "loss" else loss + (vectors.sum() * 0).abs().sqrt()

    held: list[Any] = []
    before: list[dict[str, torch.Tensor]] = []
    monkeypatch.setattr(engine, "batch_loss", broken)
    with pytest.raises(UserError, match=rf"train, step 8 \(\w+ +8 units: .*\): {what} is nan.*lower the") as caught:
        run(
            tiny_encoder, tokenized, settings, checkpoints=checkpoints, prepare=held.append,
            on_progress=lambda _: before.append(weights(held[0])),
        )  # fmt: skip
    assert f"no model was written; the last checkpoint is {checkpoints.file}" in str(caught.value)
    assert len(before) == 7 and same(before[-1], weights(held[0]))
    checkpoint = checkpoints.read()
    assert checkpoint and checkpoint.step == 6
    assert all(torch.isfinite(tensor).all() for tensor in checkpoint.tensors.values())


def test_processes_that_see_different_checkpoints_do_not_train(
    tiny_encoder: Path, tokenized: TokenizedPairs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoints, settings = checkpoints_of(tiny_encoder, tokenized, tmp_path)
    monkeypatch.setattr(ProcessGroup, "agree", lambda processes, number: False)
    with pytest.raises(UserError, match="the processes see different checkpoints; let all processes see the folder"):
        run(tiny_encoder, tokenized, settings, checkpoints=checkpoints, on_progress=pytest.fail)


def test_an_encoder_with_nan_weights_stops_at_the_first_step(tiny_encoder: Path, tokenized: TokenizedPairs) -> None:
    def damage(model: Any) -> None:
        with torch.no_grad():
            model[0].model.encoder.layer[0].output.dense.weight.fill_(float("nan"))

    with pytest.raises(UserError, match=r"step 1 \(.*loss is nan.*no model was written$"):
        run(tiny_encoder, tokenized, small_settings(), prepare=damage)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:117] . DefaultCPUAllocator: can't allocate memory: 2 bytes"),
        MemoryError(),
    ],
)
@pytest.mark.parametrize("cached", [True, False])
def test_out_of_memory_is_an_error_that_says_what_helps(
    error: Exception, cached: bool, tiny_encoder: Path, tokenized: TokenizedPairs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forward(*args: Any, **kwargs: Any) -> None:
        raise error

    monkeypatch.setattr(encoder_engine, "forward", forward)
    with pytest.raises(UserError, match=r"step 1 \(.*out of memory; .*train\.batch_size") as caught:
        run(tiny_encoder, tokenized, small_settings(cached=cached))
    assert ("train.cached" in str(caught.value)) == (not cached)


def test_another_error_of_torch_is_not_changed(
    tiny_encoder: Path, tokenized: TokenizedPairs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forward(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    monkeypatch.setattr(encoder_engine, "forward", forward)
    with pytest.raises(RuntimeError, match="mat1"):
        run(tiny_encoder, tokenized, small_settings())


@pytest.mark.slow
def test_a_process_that_runs_out_of_memory_says_so(
    python: Path, tiny_encoder: Path, parallel_pairs: list[Pair], tmp_path: Path
) -> None:
    write_small_tokenized(tmp_path / "tokens", parallel_pairs, tiny_encoder)
    job = Job(
        str(tiny_encoder), str(tmp_path / "tokens"), str(tmp_path / "out"), {"batch_size": 40},
        wide=500_000, memory=300_000_000,
    )  # fmt: skip
    process = start(python, [job], tmp_path / "process")
    try:
        output, error = process.communicate(timeout=600)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    assert process.returncode == 2, error
    assert "out of memory; set train.cached to true, or lower train.batch_size" in error and output == ""
    assert not (tmp_path / "out-0").exists()
