"""DVC results as MLflow runs: one run for each trained objective, however often it is tracked.

    track(Path("."), settings, store_root)       # the last stage of the pipeline
    serve_ui(store_root, port=5000)              # the comparison of all runs, on loopback

The runs are made from DVC's results, not by the training: a training that DVC takes from its run-cache computes
nothing, yet must have a run. A run is known by its fingerprint, the sha256 of its train stage in dvc.lock (command,
dependency hashes, params). Tracking the same training again updates the run, and does nothing if nothing has changed.

An older release computed the fingerprint from other commands and files, and kept it under another name. Its run is
renewed if it has the same name and the same losses; else it stays, and a line says how to delete it.
"""

import hashlib
import json
import os
import re
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from babelmix.common.errors import UserError
from babelmix.common.progress import say
from babelmix.common.reading import read_text
from babelmix.evaluation.measures import MEASURES
from babelmix.reporting.compare import dev_of
from babelmix.reporting.dev_choice import best_debiasing
from babelmix.reporting.lock import hashes, parse_lock
from babelmix.reporting.mlflow_store import (
    LOOPBACK,
    artifacts,
    database,
    locked,
    open_client,
    refused,
    relocate,
    serve,
    tagged,
)
from babelmix.reporting.names import POOL_FIRST
from babelmix.reporting.results import HistoryRow, Results, read_results
from babelmix.settings.params import Settings
from babelmix.workspace import BM25, HERE, LIR, UNTRAINED, Workspace

if TYPE_CHECKING:  # mlflow takes two seconds to import
    from mlflow.tracking import MlflowClient

EXPERIMENT = "babelmix"
FINGERPRINT = "babelmix.train_stage"
OLD_FINGERPRINT = "babelmix.fingerprint"  # of releases before 0.2
CONTENT = "babelmix.content"  # sha256 of all that was logged; set last: an interrupted run is completed next time
BATCH = 1000  # metrics in one request, at most
KEY = 250  # characters of a name, at most
VIEW = {"mlflow.experimentKind": "custom_model_development"}  # the UI shows training runs, not chat traces


@dataclass(frozen=True, slots=True)
class TrackResult:
    """The number of new runs and of renewed runs, and the ids of all runs in the order of the objectives."""

    created: int
    updated: int
    run_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Run:
    """What MLflow should have of one trained objective."""

    name: str
    fingerprint: str
    params: dict[str, str]
    metrics: dict[str, float]
    history: tuple[HistoryRow, ...]
    inputs: dict[str, str]  # path -> DVC's hash, of the data and the starting model

    def content(self, reports: Path) -> str:
        """Return the sha256 of everything that is logged, the report's files included."""
        files = {
            str(file.relative_to(reports)): hashlib.sha256(file.read_bytes()).hexdigest()
            for file in sorted(reports.rglob("*"))
            if file.is_file()
        }
        history = [(row.step, row.loss, row.lr, row.dev) for row in self.history]
        return _sha256([self.name, self.params, self.metrics, self.inputs, history, files])


def track(root: Path, settings: Settings, store_root: Path) -> TrackResult:
    """Make or update the MLflow run of every trained objective.

    Reads dvc.lock, metrics/ and reports/ of `root`; writes `store_root`/mlflow.db and `store_root`/mlruns. The two
    roots differ in a queued experiment: `root` is a temporary copy, and the store must outlive it. Several processes
    may call it at once. It asks the store even if nothing has changed, since only the store knows of a run that was
    deleted by hand; MLflow is imported only to write.

    Raises UserError if the pipeline has not written the results.
    """
    workspace = Workspace(root)
    results = read_results(workspace, settings)
    stages = _read_lock(root)
    wanted = [_describe(settings, results, stages, objective) for objective in settings.objectives]
    contents = [run.content(workspace.reports) for run in wanted]
    known = tagged(store_root, EXPERIMENT, FINGERPRINT, CONTENT)
    there = [known.get(run.fingerprint, ("", "")) for run in wanted]
    if [content for _, content in there] == contents:
        return TrackResult(0, 0, tuple(run_id for run_id, _ in there))
    created = updated = 0
    run_ids: list[str] = []
    with locked(store_root), refused(store_root):
        client = open_client(store_root)
        experiment = _experiment(client, store_root)
        for run, content in zip(wanted, contents, strict=True):
            found = client.search_runs([experiment], f"tags.`{FINGERPRINT}` = '{run.fingerprint}'")
            found = list(found) or _of_older_release(client, experiment, run)
            if not found:
                tags = _origin(root) | {FINGERPRINT: run.fingerprint}
                made = client.create_run(experiment, tags=tags, run_name=run.name)
                created += 1
            else:
                made = found[0]
                client.set_tag(made.info.run_id, FINGERPRINT, run.fingerprint)  # a run of an older release lacks it
                updated += made.data.tags.get(CONTENT) != content
            if made.data.tags.get(CONTENT) != content:
                _log(client, made, run, workspace.reports, content)
            run_ids.append(made.info.run_id)
    return TrackResult(created, updated, tuple(run_ids))


