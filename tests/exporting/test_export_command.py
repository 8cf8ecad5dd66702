"""`babelmix export`: the folder and its table, and what it refuses before it writes anything."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

from babelmix.benchmarks.dev import dev_benchmark
from babelmix.benchmarks.files import read_benchmark, write_benchmark
from babelmix.cli import run
from babelmix.common.errors import UserError
from babelmix.corpus.records import Pair, write_pairs
from babelmix.exporting.engine import encode_with, load_engine
from babelmix.settings.params import load_settings
from babelmix.stages.export_texts import texts_by_language

ROOT = Path(__file__).parents[2]


@pytest.fixture
def project(parallel_pairs: list[Pair], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with training pairs and a benchmark of its dev split."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    shutil.copy(ROOT / "params.yaml", tmp_path)
    write_pairs(tmp_path / "data/pairs/human/libreoffice-help", parallel_pairs)
    write_benchmark(tmp_path / "data/benchmarks/small", dev_benchmark(parallel_pairs, 10))
    return tmp_path


def export(model: Path, *options: str) -> int:
    return run(["export", str(model), "--output", "exported", "--benchmark", "small", *options])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # the engines' own
def test_every_form_is_in_the_folder_with_its_scores(
    project: Path, tiny_encoder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert export(tiny_encoder, "--form", "onnx", "--form", "st") == 0
    shown = capsys.readouterr().out
    found = json.loads((project / "exported/export.json").read_text())
    assert set(found["forms"]) == {"the model itself", "st", "onnx"}
    for form in ("st", "onnx"):
        assert abs(found["forms"][form]["loss"]["multilingual"]["de"]) < 1e-4
        assert form in shown and form in (project / "exported/README.md").read_text()
    texts = ["the file menu", "die datei oeffnet"]
    vectors = SentenceTransformer(str(project / "exported"), local_files_only=True).encode_query(texts)
    assert np.array_equal(vectors, SentenceTransformer(str(tiny_encoder), local_files_only=True).encode_query(texts))
    assert export(tiny_encoder, "--form", "onnx") == 0  # replaces what it wrote itself
    assert not (project / "exported/model.safetensors").exists()
    engine = load_engine(project / "exported", "onnx", threads=1)  # which needs no other weights
    assert np.abs(encode_with(engine, texts, prompt="query") - vectors).max() < 1e-5


@pytest.mark.slow
def test_a_trimmed_and_narrow_model_says_what_it_lost(project: Path, tiny_encoder: Path) -> None:
    assert export(tiny_encoder, "--form", "st", "--languages", "de,en", "--width", "16") == 0
    found = json.loads((project / "exported/export.json").read_text())
    assert found["changes"]["languages"] == ["de", "en"] and found["changes"]["width"] == 16
    assert found["forms"]["st"]["loss"]["monolingual"]["de"] != 0
    card = (project / "exported/README.md").read_text()
    assert "!" in card.split("## Forms")[1] and card.count("| texts/s |") == 1 and "| fr (not kept) |" in card
    assert SentenceTransformer(str(project / "exported"), local_files_only=True).get_embedding_dimension() == 16


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param(("--width", "33"), "no width of 33; choose from 1 to 32", id="width"),
        pytest.param(("--int8", "--form", "st"), "int8 is a form of ONNX and OpenVINO", id="int8-of-st"),
        pytest.param(("--strength", "0.5"), "a strength without a debiasing", id="strength"),
        pytest.param(("--languages", "tlh"), "unknown language 'tlh'", id="language"),
        pytest.param(("--rows", "9"), "rows are of a trimmed vocabulary", id="rows"),
        pytest.param(("--languages", "th"), "no text in 'th' to trim by", id="no-text"),
        pytest.param(("--benchmark", "nowhere"), "nowhere", id="benchmark"),
        pytest.param(("--debias", "shift"), "no means are known of", id="debias-of-another-project"),
    ],
)
def test_bad_options_write_nothing(options: tuple[str, ...], message: str, project: Path, tiny_encoder: Path) -> None:
    with pytest.raises(UserError, match=message):
        export(tiny_encoder, *options)
    assert not (project / "exported").exists()


@pytest.mark.parametrize(("name", "offline"), [("name", False), ("org/name", True)], ids=["name", "offline"])
def test_a_push_that_cannot_be_is_refused_before_the_work(
    name: str, offline: bool, project: Path, tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("babelmix.download.hub.allow_hub", lambda: None)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", offline)
    monkeypatch.setattr("babelmix.stages.exporting.claim_folder", None)  # no work is begun
    with pytest.raises(UserError, match="switched off by HF_HUB_OFFLINE" if offline else "not a name on the hub"):
        export(tiny_encoder, "--push", name)
    monkeypatch.setattr("babelmix.stages.publishing.claim_folder", None)
    with pytest.raises(UserError, match="switched off by HF_HUB_OFFLINE" if offline else "not a name on the hub"):
        run(["publish", "pairs", "--output", "pairs", "--push", name])


def test_texts_of_the_measured_benchmark_trim_no_vocabulary(project: Path, parallel_pairs: list[Pair]) -> None:
    data = read_benchmark(project / "data/benchmarks/small")
    measured = {one.text for one in (*data.queries, *data.passages)}
    assert measured & {text for pair in parallel_pairs for text in (pair.query, pair.passage)}
    found = texts_by_language(("de", "en"), data, load_settings())
    assert found["de"] and found["en"] and not measured & {text for own in found.values() for text in own}


def test_a_model_that_is_no_sentence_transformer(project: Path, tiny_transformer: Path) -> None:
    with pytest.raises(UserError, match=r"modules\.json is missing"):
        export(tiny_transformer)
    assert not (project / "exported").exists()


def test_the_folder_of_another_is_not_replaced(project: Path, tiny_encoder: Path) -> None:
    (project / "exported").mkdir()
    (project / "exported/mine").write_text("keep")
    with pytest.raises(UserError, match="babelmix did not write"):
        export(tiny_encoder)
    assert (project / "exported/mine").read_text() == "keep"
