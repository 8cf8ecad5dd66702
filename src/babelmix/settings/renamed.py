"""Old names of settings, read for one release: version 0.2 reads them, the next one refuses them as unknown.

A setting that is gone without a new name is left out for that release, with a line that says why.

with_new_names({"train": {"look_steps": 120}}, "params.yaml")     # {"train": {"eval_steps": 120}}
"""

from collections.abc import Mapping
from typing import Any

from babelmix.common.errors import UserError
from babelmix.common.progress import say

_TRAIN = {"warmup_share": "warmup_ratio", "look_steps": "eval_steps", "keep": "select_by"}
# section -> old name -> new name; "*" stands for every entry of a section.
_NAMES: Mapping[tuple[str, ...], Mapping[str, str]] = {
    ("train",): _TRAIN,
    ("recipes", "*"): _TRAIN,
    ("translate",): {"gate": "filter", "units": "max_pairs"},
    ("evaluate",): {"debias_rank": "lir_rank", "debias_units": "lir_passages"},
    ("source", "*"): {"unit": "parallel_id"},
    ("embed",): {"bfloat16": "precision"},
}
# section -> name that is gone -> why
_DROPPED: Mapping[str, Mapping[str, str]] = {
    "evaluate": {"resamples": "intervals are no longer drawn at random"},
}
# new name -> old value -> new value
_VALUES: Mapping[str, Mapping[str | bool, str]] = {
    "precision": {True: "bfloat16", False: "float32", "yes": "bfloat16", "no": "float32"},
    "select_by": {
        "english": "dev_english",
        "monolingual": "dev_monolingual",
        "crosslingual": "dev_crosslingual",
        "pooled": "dev_pooled",
    },
}


def with_new_names(raw: dict[str, Any], path: str) -> dict[str, Any]:
    """Return parameters with every old name replaced by the new one or left out, and say which; `raw` stays as it is.

    UserError where a section has both names.
    """
    replaced: list[str] = []
    for section, names in _NAMES.items():
        raw = _renamed(raw, section, names, path, (), replaced)
    if replaced:
        changes = ", ".join(replaced)
        say(f"{path}: old names are read once more: {changes}; write the new ones, the next release refuses the old")
    return _without_dropped(raw, path)


def _without_dropped(raw: dict[str, Any], path: str) -> dict[str, Any]:
    for section, names in _DROPPED.items():
        for name, why in names.items():
            own = raw.get(section)
            if isinstance(own, dict) and name in own:
                kept: dict[str, Any] = {key: value for key, value in own.items() if key != name}
                raw = raw | {section: kept}
                say(f"{path}: {section}.{name} has no effect, {why}; delete it, the next release refuses it")
    return raw


def _renamed(
    raw: dict[str, Any],
    section: tuple[str, ...],
    names: Mapping[str, str],
    path: str,
    above: tuple[str, ...],
    replaced: list[str],
) -> dict[str, Any]:
    if section:
        keys = list(raw) if section[0] == "*" else [section[0]]
        inner = {
            key: _renamed(raw[key], section[1:], names, path, (*above, str(key)), replaced)
            for key in keys
            if isinstance(raw.get(key), dict)
        }
        return raw | inner
    found: dict[str, Any] = {}
    for key, value in raw.items():
        new = names.get(key, key)
        if new != key:
            if new in raw:
                where = f"{path}, {'.'.join((*above, key))}"
                raise UserError(f"{key} is the old name of {new}, and both are there", where=where, how=f"delete {key}")
            replaced.append(f"{'.'.join((*above, key))} is {new}")
        found[new] = _VALUES.get(new, {}).get(value, value) if isinstance(value, str | bool) else value
    return found
