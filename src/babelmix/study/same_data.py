"""Runs may stand in one table if they read the same data: a score on another version of a benchmark is another score.

check_same_data(records.values())       # UserError that names two runs and the hash of what each read
"""

from collections.abc import Iterable

from babelmix.common.errors import UserError
from babelmix.study.record import Record
from babelmix.study.runs import Run
from babelmix.workspace import HERE, UNTRAINED

DATA = f"{HERE.data}/"
# Made by the starting encoder, so that each size has its own: a preset may bring another vocabulary.
OF_SIZE = (str(HERE.tokens), str(HERE.model(UNTRAINED)))


def check_same_data(records: Iterable[Record]) -> None:
    """Raise UserError, with both hashes, for two runs that read another version of the same data or benchmark.

    Only what both read is compared. The starting encoder and the pairs as its tokens must be equal within a size.
    """
    seen: dict[tuple[str, str], tuple[str, str]] = {}
    for one in records:
        for path, md5 in one.facts.hashes.items():
            if (key := _shared(path, one.run)) is not None:
                first, name = seen.setdefault(key, (md5, one.run.name))
                if first != md5:
                    what = f"{name} read version {first} and {one.run.name} version {md5}"
                    how = "move the records of one version away, or run these again (`babelmix study`)"
                    raise UserError(what, where=f"records of the study, {path}", how=how)


def _shared(path: str, run: Run) -> tuple[str, str] | None:
    """Return the path and the size whose runs share it, "" for all; None for what may differ, such as code."""
    if path in OF_SIZE:
        return None if run.kind == "bm25" else (path, run.size)
    return (path, "") if path.startswith(DATA) else None
