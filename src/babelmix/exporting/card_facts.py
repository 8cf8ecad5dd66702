"""What is known of an exported model, read from the files that its making left; what is not there stays unknown.

facts = facts_of("hybrid", HERE, preset=settings.preset(), sources={"libreoffice-help": "LibreOffice Help: MPL-2.0"},
                 translated=("pt",), benchmarks=("gnome-help",))
text = model_card(replace(facts, trimmed=cut, width=width))                    # exporting/model_card.py
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from math import isclose
from pathlib import Path
from typing import Any, cast

from babelmix.benchmarks.registry import licence_of
from babelmix.common.errors import UserError
from babelmix.common.reading import parse_json, read_text
from babelmix.encoder.settings import Preset
from babelmix.evaluation.measures import MEASURES
from babelmix.evaluation.query_scores import POOL, SCOPES
from babelmix.evaluation.score_files import parse_evaluation, read_query_scores
from babelmix.evaluation.significance import Interval, score_interval
from babelmix.exporting.debiasing import Baked
from babelmix.study.record import Facts as RunFacts
from babelmix.study.record import Record, read_all_records
from babelmix.workspace import Workspace

PACKAGED_LAYERS = 12
UNTRAINED = "before babelmix trains it"  # in the README of a starting encoder, see encoder/build.py
AVERAGED = "Averaged by babelmix"  # in that of a weight average, see encoder/average.py


@dataclass(frozen=True, slots=True)
class Score:
    """The main score of the model, before its export, on a benchmark in one scope."""

    benchmark: str
    licence: str  # of the benchmark
    scope: str
    measure: str  # a name in measures.MEASURES
    interval: Interval  # over questions
    languages: tuple[str, ...]  # of its queries and passages


@dataclass(frozen=True, slots=True)
class Cut:
    """A trimmed vocabulary: rows of word embeddings left, and how many there were; the languages kept."""

    kept: int
    of: int
    languages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Training:
    """How the project trains: runs of the study that differ from it in the seed alone are its other seeds."""

    size: str  # a name of model.presets
    learning_rate: float
    seed: int
    sources: tuple[str, ...]
    train: Mapping[str, Any]  # `train` of the settings, as JSON values
    pretraining: str = "none"  # `pretrain.objective`

    def is_of(self, facts: RunFacts) -> bool:
        """Return whether a run of the study read the same sources and trained alike; its seed may be another."""
        own: Mapping[str, Any] = facts.settings.get("train", {})
        return (
            isclose(facts.learning_rate, self.learning_rate, rel_tol=1e-3)
            and tuple(facts.settings.get("sources", ())) == self.sources
            and facts.settings.get("pretrain", {}).get("objective", "none") == self.pretraining
            and all(own.get(name, value) == value for name, value in self.train.items() if name != "learning_rate")
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All that a model card says."""

    name: str
    about: str  # what the README of the trained model says, without its front matter, title and example
    preset: Preset | None  # of the starting encoder; None: unknown
    trained: bool  # by babelmix
    layers: int | None
    sources: Mapping[str, str]  # source of training pairs -> its licence
    pairs: Mapping[str, int]  # language -> training pairs that people wrote; empty where not on disk
    machine: Mapping[str, int]  # language -> training pairs that a machine translated
    scores: Sequence[Score] = ()
    seeds: Mapping[str, Sequence[float]] = field(default_factory=dict[str, Sequence[float]])  # benchmark -> scores
    trimmed: Cut | None = None
    debiasing: Baked | None = None
    width: tuple[int, int] | None = None  # dimensions of the export, and of the model
    matryoshka: tuple[int, ...] = ()  # widths that the training had too
    repository: str | None = None  # org/name on the hub
    version: str = "unknown"  # of babelmix

    @property
    def changed(self) -> bool:
        """Whether the export is another model than the one that was scored."""
        narrower = self.width is not None and self.width[0] != self.width[1]
        return narrower or self.trimmed is not None or self.debiasing is not None

    @property
    def seen(self) -> tuple[str, ...]:
        """The languages of the training pairs."""
        return tuple(sorted({*self.pairs, *self.machine}))

    @property
    def unseen(self) -> tuple[str, ...]:
        """The languages that were scored, but not trained on."""
        return tuple(sorted({lang for score in self.scores for lang in score.languages} - set(self.seen)))


