"""Every source of question-passage pairs that needs no word in `source:`; what a source is stands here alone.

PAIR_SOURCES["mmarco"].hub       # True: it is downloaded from the hub
licence_of("squadshifts")        # "SQuADShifts: CC BY 4.0"
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PairSource:
    """A source by its name in `sources:`."""

    name: str
    licence: str  # as its publisher states it
    hub: bool = False  # whether fetching asks the Hugging Face hub
    needs_english: bool = False  # whether `pairs.languages` must hold English, which its other languages are aligned to


_ALL = (
    PairSource("libreoffice-help", "LibreOffice Help: MPL-2.0", needs_english=True),
    PairSource("squadshifts", "SQuADShifts: CC BY 4.0"),
    PairSource("mmarco", "mMARCO: Apache-2.0, of MS MARCO, for research that is not commercial", hub=True),
)
PAIR_SOURCES = {source.name: source for source in _ALL}


def licence_of(name: str, hub: str | None = None) -> str:
    """Return the licence of a source in a line; `hub` is the repository of a table of `source:` that has one."""
    if name in PAIR_SOURCES:
        return PAIR_SOURCES[name].licence
    return f"{name}: as the publisher of {hub} has it" if hub else f"{name}: yours"
