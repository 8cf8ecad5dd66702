"""The report as one page that loads nothing: text, tables, and charts that Vega draws in the browser.

    page = to_page(document)

The charts are Vega-Lite specifications. One copy of Vega, of vl-convert's bundle, draws all of them. Its expressions
are interpreted, not compiled, so the page's policy allows no `eval`; of scripts it allows the two of the page, by
their hashes. Without JavaScript the tables stand. Every text is escaped by the template engine.
"""

import hashlib
import re
from base64 import b64encode
from itertools import count
from typing import Any

from babelmix.reporting.answer.document import Document
from babelmix.reporting.names import RIGHT

BREAKABLE = re.compile(r"(?<=\w)\+(?=\w)")  # in "contrastive+centre"
RIGHT_TO_LEFT = frozenset({"ar", "fa", "he", "ur"})


def to_page(document: Document) -> str:
    """Return the HTML of a document."""
    import vl_convert
    from jinja2 import Environment, PackageLoader, StrictUndefined

    templates = Environment(
        loader=PackageLoader("babelmix.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    templates.filters |= {"inline": _inline, "unbroken": _unbroken, "direction": _direction}
    vega = _script(vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;"))
    drawing = _script(templates.get_template("report.js").render())
    template = templates.get_template("report.html.j2")
    policy = (
        f"default-src 'none'; script-src {_hash(vega)} {_hash(drawing)}; style-src 'unsafe-inline'; img-src data:; "
        "font-src data:; base-uri 'none'; form-action 'none'"
    )
    return template.render(
        document=document, policy=policy, vega=vega, drawing=drawing, right=RIGHT, kind=_kind, number=count().__next__
    )


def _kind(block: Any) -> str:
    return type(block).__name__


def _direction(lang: str) -> str:
    return "rtl" if lang in RIGHT_TO_LEFT else "ltr"


def _script(text: str) -> Any:
    """Return a script as safe in HTML: nothing in it may end the element."""
    from markupsafe import Markup

    return Markup(text.replace("</script", "<\\/script").replace("<!--", "<\\!--"))  # noqa: S704 - no text of a user


def _hash(script: str) -> str:
    return f"'sha256-{b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def _unbroken(cell: str) -> str:
    """Return a cell whose line may break before the bracket of an interval, and nowhere within."""
    before, bracket, interval = cell.partition(" (")
    return before.replace(" ", "\N{NO-BREAK SPACE}") + bracket + interval.replace(" ", "\N{NO-BREAK SPACE}")


def _inline(text: str) -> Any:
    """Return an escaped text with what stands between backticks as code, whose lines may break after a name's plus."""
    from markupsafe import Markup, escape

    parts = [Markup(BREAKABLE.sub("+<wbr>", escape(part))) for part in text.split("`")]  # noqa: S704 - escaped
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if place % 2 else part for place, part in enumerate(parts)
    )
