"""What was measured, read once: the values of every question by size, system and score.

found = StudyScores(design, study)
found.scores                                                  # the scores that the study asks about
found.errors("hybrid", found.scores[0])                    # float64 [sizes, seeds, questions]: 1 - score
"""

from dataclasses import dataclass, field
from functools import cached_property
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from babelmix.evaluation.choice import choose
from babelmix.study.design import Design
from babelmix.study.rates import dev_scores
from babelmix.study.settings import Study
from babelmix.workspace import NATIVE_DEV, encoder_of

MAIN = {"pool": "multilingual", "cross": "crosslingual", "mono": "monolingual"}  # scopes of the main benchmark
NATIVE = "native"  # the pool in which the answer is in the asker's language alone


@dataclass(frozen=True, slots=True)
class Score:
    """One figure of a benchmark, by its main score."""

    name: str
    benchmark: str
    scope: str


def asked_scores(study: Study) -> list[Score]:
    """Return the figures that the study asks about: the main benchmark's scopes come first, the pool foremost.

    The native pool has its pool alone. Another benchmark, such as one of BEIR, has the queries in the language of its
    passages, and those in the other languages.
    """
    main, *others = study.benchmarks
    asked = [Score(name, main, scope) for name, scope in MAIN.items()]
    for benchmark in (name for name in others if name != NATIVE_DEV):
        if benchmark == NATIVE:
            asked.append(Score(NATIVE, NATIVE, "multilingual"))
        else:
            asked += [
                Score(f"{benchmark}, {name}", benchmark, scope)
                for name, scope in (("own language", "monolingual"), ("others", "crosslingual"))
            ]
    return asked


@dataclass(frozen=True)
class StudyScores:
    """The runs of a design, with each row of values read once."""

    design: Design
    study: Study
    _read: dict[tuple[str, str, Score], NDArray[np.float64]] = field(
        default_factory=dict[tuple[str, str, Score], NDArray[np.float64]]
    )

    @property
    def parameters(self) -> NDArray[np.float64]:
        """Return float64 [sizes], parameters outside the embeddings, small first."""
        return np.array([self.design.parameters[size] for size in self.design.sizes], dtype=np.float64)

    @property
    def reference(self) -> str:
        """Return the objective that the others are compared with, the first of the study: standard contrastive."""
        return self.study.objectives[0]

    @property
    def others(self) -> tuple[str, ...]:
        """Return the other objectives; the question of the study is about the first of them, hybrid."""
        return self.study.objectives[1:]

    @cached_property
    def scores(self) -> tuple[Score, ...]:
        """Return the figures asked about that every run has, see `asked_scores`."""
        asked = asked_scores(self.study)
        return tuple(one for one in asked if all(self.has(name, one) for name in self.study.objectives))

    @property
    def seeds(self) -> tuple[int, ...]:
        """Return the seeds that every size has: those of the fits."""
        own = [self.design.seeds[size] for size in self.design.sizes]
        return tuple(seed for seed in (own[0] if own else ()) if all(seed in seeds for seeds in own))

    @cached_property
    def free(self) -> str | None:
        """Return the reference in the free form that dev chose for all sizes together; None without forms.

        Every size weighs the same, however many seeds it has.
        """
        pooled: dict[str, dict[str, float]] = {}
        for form in self.study.forms:
            system = self.reference + form
            pooled[system] = {}
            for size in self.design.sizes:
                by_split: dict[str, list[float]] = {}
                for record in self.design.main[size, self.reference]:
                    for split, score in dev_scores(record, system).items():
                        by_split.setdefault(split, []).append(score)
                pooled[system] |= {f"{size} {split}": fmean(own) for split, own in by_split.items()}
        return choose(pooled) if self.design.sizes and pooled else None

    @property
    def freed(self) -> str | None:
        """Return the first of the other objectives in the form of `free`; None where a run lacks it."""
        if not (self.free and self.others):
            return None
        name = self.others[0] + self.free.removeprefix(self.reference)
        return name if all(self.has(name, one) for one in self.scores) else None

    def has(self, system: str, score: Score, size: str | None = None) -> bool:
        """Return whether all sizes, or the given one, have the score of a system."""
        runs = [self.design.main.get((one, encoder_of(system)), ()) for one in ([size] if size else self.design.sizes)]
        owned = [one.facts.systems.get(system, {}).get(score.benchmark) for run in runs for one in run]
        return all(runs) and all(own is not None and own.scopes[score.scope].map is not None for own in owned)

    def values(self, size: str, system: str, score: Score) -> NDArray[np.float64]:
        """Return float64 [the size's seeds, questions]."""
        where = size, system, score
        if where not in self._read:
            self._read[where] = self.design.values(size, system, score.benchmark, score.scope)
        return self._read[where]

    def errors(self, system: str, score: Score) -> NDArray[np.float64]:
        """Return float64 [sizes, seeds, questions], 1 - value, of the seeds that every size has."""
        sizes = self.design.sizes
        rows = [[self.design.seeds[size].index(seed) for seed in self.seeds] for size in sizes]
        return 1 - np.stack([self.values(size, system, score)[own] for size, own in zip(sizes, rows, strict=True)])
