"""What pydantic finds wrong with params.yaml, as one line: the field, what is wrong, what the file says."""

import reprlib
from collections.abc import Mapping, Sequence
from types import NoneType
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from babelmix.common.errors import UserError, shown, unknown_name

_PLAIN = {
    "missing": "missing",
    "bool_parsing": "not true or false",
    "bool_type": "not true or false",
    "dict_type": "not a mapping (name: value)",
    "float_parsing": "not a number",
    "float_type": "not a number",
    "finite_number": "not a finite number",
    "int_from_float": "not a whole number",
    "int_parsing": "not a whole number",
    "int_type": "not a whole number",
    "model_type": "not a mapping (name: value)",
    "path_type": "not a path",
    "string_type": "not a text",
    "too_short": "empty",
    "tuple_type": "not a list",
}
_BOUNDS = {
    "greater_than": ("gt", "not above"),
    "greater_than_equal": ("ge", "below"),
    "less_than": ("lt", "not below"),
    "less_than_equal": ("le", "above"),
}
_short = reprlib.Repr()
_short.maxlevel, _short.maxlist, _short.maxdict, _short.maxstring = 2, 4, 4, 60


def fault_of(error: ValidationError, raw: Mapping[str, Any], model: type[BaseModel], path: str) -> UserError:
    """Return the first fault of a validation; `raw` is what was validated by `model`, `path` names the file."""
    found = error.errors(include_url=False)
    # A misspelt name before the one that is missing for it.
    first = next((one for one in found if one["type"] == "extra_forbidden"), found[0])
    field = _field(first, raw)
    where = f"{path}, {'.'.join(shown(str(part)) for part in field)}"
    if first["type"] == "extra_forbidden":
        return unknown_name("setting", str(field[-1]), _settings_of(model, field[:-1]), where=where)
    # A value that may have several forms has one error for each.
    start = found.index(first)
    alike = [one for one in found[start : start + 8] if _field(one, raw) == field]
    what = " and ".join(dict.fromkeys(_message(one) for one in alike))
    if first["type"] == "missing":
        return UserError(what, where=where, how="add it; the project's own params.yaml explains it")
    return UserError(what, where=where, how=f"it says {shown(_short.repr(first['input']), 100)}")


def _message(error: Any) -> str:
    kind, context = error["type"], error.get("ctx", {})
    if kind in _BOUNDS:
        name, words = _BOUNDS[kind]
        return f"{words} {context[name]}"
    if kind == "literal_error":
        return f"not {context['expected']}"
    if kind == "value_error":
        return str(context["error"])
    if kind == "too_short" and context["min_length"] > 1:
        return f"fewer than {context['min_length']} items"
    if kind == "missing" and isinstance(error["loc"][-1], int):
        return "too few items"
    return _PLAIN.get(kind) or str(error["msg"][:1].lower() + error["msg"][1:])


def _field(error: Any, raw: Any) -> Sequence[str | int]:
    """Return the path of an error as the file has it: pydantic adds which form of a value was tried."""
    path: list[str | int] = []
    for part in error["loc"]:
        if isinstance(raw, Mapping) and (part in raw or error["type"] == "missing"):
            raw = raw.get(part)
        elif isinstance(raw, list) and isinstance(part, int):
            raw = raw[part] if part < len(raw) else None
        else:
            break
        path.append(part)
    return path


def _settings_of(model: type[BaseModel], path: Sequence[str | int]) -> list[str]:
    """Return the names of the settings that a mapping at this path may have."""
    for part in path:
        fields = {field.alias or name: field.annotation for name, field in model.model_fields.items()}
        kind: Any = fields.get(str(part))
        while members := [one for one in get_args(kind) if one is not NoneType]:  # dict[str, Preset], Study | None
            kind = members[-1]
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            model = kind
    return [field.alias or name for name, field in model.model_fields.items()]
