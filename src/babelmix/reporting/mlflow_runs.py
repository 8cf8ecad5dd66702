"""DVC results as MLflow runs: one run for each trained objective and each baseline, however often it is tracked.

    track(Path("."), settings, store_root)       # the last stage of the pipeline

The runs are made from DVC's results, not by the training: a training that DVC takes from its run-cache computes
nothing, yet must have a run. A run is known by its fingerprint: the sha256 of its train stage in dvc.lock (command,
dependency hashes, params), or, of a baseline, of what its evaluation reads of data and models. Tracking the same
results again updates the run, and does nothing if nothing has changed.

An older release computed the fingerprint from other commands and files, and kept it under another name. Its run is
renewed if it has the same name and the same losses; else it stays, and a line says how to delete it. A renewed run
keeps the metrics of the older release, which MLflow cannot delete, and a line says how to start afresh.
"""

import hashlib
import math
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from babelmix.common.errors import UserError
from babelmix.common.progress import say
from babelmix.common.reading import read_text
from babelmix.reporting.compare import dev_of
from babelmix.reporting.dev_choice import best_debiasing
from babelmix.reporting.lock import hashes, parse_lock
from babelmix.reporting.mlflow_entry import CONTENT, Entry, key_of, sha256, write_entry
from babelmix.reporting.mlflow_scores import PARAMETERS, main_metrics, table
from babelmix.reporting.mlflow_store import database, experiment_id, locked, open_client, refused, tagged
from babelmix.reporting.results import HistoryRow, Results, read_results
from babelmix.settings.params import Settings
from babelmix.workspace import BM25, DEBIASINGS, DEV, HERE, UNTRAINED, Workspace, evaluation_stage

if TYPE_CHECKING:  # mlflow takes two seconds to import
    from mlflow.tracking import MlflowClient

EXPERIMENT = "babelmix"
FINGERPRINT = "babelmix.train_stage"
OLD_FINGERPRINT = "babelmix.fingerprint"  # of releases before 0.2
READ = (f"{HERE.data}/", f"{HERE.models}/")  # what a run is of: data and encoders, not code


@dataclass(frozen=True, slots=True)
class TrackResult:
    """The number of new runs and of renewed runs, and the ids of all: the objectives in their order, the baselines."""

    created: int
    updated: int
    run_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Run:
    """What MLflow should have of one system, and by what it is known."""

    fingerprint: str
    entry: Entry
    trained: bool

    def content(self, reports: Path) -> str:
        """Return the sha256 of everything that is logged, the report's files included, which trained runs have."""
        files = {
            str(file.relative_to(reports)): hashlib.sha256(file.read_bytes()).hexdigest()
            for file in (sorted(reports.rglob("*")) if self.trained else ())
            if file.is_file()
        }
        return self.entry.content(files)


def track(root: Path, settings: Settings, store_root: Path) -> TrackResult:
    """Make or update the MLflow run of every trained objective, of the untrained encoder and of BM25.

    Reads dvc.lock, metrics/ and reports/ of `root`; writes `store_root`/mlflow.db and `store_root`/mlruns. The two
    roots differ in a queued experiment: `root` is a temporary copy, and the store must outlive it. Several processes
    may call it at once. It asks the store even if nothing has changed, since only the store knows of a run that was
    deleted by hand; MLflow is imported only to write.

    Raises UserError if the pipeline has not written the results.
    """
    workspace = Workspace(root)
    results = read_results(workspace, settings)
    stages = _read_lock(root)
    systems = (*settings.objectives, UNTRAINED, BM25)
    wanted = [_describe(settings, results, stages, system) for system in systems]
    contents = [run.content(workspace.reports) for run in wanted]
    known = tagged(store_root, EXPERIMENT, FINGERPRINT, CONTENT)
    there = [known.get(run.fingerprint, ("", "")) for run in wanted]
    if [content for _, content in there] == contents:
        return TrackResult(0, 0, tuple(run_id for run_id, _ in there))
    created = updated = old = 0
    run_ids: list[str] = []
    with locked(store_root), refused(store_root):
        client = open_client(store_root)
        experiment = experiment_id(client, store_root, EXPERIMENT)
        for run, content in zip(wanted, contents, strict=True):
            found = client.search_runs([experiment], f"tags.`{FINGERPRINT}` = '{run.fingerprint}'")
            found = list(found) or _of_older_release(client, experiment, run)
            if not found:
                tags = _origin(root) | {FINGERPRINT: run.fingerprint}
                made = client.create_run(experiment, tags=tags, run_name=run.entry.name)
                created += 1
            else:
                made = found[0]
                client.set_tag(made.info.run_id, FINGERPRINT, run.fingerprint)  # a run of an older release lacks it
                updated += made.data.tags.get(CONTENT) != content
                old += bool(made.data.metrics.keys() - {key_of(key) for key in run.entry.metric_names()})
            if made.data.tags.get(CONTENT) != content:
                reports = workspace.reports if run.trained else None
                write_entry(client, made, run.entry, content, reports=reports)
            run_ids.append(made.info.run_id)
    if old:
        how = f"to start afresh, move {database(store_root)} away and run `babelmix track`"
        say(f"MLflow has {old} run(s) that keep metrics of an older release; {how}")
    return TrackResult(created, updated, tuple(run_ids))


