"""Which steps of an objective have lexical batches: pairs of words in two languages, from dictionaries.

    Lexicon(share=0.25).before(8, 240)              # 2 of the first 8 steps: every fourth
    Lexicon(share=0.25, at="first").before(8, 240)  # 8: the first 60 steps

arXiv 2205.00267 tunes encoders on word pairs. Here such a batch is one kind among others.
"""

from typing import Literal

from pydantic import Field

from babelmix.common.section import Section

LEXICAL = "lexical"  # the kind of such a batch


class Lexicon(Section):
    """The lexical batches of an objective.

    Attributes:
        share: of the steps whose batch is lexical; 1 for all.
        at: "spread" has them at even distances, "first" before all others, "last" after them.
    """

    share: float = Field(gt=0, le=1)
    at: Literal["spread", "first", "last"] = "spread"

    def before(self, step: int, steps: int) -> int:
        """Return how many of the first `step` of `steps` batches are lexical; of all: `share` of them, rounded.

        >>> [Lexicon(share=0.25, at=at).before(5, 8) for at in ("spread", "first", "last")]
        [1, 2, 0]
        """
        number = round(self.share * steps)
        if self.at == "spread":
            return step * number // steps if steps else 0
        return min(step, number) if self.at == "first" else max(0, step - (steps - number))

    def parts(self, steps: int) -> tuple[int, ...]:
        """Return the lengths of the parts, of words and of texts: each has a warm-up and a decay of its own.

        So "first" and "last" differ in the order alone. In one schedule the last quarter of the steps has 7 % of the
        learning rate, and the first 38 %.

        >>> [Lexicon(share=0.25, at=at).parts(8) for at in ("spread", "first", "last")]
        [(8,), (2, 6), (6, 2)]
        """
        number = round(self.share * steps)
        parts = {"first": (number, steps - number), "last": (steps - number, number)}.get(self.at, (steps,))
        return tuple(part for part in parts if part)

    def describe(self) -> str:
        """Return which batches are lexical, in words.

        >>> Lexicon(share=0.25, at="last").describe()
        'the last 25% of the batches hold words in two languages'
        """
        which = "" if self.share == 1 else {"spread": "evenly spread, "}.get(self.at, f"the {self.at} ")
        return f"{which}{self.share:.0%} of the batches hold words in two languages"
