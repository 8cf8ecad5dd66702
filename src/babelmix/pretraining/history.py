"""The history of a pre-training: one row.

write_history([Step(1, "de", 4.1, 1e-5, 0.125, 0.02)], Step, Path("metrics/pretrain/history.csv"))
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Step:
    """One row of the history: the loss in nats, and the share of texts found in their block and among other blocks."""

    step: int
    language: str
    loss: float
    lr: float
    own: float | None  # none of bitext, which has no blocks
    other: float | None
