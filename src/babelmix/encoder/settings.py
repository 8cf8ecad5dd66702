"""Settings of the encoder: `model.presets`, the encoders that training starts from, `average` and `embed`."""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from babelmix.common.section import Section
from babelmix.encoder.precision import Precision


class Preset(Section):
    """One starting encoder: a depth of the packaged checkpoint, a local folder in transformers form, or a hub id."""

    layers: int | None = Field(default=None, ge=1)  # how many layers are kept; None: all
    folder: Path | None = None
    hub: str | None = None  # org/name
    revision: str = "main"
    pooling: Literal["mean", "cls", "lasttoken"] | None = None  # None: the model's own, or mean pooling if it has none
    max_tokens: int = Field(default=512, ge=8)  # the most tokens of a text that the trained model reads
    query_prefix: str = ""
    passage_prefix: str = ""
    learning_rate: float = Field(gt=0, lt=1)

    @model_validator(mode="after")
    def _one_source(self) -> "Preset":
        if self.folder is not None and self.hub is not None:
            raise ValueError("give `folder:` or `hub:`, not both")
        if self.folder is None and self.hub is None and self.layers is None:
            how = "`layers:` (a depth of the packaged encoder), `folder:` (a local model) or `hub:` (org/name)"
            raise ValueError(f"give {how}")
        return self

    def describe(self) -> str:
        """Return a description of the encoder for reports and model cards."""
        revision = "" if self.revision == "main" else f" at {self.revision}"
        start = f"{self.hub}{revision} of the Hugging Face hub" if self.hub else f"the folder {self.folder}"
        start = start if self.hub or self.folder else "multilingual-e5-small (4-bit weights, dequantised)"
        return f"{start}, {self.layers} evenly spaced layers" if self.layers else start


class Average(Section):
    """Two encoders whose weights are averaged, "untrained" or objectives; params.yaml has them as [first, second]."""

    first: str
    second: str

    @model_validator(mode="before")
    @classmethod
    def _of_a_list(cls, value: Any) -> Any:
        if not (isinstance(value, list) and len(value) == 2):
            raise ValueError("not a list of two encoders")
        return {"first": value[0], "second": value[1]}

    def describe(self) -> str:
        """Return a description of the average for reports."""
        return f"the average of {self.first} and {self.second}, its share chosen on the dev split"


class Embed(Section):
    """How texts become vectors for evaluation."""

    max_tokens: int = Field(ge=4)
    precision: Precision
    context: bool
