"""Settings of this room: `benchmark`, which parts of a benchmark to keep."""

from typing import Literal

from pydantic import Field

from babelmix.common.section import Section


class BenchmarkSettings(Section):
    """Which parts of a benchmark to keep."""

    languages: Literal["all"] | tuple[str, ...]
    max_passage_characters: int = Field(ge=1)
    query_languages: tuple[str, ...] = ()  # machine translations, for benchmarks with only English queries
    translated: tuple[str, ...] = ()  # the user's own benchmarks that are asked in `query_languages` too, as BEIR is
    splits: dict[str, str] = Field(
        default_factory=dict
    )  # the split of each benchmark in BEIR form; "test" unless given