def facts_of(
    system: str,
    workspace: Workspace,
    *,
    model: Path | None = None,
    preset: Preset,
    sources: Mapping[str, str],
    translated: Iterable[str] = (),
    benchmarks: Iterable[str] = (),
    training: Training | None = None,
    matryoshka: tuple[int, ...] = (),
    version: str = "unknown",
) -> Facts:
    """Return what the files of a project say of an encoder; a file that is not there is left out.

    The settings are true of an encoder in the project's own folder whose README agrees with them. Of any other encoder
    nothing but its README and its depth is known.

    Args:
        system: an encoder's name, such as "hybrid".
        workspace: of the project.
        model: the encoder's folder, if it is not the workspace's.
        preset: of the starting encoder.
        sources: sources of pairs and their licences.
        translated: languages that a machine translated into.
        benchmarks: names to look for scores of.
        training: of the project; with it, the scores of other seeds are looked up in the study.
        matryoshka: `train.matryoshka`.
        version: of babelmix.

    Raises:
        UserError: a file that is there, but damaged.
    """
    folder = model or workspace.model(system)
    readme, config = folder / "README.md", _json(folder / "config.json")
    card = read_text(readme) if readme.is_file() else ""
    start = UNTRAINED in card
    own = folder.resolve() == workspace.model(system).resolve() and (
        start or AVERAGED in card or preset.describe() in card
    )
    trained = own and not start
    return Facts(
        name=system,
        about=_about(card),
        preset=preset if own else None,
        trained=trained,
        layers=config.get("num_hidden_layers"),
        sources=sources if trained else {},
        pairs=_human(workspace, sources) if trained else {},
        machine=_machine(workspace, sources, translated) if trained else {},
        scores=[score for name in benchmarks for score in _scores(workspace, system, name)] if own else [],
        seeds=_of_seeds(read_all_records(workspace.study), system, training) if trained and training else {},
        matryoshka=matryoshka if trained else (),
        version=version,
    )


def _human(workspace: Workspace, sources: Iterable[str]) -> dict[str, int]:
    """Return language -> training pairs that people wrote."""
    return _sum(_counts(workspace.pair_counts(source), "kept_train") for source in sources)


def _machine(workspace: Workspace, sources: Iterable[str], languages: Iterable[str]) -> dict[str, int]:
    """Return language -> training pairs that a machine translated."""
    return _sum(
        {lang: int(found.get("kept", 0))}
        for source, lang in product(sources, languages)
        if (found := _json(workspace.translation_counts(source, lang)))
    )


def _scores(workspace: Workspace, system: str, benchmark: str) -> list[Score]:
    """Return the main score in every scope that a benchmark has; none where the system was not scored on it."""
    file, queries = workspace.scores(system, benchmark), workspace.query_scores(system, benchmark)
    if not file.is_file() or not queries.is_file():
        return []
    found, of_queries = parse_evaluation(read_text(file), str(file)), read_query_scores(queries, str(queries))
    measure: str = found["main_score"]
    spoken = {*of_queries.query_language.tolist(), *of_queries.passage_language.tolist()} - {POOL}
    return [
        Score(
            benchmark,
            licence_of(benchmark),
            scope,
            measure,
            score_interval([of_queries], scope, MEASURES[measure]),
            tuple(sorted(spoken)),
        )
        for scope in SCOPES
        if of_queries.groups(scope)[0].any()
    ]


def _of_seeds(records: Mapping[str, Record], system: str, training: Training) -> dict[str, list[float]]:
    """Return benchmark -> multilingual scores of the study's main runs of this training with other seeds."""
    found: dict[str, dict[int, float]] = {}
    for name, record in sorted(records.items()):
        run = record.run
        alike = (
            run.kind == "main"
            and "/" not in name
            and run.size == training.size
            and run.seed != training.seed
            and training.is_of(record.facts)
        )
        for benchmark, scored in record.facts.systems.get(system, {}).items() if alike else ():
            score = getattr(scored.scopes.get("multilingual"), scored.main_score, None)
            if score is not None:
                found.setdefault(benchmark, {})[run.seed] = score
    return {benchmark: [by_seed[seed] for seed in sorted(by_seed)] for benchmark, by_seed in found.items()}


def _about(readme: str) -> str:
    """Return a card's text without its front matter, title and code."""
    text = re.sub(r"\A---\n.*?\n---\n", "", readme, flags=re.DOTALL)
    text = re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"\A\s*# [^\n]*\n", "", text).strip()


def _counts(file: Path, key: str) -> dict[str, int]:
    return {lang: int(own[key]) for lang, own in _json(file).items() if own.get(key)}


def _sum(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    found: dict[str, int] = {}
    for one in counts:
        for lang, number in one.items():
            found[lang] = found.get(lang, 0) + number
    return {lang: found[lang] for lang in sorted(found) if found[lang]}


def _json(file: Path) -> dict[str, Any]:
    """Return a JSON object; an empty one where there is no file."""
    if not file.is_file():
        return {}
    value: Any = parse_json(read_text(file), str(file))
    if not isinstance(value, dict):
        raise UserError("not a JSON object", where=str(file), how="make the file again")
    return cast("dict[str, Any]", value)
