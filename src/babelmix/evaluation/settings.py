"""Settings of this room: `evaluate`, how a benchmark is scored."""

from pydantic import Field

from babelmix.common.section import Section


class Evaluate(Section):
    """How a benchmark is scored."""

    resamples: int = Field(ge=100)
    lir_rank: int = Field(ge=1)
    lir_passages: int = Field(ge=1)
