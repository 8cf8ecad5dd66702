"""Settings of this room: `pretrain`, what an encoder learns of whole pages before `train`."""

from typing import Any, Literal

from pydantic import Field, field_validator

from babelmix.common.section import Section

PretrainObjective = Literal["none", "msm", "ccp", "msm-shuffled", "bitext", "msm-x"]


class Pretrain(Section):
    """How an encoder is pre-trained, equal for all objectives of `train`; params.yaml explains each field."""

    objective: PretrainObjective = "none"
    steps: int = Field(default=240, ge=1)
    sentences: int = Field(default=8, ge=2, le=64)
    blocks: int = Field(default=8, ge=2)
    temperature: float = Field(default=0.1, gt=0)
    bias: float = Field(default=0.5, ge=0)
    document_layers: int = Field(default=2, ge=1)
    neighbours: int = Field(default=2, ge=1)
    learning_rate: float | None = Field(default=None, gt=0, lt=1)  # None: the preset's

    @field_validator("objective", mode="before")
    @classmethod
    def _not_empty(cls, objective: Any) -> Any:
        """Refuse YAML's null: `none` is the one name of no pre-training, so equal settings are equal files."""
        if objective is None:
            raise ValueError("empty: write none for no pre-training")
        return objective

    def describe(self) -> str:
        """Return a description for reports and model cards."""
        if self.objective == "none":
            return "none"
        return f"{self.objective}, {self.steps} steps of {self.blocks} blocks of {self.sentences} texts"
