"""The metrics that the pipeline wrote, read back for the report and for MLflow.

    results = read_results(HERE, settings)
    results.evaluations["hybrid"]["gnome-help"]["scopes"]["multilingual"]["map"]
    results.histories["hybrid"][-1].loss

Only the benchmarks, objectives and averages that the settings name are read. A system is "bm25", "untrained", an
objective, an average, or one of the last three with a debiasing, such as "hybrid+lir" (see workspace.DEBIASINGS).
"""

import csv
import io
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, TypeAdapter

from babelmix.common.errors import UserError
from babelmix.common.fields import fields_checked
from babelmix.common.old_names import say_old_name
from babelmix.common.reading import parse_json, read_text
from babelmix.evaluation.score_files import Count, parse_evaluation
from babelmix.settings.params import Settings
from babelmix.workspace import BM25, DEBIASINGS, DEV, UNTRAINED, Workspace, evaluation_stage


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One training step; `dev` holds the dev losses (nats), by name, of the steps that computed them."""

    step: int
    kind: str
    loss: float
    lr: float
    dev: dict[str, float]


@dataclass(frozen=True, slots=True)
class Counts:
    """How many training pairs there are, by source and language; JSON files are kept as they were written."""

    pairs: dict[str, dict[str, Any]]  # source -> language -> kept_train, kept_dev, dropped by reason
    translations: dict[str, dict[str, Any]]  # source -> language -> kept, rejected by reason, engine


@dataclass(frozen=True, slots=True)
class Results(Counts):
    """Everything measured in one run of the pipeline; JSON files are kept as they were written."""

    evaluations: dict[str, dict[str, dict[str, Any]]]  # system -> benchmark -> evaluation
    per_query: dict[str, dict[str, Path]]  # system -> benchmark -> the scores of every query, .npz
    dev: dict[str, dict[str, Any]]  # system with vectors -> evaluation of the dev split
    histories: dict[str, tuple[HistoryRow, ...]]  # by objective
    parameters: tuple[int, int]  # of the encoder: all, and those outside the embeddings


def read_results(workspace: Workspace, settings: Settings) -> Results:
    """Read the metrics of the pipeline in a workspace.

    Raises UserError for a missing or broken file, with the stage that writes it.
    """
    evaluations = read_evaluations(workspace, settings)
    counts = read_counts(workspace, settings)
    return Results(
        evaluations=evaluations,
        per_query={
            system: {
                benchmark: _existing(
                    workspace.query_scores(system, benchmark), evaluation_stage(system, settings.averages)
                )
                for benchmark in settings.benchmarks
            }
            for system in evaluations
        },
        dev={
            name: _read_evaluation(workspace.scores(name, DEV), evaluation_stage(name, settings.averages))
            for name in evaluations
            if name != BM25
        },
        histories={name: _read_history(workspace.history(name), name) for name in settings.objectives},
        pairs=counts.pairs,
        translations=counts.translations,
        parameters=_read_parameters(workspace.encoder_metrics),
    )


def read_evaluations(workspace: Workspace, settings: Settings) -> dict[str, dict[str, dict[str, Any]]]:
    """Return system -> benchmark -> evaluation; UserError for a missing or broken file, with its stage."""
    return {
        system: {
            benchmark: _read_evaluation(
                workspace.scores(system, benchmark), evaluation_stage(system, settings.averages)
            )
            for benchmark in settings.benchmarks
        }
        for system in systems_of(settings.objectives, settings.averages)
    }


def read_counts(workspace: Workspace, settings: Settings) -> Counts:
    """Return the counts of the training pairs; UserError for a missing or broken file, with its stage."""
    return Counts(
        pairs={
            name: _read_counts(workspace.pair_counts(name), f"pairs@{name}", dict[str, _Kept])
            for name in settings.sources
        },
        translations={
            name: {
                language: _read_counts(
                    workspace.translation_counts(name, language), f"translate@{name}-{language}", _Translated
                )
                for language in settings.translate.languages
            }
            for name in settings.sources
        },
    )


def systems_of(objectives: Sequence[str], averages: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the systems that are scored: BM25, and every encoder (untrained, trained, averaged) plain and debiased."""
    return (BM25, *(f"{name}{form}" for name in (UNTRAINED, *objectives, *averages) for form in ("", *DEBIASINGS)))


