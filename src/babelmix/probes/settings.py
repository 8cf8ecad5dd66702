"""Settings of this room: `probe`, how an encoder is asked for its words."""

from typing import Literal

from babelmix.common.section import Section

Form = Literal["fast", "full"]
Prompt = Literal["query", "none"]


class ProbeSettings(Section):
    """How an encoder is asked for its words."""

    systems: tuple[str, ...] = ()  # that the stage probes: untrained, objectives, averages
    form: Form = "fast"  # fast: shorter lists of candidates
    prompt: Prompt = "none"  # before each word: the model's own for queries, or none
