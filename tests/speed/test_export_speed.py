"""Texts a second of exported forms, against sentence-transformers' float32 `encode` and its own OpenVINO int8.

pytest tests/speed/test_export_speed.py --benchmark-enable       # some minutes on 2 cores

XQuAD's questions and answering sentences in five languages and the packaged encoder, with 12 layers; 2 with benchmarks
off. The opponent in int8 is what sentence-transformers exports for OpenVINO: NNCF's static quantisation of all layers
with texts padded to one length, run by its own loop of 32 texts. Its own backends need optimum, which needs an older
transformers. So the same engine stands behind its `encode` here. Without the extra `export` these are skipped.
"""

import importlib.util
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from ratios import Recorder, against
from xquad import xquad_pairs

from babelmix.encoder.build import build_encoder
from babelmix.encoder.load import load_encoder
from babelmix.encoder.settings import Preset
from babelmix.exporting.engine import compiled_run, encode_with, load_engine, with_layers
from babelmix.exporting.form_files import Prompted, Wanted, write_forms
from babelmix.exporting.names import FILES, Form, Kind
from babelmix.exporting.no_telemetry import import_nncf
from babelmix.exporting.openvino_form import convert

LANGUAGES = ("de", "en", "es", "ru", "zh")
THREADS, BATCH, CALIBRATION = 2, 32, 64
FLOAT32, INT8 = "sentence-transformers, float32", "sentence-transformers, OpenVINO int8"
LIBRARIES = ("onnx", "onnxscript", "onnxruntime", "openvino", "nncf")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # the engines' own
    pytest.mark.skipif(
        any(importlib.util.find_spec(name) is None for name in LIBRARIES),
        reason="ONNX Runtime or OpenVINO is not here: pip install 'babelmix[export]'",
    ),
]


@pytest.fixture(scope="module")
def texts(xquad: Path, pytestconfig: pytest.Config) -> list[str]:
    """100 questions of each language and the sentences that answer them; 4 with benchmarks off."""
    number = 100 if pytestconfig.getoption("benchmark_enable") else 4
    pairs = [pair for lang in LANGUAGES for pair in xquad_pairs(xquad, lang)[::11][:number]]
    return [pair.query for pair in pairs] + [pair.passage for pair in pairs]


@pytest.fixture(scope="module")
def exported(xquad: Path, pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exported") / "model"
    layers = 12 if pytestconfig.getoption("benchmark_enable") else 2
    build_encoder(Preset(layers=layers, learning_rate=4e-5, query_prefix="query: ", passage_prefix="passage: "), folder)
    write_forms(load_encoder(folder).cpu().eval(), folder, Wanted((Kind.ONNX, Kind.OPENVINO), int8=True),
                Prompted(*(calibration(xquad, half) for half in (0, 1))), threads=THREADS)  # fmt: skip
    return folder


def calibration(xquad: Path, half: int) -> dict[str, list[str]]:
    """Texts that are not timed."""
    pairs = [pair for lang in LANGUAGES for pair in xquad_pairs(xquad, lang)[5 + half :: 110]][: CALIBRATION // 2]
    return {"query": [pair.query for pair in pairs], "passage": [pair.passage for pair in pairs]}


@pytest.fixture(scope="module")
def opponents(exported: Path, xquad: Path, texts: list[str]) -> dict[str, Callable[[], Any]]:
    torch.set_num_threads(THREADS)
    plain = load_encoder(exported).cpu().eval()
    quantised = with_layers(exported, compiled_run(as_the_library_does(plain, exported, xquad), THREADS))
    return {
        name: partial(model.encode_query, texts, batch_size=BATCH, show_progress_bar=False)
        for name, model in ((FLOAT32, plain), (INT8, quantised))
    }


def as_the_library_does(model: Any, exported: Path, xquad: Path) -> Any:
    """NNCF's int8 of all layers, with the library's choices: padded texts, NNCF's defaults for a transformer."""
    nncf = import_nncf()
    longest = min(384, model.max_seq_length)
    found = [
        dict(model.tokenizer([text], padding="max_length", max_length=longest, truncation=True, return_tensors="np"))
        for text in calibration(xquad, 0)["passage"]
    ]
    batches = [{name: given[name].astype(np.int64) for name in ("input_ids", "attention_mask")} for given in found[:16]]
    data, kind = nncf.Dataset(batches), nncf.ModelType.TRANSFORMER
    return nncf.quantize(convert(exported / FILES["onnx"]), data, model_type=kind, subset_size=len(batches))


@pytest.mark.parametrize("form", ["onnx", "onnx-int8", "openvino", "openvino-int8"])
def test_texts_a_second_of_a_form(
    form: Form, benchmark: Any, ratio: Recorder, exported: Path, texts: list[str], opponents: Any
) -> None:
    model = load_engine(exported, form, threads=THREADS)
    own, others, found = against(
        benchmark, ours=lambda: encode_with(model, texts, prompt="query"), opponents=opponents, rounds=3
    )
    if benchmark.enabled:
        for name, seconds in others.items():
            ratio(
                f"encode {len(texts):,} texts, 12 layers, exported as {form}", name,
                ours=len(texts) / own, theirs=len(texts) / seconds, unit="texts/s",
                target="4 times" if form.endswith("int8") and name == FLOAT32 else "–",
            )  # fmt: skip
    near = (found["ours"] * found[FLOAT32]).sum(axis=1)
    assert near.min() > (0.99999 if "int8" not in form else 0.9)
