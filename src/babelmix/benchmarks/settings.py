"""Settings of this room: `benchmark`, what is kept of a benchmark."""

from typing import Literal

from pydantic import Field

from babelmix.common.section import Section


class BenchmarkSettings(Section):
    """What is kept of a benchmark."""

    languages: Literal["all"] | tuple[str, ...]
    max_passage_characters: int = Field(ge=1)
    query_languages: tuple[str, ...] = ()  # made by machine, for benchmarks whose queries are English alone
    splits: dict[str, str] = Field(default_factory=dict)  # by benchmark, of those in BEIR form; "test" unless given
