"""Settings of this room: `train`, the recipe that is equal for all objectives."""

from typing import Literal

from pydantic import Field

from babelmix.common.section import Section


class Train(Section):
    """The training recipe; everything here is equal for all objectives. params.yaml says what each is for."""

    steps: int = Field(ge=1)
    batch_size: int = Field(ge=2)
    learning_rate: float | None = Field(default=None, gt=0, lt=1)  # None: the preset's, see `Settings.training`
    temperature: float = Field(gt=0)
    symmetric: bool
    matryoshka: tuple[int, ...]
    weight_decay: float = Field(ge=0)
    warmup_share: float = Field(ge=0, le=1)
    max_query_tokens: int = Field(ge=4)
    max_passage_tokens: int = Field(ge=4)
    dropout: float = Field(ge=0, lt=1)
    bfloat16: bool
    freeze_word_embeddings: bool
    cached: bool
    look_steps: int = Field(ge=1)
    keep: Literal["last", "english", "monolingual", "crosslingual", "pooled"]

    @property
    def peak_lr(self) -> float:
        """The learning rate after warm-up, which the composed settings fill in; ValueError where none is there."""
        if self.learning_rate is None:
            raise ValueError("train.learning_rate is empty: take Settings.training, which fills in the preset's")
        return self.learning_rate