def comparison_url(store_root: Path, host: str = LOOPBACK, port: int = 5000) -> str:
    """Return the address of MLflow's comparison of all runs; UserError if there are no runs yet."""
    runs: list[Any] = []
    if database(store_root).exists():
        with locked(store_root), refused(store_root):
            client = open_client(store_root)
            experiment = client.get_experiment_by_name(EXPERIMENT)
            runs = list(client.search_runs([experiment.experiment_id])) if experiment else []
    if not runs:
        raise UserError("no runs yet", where=str(database(store_root)), how="run `make repro` first")
    names = sorted((run.info.run_name, run.info.run_id) for run in runs)
    chosen = quote(json.dumps([run_id for _, run_id in names], separators=(",", ":")))
    experiments = quote(json.dumps([runs[0].info.experiment_id]))
    return f"http://{host}:{port}/#/compare-runs?runs={chosen}&experiments={experiments}"


def serve_ui(store_root: Path, port: int = 5000) -> None:
    """Print the address of the comparison and serve MLflow's UI on loopback until interrupted.

    Raises UserError if there are no runs, or if the port is taken.
    """
    serve(store_root, comparison_url(store_root, port=port), port)


def _describe(settings: Settings, results: Results, stages: dict[str, Any], objective: str) -> _Run:
    train = _stage(stages, f"train@{objective}")
    preset, batches = settings.preset(), settings.objective(objective)
    params: dict[str, Any] = {
        "model.size": settings.model.size,
        "encoder": preset.describe(),
        "layers": preset.layers or "all",
        "recipe": settings.recipe,
        "learning_rate": settings.learning_rate(),
        "objective": objective,
        "batches": batches.describe(),
        **batches.model_dump(exclude={"languages", "origin"}, exclude_none=True),
        "languages": ",".join(batches.languages or (*settings.pairs.languages, *settings.translate.languages)),
        "origin": batches.origin or "human first",
        "sources": ",".join(settings.sources),
        "seed": settings.seed,
        "threads": settings.threads,
        **{f"train.{name}": value for name, value in settings.train.model_dump(exclude={"learning_rate"}).items()},
        **{f"pairs.{name}": value for name, value in settings.pairs.model_dump(exclude={"languages"}).items()},
    }
    best = best_debiasing(dev_of(results), objective)
    params["best_debiasing"] = best.removeprefix(objective)
    total, non_embedding = results.parameters
    metrics: dict[str, float] = {}  # MLflow's comparison opens at the first one, multilingual mAP
    inputs = hashes(train, "deps", (f"{HERE.data}/", f"{HERE.models}/"))
    for benchmark in settings.benchmarks:
        metrics |= _scores(results.evaluations[objective][benchmark], prefix="")
        metrics |= _scores(results.evaluations[objective + LIR][benchmark], prefix="lir/")
        metrics |= _scores(results.evaluations[best][benchmark], prefix="best_debiasing/")
        for baseline in (UNTRAINED, BM25):
            metrics |= _scores(results.evaluations[baseline][benchmark], prefix=f"{baseline}/")
        inputs |= hashes(_stage(stages, f"benchmark@{benchmark}"), "outs", (str(HERE.benchmark(benchmark)),))
    metrics |= _scores(results.dev[objective], prefix="")
    metrics |= {"model/parameters": total, "model/parameters_non_embedding": non_embedding}
    return _Run(
        name=f"{settings.model.size}/{objective}/s{settings.seed}",
        fingerprint=_sha256([train["cmd"], hashes(train, "deps"), train.get("params", {})]),
        params={name: str(value) for name, value in params.items()},
        metrics=metrics,
        history=results.histories[objective],
        inputs=inputs,
    )


def _scores(evaluation: dict[str, Any], *, prefix: str) -> dict[str, float]:
    """Return the figures of one evaluation under the same names in every run, without those that are None."""
    name = prefix + evaluation["benchmark"]
    scores = {
        f"{name}/{scope}/{measure}": evaluation["scopes"][scope][measure]
        for scope in POOL_FIRST
        for measure in MEASURES
    }
    scores[f"{name}/rank_distance"] = evaluation["bias"]["rank_distance"]
    return {key: float(value) for key, value in scores.items() if value is not None}


