"""Pre-training: it learns, gives the same bytes twice, resumes with them, and its engine does what it says."""

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_pretraining import run, small_blocks, some_pretrain
from small_training import ALONE, Stopped, same, small_settings, stop_after, weights
from torch.nn.functional import normalize

from babelmix.common.errors import UserError
from babelmix.encoder.load import load_encoder
from babelmix.pretraining.blocks import Blocks
from babelmix.pretraining.diagnostics import masked_text_accuracy, summary
from babelmix.pretraining.document_encoder import DocumentEncoder
from babelmix.pretraining.engine import Beside, Engine
from babelmix.pretraining.history import Step
from babelmix.pretraining.loss import hierarchical_loss, negatives_of, neighbours
from babelmix.pretraining.plan import plan_blocks
from babelmix.training import engine as encoder_engine
from babelmix.training.checkpoint import CheckpointStore
from babelmix.training.history import write_history
from babelmix.training.losses import info_nce

OBJECTIVES = ("msm", "ccp", "msm-shuffled", "bitext", "msm-x")


@pytest.fixture(scope="module")
def blocks(tiny_encoder: Path) -> Blocks:
    return small_blocks(tiny_encoder)


def engine_of(encoder: Path, objective: str, model: Any = None, **train: Any) -> Engine:
    chosen = small_settings(**train).training()
    return Engine(model or load_encoder(encoder), some_pretrain(objective=objective), chosen, ALONE, seed=13)


def without_dropout(document: DocumentEncoder) -> DocumentEncoder:
    for module in document.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
        if isinstance(module, torch.nn.MultiheadAttention):
            module.dropout = 0.0
    return document


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_every_objective_learns(objective: str, tiny_encoder: Path, blocks: Blocks) -> None:
    section = some_pretrain(objective=objective, steps=20, learning_rate=3e-3)
    _, history, _ = run(tiny_encoder, blocks, section)
    losses = [step.loss for step in history]
    assert len(losses) == 20 and np.mean(losses[-6:]) < np.mean(losses[:6])
    shares = [share for step in history for share in (step.own, step.other) if share is not None]
    assert len(shares) == (0 if objective == "bitext" else 40) and all(0 <= share <= 1 for share in shares)
    languages = {step.language for step in history}
    assert languages <= {"de", "en", "fr"} if "-x" not in objective and objective != "bitext" else True


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_the_first_loss_is_that_of_the_plain_computation(objective: str, tiny_encoder: Path, blocks: Blocks) -> None:
    section = some_pretrain(objective=objective)
    batch = next(plan_blocks(blocks, section, seed=13, steps=6))
    engine = engine_of(tiny_encoder, objective, temperature=0.07)
    texts = torch.from_numpy(engine.encode(batch.texts))
    targets = texts if batch.targets is None else torch.from_numpy(engine.encode(batch.targets))
    groups = torch.from_numpy(batch.groups)
    if objective == "bitext":
        expected = info_nce(texts, targets, 0.07, groups=groups, symmetric=True)
    else:
        beside = Beside(32, section, seed=13)
        if beside.document_encoder is None:
            predictions = texts[neighbours(12, 4, 2, seed=13, step=1)]
        else:
            predictions = without_dropout(beside.document_encoder)(texts)
        scores = beside.heads.queries(predictions) @ beside.heads.keys(targets).T / section.temperature
        expected = hierarchical_loss(scores, negatives_of(groups, 4), section.bias)
    if engine.beside is not None and engine.beside.document_encoder is not None:
        without_dropout(engine.beside.document_encoder)
    assert engine.step(batch, 1, 1e-3).loss == pytest.approx(expected.item(), rel=1e-4)


def test_names_of_languages_have_no_effect(tiny_encoder: Path, blocks: Blocks) -> None:
    batch = next(plan_blocks(blocks, some_pretrain(), seed=13, steps=6))
    found = [
        engine_of(tiny_encoder, "msm").step(replace(batch, language=name, target_language=name), 1, 1e-3)
        for name in (batch.language, "th")
    ]
    assert found[0] == found[1]


def test_the_gradient_reaches_the_encoder_through_context_and_key(tiny_encoder: Path) -> None:
    beside = Beside(32, some_pretrain(), seed=1).train()
    read = normalize(torch.randn(12, 32, generator=torch.Generator().manual_seed(1)), dim=-1).requires_grad_()
    fixed = read.detach()
    negatives = negatives_of(torch.arange(12), 4)
    for texts, targets in ((read, fixed), (fixed, read)):
        read.grad = None
        hierarchical_loss(beside.scores(texts, targets, 1), negatives, 0.5).backward()
        assert read.grad is not None and (read.grad.abs().sum(dim=1) > 0).all()


@pytest.mark.parametrize("objective", ["msm", "ccp"])
def test_two_pretrainings_leave_the_same_bytes_and_another_seed_others(
    objective: str, tiny_encoder: Path, blocks: Blocks
) -> None:
    section = some_pretrain(objective=objective, steps=3)
    found = []
    for seed in (13, 13, 14):
        model, history, engine = run(tiny_encoder, blocks, section, seed=seed, dropout=0.1)
        found.append((weights(model), weights(engine.beside), history))
        torch.rand(3)  # the state of the global generator must not matter
    assert same(found[0][0], found[1][0]) and same(found[0][1], found[1][1]) and found[0][2] == found[1][2]
    assert not same(found[0][0], found[2][0])


