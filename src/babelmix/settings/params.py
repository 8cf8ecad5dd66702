"""params.yaml as frozen, validated settings. A typo names the file, the field and the valid choices.

settings = load_settings(Path("params.yaml"))
"""

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from babelmix.common.errors import UserError, unknown_name
from babelmix.common.yaml_core import parse_yaml
from babelmix.settings.checks import check_own_benchmarks, check_settings
from babelmix.settings.messages import fault_of
from babelmix.settings.renamed import with_new_names
from babelmix.settings.schema import Settings
from babelmix.workspace import HERE

__all__ = ["Settings", "load_settings", "parse_settings"]


def load_settings(path: Path = HERE.params) -> Settings:
    """Read and validate the parameter file; any fault is a UserError that names file and field.

    A benchmark of the user's own must have its files below data/own, in the folder of the parameter file.
    """
    settings = parse_settings(_read(path), str(path))
    check_own_benchmarks(settings, path)
    return settings


def parse_settings(text: str, path: str) -> Settings:
    """Validate the text of a parameter file; `path` names it in errors, all of which are UserErrors."""
    raw = parse_yaml(text, path)
    if not isinstance(raw, dict):
        what = "empty" if raw is None else "not a mapping of settings"
        raise UserError(what, where=path, how="write settings as `name: value`, one a line")
    raw = _with_recipe(with_new_names(raw, path), path)
    try:
        settings = Settings.model_validate(raw)
    except ValidationError as error:
        raise fault_of(error, raw, Settings, path) from error
    check_settings(settings, path)
    return settings


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError as error:
        how = "run the command in the project's folder"
        raise UserError("no parameter file", where=str(path), how=how) from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        what = "not UTF-8 text"
        raise UserError(what, where=f"{path}, line {line}", how="save the file as UTF-8, as DVC reads it") from error
    except OSError as error:
        raise UserError(f"cannot be read ({error.strerror})", where=str(path), how="correct its rights") from error


def _with_recipe(raw: dict[str, Any], path: str) -> dict[str, Any]:
    """Return the parameters with what the chosen recipe changes put over `train`."""
    recipe, recipes, train = raw.get("recipe"), raw.get("recipes"), raw.get("train")
    if not (isinstance(recipe, str) and isinstance(recipes, dict) and isinstance(train, dict)):
        return raw  # the validation says what is missing
    if recipe not in recipes:
        raise unknown_name("recipe", recipe, recipes, where=f"{path}, recipe")
    changed: Any = recipes[recipe]
    return raw | {"train": train | changed} if isinstance(changed, dict) else raw
