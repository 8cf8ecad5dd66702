"""Texts a second of an encoder, against what sentence-transformers offers on a CPU: float32, bfloat16, ONNX, OpenVINO.

pytest tests/speed/test_encoding_speed.py --benchmark-enable        # a quarter of an hour on 2 cores

XQuAD's questions and answering sentences in five languages, the packaged encoder with all 12 layers, texts to 128
tokens, texts of similar length together. sentence-transformers' own ONNX and OpenVINO backends need optimum, which does
not support the transformers that babelmix needs. So the same two engines run without it, as `babelmix export` makes and
runs them: dynamic int8 for ONNX Runtime, calibrated int8 for OpenVINO, behind sentence-transformers' tokenizer and
pooling. Without the extra `export` they are skipped. The second test measures what our bfloat16 costs in mAP against
stock float32; `babelmix export` prints what the int8 forms cost. With benchmarks off, few texts and
the same comparisons of the vectors.
"""

import importlib.util
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from ratios import Recorder, against, peak_of
from xquad import xquad_pairs

from babelmix.benchmarks.benchmark import Benchmark
from babelmix.benchmarks.qrels import qrels_of
from babelmix.benchmarks.registry import BENCHMARKS
from babelmix.encoder.build import build_encoder
from babelmix.encoder.encode import encode
from babelmix.encoder.load import load_encoder
from babelmix.encoder.settings import Preset
from babelmix.encoder.tokenise import tokenise
from babelmix.evaluation.evaluate import evaluate
from babelmix.evaluation.score_files import to_json
from babelmix.exporting.engine import compiled_run, encode_with, onnx_run, with_layers
from babelmix.exporting.int8 import products_of, quantise_dynamically
from babelmix.exporting.no_telemetry import import_libraries
from babelmix.exporting.onnx_form import export_onnx
from babelmix.exporting.openvino_form import convert, quantise_statically
from babelmix.retrieval.scorers import CosineScorer
from babelmix.settings.params import load_settings

ROOT = Path(__file__).parents[2]
LANGUAGES = ("de", "en", "es", "ru", "zh")
TOKENS, BATCH, THREADS, CALIBRATION = 128, 32, 2, 128
EMBED = load_settings(ROOT / "params.yaml").embed.model_copy(update={"max_tokens": TOKENS, "precision": "bfloat16"})
TARGETS = {"float32": "4", "bfloat16": "2"}  # by what stands in the opponent's name
LIMIT = 0.001  # of mAP that bfloat16 may lose
Sides = tuple[list[str], list[str]]  # questions, sentences
PEAK = """
import sys
from pathlib import Path
from babelmix.encoder.encode import encode
from babelmix.encoder.load import load_encoder
from babelmix.encoder.settings import Embed
texts = Path(sys.argv[2]).read_text().splitlines()
settings = Embed(max_tokens=int(sys.argv[3]), precision="bfloat16", context=False)
encode(load_encoder(Path(sys.argv[1])), texts, prompt="passage", settings=settings, threads=int(sys.argv[4]))
"""
needs_onnx = pytest.mark.skipif(
    importlib.util.find_spec("onnxruntime") is None or importlib.util.find_spec("onnxscript") is None,
    reason="ONNX Runtime is not here: pip install 'babelmix[export]'",
)
needs_openvino = pytest.mark.skipif(
    importlib.util.find_spec("openvino") is None or importlib.util.find_spec("nncf") is None,
    reason="OpenVINO is not here: pip install 'babelmix[export]'",
)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "large"
    prompts = {"query_prefix": "query: ", "passage_prefix": "passage: "}
    build_encoder(Preset(layers=12, learning_rate=4e-5, **prompts), folder)
    return folder


@pytest.fixture(scope="module")
def sides(xquad: Path, pytestconfig: pytest.Config) -> Sides:
    """100 questions of each language and the sentences that answer them; 4 with benchmarks off."""
    number = 100 if pytestconfig.getoption("benchmark_enable") else 4
    pairs = [pair for lang in LANGUAGES for pair in xquad_pairs(xquad, lang)[::11][:number]]
    return [pair.query for pair in pairs], [pair.passage for pair in pairs]


def ours(model: Any, sides: Sides) -> NDArray[np.float16]:
    return np.concatenate(
        [
            encode(model, texts, prompt=prompt, settings=EMBED, threads=THREADS)
            for prompt, texts in zip(("query", "passage"), sides, strict=True)
        ]
    )


def stock(model: Any, sides: Sides) -> NDArray[np.float32]:
    model.max_seq_length = TOKENS
    return np.concatenate(
        [
            model.encode(texts, prompt_name=prompt, batch_size=BATCH, show_progress_bar=False).astype(np.float32)
            for prompt, texts in zip(("query", "passage"), sides, strict=True)
        ]
    )


def by_engine(model: Any, sides: Sides) -> NDArray[np.float32]:
    """The vectors of another engine behind the model's own prompts and pooling: batches of texts of similar length."""
    return np.concatenate(
        [
            encode_with(model, texts, prompt=prompt, max_tokens=TOKENS)
            for prompt, texts in zip(("query", "passage"), sides, strict=True)
        ]
    )


def onnx_int8(encoder: Path, folder: Path, sides: Sides) -> Any:
    export_onnx(load_encoder(encoder), folder / "float.onnx")
    quantise_dynamically(folder / "float.onnx", folder / "int8.onnx")
    return with_layers(encoder, onnx_run(folder / "int8.onnx", THREADS))