def _describe(settings: Settings, results: Results, stages: dict[str, Any], system: str) -> _Run:
    """Return the run of an objective, or of a baseline."""
    objective = settings.objective(system) if system in settings.objectives else None
    stage = _stage(stages, f"train@{system}" if objective else evaluation_stage(system))
    inputs = hashes(stage, "deps", READ)
    for benchmark in settings.benchmarks:
        inputs |= hashes(_stage(stages, f"benchmark@{benchmark}"), "outs", (str(HERE.benchmark(benchmark)),))
    forms = [] if system == BM25 else [system + form for form in DEBIASINGS]
    evaluations = {
        name: results.evaluations[name] | ({DEV: results.dev[name]} if forms else {}) for name in (system, *forms)
    }
    best = best_debiasing(dev_of(results), system) if forms else None
    params: dict[str, Any] = {"system": system}
    metrics: dict[str, float] = {}
    curves: list[tuple[str, int, float]] = []
    kept: dict[str, Any] = {"benchmarks": settings.benchmarks}
    name = system
    if best:
        name = f"{settings.model.size}/{system}"
        layers = settings.preset().layers or "all"
        params |= {"size": settings.model.size, "layers": layers, "parameters": results.parameters[0]}
        metrics[PARAMETERS] = results.parameters[1]
        kept |= {"encoder": settings.preset().describe()}
    if objective:
        name += f"/s{settings.seed}"
        params |= {"alpha": objective.alpha, "seed": settings.seed, "steps": objective.steps_of(settings.train.steps)}
        params |= {"learning_rate": settings.learning_rate(), "recipe": settings.recipe}
        params |= {"pretraining": settings.pretrain.objective}
        curves += _curves(results.histories[system])
        sections = settings.model_dump(
            mode="json", include={"threads", "sources", "pairs", "pretrain", "train", "translate"}
        )
        kept |= {"batches": objective.describe(), "objective": objective.model_dump(mode="json")} | sections
    known = [stage["cmd"], hashes(stage, "deps"), stage.get("params", {})]
    baseline = [system, hashes(stage, "deps", READ), stage.get("params", {})]
    entry = Entry(
        name=name,
        params={key: str(value) for key, value in params.items()},
        metrics=main_metrics(evaluations, system, best) | metrics,
        table=table(evaluations, [system, *forms]),
        curves=tuple(curves),
        settings=kept,
        tags={"debiasing": best.removeprefix(system)} if best else {},
        inputs=inputs,
    )
    return _Run(sha256(known if objective else baseline), entry, objective is not None)


def _curves(history: tuple[HistoryRow, ...]) -> list[tuple[str, int, float]]:
    found: list[tuple[str, int, float]] = []
    for row in history:
        values = {"train/loss": row.loss, "train/learning_rate": row.lr}
        values |= {f"dev/{name}_loss": loss for name, loss in row.dev.items()}
        found += [(name, row.step, value) for name, value in values.items() if math.isfinite(value)]
    return found


def _of_older_release(client: "MlflowClient", experiment: str, run: _Run) -> list[Any]:
    """Return the run that an older release made of this training, known by its name and its losses.

    A run of this name with other losses was another training: it stays, and a line says so.
    """
    named = f"tags.`{OLD_FINGERPRINT}` != '' and attributes.run_name = '{run.entry.name}'"
    losses = [(step, value) for key, step, value in run.entry.curves if key == "train/loss"]
    others = 0
    for old in client.search_runs([experiment], named):
        if FINGERPRINT in old.data.tags:
            continue
        if [(point.step, point.value) for point in client.get_metric_history(old.info.run_id, "train/loss")] == losses:
            return [old]
        others += 1
    if others:
        how = "delete it in `babelmix ui` if you do not compare with it"
        say(f"MLflow has {others} run(s) {run.entry.name} of an older release with other losses; {how}")
    return []


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
