"""Runs may stand in one table if they read the same data and were trained alike: else a score is of something else.

check_same_data(records.values())       # UserError that names two runs and the hash of what each read
check_same_training(records.values())   # UserError that names two runs and the setting in which they differ
"""

from collections.abc import Iterable
from typing import Any

from babelmix.common.errors import UserError
from babelmix.study.record import Record
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


def check_same_training(records: Iterable[Record]) -> None:
    """Raise UserError for two trainings of sizes or objectives that differ in a setting of `train`, or in pre-training.

    The learning rate is of the size and objective. Runs with other numbers of steps are not looked at.
    """
    seen: dict[str, tuple[Any, str]] = {}
    for one in records:
        if one.run.kind == "main":
            before = one.facts.settings.get("pretrain", {}).get("objective", "none")  # an older record has none
            for name, value in (one.facts.settings.get("train", {}) | {"pretraining": before}).items():
                first, other = seen.setdefault(name, (value, one.run.name))
                if first != value and name != "learning_rate":
                    what = f"{other} was trained with {first} and {one.run.name} with {value}"
                    raise UserError(what, where=f"records of the study, train.{name}", how=HOW)


def _shared(path: str, one: Record) -> tuple[str, ...] | None:
    """Return the path, and the size and the sources whose runs share it, if not all do; None for code."""
    sources = tuple(one.facts.settings.get("sources", ())) if path.startswith(OF_SOURCES) else ()
    if path in OF_SIZE:
        return None if one.run.kind == "bm25" else (path, one.run.size, *sources)
    return (path, *sources) if path.startswith(DATA) else None
