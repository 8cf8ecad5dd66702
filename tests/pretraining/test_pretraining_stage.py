"""`babelmix pretrain`: models/start without and with a pre-training, what it writes beside it, and what it refuses."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from safetensors import safe_open
from small_pretraining import SMALL, small_blocks, small_pages
from small_training import hashes, one_thread, write_project

from babelmix import cli
from babelmix.common.errors import UserError
from babelmix.corpus.records import Pair
from babelmix.encoder.load import load_encoder
from babelmix.pretraining import pages
from babelmix.pretraining.pages import Pages
from babelmix.settings.params import load_settings
from babelmix.stages import pretraining

KEEPING = pretraining._blocks


@pytest.fixture
def project(tmp_path: Path, tiny_encoder: Path, parallel_pairs: list[Pair], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose pages are those of small_pretraining.py."""
    folder = write_project(tmp_path / "project", tiny_encoder, parallel_pairs)
    blocks = small_blocks(tiny_encoder)
    monkeypatch.setattr(pretraining, "_blocks", lambda settings, model: blocks)
    monkeypatch.chdir(folder)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    raw = folder / "data/raw/libreoffice-help"
    raw.mkdir(parents=True)
    (raw / "pages.deb").write_bytes(b"pages")
    return folder


def change(**pretrain: Any) -> None:
    raw = yaml.safe_load(Path("params.yaml").read_text())
    raw["pretrain"] |= pretrain
    Path("params.yaml").write_text(yaml.safe_dump(raw))


def without_manifest(folder: str) -> dict[str, str]:
    return {name: sha for name, sha in hashes(Path(folder)).items() if name != ".babelmix-manifest"}


def test_none_is_the_untrained_encoder_byte_for_byte(project: Path) -> None:
    Path("models/start/notes").write_text("no file of babelmix")
    with pytest.raises(UserError, match="did not write there"):
        cli.run(["pretrain"])
    Path("models/start").rename("elsewhere")
    cli.run(["pretrain"])
    assert without_manifest("models/start") == without_manifest("models/untrained")
    assert json.loads(Path("metrics/pretrain/start.json").read_text()) == {"objective": "none"}
    assert Path("metrics/pretrain/history.csv").read_text() == "step,language,loss,lr,own,other\n"
    one, other = (Path("models", name, "model.safetensors").stat() for name in ("start", "untrained"))
    assert one.st_ino == other.st_ino  # no second copy on the disk
    cli.run(["pretrain"])  # and again over its own


def test_a_pretrained_start_is_an_encoder_like_any_other(project: Path) -> None:
    Path("models/start").rename("elsewhere")
    change(**SMALL)
    with one_thread():
        cli.run(["pretrain"])
        first = hashes(Path("models/start")) | hashes(Path("metrics/pretrain"))
        cli.run(["pretrain"])
        assert first == hashes(Path("models/start")) | hashes(Path("metrics/pretrain"))
    names, weights = [], []
    for name in ("start", "untrained"):
        with safe_open(Path("models", name, "model.safetensors"), framework="pt") as stored:
            names.append(sorted(stored.keys()))
            weights.append({key: stored.get_tensor(key) for key in stored.keys()})  # noqa: SIM118
    assert names[0] == names[1]  # no document encoder, no heads
    moved = {key for key in names[0] if not weights[0][key].equal(weights[1][key])}
    assert moved and not [key for key in moved if "word_embeddings" in key]
    card = Path("models/start/README.md").read_text()
    for part in (
        "Objective `msm`", "6 steps of 3 blocks of 4 texts", "mean of its tokens", "no masked\n  language model",
        "4 paragraphs", "no queue", "learning rate 0.001, seed 13",
    ):  # fmt: skip
        assert part in card, part
    found = json.loads(Path("metrics/pretrain/start.json").read_text())
    assert found["objective"] == "msm" and found["languages"].keys() == {"de", "en", "fr"}
    assert found["mean_all"] <= min(found["mean_own_block"], found["mean_other_blocks"])
    assert len(Path("metrics/pretrain/history.csv").read_text().splitlines()) == 7
    assert not list(Path(".babelmix/training").glob("*.safetensors"))
    assert load_encoder(Path("models/start")).encode(["the file"]).shape == (1, 32)


def test_a_training_starts_from_it_and_its_card_says_so(project: Path) -> None:
    cli.run(["tokenise"])
    with one_thread():
        cli.run(["train", "--objective", "hybrid"])
        plain = hashes(Path("models/hybrid"))
        assert "Pre-trained" not in Path("models/hybrid/README.md").read_text()
        Path("models/start").rename("elsewhere")
        change(**SMALL)
        cli.run(["pretrain"])
        cli.run(["train", "--objective", "hybrid"])
    assert hashes(Path("models/hybrid"))["model.safetensors"] != plain["model.safetensors"]
    card = Path("models/hybrid/README.md").read_text()
    assert "on the order of texts in pages: msm, 6 steps of 3 blocks of 4 texts." in card


def test_transfer_writes_scores_of_a_language_that_was_left_out(project: Path) -> None:
    change(**SMALL)
    before = hashes(Path("models"))
    with one_thread():
        cli.run(["pretrain", "--without", "fr"])
    assert hashes(Path("models")) == before and not Path("metrics/pretrain/history.csv").exists()
    found = json.loads(Path("metrics/pretrain/without-fr.json").read_text())
    assert found["without"] == "fr" and found["transfer"] == found["languages"]["fr"]
    assert found["languages"].keys() == {"de", "en", "fr"}


@pytest.mark.parametrize(
    ("changes", "arguments", "message"),
    [
        ({"objective": "none"}, ["--without", "fr"], "none has no document encoder to transfer"),
        ({"objective": "bitext"}, ["--without", "fr"], "bitext has no document encoder to transfer"),
        ({"objective": "ccp"}, ["--without", "fr"], "ccp has no document encoder to transfer"),
        ({}, ["--without", "ff"], "unknown language 'ff'"),
    ],
)
def test_what_cannot_be_transferred_is_refused(
    changes: dict[str, Any], arguments: list[str], message: str, project: Path
) -> None:
    change(**(SMALL | changes))
    with pytest.raises(UserError, match=message):
        cli.run(["pretrain", *arguments])
    assert not Path("metrics").exists()


def test_pages_are_read_once_for_all_pretrainings(
    project: Path, tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []

    def counted(sources: Any, raw: Any, settings: Any) -> Pages:
        read.extend(source.name for source in sources)
        return small_pages()

    monkeypatch.setattr(pretraining, "_blocks", KEEPING)
    monkeypatch.setattr(pages, "read_pages", counted)
    model, settings = load_encoder(tiny_encoder), load_settings()
    first, second = (pretraining._blocks(settings, model) for _ in range(2))
    assert read == ["libreoffice-help"]
    assert first.counts == second.counts == pretraining._blocks(settings, model).counts
    change(sentences=4)
    assert pretraining._blocks(load_settings(), model).sentences == 4 and len(read) == 2
    Path("data/raw/libreoffice-help/pages.deb").write_bytes(b"other pages")
    pretraining._blocks(settings, model)
    assert len(read) == 3


def test_several_processes_are_refused(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("models/start").rename("elsewhere")
    change(**SMALL)
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(UserError, match="a pre-training has one process"):
        cli.run(["pretrain"])
