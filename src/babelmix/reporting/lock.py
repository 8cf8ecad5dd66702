"""dvc.lock: what each stage read and wrote in the last run, by hash.

stages = parse_lock(read_text(Path("dvc.lock")), "dvc.lock")
hashes(stages["train@hybrid"], "outs")      # {"models/hybrid": "3f0c...dir", ...}
"""

from typing import Any, Literal

from babelmix.common.errors import UserError
from babelmix.common.yaml_core import parse_yaml

LOCK_VALUES = 10_000_000  # at most: the file grows with objectives times benchmarks


def parse_lock(text: str, where: str) -> dict[str, dict[str, Any]]:
    """Return stage name -> stage, as DVC wrote it; UserError for a text that is not a whole dvc.lock."""
    lock = parse_yaml(text, where, most=LOCK_VALUES)
    try:
        stages = {name: {**stage} for name, stage in lock["stages"].items()}
        for stage in stages.values():
            hashes(stage, "deps")
            hashes(stage, "outs")
        return stages
    except (AttributeError, LookupError, TypeError) as error:
        how = "restore it (`git checkout dvc.lock`) or run `dvc repro`"
        raise UserError("not a whole dvc.lock", where=where, how=how) from error


def hashes(stage: dict[str, Any], rows: Literal["deps", "outs"], under: tuple[str, ...] = ("",)) -> dict[str, str]:
    """Return path -> hash of the dependencies or outputs of a stage that lie under the given folders."""
    return {row["path"]: row.get("md5", "") for row in stage.get(rows, []) if row["path"].startswith(under)}
