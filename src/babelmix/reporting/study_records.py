"""Turn a finished DVC experiment of the study into its record, from DVC's cache: nothing is checked out.

facts, values = record_of(opened, run, study, Measured(machine, device, seconds, peak_memory))
write_record(HERE.study, run, facts, values)
"""

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from babelmix.common.reading import parse_json
from babelmix.evaluation.measures import MEASURES
from babelmix.evaluation.query_scores import SCOPES
from babelmix.evaluation.question_values import question_values
from babelmix.reporting.experiment_files import LazyScores, Opened, read_evaluations, read_file
from babelmix.reporting.lock import parse_lock
from babelmix.reporting.results import parse_parameters
from babelmix.reporting.study_hashes import read_hashes
from babelmix.study.record import Facts, Scope, Scored, key
from babelmix.study.runs import TRAINED, Run
from babelmix.study.settings import Study
from babelmix.workspace import BM25, DEV, HERE, NATIVE_DEV, UNTRAINED, encoder_of

SECTIONS = (
    "threads",
    "sources",
    "source",
    "pairs",
    "translate",
    "recipe",
    "pretrain",
    "train",
    "embed",
    "benchmark",
    "evaluate",
)
BIAS = ("rank_distance", "rank_distance_share", "lpr", "lpr_expected", "same_language_share_top10", "mrc_at_10")


@dataclass(frozen=True, slots=True)
class Measured:
    """What the driver saw of a run, beside its files."""

    machine: str
    device: str
    seconds: Mapping[str, float] = field(default_factory=dict[str, float])
    peak_memory: int | None = None


def record_of(
    opened: Opened, run: Run, study: Study, measured: Measured, revision: str, overrides: tuple[str, ...]
) -> tuple[Facts, dict[str, NDArray[np.float64]]]:
    """Return what the experiment leaves in Git, see `study.record`; UserError where the cache lacks a file."""
    settings = opened.settings
    systems = systems_of(run, study)
    benchmarks = [*run.benchmarks, *([] if run.kind == "bm25" else [DEV])]
    scored = {benchmark: read_evaluations(opened, benchmark, systems) for benchmark in benchmarks}
    values: dict[str, NDArray[np.float64]] = {}
    if run.kind != "rate":
        for benchmark in (name for name in run.benchmarks if name != NATIVE_DEV):
            values |= _values(LazyScores(opened, benchmark, systems), benchmark, scored[benchmark])
    parameters = (0, 0) if run.kind == "bm25" else _parameters(opened)
    preset = settings.preset()
    facts = Facts(
        settings=_settings(opened, run),
        overrides=overrides,
        revision=revision,
        machine=measured.machine,
        device=measured.device,
        layers=None if run.kind == "bm25" else preset.layers,
        parameters=parameters[0],
        parameters_outside_embeddings=parameters[1],
        learning_rate=settings.learning_rate(),
        steps=settings.train.steps,
        hashes=_hashes(opened, run, benchmarks),
        seconds={name: round(value, 1) for name, value in measured.seconds.items()},
        peak_memory=measured.peak_memory,
        losses={name: _losses(opened, name) for name in run.objectives if run.kind in ("rate", *TRAINED)},
        strengths=dict(_strengths(opened, systems)),
        shares={name: _json(opened, str(HERE.average_scores(name)))["share"] for name in run.averages},
        systems={
            name: {benchmark: _scored(scored[benchmark][name], name) for benchmark in benchmarks} for name in systems
        },
    )
    return facts, values


def systems_of(run: Run, study: Study) -> list[str]:
    """Return the systems that a run's record has: its encoders, plain and in the forms that the study keeps."""
    if run.kind == "bm25":
        return [BM25]
    if run.kind == "rate":
        return list(run.objectives)
    encoders = (UNTRAINED,) if run.kind == "untrained" else (*run.objectives, *run.averages)
    return [encoder + form for encoder in encoders for form in ("", *study.forms)]


def _settings(opened: Opened, run: Run) -> dict[str, Any]:
    settings = opened.settings
    dumped = settings.model_dump(mode="json", include=set(SECTIONS))
    del dumped["translate"]["candidates"]  # no result depends on them
    dumped["preset"] = settings.preset().model_dump(mode="json", exclude_none=True)
    dumped["objective"] = {
        name: settings.objective(name).model_dump(mode="json", exclude_defaults=True) for name in run.objectives
    }
    dumped["average"] = {name: [settings.average[name].first, settings.average[name].second] for name in run.averages}
    return dumped


def _values(
    scores: LazyScores, benchmark: str, evaluations: Mapping[str, dict[str, Any]]
) -> dict[str, NDArray[np.float64]]:
    found: dict[str, NDArray[np.float64]] = {}
    for system, own in scores.items():
        column = MEASURES[evaluations[system]["main_score"]]
        for scope in SCOPES:
            if evaluations[system]["scopes"][scope]["map"] is not None:
                found[key(system, benchmark, scope)] = question_values(own, scope, column)
    return found


def _scored(evaluation: dict[str, Any], system: str) -> Scored:
    main, scopes, bias = str(evaluation["main_score"]), evaluation["scopes"], evaluation["bias"]
    by: dict[str, dict[str, float]] = {}
    if system == encoder_of(system):
        by = {scope: {name: round(own[main], 4) for name, own in scopes[scope]["by"].items()} for scope in SCOPES}
    return Scored(
        main_score=main,
        scopes={scope: Scope.model_validate(scopes[scope]) for scope in SCOPES},
        bias={name: bias.get(name) for name in BIAS},
        contrastive_entropy=evaluation.get("contrastive_entropy"),
        by=by,
    )


def _hashes(opened: Opened, run: Run, benchmarks: list[str]) -> dict[str, str]:
    stages = parse_lock(read_file(opened, str(HERE.lock)), f"{HERE.lock} of {opened.name}")
    return read_hashes(stages, run.scored_by(), benchmarks)


def _parameters(opened: Opened) -> tuple[int, int]:
    path = str(HERE.encoder_metrics)
    return parse_parameters(read_file(opened, path), f"{path} of {opened.name}")


def _losses(opened: Opened, objective: str) -> dict[str, float]:
    rows = csv.DictReader(io.StringIO(read_file(opened, str(HERE.history(objective)))))
    found: dict[str, float] = {}
    for row in rows:
        found |= {
            name: float(value) for name, value in row.items() if value and (name == "loss" or name.startswith("dev_"))
        }
    return found


def _strengths(opened: Opened, systems: list[str]) -> Iterator[tuple[str, float]]:
    debiased = [name for name in systems if name != encoder_of(name)]
    for encoder in dict.fromkeys(map(encoder_of, debiased)):
        for form, chosen in _json(opened, str(HERE.debiasing(encoder))).items():
            if f"{encoder}+{form}" in debiased:
                yield f"{encoder}+{form}", chosen["chosen"]


def _json(opened: Opened, path: str) -> Any:
    return parse_json(read_file(opened, path), f"{path} of {opened.name}")
