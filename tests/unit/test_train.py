"""Training: the loss against the plain formula, the same bytes twice, and what a fault looks like."""

import csv
import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch

from babelmix.backbone import load_encoder, save_encoder
from babelmix.config import Settings, load_settings
from babelmix.errors import UserError
from babelmix.records import Pair
from babelmix.train import info_nce, learning_rate_share, model_card, train, write_history

ROOT = Path(__file__).parents[2]


def settings(**recipe: object) -> Settings:
    whole = load_settings(ROOT / "params.yaml")
    recipe = {"steps": 12, "batch_size": 8, "max_passage_tokens": 24, **recipe}
    preset = whole.preset().model_copy(update={"learning_rate": recipe.pop("learning_rate", 1e-3)})
    model = whole.model.model_copy(update={"presets": {whole.model.size: preset}})
    return whole.model_copy(update={"train": whole.train.model_copy(update=recipe), "model": model})


def hashes(folder: Path) -> dict[str, str]:
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def test_info_nce_is_the_formula_of_equation_1() -> None:
    rng = np.random.default_rng(0)
    queries, passages = (
        vectors / np.linalg.norm(vectors, axis=1, keepdims=True) for vectors in rng.normal(size=(2, 6, 5))
    )
    scores = np.exp(queries @ passages.T / 0.05)
    expected = -np.mean(np.log(np.diag(scores) / scores.sum(axis=1)))
    found = info_nce(torch.tensor(queries, dtype=torch.float32), torch.tensor(passages, dtype=torch.float32), 0.05)
    assert found.item() == pytest.approx(expected, rel=1e-5)


def test_a_literal_temperature_of_one_cannot_learn_from_100_pairs() -> None:
    perfect = torch.eye(100) * 2 - 1  # a query's own passage at cosine 1, the others at -1: no vectors do better
    best = torch.nn.functional.cross_entropy(perfect, torch.arange(100)).item()
    assert best == pytest.approx(2.667, abs=1e-3)


@pytest.mark.parametrize("objective", ["contrastive", "hybrid", "crosslingual", "english"])
def test_every_objective_learns(objective: str, tiny_encoder: Path, parallel_pairs: list[Pair]) -> None:
    chosen = settings(steps=60)
    history = train(load_encoder(tiny_encoder), parallel_pairs, chosen.objective(objective), chosen)
    assert len(history) == 60
    assert np.mean([step.loss for step in history[-10:]]) < np.mean([step.loss for step in history[:10]])
    kinds = {step.kind for step in history}
    expected = {"hybrid": {"monolingual", "crosslingual"}, "crosslingual": {"crosslingual"}}
    assert kinds == expected.get(objective, {"monolingual"})


def test_two_trainings_leave_the_same_bytes(tiny_encoder: Path, parallel_pairs: list[Pair], tmp_path: Path) -> None:
    chosen = settings(dropout=0.1)
    for name in ("first", "second"):
        model = load_encoder(tiny_encoder)
        history = train(model, parallel_pairs, chosen.objective("hybrid"), chosen)
        (tmp_path / name).mkdir()
        save_encoder(model, tmp_path / name, model_card("hybrid", chosen))
        write_history(history, tmp_path / name / "history.csv")
    first = hashes(tmp_path / "first")
    assert first == hashes(tmp_path / "second")
    assert "model.safetensors" in first and not [name for name in first if name.endswith((".bin", ".pt", ".pkl"))]


def test_another_seed_leaves_other_weights(tiny_encoder: Path, parallel_pairs: list[Pair]) -> None:
    losses = []
    for seed in (1, 2):
        chosen = settings().model_copy(update={"seed": seed})
        history = train(load_encoder(tiny_encoder), parallel_pairs, chosen.objective("hybrid"), chosen)
        losses.append([step.loss for step in history])
    assert losses[0] != losses[1]


@pytest.mark.parametrize("frozen", [True, False])
def test_word_embeddings_move_only_when_they_are_not_frozen(
    frozen: bool, tiny_encoder: Path, parallel_pairs: list[Pair]
) -> None:
    model, chosen = load_encoder(tiny_encoder), settings(freeze_word_embeddings=frozen)
    before = model[0].model.get_input_embeddings().weight.detach().clone()
    inner = model[0].model.encoder.layer[0].output.dense.weight.detach().clone()
    train(model, parallel_pairs, chosen.objective("hybrid"), chosen)
    assert torch.equal(before, model[0].model.get_input_embeddings().weight.detach()) == frozen
    assert not torch.equal(inner, model[0].model.encoder.layer[0].output.dense.weight.detach())


def test_grouping_by_length_changes_no_loss(
    tiny_encoder: Path, parallel_pairs: list[Pair], monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = settings(bfloat16=False, steps=3, dropout=0.0)
    losses = []
    for tokens in (1_000_000, 16):
        monkeypatch.setattr("babelmix.train.TOKENS_PER_FORWARD", tokens)
        history = train(load_encoder(tiny_encoder), parallel_pairs, chosen.objective("hybrid"), chosen)
        losses.append([step.loss for step in history])
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_the_learning_rate_warms_up_and_ends_near_zero() -> None:
    recipe = settings(steps=100, warmup_share=0.1).train
    shares = [learning_rate_share(step, recipe) for step in range(100)]
    assert shares[0] == pytest.approx(0.1) and max(shares) == shares[9] == 1.0
    assert shares[9:] == sorted(shares[9:], reverse=True) and 0 < shares[-1] < 0.02


def test_the_history_is_a_table_with_dev_losses_where_they_were_taken(
    tiny_encoder: Path, parallel_pairs: list[Pair], tmp_path: Path
) -> None:
    chosen = settings(batch_size=4)
    write_history(
        train(load_encoder(tiny_encoder), parallel_pairs, chosen.objective("hybrid"), chosen),
        tmp_path / "h.csv",
    )
    rows = list(csv.DictReader((tmp_path / "h.csv").read_text().splitlines()))
    assert [row["step"] for row in rows] == [str(step) for step in range(1, 13)]
    assert [row["step"] for row in rows if row["dev_crosslingual"]] == ["1", "12"]


def test_a_loss_that_is_no_number_stops_and_says_the_step(tiny_encoder: Path, parallel_pairs: list[Pair]) -> None:
    model, chosen = load_encoder(tiny_encoder), settings()
    with torch.no_grad():
        model[0].model.encoder.layer[0].output.dense.weight.fill_(float("nan"))
    with pytest.raises(UserError, match=r"at step 1, .*lower the preset's learning_rate"):
        train(model, parallel_pairs, chosen.objective("hybrid"), chosen)