def openvino_int8(encoder: Path, folder: Path, sides: Sides) -> Any:
    model = load_encoder(encoder)
    export_onnx(model, folder / "float.onnx")
    found = [
        ids
        for prompt, texts in zip(("query", "passage"), sides, strict=True)
        for ids in tokenise(model, texts, prompt=prompt, max_tokens=TOKENS)
    ]
    rows = [np.array([ids], dtype=np.int64) for ids in found[:: max(1, len(found) // CALIBRATION)]]
    batches = [{"input_ids": row, "attention_mask": np.ones_like(row)} for row in rows]
    (onnx,) = import_libraries("onnx")
    products = products_of(onnx.load(str(folder / "float.onnx")))
    quantised = quantise_statically(convert(folder / "float.onnx"), batches, products)
    return with_layers(encoder, compiled_run(quantised, THREADS))


def compared(
    benchmark: Any, ratio: Recorder, encoder: Path, sides: Sides, opponent: str, theirs: Callable[[], Any], peak: Any
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Time ours and an opponent in turn and record the row; return the vectors of both."""
    torch.set_num_threads(THREADS)
    model = load_encoder(encoder)
    own, others, found = against(benchmark, ours=lambda: ours(model, sides), opponents={opponent: theirs}, rounds=3)
    if benchmark.enabled:
        texts = len(sides[0]) + len(sides[1])
        ratio(
            f"encode {texts:,} texts of {len(LANGUAGES)} languages, 12 layers", opponent,
            ours=texts / own, theirs=texts / others[opponent], unit="texts/s", peak_gib=peak,
            target=next((target for name, target in TARGETS.items() if name in opponent), "–"),
        )  # fmt: skip
    return found["ours"].astype(np.float32), found[opponent]


def cosines(one: NDArray[Any], other: NDArray[Any]) -> NDArray[Any]:
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    return (one * other).sum(1) / lengths


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_texts_a_second_against_sentence_transformers(
    precision: str, benchmark: Any, ratio: Recorder, encoder: Path, sides: Sides, tmp_path: Path
) -> None:
    other, peak = load_encoder(encoder), None
    if precision == "bfloat16":
        other = other.bfloat16()
    if benchmark.enabled:
        (tmp_path / "texts").write_text("\n".join(" ".join(text.split()) for text in sides[1]))
        peak = peak_of(PEAK, encoder, tmp_path / "texts", TOKENS, THREADS)
    name = f"sentence-transformers, {precision} weights"
    one, two = compared(benchmark, ratio, encoder, sides, name, lambda: stock(other, sides), peak)
    assert cosines(one, two).min() > 0.999


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # the engines' own
@pytest.mark.parametrize(
    ("name", "make"),
    [
        pytest.param("ONNX Runtime, dynamic int8", onnx_int8, marks=needs_onnx, id="onnx"),
        pytest.param("OpenVINO, static int8", openvino_int8, marks=[needs_onnx, needs_openvino], id="openvino"),
    ],
)
def test_texts_a_second_against_int8_engines(
    name: str, make: Any, benchmark: Any, ratio: Recorder, encoder: Path, sides: Sides, tmp_path: Path
) -> None:
    engine = make(encoder, tmp_path, sides)
    one, two = compared(benchmark, ratio, encoder, sides, name, lambda: by_engine(engine, sides), None)
    assert cosines(one, two).mean() > 0.9  # eight bits are eight bits


def small(whole: Benchmark, questions: int) -> Benchmark:
    """The first questions, and the passages that answer them."""
    kept = sorted({query.parallel_id for query in whole.queries})[:questions]
    qrels = tuple(qrel for qrel in whole.qrels if qrel.parallel_id in kept)
    answers = {qrel.passage for qrel in qrels}
    return replace(
        whole,
        queries=tuple(query for query in whole.queries if query.parallel_id in kept),
        passages=tuple(passage for passage in whole.passages if passage.id in answers),
        qrels=qrels,
    )


@pytest.mark.slow
def test_bfloat16_loses_at_most_a_thousandth_of_map(
    benchmark: Any, ratio: Recorder, encoder: Path, xquad: Path
) -> None:
    """XQuAD-R, all scopes; 40 questions in two languages with benchmarks off."""
    settings = load_settings(ROOT / "params.yaml").benchmark
    if not benchmark.enabled:
        settings = settings.model_copy(update={"languages": ("en", "es")})
    data, _ = BENCHMARKS["xquad-r"].build(xquad, settings, None)
    data = data if benchmark.enabled else small(data, 40)
    sides = [query.text for query in data.queries], [passage.text for passage in data.passages]
    torch.set_num_threads(THREADS)
    model = load_encoder(encoder)
    own = benchmark.pedantic(ours, (model, sides))

    def maps(vectors: NDArray[Any]) -> dict[str, float]:
        parts = vectors[: len(sides[0])], vectors[len(sides[0]) :]
        scopes = to_json(evaluate(qrels_of(data), CosineScorer(*parts)), "x")["scopes"]
        return {scope: row["map"] for scope, row in scopes.items()}

    one, two = maps(own), maps(stock(load_encoder(encoder), sides))
    loss = max(two[scope] - one[scope] for scope in two)
    assert loss <= LIMIT, (one, two)
    if benchmark.enabled:
        ratio(
            "mAP that bfloat16 loses on XQuAD-R, the worst scope", "sentence-transformers, float32 (0)",
            ours=loss, unit="mAP", target="at most .001",
        )  # fmt: skip