def reference_of(objectives: Sequence[str]) -> str:
    """Return the objective that the others are compared with: contrastive, or else the first."""
    return "contrastive" if "contrastive" in objectives else objectives[0]


def training_languages(counts: Counts) -> frozenset[str]:
    """Return the languages of the training pairs, human and machine-translated."""
    human = (lang for found in counts.pairs.values() for lang, own in found.items() if own["kept_train"])
    machine = (lang for found in counts.translations.values() for lang, own in found.items() if own["kept"])
    return frozenset((*human, *machine))


def seen(languages: str, known: frozenset[str]) -> str:
    """Return whether a language ("de"), or a pair ("de-en"), is among the known ones: yes, partly or no."""
    found = [language in known for language in languages.split("-")]
    return "yes" if all(found) else "partly" if any(found) else "no"


def parse_parameters(text: str, where: str) -> tuple[int, int]:
    """Return an encoder's number of parameters, all and outside the embeddings, from the file of its stage."""
    value = parse_json(text, where)
    with fields_checked(where):
        counts = _Parameters.model_validate(value)
    return counts.parameters, counts.non_embedding_parameters


class _Kept(BaseModel):
    kept_train: Count
    kept_dev: Count
    dropped: dict[str, Count]


class _Parameters(BaseModel):
    parameters: Count
    non_embedding_parameters: Count


class _Translated(BaseModel):
    kept: Count
    rejected: dict[str, Count]
    engine: str


def _existing(file: Path, stage: str) -> Path:
    if not file.is_file():
        raise UserError("no such file", where=str(file), how=f"run `dvc repro {stage}`")
    return file


@contextmanager
def _of_stage(stage: str) -> Generator[None]:
    """Add the stage that writes a file to the errors of reading it."""
    try:
        yield
    except UserError as error:
        raise UserError(error.what, where=error.where, how=f"delete it and run `dvc repro {stage}`") from error


def _read_json(file: Path, stage: str) -> Any:
    path = _existing(file, stage)
    with _of_stage(stage):
        return parse_json(read_text(path), str(file))


def _read_evaluation(file: Path, stage: str) -> dict[str, Any]:
    path = _existing(file, stage)
    with _of_stage(stage):
        return parse_evaluation(read_text(path), str(file))


def _read_counts(file: Path, stage: str, kind: Any) -> Any:
    value = _read_json(file, stage)
    with _of_stage(stage), fields_checked(str(file)):
        TypeAdapter(kind).validate_python(value)
    return value


def _read_parameters(file: Path) -> tuple[int, int]:
    path = _existing(file, "encoder")
    with _of_stage("encoder"):
        return parse_parameters(read_text(path), str(file))


def _read_history(file: Path, objective: str) -> tuple[HistoryRow, ...]:
    stage = f"train@{objective}"
    path = _existing(file, stage)
    rows: list[HistoryRow] = []
    old = False  # the name of the learning rate before version 0.2
    with _of_stage(stage):
        table = csv.DictReader(io.StringIO(read_text(path), newline=""))
        while True:
            try:
                row = next(table, None)
                if row is None:
                    if old:
                        say_old_name("learning_rate", "lr", str(file))
                    return tuple(rows)
                dev = {name[4:]: float(text) for name, text in row.items() if name.startswith("dev_") and text}
                old = "lr" not in row
                loss, lr = float(row["loss"]), float(row["learning_rate" if old else "lr"])
                rows.append(HistoryRow(int(row["step"]), str(row["kind"]), loss, lr, dev))
            except (KeyError, TypeError, ValueError, AttributeError, csv.Error) as error:
                where = f"{file}, line {table.line_num}"
                raise UserError("not a row of a history", where=where, how="") from error
