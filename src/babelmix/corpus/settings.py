"""Settings of this room: `pairs`, how sources become pairs, and `source`, tables of pairs."""

from pathlib import Path
from typing import Any

from pydantic import Field, model_validator

from babelmix.common.section import Section


class Table(Section):
    """A table of question-passage pairs, on the hub or in a user's own file, and the meaning of its columns.

    Or a user's dictionary, whose first line names its languages.
    """

    hub: str | None = None  # org/name of a data set
    revision: str = "main"
    files: str = "*.parquet"  # which files of the repository, by shell pattern over the whole path
    path: Path | None = None  # JSONL, Parquet, or SQuAD-form JSON below data/own
    dictionary: Path | None = None  # TSV below data/own, see lexicon/own.py
    language: str | None = None  # of a table
    query: str = "query"
    passage: str = "passage"
    answer: str | None = None
    parallel_id: str | None = None  # what names the pair; without it, the question and passage do
    where: dict[str, str | int | float | bool] = Field(default_factory=dict)  # only rows with these values
    rows: int | None = Field(default=None, ge=1)  # at most, in the order of the files

    @model_validator(mode="after")
    def _one_place(self) -> "Table":
        places = (self.hub, self.path, self.dictionary)
        if sum(place is not None for place in places) != 1:
            raise ValueError("give `hub:` (org/name of a data set), `path:` or `dictionary:` (a file below data/own)")
        if self.dictionary is None and self.language is None:
            raise ValueError("give `language:`, the code of the table's language")
        if self.dictionary is not None and (others := sorted(self.model_fields_set - {"dictionary"})):
            raise ValueError(f"the first line of a dictionary names its languages: leave out {', '.join(others)}")
        return self

    def wants(self, column: str, value: Any) -> bool:
        """Return whether `where` keeps a row whose column has this value.

        Values of two kinds differ: `yes` is a text, and true is not a number. But `where` may also ask for a truth
        value of the data by YAML's words (yes, no, on, off), and for a number by its digits in quotes.
        """
        wanted = self.where[column]
        if isinstance(wanted, str) and not isinstance(value, str):
            if isinstance(value, bool):
                return wanted.lower() in (("true", "yes", "on") if value else ("false", "no", "off"))
            return isinstance(value, int | float) and wanted == str(value)
        return isinstance(wanted, bool) == isinstance(value, bool) and wanted == value


class Pairs(Section):
    """How sources become question-passage pairs."""

    languages: tuple[str, ...]
    passage_paragraphs: int = Field(ge=1)
    passage_sentences: int = Field(ge=0)
    mmarco_queries: int = Field(ge=1)
    min_passage_characters: int = Field(ge=1)
    dev_share: float = Field(gt=0, lt=1)
    dev_questions: int = Field(ge=1)
