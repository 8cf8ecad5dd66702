"""The stages that are drilled: what each imports, what it writes, and how its outputs came to be of another run."""

import hashlib
import importlib
import json
import os
import sqlite3
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1] / "support"))
from warm import MLFLOW


def _nothing(*_: Any) -> None:
    return None


@dataclass(frozen=True)
class Stage:
    """One command, and what is to be known of it."""

    command: list[str]
    outputs: tuple[str, ...]  # files, and folders that are written as a whole
    load: Callable[[], None]  # imports all it needs: a fork then costs milliseconds
    old_command: list[str] | None = None  # of the run before, where it is another
    old_params: dict[str, Any] = field(default_factory=dict)  # of params.yaml for the run before
    params: dict[str, Any] = field(default_factory=dict)
    stores: tuple[str, ...] = ()  # databases, whose bytes differ from run to run
    projection: Callable[[Path], Any] = _nothing  # their content, as JSON values
    # How many faults are tried, of runs into nothing and over old outputs: in the ordinary tests, and in `make drills`.
    some: dict[str, int] = field(default_factory=lambda: {"fresh": 12, "old": 12})
    most: dict[str, int] = field(default_factory=dict[str, int])


class Shouting:
    """A translation engine that needs no model."""

    name = "shouting 1 en-pt"

    def __init__(self, *_: Any) -> None:
        """Take a hop and threads, as engines do."""

    def translate(self, sentences: Sequence[str]) -> list[str]:
        """Return the sentences with each word turned round; a name and a number stay."""
        return [" ".join(word[::-1] if word.isalpha() else word for word in text.split()) for text in sentences]


def _load_translate() -> None:
    import py3langid

    py3langid.classify("a text")  # it reads its model at the first one
    from babelmix.translate import pairs, route

    route.get_engine = lambda hop, threads: Shouting()  # pyright: ignore
    route.BATCH, pairs.BLOCK = 40, 20


def _translations(project: Path) -> Any:
    found: dict[str, Any] = {}
    for file in sorted((project / ".babelmix/translations").glob("*")):
        with closing(sqlite3.connect(file)) as connection:
            rows = connection.execute("SELECT hex(key), text FROM translations ORDER BY key").fetchall()
        found[file.name] = [list(row) for row in rows]
    return found


def _kept(project: Path) -> Any:
    """The texts whose vectors are kept, by what made them."""
    from babelmix.encoder.vector_store import VectorStore

    found: dict[str, Any] = {}
    for file in sorted((project / ".babelmix/vectors").glob("*/*.safetensors")):
        content = VectorStore.read(file)
        assert content is not None, f"{file} is damaged"
        found.setdefault(file.parent.name, []).extend(map(list, content[0].tolist()))
    return {name: sorted(keys) for name, keys in found.items()}


def load_torch() -> None:
    import torch

    torch.set_num_threads(1)
    from babelmix.encoder import build as backbone
    from babelmix.encoder import keep
    from babelmix.retrieval import embed_benchmark as embed
    from babelmix.training import checkpoint, distributed, hard_negatives, loop, model_card, teacher, tokenized_pairs

    # So that the drill writes into the store too, whatever this machine's kernels do; nothing is compared with others.
    keep.same_in_company = lambda *_, **__: True  # pyright: ignore

    del backbone, embed, checkpoint, distributed, hard_negatives, loop, model_card, teacher, tokenized_pairs
    import sentence_transformers.models  # noqa: F401
    import transformers.models.bert.modeling_bert  # noqa: F401


def _load_evaluate() -> None:
    from babelmix.benchmarks import files, qrels
    from babelmix.evaluation import evaluate, score_files
    from babelmix.evaluation import ranks as rank
    from babelmix.retrieval import bm25, vectors
    from babelmix.stages import scoring

    del bm25, evaluate, files, qrels, rank, score_files, scoring, vectors


def _load_careless() -> None:
    """Let `evaluate` write its scores where they belong at once: the drill has to see what comes of that."""
    from babelmix.evaluation import score_files

    _load_evaluate()
    score_files.new_file = lambda path: path.open("w", encoding="utf-8")  # pyright: ignore


def _load_scores() -> None:
    from babelmix.reporting import score_tables

    del score_tables


def _load_report() -> None:
    import vl_convert

    from babelmix.reporting import run_report

    del run_report
    # Drawing takes seconds and touches no file: what a figure says stands for how it looks.
    vl_convert.vegalite_to_png = lambda figure, **_: hashlib.sha512(json.dumps(figure).encode()).digest() * 100


def _load_explore() -> None:
    from babelmix.reporting import explore_page

    del explore_page


def _load_track() -> None:
    from babelmix.reporting import mlflow_runs as tracking
    from babelmix.reporting import mlflow_store

    os.environ |= mlflow_store.SILENT
    for name in MLFLOW:  # half of what a track costs
        importlib.import_module(name)
    del tracking


