"""Settings of this room: `pretrain`, what an encoder learns of whole pages before `train`."""

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

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

    @model_validator(mode="after")
    def _halves(self) -> "Pretrain":
        """Refuse what would give the objectives unequal texts: two of them take half as many rows, of two texts."""
        if self.objective == "msm-x" and (self.blocks < 4 or self.blocks % 2):
            raise ValueError(
                "msm-x takes half of `blocks`, for the targets are texts too: give an even number from 4 on"
            )
        if self.objective == "bitext" and self.blocks * self.sentences % 2:
            raise ValueError("bitext takes half of `blocks` * `sentences` pairs: give one of them an even number")
        return self

    @property
    def batch_blocks(self) -> int:
        """Blocks of a batch. `msm-x` encodes the targets too, so it takes half as many: equal texts, equal cost."""
        return self.blocks // 2 if self.objective == "msm-x" else self.blocks

    @property
    def batch_pairs(self) -> int:
        """Rows of a batch of `bitext`, each of two texts: as many texts as the blocks of the others have."""
        return self.blocks * self.sentences // 2

    def describe(self) -> str:
        """Return a description for reports and model cards."""
        if self.objective == "none":
            return "none"
        if self.objective == "bitext":
            return f"bitext, {self.steps} steps of {self.batch_pairs} pairs of texts"
        targets = " and as many targets" if self.objective == "msm-x" else ""
        return f"{self.objective}, {self.steps} steps of {self.batch_blocks} blocks of {self.sentences} texts{targets}"
