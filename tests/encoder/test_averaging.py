"""`babelmix average`: the share is the one that scores best on the dev split, and the files say so."""

import json
import re
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from small_training import write_project
from typer.testing import CliRunner

from babelmix.cli import app
from babelmix.common.errors import UserError
from babelmix.corpus.records import Pair
from babelmix.encoder.fingerprint import hash_model
from babelmix.settings.params import Settings, load_settings
from babelmix.stages.averaging import average_folders, average_system
from babelmix.stages.benchmarks import build_dev
from babelmix.stages.scoring import Asked, evaluate_any


@pytest.fixture
def project(
    tiny_encoder: Path, parallel_pairs: list[Pair], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    """A project with an untrained encoder, a "hybrid" one that was moved at random, and the dev benchmark."""
    folder = write_project(tmp_path / "project", tiny_encoder, parallel_pairs)
    monkeypatch.chdir(folder)
    shutil.copytree(tiny_encoder, "models/hybrid")
    generator = torch.Generator().manual_seed(7)
    weights = load_file("models/hybrid/model.safetensors")
    moved = {name: weight + 0.3 * torch.randn(weight.shape, generator=generator) for name, weight in weights.items()}
    save_file(moved, "models/hybrid/model.safetensors", metadata={"format": "pt"})
    settings = load_settings()
    settings = settings.model_copy(update={"embed": settings.embed.model_copy(update={"precision": "float32"})})
    build_dev(settings)
    return settings


def pooled_map(model: str, settings: Settings) -> float:
    asked = Asked("data/benchmarks/dev", model, None)
    evaluate_any(Path("scores.json"), asked, lambda: settings, per_query=None)
    return json.loads(Path("scores.json").read_text())["scopes"]["multilingual"]["map"]


def test_the_share_with_the_best_dev_score_is_taken_and_written_down(project: Settings) -> None:
    line = average_system("hybrid-start", project)
    found = json.loads(Path("metrics/average/hybrid-start.json").read_text())
    dev, share = found["dev"], found["share"]
    assert (found["first"], found["second"], list(dev)) == ("hybrid", "untrained", ["0.25", "0.5", "0.75", "1"])
    assert dev[f"{share:g}"]["dev"] == max(score["dev"] for score in dev.values())
    assert len({score["dev"] for score in dev.values()}) > 1, "the shares differ in their scores"
    assert dev["1"]["dev"] == pooled_map("models/hybrid", project)
    assert dev[f"{share:g}"]["dev"] == pooled_map("models/hybrid-start", project)
    assert line == (
        f"wrote models/hybrid-start, {share:g} of hybrid and {1 - share:g} of untrained, "
        "and metrics/average/hybrid-start.json"
    )
    card = Path("models/hybrid-start/README.md").read_text()
    tried = ", ".join(f"{name} ({score['dev']:.4f})" for name, score in dev.items())
    assert "# base/hybrid-start/s13\n" in card
    assert f"- {share:g} of `hybrid`, sha256 {hash_model(Path('models/hybrid'))}.\n" in card
    assert f"- The share: chosen by the mean multilingual mAP on dev, of {tried}.\n" in card
    average_folders(Path("models/hybrid"), Path("models/untrained"), share, Path("again"))
    assert hash_model(Path("again")) == hash_model(Path("models/hybrid-start"))


def test_the_dev_split_of_the_native_pool_counts_where_it_is_a_benchmark(project: Settings) -> None:
    shutil.copytree("data/benchmarks/dev", "data/benchmarks/native-dev")
    average_system("hybrid-start", project.model_copy(update={"benchmarks": ("gnome-help", "native-dev")}))
    found = json.loads(Path("metrics/average/hybrid-start.json").read_text())
    assert all(scores["dev"] == scores["native-dev"] for scores in found["dev"].values())
    assert "mAP on dev and native-dev, of" in Path("models/hybrid-start/README.md").read_text()


def test_an_unknown_average_is_told(project: Settings) -> None:
    told = "params.yaml, average: unknown average 'hybrid-strat'; did you mean 'hybrid-start'?"
    with pytest.raises(UserError, match=re.escape(told)):
        average_system("hybrid-strat", project)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (
            ["hybrid-start", "--share", "0.5"],
            "average: NAME already says what is averaged, so --share has no use; leave it out, or NAME",
        ),
        ([], "average: missing option '--first'; see `babelmix average --help`"),
        (
            ["--first", "a", "--second", "b", "--share", "0"],
            "average: missing option '--output'; see `babelmix average --help`",
        ),
        (["--first", "a", "--second", "b", "--share", "0", "--output", "c"], "a: no such model folder; give the path"),
    ],
)
def test_options_that_do_not_fit_are_told(
    arguments: list[str], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    error = CliRunner().invoke(app, ["average", *arguments]).exception
    assert isinstance(error, UserError) and str(error).startswith(told)
