"""What a finished run of the study leaves in Git: settings, hashes, scores, and a value for every question.

    write_record(HERE.study, run, facts, values)             # base-hybrid-s13.json and .npz
    records = read_records(HERE.study)
    records["base-hybrid-s13"].score("hybrid", "xquad-r", "multilingual")           # .262
    records["base-hybrid-s13"].values("hybrid+centre", "xquad-r", "multilingual")   # float64 [questions]

The value of a question is that of `question_values`: their mean is the score, their spread its standard error, and the
values of two systems may be subtracted. They are rounded to 4 decimals, and their mean stays: that of 1,000 moves by
less than 1e-7.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from babelmix.common.arrays import read_arrays, whole_arrays
from babelmix.common.errors import UserError
from babelmix.common.fields import fields_checked
from babelmix.common.files import new_binary_file, new_file
from babelmix.common.reading import parse_json, read_text
from babelmix.evaluation.score_files import Count, Figure
from babelmix.study.runs import Kind, Run

SCALE = 10_000  # a stored number is the value times this
HOW = "restore it (`git checkout`), or move it away and run `babelmix study`"


class Scope(BaseModel):
    """The scores of a system in one scope of a benchmark; None where the benchmark has no such queries."""

    map: Figure
    map_at_20: Figure
    ndcg_at_10: Figure
    recall_at_1: Figure
    recall_at_10: Figure
    recall_at_100: Figure
    queries: Count


class Scored(BaseModel):
    """One system on one benchmark."""

    main_score: str  # a name in measures.MEASURES, of which the questions' values are
    scopes: dict[str, Scope]
    bias: dict[str, Figure]  # rank_distance, lpr, lpr_expected, mrc_at_10, ...
    contrastive_entropy: dict[str, Figure] | None = None  # nats, of a dev split, by name
    by: dict[str, dict[str, float]] = Field(default_factory=dict[str, dict[str, float]])  # scope -> languages -> score


class Facts(BaseModel):
    """All that is known of a finished run, but for the questions' values."""

    settings: dict[str, Any]  # the sections of params.yaml that a result depends on
    overrides: tuple[str, ...]  # of `dvc exp run -S`
    revision: str  # the commit that the experiment started from
    machine: str  # processor or GPU, threads, version of torch
    device: str  # "cpu", or the name of a GPU
    layers: int | None
    parameters: Count  # 0 for BM25
    parameters_outside_embeddings: Count
    learning_rate: float
    steps: Count
    hashes: dict[str, str]  # path -> md5 of data, starting encoder and code, as dvc.lock has them
    seconds: dict[str, float]  # DVC stage -> wall clock; a stage that DVC took from its cache is missing
    peak_memory: Count | None  # bytes, of the largest process
    losses: dict[str, dict[str, float]]  # objective -> name -> loss in nats, of the last step that computed it
    strengths: dict[str, float]  # debiased system -> strength that the dev splits chose
    shares: dict[str, float]  # weight average -> share of its first encoder
    systems: dict[str, dict[str, Scored]]  # system -> benchmark -> scores


class _Planned(BaseModel):
    name: str
    kind: Kind
    size: str
    objectives: tuple[str, ...]
    seed: Count
    benchmarks: tuple[str, ...]
    rate_factor: float | None = None
    steps_factor: float = 1.0
    averages: tuple[str, ...] = ()
    arm: str = ""
    change: tuple[str, ...] = ()


class _File(BaseModel):
    run: _Planned
    facts: Facts


@dataclass(frozen=True, slots=True)
class Record:
    """One finished run."""

    run: Run
    facts: Facts
    file: Path  # of the questions' values, .npz

    def score(self, system: str, benchmark: str, scope: str, measure: str | None = None) -> float | None:
        """Return a score, by the benchmark's main score unless given; None where the benchmark has no such queries."""
        scored = self.facts.systems[system][benchmark]
        return getattr(scored.scopes[scope], measure or scored.main_score)

    def values(self, system: str, benchmark: str, scope: str) -> NDArray[np.float64]:
        """Return float64 [questions], in the order of their ids; UserError for a damaged file or one without them."""
        name = key(system, benchmark, scope)
        where, what = f"{self.file}, {name}", "questions' values"
        with whole_arrays(where, what=f".npz file of {what}", how=HOW), self.file.open("rb") as stream:
            (stored,) = read_arrays(stream, [name], what=what, how=HOW, where=where)
        if stored.dtype.kind != "i" or stored.ndim != 1:
            raise UserError("not a row of whole numbers", where=where, how=HOW)
        return stored.astype(np.float64) / SCALE


def key(system: str, benchmark: str, scope: str) -> str:
    """Return the name of a row of values in the file."""
    return f"{system}|{benchmark}|{scope}"


def write_record(folder: Path, run: Run, facts: Facts, values: Mapping[str, NDArray[np.float64]]) -> Path:
    """Write a run's two files and return the second, the .json, which says that the run is finished.

    A kill at any moment leaves the run finished or not, and never one file of an older run beside one of this.

    Args:
        folder: of all records.
        run: as it was planned.
        facts: settings, hashes, scores.
        values: `key` -> float [questions].
    """
    stored = {name: _small(_rounded(one * SCALE)) for name, one in values.items()}
    file = folder / f"{run.name}.json"
    with new_binary_file(file.with_suffix(".npz")) as stream:
        np.savez_compressed(stream, allow_pickle=False, **stored)
        file.unlink(missing_ok=True)
    with new_file(file) as stream:
        content = {"run": asdict(run), "facts": facts.model_dump()}
        stream.write(json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    return file


def read_record(file: Path) -> Record:
    """Read one record; UserError for a file that is damaged, lacks a field or has another run's name."""
    value = parse_json(read_text(file), str(file))
    with fields_checked(str(file)):
        found = _File.model_validate(value)
    if found.run.name != file.stem:
        how = "give it back its name, or delete the copy"
        raise UserError(f"the record of {found.run.name} under another name", where=str(file), how=how)
    return Record(Run(**found.run.model_dump()), found.facts, file.with_suffix(".npz"))


def read_records(folder: Path) -> dict[str, Record]:
    """Return name -> record of all finished runs in a folder, by name; empty without the folder."""
    return {file.stem: read_record(file) for file in sorted(folder.glob("*.json"))}


def read_all_records(folder: Path) -> dict[str, Record]:
    """Return the records of a folder and of the folders below it, which hold those of other devices.

    Runs of two devices have the same names. So a name here begins with its folder: "h100/base-hybrid-s13".
    """
    folders = (folder, *sorted(path for path in folder.rglob("*") if path.is_dir()))
    return {
        (one.relative_to(folder) / name).as_posix(): record
        for one in folders
        for name, record in read_records(one).items()
    }


def _rounded(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return whole numbers with the sum of the values, up to a half, each less than 1 from its value.

    Many questions of a pool have one value, such as that of an average precision of 1. Rounded alike they would move
    the mean by up to a half. So those nearest to the other side go there until the sum is right (largest remainders).
    """
    whole = np.rint(values)
    rest = values - whole
    missing = round(float(rest.sum()))
    step = 1 if missing > 0 else -1
    whole[np.argsort(-step * rest, kind="stable")[: abs(missing)]] += step
    return whole


def _small(values: NDArray[np.float64]) -> NDArray[np.integer[Any]]:
    """Return whole numbers in the smallest type of two that holds them."""
    fits = not values.size or float(np.abs(values).max()) < np.iinfo(np.int16).max
    return values.astype(np.int16 if fits else np.int32)
