"""The stage that scores a system: what its files say of nonsense queries and of held-out pairs."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_project import LANGUAGES, make_benchmark, make_project, make_vectors

from babelmix.benchmarks.files import write_benchmark
from babelmix.benchmarks.qrels import qrels_of
from babelmix.evaluation.contrastive_entropy import contrastive_entropy
from babelmix.retrieval.language_means import LanguageRows, Means, language_means, write_means
from babelmix.retrieval.lir import find_directions, read_directions, remove_directions, write_directions
from babelmix.retrieval.scorers import CosineScorer
from babelmix.settings.params import Settings
from babelmix.stages.scoring import evaluate_system
from babelmix.workspace import DEV, HERE, LIR

DEV_BENCHMARK = make_benchmark(DEV, LANGUAGES, 12)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A project with the vectors of one system; the current folder is its root."""
    settings = make_project(tmp_path, objectives=("hybrid",), benchmarks=("gnome-help",), questions=12)
    monkeypatch.chdir(tmp_path)
    write_benchmark(HERE.benchmark(DEV), DEV_BENCHMARK)
    vectors = make_vectors(DEV_BENCHMARK, 0.3, seed=7)
    HERE.embeddings("hybrid", DEV).mkdir(parents=True)
    for name, rows in zip(("queries", "passages"), vectors, strict=True):
        np.save(HERE.embeddings("hybrid", DEV) / f"{name}.npy", rows)
    spoken = [passage.lang for passage in DEV_BENCHMARK.passages if passage.lang != "ar"]
    text = vectors[1][[passage.lang != "ar" for passage in DEV_BENCHMARK.passages]]
    write_directions(HERE.lir("hybrid"), find_directions(text, spoken, 1))
    means = language_means(LanguageRows.of(text, spoken))
    write_means(HERE.offsets("hybrid"), Means(means, means))
    return settings


def figures(system: str, benchmark: str) -> dict[str, Any]:
    return json.loads(HERE.scores(system, benchmark).read_text())


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16)


def test_nonsense_is_scored_with_the_passages_of_each_form(project: Settings) -> None:
    nonsense = make_vectors(make_benchmark("none", ("en",), 100), 0.0, seed=5)[0]
    np.savez(HERE.nonsense("hybrid"), nonsense=nonsense)
    evaluate_system("hybrid", project)
    passages = np.load(HERE.embeddings("hybrid", "gnome-help") / "passages.npy")
    spoken = [lang for lang in sorted(LANGUAGES) for _ in range(12)]
    directions = read_directions(HERE.lir("hybrid"))
    moved = remove_directions(nonsense, ["und"] * 100, directions), remove_directions(passages, spoken, directions)
    own = {lang: passages[[one == lang for one in spoken]].astype(float).mean(axis=0) for lang in LANGUAGES}
    centre = np.mean(list(own.values()), axis=0)
    strength = json.loads(HERE.debiasing("hybrid").read_text())["centre-index"]["chosen"]
    centred = unit(nonsense - strength * centre), unit(passages - strength * np.array([own[lang] for lang in spoken]))
    forms = {"hybrid": (nonsense, passages), "hybrid" + LIR: moved, "hybrid+centre-index": centred}
    for system, (asked, pool) in forms.items():
        scores = (asked.astype(float) @ pool.astype(float).T).astype(np.float32)
        order = np.argsort(-scores, axis=1, kind="stable")[:, :10]
        found = figures(system, "gnome-help")["nonsense"]
        assert found["same_first"] == max(Counter(order[:, 0].tolist()).values()) / 100
        assert found["distinct_top10"] == len(set(order.ravel().tolist())) / 1000
        assert found["same_first_queries"] > 0


def test_vectors_without_nonsense_have_no_such_figures(project: Settings) -> None:
    evaluate_system("hybrid", project)
    found = figures("hybrid", "gnome-help")["nonsense"]
    assert (found["same_first"], found["distinct_top10"]) == (None, None) and found["same_first_queries"] > 0


def test_the_dev_split_alone_has_contrastive_entropy_of_each_form(project: Settings) -> None:
    evaluate_system("hybrid", project)
    vectors = [np.load(HERE.embeddings("hybrid", DEV) / f"{name}.npy") for name in ("queries", "passages")]
    expected = contrastive_entropy(qrels_of(DEV_BENCHMARK), CosineScorer(*vectors), project.train.temperature)
    found = {system: figures(system, DEV)["contrastive_entropy"] for system in ("hybrid", "hybrid" + LIR)}
    assert found["hybrid"] == pytest.approx(expected, abs=1e-6)
    assert found["hybrid" + LIR] != found["hybrid"] and None not in found["hybrid" + LIR].values()
    assert "contrastive_entropy" not in figures("hybrid", "gnome-help")
