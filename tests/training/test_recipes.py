"""Whole trainings of the recipes: averages of weights, more steps, distillation first, and parallel queries."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from small_training import (
    Stopped,
    hashes,
    inputs_of,
    one_thread,
    run,
    same,
    small_settings,
    stop_after,
    weights,
    write_project,
    write_small_tokenized,
)

from babelmix import cli
from babelmix.batches.objective import Objective
from babelmix.common.errors import UserError
from babelmix.corpus.records import Pair
from babelmix.training import step as engine
from babelmix.training.average import WeightMean, first_averaged
from babelmix.training.checkpoint import CheckpointStore
from babelmix.training.losses import BatchRows, batch_loss
from babelmix.training.step import Engine, Extras
from babelmix.training.tokenized_pairs import TokenizedPairs, read_tokenized


@pytest.fixture(scope="module")
def tokens(tiny_encoder: Path, parallel_pairs: list[Pair], tmp_path_factory: pytest.TempPathFactory) -> Path:
    write_small_tokenized(tmp_path_factory.mktemp("recipes") / "tokens", parallel_pairs, tiny_encoder)
    return next(tmp_path_factory.getbasetemp().glob("recipes*/tokens"))


@pytest.fixture(scope="module")
def tokenized(tokens: Path) -> TokenizedPairs:
    return read_tokenized(tokens)


@pytest.fixture
def losses(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, BatchRows]]:
    """The number of vectors and the rows that the loss of each step got."""
    seen: list[tuple[int, BatchRows]] = []

    def spy(vectors: torch.Tensor, rows: BatchRows, chosen: Any) -> torch.Tensor:
        seen.append((len(vectors), rows))
        return batch_loss(vectors, rows, chosen)

    monkeypatch.setattr(engine, "batch_loss", spy)
    return seen


def test_the_weights_are_the_mean_of_those_after_each_step(
    tiny_encoder: Path, tokenized: TokenizedPairs, monkeypatch: pytest.MonkeyPatch
) -> None:
    after: list[dict[str, torch.Tensor]] = []
    step = Engine.step

    def spied(self: Engine, *args: Any) -> float:
        loss = step(self, *args)
        after.append(self.copy_weights())
        return loss

    monkeypatch.setattr(Engine, "step", spied)
    model, _ = run(tiny_encoder, tokenized, small_settings(), Objective(alpha=0.5, average_from=0.5))
    found = dict(model.named_parameters())
    for name in after[0]:
        expected = np.mean([one[name].double().numpy() for one in after[6:]], axis=0)
        np.testing.assert_allclose(found[name].detach().numpy(), expected, rtol=1e-5, atol=1e-7, err_msg=name)
    assert len(after) == 12 and not all(found[name].equal(after[-1][name]) for name in after[0])


def test_a_mean_starts_at_its_first_step() -> None:
    mean = WeightMean(first_averaged(0.25, 8))
    for number in range(1, 9):
        mean.add(number, {"a": torch.tensor([float(number)])})
        assert mean.weights.keys() == ({"a"} if number > 2 else set())
    assert mean.weights["a"].item() == pytest.approx(5.5)


@pytest.mark.parametrize("after", [6, 11])  # from checkpoints before and within the mean
def test_a_stopped_average_ends_with_the_same_weights(
    after: int, tiny_encoder: Path, tokens: Path, tokenized: TokenizedPairs, tmp_path: Path
) -> None:
    settings, objective = small_settings(), Objective(alpha=0.5, average_from=0.6)
    whole, _ = run(tiny_encoder, tokenized, settings, objective)
    store = CheckpointStore(tmp_path / "store", inputs_of(settings, tiny_encoder, tokens))
    with pytest.raises(Stopped):
        run(tiny_encoder, tokenized, settings, objective, checkpoints=store, on_progress=stop_after(after))
    checkpoint = store.read()
    assert checkpoint and checkpoint.step == after // 5 * 5
    assert any(name.startswith("best.") for name in checkpoint.tensors) == (after == 11)
    again, _ = run(tiny_encoder, tokenized, settings, objective, checkpoints=store)
    assert same(weights(whole), weights(again))


def test_an_average_excludes_the_choice_of_one_evaluation(tiny_encoder: Path, tokenized: TokenizedPairs) -> None:
    with pytest.raises(UserError) as caught:
        run(tiny_encoder, tokenized, small_settings(select_by="dev_pooled"), Objective(alpha=0.5, average_from=0))
    assert str(caught.value) == (
        "params.yaml, train.select_by: `average_from` takes the mean of the weights, dev_pooled those of one "
        "evaluation; set it to last"
    )


def test_the_factor_of_steps_rounds_and_leaves_one() -> None:
    assert [Objective(alpha=0.5, steps=factor).steps_of(240) for factor in (1, 2, 1.501, 1e-9)] == [240, 480, 360, 1]


def test_distillation_comes_first_and_then_a_little_contrast(
    tiny_encoder: Path, tokenized: TokenizedPairs, losses: list[tuple[int, BatchRows]]
) -> None:
    vectors = np.random.default_rng(1).normal(size=(2, len(tokenized.index.units), 32)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=-1, keepdims=True)
    objective = small_settings().objective("distilled-first").model_copy(update={"kl_weight": 0.5})
    run(tiny_encoder, tokenized, small_settings(), objective, extras=Extras(teacher=vectors))
    assert [rows.contrast_weight for _, rows in losses] == [0.0] * 6 + [0.2] * 6
    assert {(rows.teacher_weight, rows.distil) for _, rows in losses} == {(0.8, "same")}
    assert [rows.parallel is None for _, rows in losses] == [True] * 6 + [False] * 6


@pytest.mark.parametrize("cached", [False, True])
def test_parallel_queries_are_encoded_last_and_change_no_batch(
    cached: bool, tiny_encoder: Path, tokenized: TokenizedPairs, losses: list[tuple[int, BatchRows]]
) -> None:
    settings = small_settings(cached=cached)
    plain, history = run(tiny_encoder, tokenized, settings, Objective(alpha=0.5))
    other, consistent = run(tiny_encoder, tokenized, settings, Objective(alpha=0.5, kl_weight=1.0))
    assert [step.kind for step in history] == [step.kind for step in consistent]
    for (_, before), (texts, rows) in zip(losses[:12], losses[12:], strict=True):
        assert rows.groups.equal(before.groups) and rows.parallel is not None
        assert texts == 16 + len(rows.parallel) and len(rows.parallel) > 0
    assert consistent[0].loss > history[0].loss and not same(weights(plain), weights(other))


def test_twice_the_steps_are_the_bytes_of_twice_train_steps(
    tiny_encoder: Path,
    parallel_pairs: list[Pair],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    found: list[dict[str, str]] = []
    for steps, factor in ((12, 1), (6, 2)):
        folder = write_project(tmp_path / f"{steps}", tiny_encoder, parallel_pairs, steps=steps)
        raw = yaml.safe_load((folder / "params.yaml").read_text())
        raw["objective"]["hybrid"]["steps"] = factor
        (folder / "params.yaml").write_text(yaml.safe_dump(raw))
        monkeypatch.chdir(folder)
        with one_thread():
            cli.run(["tokenise"])
            cli.run(["train", "--objective", "hybrid"])
        found.append(hashes(folder / "models/hybrid") | hashes(folder / "metrics/history"))
    assert found[0] == found[1] and len(found[0]) > 5
    assert "12 steps of 8 pairs" in (folder / "models/hybrid/README.md").read_text()
    cli.run(["plan", "--objective", "hybrid"])
    assert "planned 12 batches of 8" in capsys.readouterr().out
    cli.run(["plan", "--objective", "within", "--steps", "2"])
    output = capsys.readouterr().out
    assert "within: a row is monolingual with probability 0.5, otherwise cross-lingual\n   1 within " in output
    assert "rows in one language" in output and "planned 6 batches of 8" in output
