"""An objective of params.yaml: what a batch holds, how often, and what else the loss asks."""

from itertools import pairwise
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from babelmix.common.section import Section


class Objective(Section):
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
