"""What the pipeline has written under `metrics/`, read back for the report and for MLflow.

    results = read_results(HERE, settings)
    results.evaluations["hybrid"]["gnome-help"]["settings"]["multilingual"]["map"]
    results.histories["hybrid"][-1].loss

Only the benchmarks and objectives that the settings name are read. A variant is "bm25", "untrained", an objective, or
one of the last two debiased after the fact, "hybrid+lir".
"""

import csv
import io
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from babelmix.common.errors import UserError
from babelmix.common.reading import parse_json, read_text
from babelmix.settings.params import Settings
from babelmix.workspace import BM25, DEV, LIR, UNTRAINED, Workspace, evaluation_stage

SETTINGS = ("multilingual", "crosslingual", "monolingual")


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One training step; `dev` holds the dev losses (nats), by name, on the steps that looked."""

    step: int
    kind: str
    loss: float
    learning_rate: float
    dev: dict[str, float]


@dataclass(frozen=True, slots=True)
class Results:
    """Everything measured in one run of the pipeline; JSON files are kept as they were written."""

    evaluations: dict[str, dict[str, dict[str, Any]]]  # variant -> benchmark -> evaluation
    per_query: dict[str, dict[str, Path]]  # variant -> benchmark -> the scores of every query, .npz
    dev: dict[str, dict[str, Any]]  # objective -> evaluation of the dev split
    histories: dict[str, tuple[HistoryRow, ...]]  # by objective
    pairs: dict[str, dict[str, Any]]  # source -> language -> kept_train, kept_dev, dropped by reason
    translations: dict[str, dict[str, Any]]  # source -> language -> kept, rejected by reason, engine
    parameters: tuple[int, int]  # of the encoder: all, and those outside the embeddings


def read_results(workspace: Workspace, settings: Settings) -> Results:
    """Read the metrics of the pipeline in a workspace.

    Raises UserError for a missing or broken file, with the stage that writes it.
    """
    evaluations: dict[str, dict[str, dict[str, Any]]] = {}
    per_query: dict[str, dict[str, Path]] = {}
    for system in variants(settings.objectives):
        for benchmark in settings.benchmarks:
            stage = evaluation_stage(system, benchmark)
            scores = _read_evaluation(workspace.scores(system, benchmark), stage)
            evaluations.setdefault(system, {})[benchmark] = scores
            file = _existing(workspace.query_scores(system, benchmark), stage)
            per_query.setdefault(system, {})[benchmark] = file
    return Results(
        evaluations=evaluations,
        per_query=per_query,
        dev={
            name: _read_evaluation(workspace.scores(name, DEV), evaluation_stage(name, DEV))
            for name in settings.objectives
        },
        histories={name: _read_history(workspace.history(name), name) for name in settings.objectives},
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
        parameters=_read_parameters(workspace.encoder_metrics),
    )


def variants(objectives: Sequence[str]) -> tuple[str, ...]:
    """Return all that is scored: word overlap, the encoder before and after training, each also debiased."""
    return (BM25, *(f"{name}{form}" for name in (UNTRAINED, *objectives) for form in ("", LIR)))


def training_languages(results: Results) -> frozenset[str]:
    """Return the languages of the training pairs, human and machine-translated."""
    human = (lang for found in results.pairs.values() for lang, counts in found.items() if counts["kept_train"])
    machine = (lang for found in results.translations.values() for lang, counts in found.items() if counts["kept"])
    return frozenset((*human, *machine))


def seen(languages: str, known: frozenset[str]) -> str:
    """Return whether a language ("de") or pair ("de-en") is among the known ones: yes, partly or no."""
    found = [language in known for language in languages.split("-")]
    return "yes" if all(found) else "partly" if any(found) else "no"


def parse_evaluation(text: str, where: str) -> dict[str, Any]:
    """Return what `evaluate.to_json` wrote, as it was written, once all that is read of it is seen to be there."""
    value = parse_json(text, where)
    with _as_written(where):
        _Evaluation.model_validate(value)
    return value


def parse_parameters(text: str, where: str) -> tuple[int, int]:
    """Return the number of parameters of an encoder, all and outside the embeddings, from what its stage wrote."""
    value = parse_json(text, where)
    with _as_written(where):
        counts = _Parameters.model_validate(value)
    return counts.parameters, counts.non_embedding_parameters


Figure = Annotated[float, Field(strict=True, allow_inf_nan=False)] | None
Count = Annotated[int, Field(strict=True)]


class _Scope(BaseModel):
    map: Figure
    map_at_20: Figure
    ndcg_at_10: Figure
    recall_at_1: Figure
    recall_at_10: Figure
    recall_at_100: Figure
    queries: Count
    by: dict[str, dict[str, Figure]]


class _Scopes(BaseModel):
    multilingual: _Scope
    crosslingual: _Scope
    monolingual: _Scope


class _Bias(BaseModel):
    rank_distance: Figure
    rank_distance_share: Figure
    language_share_top10: dict[str, Figure]
    language_share_pool: dict[str, Figure]
    language_share_by: dict[str, dict[str, Figure]]
    same_language_share_top10: Figure
    by: dict[str, Figure]


class _Evaluation(BaseModel):
    """What the report, the comparisons and MLflow read of an evaluation; there may be more."""

    benchmark: str
    headline: Literal["map", "map_at_20", "ndcg_at_10", "recall_at_1", "recall_at_10", "recall_at_100"]
    settings: _Scopes
    bias: _Bias


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


@contextmanager
def _as_written(where: str) -> Generator[None]:
    """Turn a value that lacks what its stage writes, or has it in another form, into a UserError with the field."""
    try:
        yield
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "all of it"
        what = first["msg"][:1].lower() + first["msg"][1:]
        raise UserError(what, where=f"{where}, {field}", how="make the file again") from error


def _existing(file: Path, stage: str) -> Path:
    if not file.is_file():
        raise UserError("no such file", where=str(file), how=f"run `dvc repro {stage}`")
    return file


@contextmanager
def _of_stage(stage: str) -> Generator[None]:
    """Say of a file that cannot be read which stage writes it."""
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
    with _of_stage(stage), _as_written(str(file)):
        TypeAdapter(kind).validate_python(value)
    return value


def _read_parameters(file: Path) -> tuple[int, int]:
    with _of_stage("encoder"):
        return parse_parameters(read_text(_existing(file, "encoder")), str(file))


def _read_history(file: Path, objective: str) -> tuple[HistoryRow, ...]:
    stage = f"train@{objective}"
    path = _existing(file, stage)
    rows: list[HistoryRow] = []
    with _of_stage(stage):
        table = csv.DictReader(io.StringIO(read_text(path), newline=""))
        while True:
            try:
                row = next(table, None)
                if row is None:
                    return tuple(rows)
                dev = {name[4:]: float(text) for name, text in row.items() if name.startswith("dev_") and text}
                loss, lr = float(row["loss"]), float(row["lr"] if "lr" in row else row["learning_rate"])  # the old name
                rows.append(HistoryRow(int(row["step"]), str(row["kind"]), loss, lr, dev))
            except (KeyError, TypeError, ValueError, AttributeError, csv.Error) as error:
                where = f"{file}, line {table.line_num}"
                raise UserError("not a row of a history", where=where, how="") from error
