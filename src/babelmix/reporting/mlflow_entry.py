"""One run as MLflow should have it, and how it is written there.

    entry = Entry("base/hybrid/s13", params={"size": "base"}, metrics={"pool": .262}, table=table(...))
    write_entry(client, run_id, entry, entry.content())

A run has few metrics, at most 20: MLflow gives each a column and a chart. All other scores are a table, scores.json.
"""

import hashlib
import json
import re
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from babelmix.common.files import temporary_folder

if TYPE_CHECKING:  # mlflow takes two seconds to import
    from mlflow.tracking import MlflowClient

CONTENT = "babelmix.content"  # sha256 of all that was logged; set last: an interrupted run is completed next time
MOST = 20  # metrics of a run
BATCH = 800  # metrics in one request, at most: with params and tags 1,000
KEY = 250  # characters of a name, at most
SCORES, SETTINGS = "scores.json", "settings.json"  # artifacts
# By this tag the UI finds the tables that it shows side by side.
TABLES = {"mlflow.loggedArtifacts": json.dumps([{"path": SCORES, "type": "table"}])}


@dataclass(frozen=True, slots=True)
class Entry:
    """What MLflow should have of a run."""

    name: str
    params: dict[str, str]
    metrics: dict[str, float]
    table: dict[str, list[Any]] | None = None  # as `mlflow_scores.table` returns it
    curves: tuple[tuple[str, int, float], ...] = ()  # metric, step, value
    settings: dict[str, Any] = field(default_factory=dict[str, Any])  # all others, kept as a file
    tags: dict[str, str] = field(default_factory=dict[str, str])
    inputs: dict[str, str] = field(default_factory=dict[str, str])  # path -> DVC's hash, of the data and the encoder

    def __post_init__(self) -> None:
        """ValueError for too many metrics."""
        if len(self.metric_names()) > MOST:
            raise ValueError(f"{self.name}: {len(self.metric_names())} metrics, {MOST} at most")

    def metric_names(self) -> set[str]:
        """Return the names of all metrics."""
        return self.metrics.keys() | {name for name, _, _ in self.curves}

    def content(self, *more: Any) -> str:
        """Return the sha256 of everything that is logged, and of what else belongs to the run."""
        own = [self.name, self.params, self.metrics, self.table, self.curves, self.settings, self.tags, self.inputs]
        return sha256([own, *more])


def write_entry(client: "MlflowClient", made: Any, entry: Entry, content: str, *, reports: Path | None = None) -> None:
    """Log all of an entry to an MLflow run, which is finished then; what the run had already stays beside it."""
    from mlflow.entities import Dataset, DatasetInput, Metric, Param, RunTag

    run_id, started, now = made.info.run_id, made.info.start_time, int(time.time() * 1000)
    if files := {name: value for name, value in ((SCORES, entry.table), (SETTINGS, entry.settings)) if value}:
        with temporary_folder() as folder:  # MLflow's own would stay after a kill
            for name, value in files.items():
                (folder / name).write_text(json.dumps(value, indent=2), encoding="utf-8")
            client.log_artifacts(run_id, str(folder))
    if reports:
        client.log_artifacts(run_id, str(reports), "reports")
    data = [(path, md5) for path, md5 in entry.inputs.items() if path.startswith("data/")]
    if data:
        client.log_inputs(run_id, [DatasetInput(Dataset(path, md5, "dvc", path)) for path, md5 in data])
    client.set_terminated(run_id)
    metrics = [Metric(key_of(key), value, now, 0) for key, value in entry.metrics.items()]
    # Stamped with the run's start, so that logging a curve again adds no second point.
    metrics += [Metric(key_of(key), value, started, step) for key, step, value in entry.curves]
    tags = entry.tags | {f"dvc.md5.{path}": md5 for path, md5 in entry.inputs.items()}
    tags |= TABLES if entry.table else {}
    # MLflow refuses to change a param: one outside of the fingerprint keeps the value that was logged first.
    params = [Param(key, value) for key, value in entry.params.items() if key not in made.data.params]
    # Few requests, since each costs MLflow several transactions. Within one it writes the tags last.
    logged = [RunTag(key_of(key), value) for key, value in tags.items()]
    while len(metrics) > BATCH:
        client.log_batch(run_id, metrics=metrics[:BATCH])
        del metrics[:BATCH]
    client.log_batch(run_id, metrics=metrics, params=params, tags=[*logged, RunTag(CONTENT, content)])


def key_of(name: str) -> str:
    """Return the name of a metric or tag with the characters replaced that MLflow refuses."""
    parts = (re.sub(r"[^\w. :-]", "_", part) for part in name.split("/"))
    key = "/".join("_" if part in ("", ".", "..") else part for part in parts)
    return key if key == name and len(key) <= KEY else f"{key[: KEY - 9]}.{sha256(name)[:8]}"


def sha256(value: Any) -> str:
    """Return the sha256 of a value's JSON."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
