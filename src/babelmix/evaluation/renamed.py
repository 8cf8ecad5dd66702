"""Old names in files of scores, read for one release: version 0.2 reads them, the next one refuses them.

with_new_keys({"headline": "map", "settings": {...}}, "scores.json")      # {"main_score": "map", "scopes": {...}}
"""

from functools import cache
from typing import Any

from babelmix.common.errors import UserError
from babelmix.common.progress import say

KEYS = {"model": "system", "headline": "main_score", "settings": "scopes"}  # of an evaluation's JSON: old -> new
COLUMNS = {"setting": "scope"}  # of the scores of every query, .npz: old -> new


def with_new_keys(value: Any, where: str) -> Any:
    """Return an evaluation with the new name of every key, and say so on one line; `value` is left as it is.

    UserError for a file with both names of a key; `where` names it.
    """
    if not isinstance(value, dict) or KEYS.keys().isdisjoint(value):
        return value
    for old, new in KEYS.items():
        if old in value and new in value:
            raise UserError(f"{old} is the old name of {new}, and both are there", where=where, how=f"delete {old}")
    say_renamed()
    return {KEYS.get(key, key): content for key, content in value.items()}


@cache  # one line for a process, however many files it reads
def say_renamed() -> None:
    """Say that scores with old names were read, and how to get new ones."""
    changes = ", ".join(f"{old} is {new}" for old, new in (KEYS | COLUMNS).items())
    say(f"scores of an older release are read once more ({changes}); evaluate again, the next release refuses them")
