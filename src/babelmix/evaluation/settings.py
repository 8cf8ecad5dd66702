"""Settings of this room: `evaluate`, how a benchmark is scored."""

from pydantic import Field

from babelmix.common.section import Section

EQUIVALENCE_BOUND = 0.005  # of experiments of an older release, which name none; params.yaml has the reason


class Evaluate(Section):
    """How a benchmark is scored."""

    equivalence_bound: float = Field(default=EQUIVALENCE_BOUND, gt=0, lt=1)
    lir_rank: int = Field(ge=1)
    lir_passages: int = Field(ge=1)