@pytest.mark.parametrize("objective", ["msm", "bitext"])
@pytest.mark.parametrize("frozen", [True, False])
def test_a_stopped_pretraining_resumes_with_the_same_bytes(
    objective: str, frozen: bool, tiny_encoder: Path, blocks: Blocks, tmp_path: Path
) -> None:
    section, changes = some_pretrain(objective=objective), {"dropout": 0.1, "freeze_word_embeddings": frozen}
    whole, history, engine = run(tiny_encoder, blocks, section, **changes)
    with CheckpointStore(tmp_path, {"a": 1}).exclusive(print) as checkpoints:
        with pytest.raises(Stopped):
            run(tiny_encoder, blocks, section, checkpoints=checkpoints, on_progress=stop_after(5), **changes)
        assert checkpoints.step() == 4
        steps: list[int] = []
        again, rows, other = run(
            tiny_encoder, blocks, section, checkpoints=checkpoints, on_progress=steps.append, **changes
        )
    assert steps == [4, 1, 1]
    assert same(weights(again), weights(whole)) and rows == history
    if engine.beside is not None:  # document encoder, heads, and BatchNorm's running values
        assert same(weights(other.beside), weights(engine.beside))
        assert int(weights(engine.beside)["heads.key.1.num_batches_tracked"]) == 6


def test_a_checkpoint_of_another_model_is_an_error_and_changes_nothing(tiny_encoder: Path, blocks: Blocks) -> None:
    msm, bitext = engine_of(tiny_encoder, "msm"), engine_of(tiny_encoder, "bitext")
    kept = dict(msm.tensors({}))
    with pytest.raises((KeyError, ValueError)):
        bitext.restore(kept)
    before = msm.copy_weights()
    del kept["buffer.beside.heads.key.1.running_mean"]
    kept = {name: tensor + 1 for name, tensor in kept.items()}
    with pytest.raises(ValueError, match="buffers are missing"):
        msm.restore(kept)
    assert same(before, msm.copy_weights())


def test_cached_gives_the_weights_of_plain(tiny_encoder: Path, blocks: Blocks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoder_engine, "TOKENS_PER_FORWARD", {"cpu": 40})
    batch = next(plan_blocks(blocks, some_pretrain(), seed=13, steps=6))
    plain, cached = (engine_of(tiny_encoder, "msm", cached=cached) for cached in (False, True))
    assert plain.step(batch, 1, 1e-3) == cached.step(batch, 1, 1e-3)
    for name, weight in plain.copy_weights().items():
        torch.testing.assert_close(cached.copy_weights()[name], weight, rtol=1e-3, atol=1e-5)


def test_a_loss_that_is_not_finite_names_the_step(tiny_encoder: Path, blocks: Blocks) -> None:
    with pytest.raises(UserError, match=r"pretrain, step \d+ \(msm, \w\w\).*lower the learning rate"):
        run(tiny_encoder, blocks, some_pretrain(steps=40, temperature=1e-38, learning_rate=0.9))


# Diagnostics


def test_diagnostics_train_nothing_and_do_not_depend_on_the_company(tiny_encoder: Path, blocks: Blocks) -> None:
    section = some_pretrain()
    _, _, engine = run(tiny_encoder, blocks, section)
    before = weights(engine.beside)
    found = masked_text_accuracy(engine, blocks, section)
    assert found == masked_text_accuracy(engine, blocks, section)
    assert same(before, weights(engine.beside))  # the running values too: BatchNorm is in eval mode
    assert found.keys() == {"de", "en", "fr"}
    assert all(
        one["texts"] == 12 and 0 <= one["all"] <= min(one["own_block"], one["other_blocks"]) for one in found.values()
    )
    vectors = engine.encode([text for batch in plan_blocks(blocks, section, seed=1, steps=2) for text in batch.texts])
    groups = np.arange(24)
    assert engine.beside is not None
    with torch.inference_mode():
        engine.beside.eval()
        whole, part = (engine.beside.scores(one, one, 1) for one in map(torch.from_numpy, (vectors, vectors[:12])))
    torch.testing.assert_close(whole[:12, :12], part, rtol=1e-4, atol=1e-4)
    assert engine.hits(vectors, groups, 1).shape == (3, 24)


def test_the_summary_keeps_a_language_that_was_left_out_apart() -> None:
    one = {"own_block": 0.5, "other_blocks": 0.4, "all": 0.3, "texts": 64}
    other = {"own_block": 0.1, "other_blocks": 0.2, "all": 0.1, "texts": 64}
    found = {"de": one, "el": other}
    assert summary(found, None)["mean_all"] == pytest.approx(0.2)
    apart = summary(found, "el")
    assert apart["mean_all"] == 0.3 and apart["transfer"] == other and apart["languages"] == found
    assert "mean_all" not in summary({}, None)


def test_bitext_has_nothing_to_diagnose(tiny_encoder: Path) -> None:
    engine = engine_of(tiny_encoder, "bitext")
    with pytest.raises(ValueError, match="no masked text"):
        engine.hits(np.zeros((4, 32), np.float32), np.arange(4), 1)


def test_the_history_is_a_row_for_each_step(tiny_encoder: Path, blocks: Blocks, tmp_path: Path) -> None:
    _, history, _ = run(tiny_encoder, blocks, some_pretrain(steps=2))
    write_history(history, Step, tmp_path / "history.csv")
    rows = list(csv.DictReader((tmp_path / "history.csv").read_text().splitlines()))
    assert [row["step"] for row in rows] == ["1", "2"] and list(rows[0]) == [
        "step", "language", "loss", "lr", "own", "other",
    ]  # fmt: skip
    assert float(rows[1]["loss"]) == pytest.approx(history[1].loss, rel=1e-5)
