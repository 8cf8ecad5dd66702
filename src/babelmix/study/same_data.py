"""Runs may stand in one table if they read the same data and were trained alike: else a score is of something else.

check_same_data(records.values())       # UserError that names two runs and the hash of what each read
check_same_training(records.values(), study)   # UserError that names two runs and the setting in which they differ
"""

from collections.abc import Iterable
from typing import Any

from babelmix.common.errors import UserError
from babelmix.study.record import Record
from babelmix.study.runs import TRAINED
from babelmix.study.settings import Study
from babelmix.workspace import DEV, HERE, UNTRAINED

DATA = f"{HERE.data}/"
HOW = "move the records of one of them away, or run these again (`babelmix study`)"
# Made by the starting encoder, so that each size has its own: a preset may bring another vocabulary.
OF_SIZE = (str(HERE.tokens), str(HERE.model(UNTRAINED)))
OF_SOURCES = (f"{HERE.data}/pairs/", str(HERE.tokens), str(HERE.benchmark(DEV)))  # made of the pairs of `sources`


def check_same_data(records: Iterable[Record]) -> None:
    """Raise UserError, with both hashes, for two runs that read another version of the same data or benchmark.

    Only what both read is compared. The starting encoder and the pairs as its tokens must be equal within a size. Arms
    with further sources of pairs have pairs of their own; their benchmarks are those of all.
    """
    seen: dict[tuple[str, ...], tuple[str, str]] = {}
    for one in records:
        for path, md5 in one.facts.hashes.items():
            if (key := _shared(path, one)) is not None:
                first, name = seen.setdefault(key, (md5, one.run.name))
                if first != md5:
                    what = f"{name} read version {first} and {one.run.name} version {md5}"
                    raise UserError(what, where=f"records of the study, {path}", how=HOW)


def check_same_training(records: Iterable[Record], study: Study) -> None:
    """Raise UserError for two trainings that differ in more than their runs say.

    All have the settings of `train` and `embed` in common, less what an arm changes of them; a recipe changes all of
    `train`. The learning rate is of the size and of the objective whose rate the arm takes. The number of steps and
    the objective of the pre-training are those of all main trainings; whatever pre-trains has its other settings in
    common, with a rate for each size and objective.
    """
    seen: dict[tuple[str, ...], tuple[Any, str]] = {}
    for one in records:
        for key, value in _settings(one, study).items() if one.run.kind in TRAINED else ():
            first, other = seen.setdefault(key, (value, one.run.name))
            if first != value:
                what = f"{other} was trained with {first} and {one.run.name} with {value}"
                raise UserError(what, where=f"records of the study, {key[0]}", how=HOW)


def _settings(one: Record, study: Study) -> dict[tuple[str, ...], Any]:
    """Return setting, and what shares it -> value; what an older record lacks is not in it."""
    settings, run = one.facts.settings, one.run
    arm = study.arms.get(run.arm)
    rate_of = (arm.rate_of if arm else None) or run.objectives[0]
    found: dict[str, Any] = {
        f"{section}.{name}": value
        for section in ("train", "embed")
        for name, value in settings.get(section, {}).items()
    }
    found |= {"train.learning_rate": one.facts.learning_rate, "train.steps": one.facts.steps}
    before: dict[str, Any] = settings.get("pretrain", {})
    if before.get("objective", "none") != "none":  # a rate of None: that of the training, see `Run.overrides`
        found |= {f"pretrain.{name}": value for name, value in before.items() if value is not None}
    found["pretrain.objective"] = before.get("objective", "none")
    changed = {setting.partition("=")[0] for setting in run.change}
    if run.kind != "main":  # of these the arms and the numbers of steps are there to differ
        changed |= {"train.steps", "pretrain.objective"}
    return {
        (name, run.size, rate_of) if name.endswith("learning_rate") else (name,): value
        for name, value in found.items()
        if name not in changed and not ("recipe" in changed and name.startswith("train."))
    }


def _shared(path: str, one: Record) -> tuple[str, ...] | None:
    """Return the path, and the size and the sources whose runs share it, if not all do; None for code."""
    sources = tuple(one.facts.settings.get("sources", ())) if path.startswith(OF_SOURCES) else ()
    if path in OF_SIZE:
        return None if one.run.kind == "bm25" else (path, one.run.size, *sources)
    return (path, *sources) if path.startswith(DATA) else None
