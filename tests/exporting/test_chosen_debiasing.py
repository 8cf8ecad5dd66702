"""A debiasing is baked in as the pipeline's files have it."""

import json
from pathlib import Path

import numpy as np
import pytest

from babelmix.api import read_benchmark
from babelmix.benchmarks.files import write_benchmark
from babelmix.common.errors import UserError
from babelmix.corpus.records import Pair
from babelmix.encoder.load import load_encoder
from babelmix.exporting.chosen_debiasing import bake_chosen
from babelmix.retrieval.language_means import LanguageRows, Means, language_means, write_means
from babelmix.retrieval.lir import find_directions, write_directions
from babelmix.workspace import Workspace


@pytest.fixture(scope="module")
def project(tiny_encoder: Path, parallel_pairs: list[Pair], tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A project with means, directions and a chosen strength, and without vectors of the dev split."""
    found = Workspace(tmp_path_factory.mktemp("project"))
    model, languages = load_encoder(tiny_encoder), [pair.lang for pair in parallel_pairs]
    rows = model.encode_document([pair.passage for pair in parallel_pairs]).astype(np.float16)
    means = language_means(LanguageRows.of(rows, languages))
    for file in (found.offsets("hybrid"), found.lir("hybrid"), found.debiasing("hybrid")):
        file.parent.mkdir(parents=True)
    write_means(found.offsets("hybrid"), Means(means, means))
    write_directions(found.lir("hybrid"), find_directions(rows, languages, 1))
    found.debiasing("hybrid").write_text(json.dumps({"shift": {"chosen": 0.5}, "centre": {}}))
    return found


def test_the_strength_that_dev_chose(
    project: Workspace, tiny_encoder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    baked = bake_chosen(load_encoder(tiny_encoder), "hybrid", "+shift", project)
    assert baked.strength == 0.5 and baked.cosine is None
    assert "no vectors of the dev split" in capsys.readouterr().err
    assert bake_chosen(load_encoder(tiny_encoder), "hybrid", "centre", project, strength=1).strength == 1
    assert bake_chosen(load_encoder(tiny_encoder), "hybrid", "lir", project).form == "lir"


def test_vectors_of_the_dev_split_are_the_examples(project: Workspace, tiny_encoder: Path, tmp_path: Path) -> None:
    found = Workspace(tmp_path)
    for file in (found.offsets("hybrid"), found.debiasing("hybrid")):
        file.parent.mkdir(parents=True)
    found.offsets("hybrid").write_bytes(project.offsets("hybrid").read_bytes())
    found.debiasing("hybrid").write_bytes(project.debiasing("hybrid").read_bytes())
    benchmark, model = read_benchmark("tests/golden/xquad-r-60"), load_encoder(tiny_encoder)
    write_benchmark(found.benchmark("dev"), benchmark)
    vectors = found.embeddings("hybrid", "dev")
    vectors.mkdir(parents=True)
    rng = np.random.default_rng(13)
    for kind, number in (("queries", len(benchmark.queries)), ("passages", len(benchmark.passages))):
        rows = rng.normal(size=(number, 32)).astype(np.float32)
        np.save(vectors / f"{kind}.npy", rows / np.linalg.norm(rows, axis=1, keepdims=True))
    baked = bake_chosen(model, "hybrid", "shift", found)
    assert baked.cosine is not None and baked.unmoved is not None and baked.cosine >= baked.unmoved


@pytest.mark.parametrize(
    ("form", "strength", "what"),
    [
        pytest.param("shift-index", None, "unknown debiasing", id="of the index"),
        pytest.param("lir", 0.5, "lir has no strength", id="lir with a strength"),
        pytest.param("shift", 1.5, "a strength of 1.5", id="too strong"),
        pytest.param("shift", float("nan"), "a strength of nan", id="not a number"),
        pytest.param("centre", None, "no strength in it", id="not chosen"),
    ],
)
def test_bad_wishes(form: str, strength: float | None, what: str, project: Workspace, tiny_encoder: Path) -> None:
    with pytest.raises(UserError, match=what):
        bake_chosen(load_encoder(tiny_encoder), "hybrid", form, project, strength=strength)


def test_a_project_without_scores(tiny_encoder: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no strength was chosen.*dvc repro evaluate@hybrid"):
        bake_chosen(load_encoder(tiny_encoder), "hybrid", "shift", Workspace(tmp_path))
    with pytest.raises(UserError, match="lir"):
        bake_chosen(load_encoder(tiny_encoder), "hybrid", "lir", Workspace(tmp_path))
