"""Every lexicon. A module of this room that has a `SOURCE` adds it here.

LEXICONS["tatoeba"].licence       # "Tatoeba: CC BY 2.0 FR"
"""

from babelmix import lexicon
from babelmix.common.discovery import registry
from babelmix.common.errors import unknown_name
from babelmix.lexicon.source import LexicalSource

LEXICONS: dict[str, LexicalSource] = registry(lexicon, "SOURCE")


def lexicon_of(name: str, where: str = "probes") -> LexicalSource:
    """Return a lexicon by its name; UserError, at `where`, for an unknown name."""
    if name not in LEXICONS:
        raise unknown_name("lexicon", name, LEXICONS, where=where)
    return LEXICONS[name]
