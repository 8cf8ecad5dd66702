"""Settings of this room: `train`, the same for all objectives."""

from typing import Literal

from pydantic import Field

from babelmix.common.section import Section


class Train(Section):
    """How an encoder is trained, equal for all objectives; params.yaml explains each field."""

    steps: int = Field(ge=1)
    batch_size: int = Field(ge=2)
    learning_rate: float | None = Field(default=None, gt=0, lt=1)  # None: the preset's, see `Settings.training`
    temperature: float = Field(gt=0)
    symmetric: bool
    matryoshka: tuple[int, ...]
    weight_decay: float = Field(ge=0)
    warmup_ratio: float = Field(ge=0, le=1)
    max_query_tokens: int = Field(ge=4)
    max_passage_tokens: int = Field(ge=4)
    dropout: float = Field(ge=0, lt=1)
    bfloat16: bool
    freeze_word_embeddings: bool
    cached: bool
    eval_steps: int = Field(ge=1)
    select_by: Literal["last", "dev_english", "dev_monolingual", "dev_crosslingual", "dev_pooled"]

    @property
    def peak_lr(self) -> float:
        """The learning rate after warm-up; ValueError if `learning_rate` is None."""
        if self.learning_rate is None:
            raise ValueError("train.learning_rate is empty: take Settings.training, which fills in the preset's")
        return self.learning_rate
