"""What the pipeline has written under `metrics/`, read back for the report and for MLflow.

    results = read_results(Path("."), settings)
    results.evaluations["hybrid"]["gnome-help"]["settings"]["multilingual"]["map"]
    results.histories["hybrid"][-1].loss

Only the benchmarks and objectives that the settings name are read. A variant is "bm25", "untrained", an objective, or
one of the last two debiased after the fact, "hybrid+lir".
"""

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from babelmix.config import Settings
from babelmix.encoder import parameters
from babelmix.errors import UserError

STUDIES = Path("metrics/translation.md")
BM25, UNTRAINED, LIR = "bm25", "untrained", "+lir"
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
    translation_studies: str  # what `babelmix translate bench` and `compare` found out about machine translation


def read_results(root: Path, settings: Settings) -> Results:
    """Read the metrics of the pipeline in `root`.

    Raises UserError for a missing or broken file, with the stage that writes it.
    """
    evaluations: dict[str, dict[str, dict[str, Any]]] = {}
    per_query: dict[str, dict[str, Path]] = {}
    for variant in variants(settings.objectives):
        for benchmark in settings.benchmarks:
            stage = _stage(variant, benchmark)
            file = root / "metrics" / "evaluation" / variant / f"{benchmark}.json"
            evaluations.setdefault(variant, {})[benchmark] = _read_json(file, stage)
            per_query.setdefault(variant, {})[benchmark] = _existing(file.with_suffix(".npz"), stage)
    metrics = root / "metrics"
    return Results(
        evaluations=evaluations,
        per_query=per_query,
        dev={
            name: _read_json(metrics / "evaluation" / name / "dev.json", f"evaluate-dev@{name}")
            for name in settings.objectives
        },
        histories={name: _read_history(metrics / "history" / f"{name}.csv", name) for name in settings.objectives},
        pairs={name: _read_json(metrics / "pairs" / f"{name}.json", f"pairs@{name}") for name in settings.sources},
        translations={
            name: {
                language: _read_json(metrics / "translate" / name / f"{language}.json", f"translate@{name}-{language}")
                for language in settings.translate.languages
            }
            for name in settings.sources
        },
        parameters=count_parameters(root / "models" / UNTRAINED),
        translation_studies=_existing(root / STUDIES, "translate").read_text(encoding="utf-8").strip(),
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


def count_parameters(model: Path) -> tuple[int, int]:
    """Return the number of parameters of a SentenceTransformer folder, all and outside the embeddings.

    Only the headers of the weight files are read. UserError where there are no weights, or a file is not whole.
    """
    from safetensors import SafetensorError, safe_open

    sizes: dict[str, int] = {}
    how = "run `dvc repro encoder`"
    for number, file in enumerate(sorted(model.rglob("*.safetensors"))):
        try:
            with safe_open(file, framework="numpy") as weights:
                for name in weights.keys():  # noqa: SIM118 (the handle is no dictionary)
                    sizes[f"{number} {name}"] = prod(weights.get_slice(name).get_shape())
        except (OSError, SafetensorError) as error:
            raise UserError("not whole weights", where=str(file), how=f"delete it and {how}") from error
    if not sizes:
        raise UserError("no weights (*.safetensors) here", where=str(model), how=how)
    return parameters.count(sizes)


def _stage(variant: str, benchmark: str) -> str:
    name, form = variant.removesuffix(LIR), "-lir" if variant.endswith(LIR) else ""
    if name in (BM25, UNTRAINED):
        return f"evaluate{form}-{name}@{benchmark}"
    return f"evaluate{form}@{name}-{benchmark}"


def _existing(file: Path, stage: str) -> Path:
    if not file.is_file():
        raise UserError("no such file", where=str(file), how=f"run `dvc repro {stage}`")
    return file


def _read_json(file: Path, stage: str) -> Any:
    try:
        return json.loads(_existing(file, stage).read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        how = f"delete it and run `dvc repro {stage}`"
        raise UserError("not valid JSON", where=f"{file}, line {error.lineno}", how=how) from error


def _read_history(file: Path, objective: str) -> tuple[HistoryRow, ...]:
    stage = f"train@{objective}"
    rows: list[HistoryRow] = []
    with _existing(file, stage).open(encoding="utf-8", newline="") as stream:
        for number, row in enumerate(csv.DictReader(stream), start=2):
            try:
                dev = {name[4:]: float(text) for name, text in row.items() if name.startswith("dev_") and text}
                loss, rate = float(row["loss"]), float(row["learning_rate"])
                rows.append(HistoryRow(int(row["step"]), row["kind"], loss, rate, dev))
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                how = f"delete it and run `dvc repro {stage}`"
                raise UserError("not a row of a history", where=f"{file}, line {number}", how=how) from error
    return tuple(rows)