def _log(client: "MlflowClient", made: Any, run: _Run, reports: Path, content: str) -> None:
    from mlflow.entities import Dataset, DatasetInput, Metric, Param, RunTag

    run_id, started, now = made.info.run_id, made.info.start_time, int(time.time() * 1000)
    metrics = [Metric(_key(key), value, now, 0) for key, value in run.metrics.items()]
    for row in run.history:  # stamped with the run's start, so that logging it again adds no second point
        curves = {"train/loss": row.loss, "train/learning_rate": row.lr}
        curves |= {f"dev/{name}": loss for name, loss in row.dev.items()}
        metrics += [Metric(_key(key), value, started, row.step) for key, value in curves.items()]
    # MLflow refuses to change a param: one outside of the fingerprint keeps the value that was logged first.
    params = [Param(key, value) for key, value in run.params.items() if key not in made.data.params]
    tags = [RunTag(_key(f"dvc.md5.{path}"), md5) for path, md5 in run.inputs.items()]
    client.log_batch(run_id, params=params, tags=tags)
    for start in range(0, len(metrics), BATCH):
        client.log_batch(run_id, metrics=metrics[start : start + BATCH])
    data = [(path, md5) for path, md5 in run.inputs.items() if path.startswith("data/")]
    client.log_inputs(run_id, [DatasetInput(Dataset(path, md5, "dvc", path)) for path, md5 in data])
    client.log_artifacts(run_id, str(reports), "reports")
    client.set_terminated(run_id)
    client.set_tag(run_id, CONTENT, content)


def _of_older_release(client: "MlflowClient", experiment: str, run: _Run) -> list[Any]:
    """Return the run that an older release made of this training, known by its name and its losses.

    A run of this name with other losses was another training: it stays, and a line says so.
    """
    named = f"tags.`{OLD_FINGERPRINT}` != '' and attributes.run_name = '{run.name}'"
    losses = [(row.step, row.loss) for row in run.history]
    others = 0
    for old in client.search_runs([experiment], named):
        if FINGERPRINT in old.data.tags:
            continue
        if [(point.step, point.value) for point in client.get_metric_history(old.info.run_id, "train/loss")] == losses:
            return [old]
        others += 1
    if others:
        how = "delete it in `babelmix ui` if you do not compare with it"
        say(f"MLflow has {others} run(s) {run.name} of an older release with other losses; {how}")
    return []


def _experiment(client: "MlflowClient", store_root: Path) -> str:
    """Return the id of the experiment, which is created, or restored if it was deleted."""
    experiment = client.get_experiment_by_name(EXPERIMENT)
    if experiment is None:
        return client.create_experiment(EXPERIMENT, artifact_location=artifacts(store_root), tags=VIEW)
    if experiment.artifact_location != artifacts(store_root):
        relocate(store_root, experiment.artifact_location)
    if experiment.lifecycle_stage == "deleted":
        client.restore_experiment(experiment.experiment_id)
    return experiment.experiment_id


def _origin(root: Path) -> dict[str, str]:
    """Return the revision and the experiment of a run, as tags; they are set once, when the run is created."""
    command = ["git", "-C", str(root), "rev-parse", "HEAD"]
    try:
        revision = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):  # no git, or no repository
        revision = "unversioned"
    tags = {"dvc.rev": revision}
    if name := os.environ.get("DVC_EXP_NAME"):
        tags["dvc.exp"] = name
    return tags


def _read_lock(root: Path) -> dict[str, Any]:
    file = Workspace(root).lock
    if not file.exists():
        raise UserError("no such file", where=str(file), how="run `dvc repro`")
    return parse_lock(read_text(file), str(file))


def _stage(stages: dict[str, Any], name: str) -> dict[str, Any]:
    if "cmd" not in stages.get(name, {}):
        raise UserError(f"no stage {name}", where=str(HERE.lock), how=f"run `dvc repro {name}`")
    return stages[name]


def _key(name: str) -> str:
    """Return the name of a metric or tag with the characters replaced that MLflow refuses."""
    parts = (re.sub(r"[^\w. :-]", "_", part) for part in name.split("/"))
    key = "/".join("_" if part in ("", ".", "..") else part for part in parts)
    return key if key == name and len(key) <= KEY else f"{key[: KEY - 9]}.{_sha256(name)[:8]}"


def _sha256(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