def _runs(project: Path) -> Any:
    """What MLflow holds of each run, but for ids, places and times of day."""
    found: dict[str, Any] = {}
    with closing(sqlite3.connect(project / "mlflow.db")) as connection:
        experiments = connection.execute("SELECT name, lifecycle_stage FROM experiments ORDER BY name").fetchall()
        for run, name, status in connection.execute("SELECT run_uuid, name, status FROM runs ORDER BY name"):
            assert name not in found, f"two runs {name}"
            found[name] = {"status": status}
            for table, columns in (
                ("params", "key, value"),
                ("latest_metrics", "key, value, step"),
                ("metrics", "key, value, step"),
            ):
                rows = connection.execute(f"SELECT DISTINCT {columns} FROM {table} WHERE run_uuid = ?", [run])
                found[name][table] = sorted(map(list, rows))
            tags = connection.execute("SELECT key, value FROM tags WHERE run_uuid = ?", [run])
            found[name]["tags"] = sorted(list(row) for row in tags if row[0].startswith(("babelmix.", "dvc.")))
            (place,) = connection.execute("SELECT artifact_uri FROM runs WHERE run_uuid = ?", [run]).fetchone()
            files = sorted(file for file in Path(place).rglob("*") if file.is_file())
            found[name]["files"] = [[str(file.relative_to(place)), file.stat().st_size] for file in files]
            inputs = "SELECT count(*) FROM inputs WHERE destination_id = ?"
            found[name]["inputs"] = connection.execute(inputs, [run]).fetchone()[0]
    return json.loads(json.dumps([found, experiments]))


PAIRS = "libreoffice-help"
EVALUATE = Stage(
    ["evaluate", "--model", "bm25", "--benchmark", "data/benchmarks/gnome-help", "--output", "scores/bm25.json",
     "--per-query", "scores/bm25.npz"],
    ("scores/bm25.json", "scores/bm25.npz"),
    _load_evaluate,
    old_command=["evaluate", "--embeddings", "data/embeddings/hybrid/gnome-help", "--benchmark",
                 "data/benchmarks/gnome-help", "--output", "scores/bm25.json", "--per-query", "scores/bm25.npz"],
)  # fmt: skip
CARELESS = "careless"  # no stage of babelmix
STAGES = {
    "translate": Stage(
        ["translate", "pairs", "--source", PAIRS, "--language", "pt"],
        (f"data/pairs/machine/{PAIRS}/pt.jsonl", f"data/pairs/rejected/{PAIRS}/pt.jsonl",
         f"metrics/translate/{PAIRS}/pt.json"),
        _load_translate,
        old_params={"translate": {"max_pairs": 20}},
        params={"translate": {"max_pairs": None}},
        stores=(".babelmix/translations/",),
        projection=_translations,
        some={"fresh": 20, "old": 20},
    ),
    "tokenise": Stage(
        ["tokenise"],
        ("data/tokens",),
        load_torch,
        old_params={"train": {"max_passage_tokens": 12}},
        params={"train": {"max_passage_tokens": 24}},
    ),
    "train": Stage(
        ["train", "--objective", "hybrid"],
        ("models/hybrid", "metrics/history/hybrid.csv"),
        load_torch,
        old_params={"seed": 14},
        params={"seed": 13},
    ),
    "embed": Stage(
        ["embed", "--model", "models/untrained", "--benchmark", "data/benchmarks/small", "--output", "vectors"],
        ("vectors",),
        load_torch,
        old_params={"embed": {"max_tokens": 6}},
        params={"embed": {"max_tokens": 64}},
        stores=(".babelmix/vectors/",),
        projection=_kept,
    ),
    "evaluate": EVALUATE,
    CARELESS: replace(EVALUATE, load=_load_careless),
    "scores": Stage(
        ["report", "scores"],
        ("metrics/main_score.json", "metrics/scores.csv", "metrics/by_language.csv"),
        _load_scores,
        old_params={"objectives": ["contrastive"]},
        params={"objectives": ["contrastive", "hybrid"]},
    ),
    "report": Stage(
        ["report", "run"],
        ("reports/figures", "reports/run.md"),
        _load_report,
        old_params={"objectives": ["contrastive"]},
        params={"objectives": ["contrastive", "hybrid"]},
    ),
    "explore": Stage(
        ["report", "explore"],
        ("reports/explore",),
        _load_explore,
        old_params={"seed": 14},
        params={"seed": 13},
    ),
    "track": Stage(
        ["track"],
        (),
        _load_track,
        old_params={"objectives": ["contrastive"]},
        params={"objectives": ["contrastive", "hybrid"]},
        stores=("mlflow.db", "mlruns"),
        projection=_runs,
        some={"fresh": 4, "old": 16},
        most={"fresh": 60},  # of a few thousand: nearly all are statements of MLflow's that make its database
    ),
}  # fmt: skip
