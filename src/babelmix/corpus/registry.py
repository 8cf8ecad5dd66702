"""Every source of question-passage pairs. A module of `corpus.sources` that has a `SOURCE` adds it here.

PAIR_SOURCES["mmarco"].hub                    # True
source_of("squadshifts", {}).licence          # "SQuADShifts: CC BY 4.0"
source_of("mine", settings.source).build(Path("data/raw/mine"), settings.pairs)
"""

from collections.abc import Mapping

from babelmix.common.discovery import registry
from babelmix.common.errors import unknown_name
from babelmix.corpus import sources
from babelmix.corpus.settings import Table
from babelmix.corpus.source import PairSource
from babelmix.corpus.sources.own_words import dictionary_source
from babelmix.corpus.sources.table import table_source

PAIR_SOURCES: dict[str, PairSource] = registry(sources, "SOURCE")


def source_of(name: str, tables: Mapping[str, Table], where: str = "sources") -> PairSource:
    """Return a source by its name: a known one, or a table or dictionary of `source:`.

    UserError, at `where`, for any other name.
    """
    if name in PAIR_SOURCES:
        return PAIR_SOURCES[name]
    if name in tables:
        table = tables[name]
        return dictionary_source(name, table.dictionary) if table.dictionary else table_source(name, table)
    raise unknown_name("source", name, (*PAIR_SOURCES, *tables), where=where)
