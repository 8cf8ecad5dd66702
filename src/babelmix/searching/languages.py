"""The language of a passage: the one that its file names, else the one that its text is recognised to be in.

    language_of("Wie drucke ich eine Seite?")         # "de"
    language_of("4711 / 0815")                        # None: in no known language
    checked_language("de-AT", "faq.csv, line 3, language")      # "de"

Known are the languages of common/languages.py. py3langid (common/identify.py) says which is the most probable one. Of
a short text it is a guess; name the language where you know it.
"""

import re
from functools import cache

from babelmix.common.errors import UserError, shown
from babelmix.common.identify import identify, may_be
from babelmix.common.languages import LANGUAGES
from babelmix.common.text import reading_length

SHORTEST = 10  # letters of a text (common/text.py, reading_length) whose language is guessed at all
_LETTERS = re.compile(r"[^\W\d_]+")
_CODE = re.compile(r"([a-z]{2,3})([-_][a-z0-9]{2,8})*", re.IGNORECASE)
_NONE = ("", "und", "zxx", "mul", "unknown")  # what files write where there is none


def language_of(text: str) -> str | None:
    """Return the language of a text; None if it has too few letters or is in no known language."""
    letters = "".join(_LETTERS.findall(text[:2000]))
    if reading_length(letters) < SHORTEST:
        return None
    return _known(identify(text[:2000]))


def checked_language(value: object, where: str) -> str | None:
    """Return the language that a file names, without its region; None if it names none. UserError for anything else.

    A language that babelmix does not know keeps its own code: it is a language all the same.
    """
    if value is None or (isinstance(value, str) and value.strip().lower() in _NONE):
        return None
    found = _CODE.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        how = "write a code such as de or pt-BR, or leave it empty: it is then recognised"
        raise UserError(f"not a language: {shown(str(value))}", where=where, how=how)
    return found[1].lower()


@cache
def _known(found: str) -> str | None:
    if found in LANGUAGES:
        return found
    return next((lang for lang in sorted(LANGUAGES) if may_be(found, lang)), None)
