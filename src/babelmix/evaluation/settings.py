"""Settings of this room: `evaluate`, how a benchmark is scored."""

from pydantic import Field

from babelmix.common.section import Section


class Evaluate(Section):
    """How a benchmark is scored."""

    resamples: int = Field(ge=100)
    debias_rank: int = Field(ge=1)
    debias_units: int = Field(ge=1)
