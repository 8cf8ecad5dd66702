"""What a reader asks: a query and how it is searched, read from an address or from JSON and checked.

    ask = parse({"q": ["how do I print?"], "lang": ["de", "fr"], "strength": ["0.5"]}, languages=("de", "en", "fr"),
                query_bytes=4096, debias=1.0)
    ask.query, ask.languages, ask.strength, ask.equal_share     # "how do I print?", ("de", "fr"), 0.5, False

Nothing of it is ever a path, a name of a file or a name of an index.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from babelmix.common.text import published_form
from babelmix.searching.page.limits import Refused

FIELDS = ("q", "lang", "strength", "equal")


@dataclass(frozen=True, slots=True)
class Ask:
    """A search as asked for: no languages are all of them; `strength` of the debiasing is 0 to 1."""

    query: str
    languages: tuple[str, ...]
    strength: float
    equal_share: bool


def parse(given: Mapping[str, Sequence[str]], *, languages: Sequence[str], query_bytes: int, debias: float) -> Ask:
    """Return the search that the fields ask for; `debias` is the strength where none is given.

    Refused: 413 for a long query, 400 for an unknown field or language and for a strength that is none.
    """
    unknown = sorted(given.keys() - set(FIELDS))
    if unknown:
        raise Refused(400, f"there is no field {unknown[0][:40]!r}; the fields are {', '.join(FIELDS)}")
    query = " ".join(published_form("".join(given.get("q", ())[:1])).split())
    query = query.encode("utf-8", "replace").decode()  # half a character has no vector
    if len(query.encode()) > query_bytes:
        raise Refused(413, f"the query is longer than {query_bytes:,} bytes; ask with fewer words")
    asked = tuple(dict.fromkeys(given.get("lang", ())))
    for code in asked:
        if code not in languages:
            raise Refused(400, f"no passage is in the language {code[:20]!r}; there are {', '.join(languages)}")
    equal_share = "".join(given.get("equal", ())[:1]) not in ("", "0")
    return Ask(query, asked, _strength(given.get("strength", ()), debias), equal_share)


def _strength(given: Sequence[str], default: float) -> float:
    if not given:
        return default
    try:
        strength = float(given[0])
    except ValueError:
        strength = -1.0
    if not 0 <= strength <= 1:
        raise Refused(400, "the strength of the debiasing is a number from 0 to 1")
    return strength
