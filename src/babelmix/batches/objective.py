"""An objective of params.yaml: what the batches hold, and what is added to the contrastive loss."""

from itertools import pairwise
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from babelmix.batches.lexicon import Lexicon
from babelmix.common.section import Section


class Objective(Section):
    """What the batches of one objective hold, and what is added to the contrastive loss.

    Attributes:
        alpha: probability of a monolingual batch: a number, or the points (share of the steps, alpha) of a piecewise
            linear schedule, the first at share 0 and the last at 1.
        per: what alpha decides. "batch": the whole batch. "row": each row by itself, so that every batch mixes X-X rows
            with X-Y rows; MTD (arXiv 2405.00977) holds that only the languages mixed in a batch matter.
        other: what the other batches hold. X-Y: query and passage in two languages. X-X: query and passage in one
            language, different languages in one batch.
        languages: the languages to train on; None for all.
        weights: the probability of a language or language pair: "uniform", "size" (its number of pairs), or a
            temperature T (its number of pairs to the power 1/T).
        batch_languages: number of languages of an X-Y batch, drawn for each batch; None for all. With fewer languages
            more negatives are in the query's own language.
        origin: "human" or "machine" compares human with machine translation on the same units, see
            `units.training_rows`.
        teacher: a preset; distillation pulls the vectors of a unit in all languages to the teacher's vector of the unit
            in the language it was written in.
        teacher_weight: factor of the distillation loss.
        distil: which vector of the teacher a text must pick. "cross": a query that of its passage, a passage that of
            its query. "same": a query that of the same query, a passage that of the same passage.
        distil_first: share of the steps, at their start, whose loss is the distillation alone (MIMO, arXiv 2605.31171).
        contrast_weight: factor of InfoNCE beside a teacher.
        kl_weight: factor of the consistency loss, see `losses.consistency_loss`; 0 for none.
        negatives: a file of hard negatives (`babelmix mine`).
        lexicon: the steps whose batches hold words of dictionaries; None for none. The other options are those of the
            other batches; `languages`, `negatives` and `steps` hold for both.
        steps: factor of `train.steps`, so that objectives can be compared at equal compute.
        average_from: the weights are the mean of those after each step from this share of the steps on (LAWA, arXiv
            2209.14981; SWA, arXiv 1803.05407); None for those of the last step.
    """

    alpha: float | tuple[tuple[float, float], ...]
    per: Literal["batch", "row"] = "batch"
    other: Literal["X-Y", "X-X"] = "X-Y"
    languages: tuple[str, ...] | None = None
    weights: Literal["uniform", "size"] | float = "uniform"
    batch_languages: int | None = Field(default=None, ge=2)
    origin: Literal["human", "machine"] | None = None
    teacher: str | None = None
    teacher_weight: float = Field(default=1.0, gt=0)
    distil: Literal["cross", "same"] = "cross"
    distil_first: float = Field(default=0.0, ge=0, lt=1)
    contrast_weight: float = Field(default=1.0, ge=0)
    kl_weight: float = Field(default=0.0, ge=0)
    negatives: Path | None = None
    lexicon: Lexicon | None = None
    steps: float = Field(default=1.0, gt=0)
    average_from: float | None = Field(default=None, ge=0, lt=1)

    @model_validator(mode="after")
    def _possible(self) -> "Objective":
        if self.origin and not self.languages:
            raise ValueError("`origin` needs `languages:`, those that people and a machine both translated into")
        if self.origin and self.lexicon:
            raise ValueError("`origin` compares translations, and words have none: leave `lexicon:` out")
        shares, alphas = zip(*self.points, strict=True) if self.points else ((), ())
        if not all(0 <= alpha <= 1 for alpha in alphas):
            raise ValueError("alpha is a probability: give numbers from 0 to 1")
        if not shares or (shares[0], shares[-1]) != (0, 1) or any(a >= b for a, b in pairwise(shares)):
            raise ValueError("a schedule of alpha is a list of [share of the steps, alpha], shares rising from 0 to 1")
        if not isinstance(self.weights, str) and self.weights <= 0:
            raise ValueError("the temperature of `weights` is above 0")
        if self.per == "row" and self.other == "X-X":
            raise ValueError("`per: row` mixes X-X rows with X-Y rows: leave `other:` out")
        if self.per == "row" and self.batch_languages:
            raise ValueError("`per: row` has no cross-lingual batches: leave `batch_languages:` out")
        of_teacher = {"distil": "cross", "distil_first": 0, "contrast_weight": 1}
        for name, plain in of_teacher.items():
            if not self.teacher and getattr(self, name) != plain:
                raise ValueError(f"`{name}` needs a `teacher:`")
        return self

    @property
    def points(self) -> tuple[tuple[float, float], ...]:
        """The points of the schedule of alpha; a constant schedule if alpha is a number."""
        return self.alpha if isinstance(self.alpha, tuple) else ((0.0, self.alpha), (1.0, self.alpha))

    @property
    def share(self) -> float | None:
        """The share of monolingual batches, all others cross-lingual; None where it changes, or batches mix rows."""
        mixes = self.per == "row" or self.other == "X-X" or self.lexicon is not None
        return None if mixes or isinstance(self.alpha, tuple) else self.alpha

    def alpha_at(self, share: float) -> float:
        """Return alpha after a share (0 to 1) of the steps, interpolated between the points."""
        for (before, first), (after, second) in pairwise(self.points):
            if share <= after:
                return first + (second - first) * (share - before) / (after - before)
        return self.points[-1][1]

    def steps_of(self, steps: int) -> int:
        """Return how many steps the objective trains where `train.steps` is `steps`; at least 1."""
        return max(1, round(steps * self.steps))

    def besides(self) -> tuple[str, ...]:
        """Return in words what differs beside the batches, which `describe` tells, from an objective of alpha alone."""
        return (
            *([f"{self.steps:g} times the steps"] if self.steps != 1 else []),
            *([f"languages {', '.join(self.languages)}"] if self.languages else []),
            *([f"{self.origin} translations alone"] if self.origin else []),
            *([f"languages weighted by {self.weights}"] if self.weights != "uniform" else []),
            *([f"taught by {self.teacher}"] if self.teacher else []),
            *([f"consistency loss of weight {self.kl_weight:g}"] if self.kl_weight else []),
            *([f"hard negatives of {self.negatives}"] if self.negatives else []),
            *(["words of a dictionary, with a symmetric loss"] if self.lexicon else []),
            *(
                []
                if self.average_from is None
                else [f"mean of the weights from {self.average_from:.0%} of the steps on"]
            ),
        )

    def reads(self, *, words: bool) -> bool:
        """Return whether a batch may hold words of dictionaries or, without `words`, texts."""
        return self.lexicon is not None if words else self.lexicon is None or self.lexicon.share < 1

    def describe(self) -> str:
        """Return the batches in words, for reports and model cards."""
        alpha = (
            " to ".join(f"{point:g}" for _, point in self.points)
            if isinstance(self.alpha, tuple)
            else f"{self.alpha:g}"
        )
        other = "cross-lingual" if self.other == "X-Y" else "of same-language pairs in mixed languages"
        few = f" in {self.batch_languages} languages" if self.batch_languages else ""
        texts = f"a {self.per} is monolingual with probability {alpha}, otherwise {other}{few}"
        if self.lexicon is None:
            return texts
        return self.lexicon.describe() + ("" if self.lexicon.share == 1 else f"; otherwise {texts}")
