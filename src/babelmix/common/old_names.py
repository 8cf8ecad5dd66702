"""Read names of the last release, with a note for each old name.

row = with_new_names({"unit": "a"}, {"unit": "parallel_id"}, "pairs.jsonl")      # {"parallel_id": "a"}
"""

from collections.abc import Mapping
from typing import Any

from babelmix.common.progress import say

_said: set[tuple[str, str]] = set()


def with_new_names(row: Mapping[str, Any], names: Mapping[str, str], where: str) -> dict[str, Any]:
    """Return the mapping with old keys replaced by their new names, in the same order; `names` is {old: new}.

    A key keeps its old name if the mapping has the new one too: the caller's check of the keys then refuses it.
    """
    old = {key: new for key, new in names.items() if key in row and new not in row}
    for key, new in old.items():
        say_old_name(key, new, where)
    return {old.get(key, key): value for key, value in row.items()}


def say_old_name(old: str, new: str, where: str) -> None:
    """Print a note, once in a process, that `where` has an old name, which the next release will not read."""
    if (old, new) not in _said:
        _said.add((old, new))
        say(f"{where}: `{old}` is called `{new}` now; only this release still reads the old name")
