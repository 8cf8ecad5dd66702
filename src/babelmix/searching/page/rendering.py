"""The page as HTML: a template with every text escaped, and a chart of language shares as SVG.

    template = Template(page, title="babelmix")
    template.render(ask, answer, error=None)

There is no style and no script in the page itself: the policy in guard.py forbids both.
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined

from babelmix.searching.index import Hit
from babelmix.searching.page.answers import Answer, Page, Share
from babelmix.searching.page.asking import Ask
from babelmix.searching.page.language_names import direction_of, name_of

TEXT = 1500  # characters of a passage at most
RANKS = 60  # right answers shown on a side at most
COLUMNS = 16  # languages in the chart at most
HUES = 12
WIDTH, HEIGHT, FOOT = 40, 64, 34  # of a column of the chart; the foot holds its two lines of text


@dataclass(frozen=True, slots=True)
class Column:
    """A language's column of the chart: its place and the heights of its two bars, in units of the SVG."""

    x: int
    code: str
    hits: int
    pool_height: float
    hits_height: float


def columns(shares: tuple[Share, ...]) -> list[Column]:
    """Return the chart's columns, by language: a language's part of the passages beside its part of the hits.

    Where there are more than COLUMNS languages, those with most hits, then most passages, are shown.
    """
    total = sum(share.hits for share in shares) or 1
    shown = sorted(shares, key=lambda share: (-share.hits, -share.pool, share.language))[:COLUMNS]
    highest = max((max(share.pool, share.hits / total) for share in shown), default=0) or 1
    bars = enumerate(sorted(shown, key=lambda share: share.language))
    return [
        Column(
            WIDTH * place,
            share.language,
            share.hits,
            round(HEIGHT * share.pool / highest, 1),
            round(HEIGHT * share.hits / total / highest, 1),
        )
        for place, share in bars
    ]


def in_words(shares: tuple[Share, ...]) -> str:
    """Return the chart in words, for who does not see it."""
    total = sum(share.hits for share in shares)
    found = sorted((share for share in shares if share.hits), key=lambda share: (-share.hits, share.language))
    listed = ", ".join(
        f"{name_of(share.language)} {share.hits} of {total} (passages: {share.pool:.0%})" for share in found
    )
    none = [name_of(share.language) for share in shares if not share.hits]
    missing = f"; no hit in {', '.join(none)}" if none else ""
    return f"Languages of the hits: {listed or 'none'}{missing}"


class Template:
    """The template of the page, and what is the same in every answer."""

    def __init__(self, page: Page) -> None:
        """Load the template."""
        environment = Environment(
            loader=PackageLoader("babelmix.searching.page", "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        hues = {code: place % HUES for place, code in enumerate(page.languages)}
        environment.filters.update(name=name_of, direction=direction_of, cut=_cut, signed=_signed)
        known: dict[str, Any] = {"columns": columns, "in_words": in_words, "address": _address, "standing": _standing}
        known |= {"hues": hues, "HEIGHT": HEIGHT, "WIDTH": WIDTH, "FOOT": FOOT, "RANKS": RANKS}
        self._template = environment.get_template("page.html.j2", globals=known)
        self._page = page

    def render(self, ask: Ask, answer: Answer | None, error: str | None) -> str:
        """Return the page with the form as asked, and the answer or the error if there is one."""
        return self._template.render(page=self._page, ask=ask, answer=answer, error=error)


def _address(ask: Ask, query: str) -> str:
    """Return the address of another query, asked in the same way."""
    fields: list[tuple[str, Any]] = [("q", query), *(("lang", code) for code in ask.languages)]
    fields += [("strength", f"{ask.strength:g}"), *([("equal", "1")] if ask.equal_share else [])]
    return f"/?{urlencode(fields)}"


def _standing(hit: Hit) -> str:
    """Return where a hit stands among the passages of its language."""
    where = f"{name_of(hit.language)}, number {hit.language_rank:,}; " if hit.language else ""
    return f"{where}standing {_signed(hit.standing, 1, plus=True)}"


def _signed(number: float, digits: int = 3, *, plus: bool = False) -> str:
    """Return a number with a real minus sign, and no sign if it is shown as zero."""
    shown = f"{number:+.{digits}f}" if plus else f"{number:.{digits}f}"
    return shown.lstrip("+-") if float(shown) == 0 else shown.replace("-", "−")


def _cut(text: str) -> str:
    text = " ".join(text[: 4 * TEXT].split())
    return text if len(text) <= TEXT else f"{text[:TEXT].rstrip()}…"
