"""Whether the size changes what the batches gain: power laws, their differences, forecasts, and the figure.

found = StudyScores(design, study)
scaling_section(found, "")              # Section; with two sizes points, and no fit
gap_section(found, "")                  # what a second language costs, over the size
"""

from collections.abc import Iterator, Sequence
from typing import Any

import altair as alt

from babelmix.reporting.answer.document import Block, Chart, Figure, Paragraph, Section, Table
from babelmix.reporting.answer.size_axis import DASHES, size_axis, told_apart
from babelmix.reporting.answer.words import listed
from babelmix.reporting.dev_choice import marked
from babelmix.reporting.scaling_figure import FIT, FORECAST, lines, points
from babelmix.reporting.scaling_fits import ENTROPY, INTERACTION, forecast_explained
from babelmix.reporting.scaling_gap import OWN, PUBLIC, gaps, public_gaps
from babelmix.reporting.scaling_rows import (
    Rows,
    entropies,
    exponents,
    fits_of,
    forecasts,
    interactions,
    no_fit,
    no_forecast,
    seeds_of_fits,
    systems_of,
)
from babelmix.study.scores import NATIVE, StudyScores

LAW = (
    "Error is 1 − score: what is still wrong. A power law says that it is a · N^−b, where N is the number of "
    "parameters outside the embeddings. The larger the exponent b, the faster the error falls: with b = 0.1, twice the "
    "parameters leave 7 % less error. Two recipes of one exponent keep the same share of each other's error at every "
    "size. So a difference of two exponents says that the size changes the gain, as a share of the error."
)
TRUST = (
    "All sizes are cuts of one checkpoint, so nothing promises a power law. A bad fit shows as an R² far below 1 (of "
    "the log errors), or as a large miss (the largest |error − fit|). Intervals hold 95 %, at these sizes"
)
DOTTED = " Dotted: the law of all sizes but the largest, up to the largest."
DOTS = [1, 4]


def scaling_section(found: StudyScores, suffix: str) -> Section | None:
    """Return what the sizes say together; None without a size or a score."""
    if not (found.design.sizes and found.scores):
        return None
    return Section(f"scaling{suffix}", "Does the size change the gain?", tuple(_blocks(found, suffix)))


def gap_section(found: StudyScores, suffix: str) -> Section | None:
    """Return the gap between one language and two, beside published models; None without both scores."""
    own = gaps(found)
    if not own.rows:
        return None
    caption = f"Monolingual minus cross-lingual score on {found.study.benchmarks[0]}, by size"
    public = _table("Published families of models", public_gaps(), names=1, folded=True)
    blocks = (Paragraph(OWN), _table(caption, own, names=1), Paragraph(PUBLIC), public)
    return Section(f"gap{suffix}", "The gap between one language and two", blocks)


def _blocks(found: StudyScores, suffix: str) -> Iterator[Block]:
    yield Paragraph(LAW)
    if (why := no_fit(found)) is not None:
        yield Paragraph(why)
        yield from _figure(found, suffix)
        return
    fits = exponents(fits_of(found))
    over = ", over questions and seeds" if len(found.seeds) > 1 else ""
    yield Paragraph(f"{TRUST}{over}. {seeds_of_fits(found)}")
    yield Paragraph(_names(found))
    yield from _figure(found, suffix)
    yield _table("Exponents of the error", fits.only("score", "system", "exponent b", "R²", "largest miss"))
    if found.others:
        yield Paragraph(INTERACTION)
        yield _table("Differences of exponents, and the change of the gain", interactions(found))
    if (why := no_forecast(found)) is not None:
        yield Paragraph(why)
    else:
        yield Paragraph(forecast_explained(found))
        own = forecasts(found).only("score", "figure", "forecast", "measured", "miss")
        yield _table(f"{found.design.sizes[-1]}, forecast and measured", own, folded=True)
    nats = entropies(found)
    if nats.rows:
        yield Paragraph(ENTROPY)
        own = nats.only("scope", "system", *found.design.sizes, "exponent b", "R²")
        yield _table("Contrastive entropy by size, nats", own, folded=True)


def _table(caption: str, found: Rows, *, names: int = 2, folded: bool = False) -> Table:
    return Table(caption, *found, names=names, folded=folded)


def _names(found: StudyScores) -> str:
    """Return what the names of the scores mean."""
    text = (
        f"Of {found.study.benchmarks[0]}, pool is the pool of all languages, cross is search in another language, and "
        "mono is search in the query's own."
    )
    if any(score.name == NATIVE for score in found.scores):
        text += " In native, the answer is in the asker's language alone."
    if found.free:
        text += (
            f" {marked(found.free)} is {found.reference} in the form that dev chose among those that cost no training."
        )
    return text


def _figure(found: StudyScores, suffix: str) -> Iterator[Figure]:
    systems = systems_of(found)
    measured, laws = list(points(found, systems)), list(lines(found, systems))
    scopes = list(dict.fromkeys(str(row["scope"]) for row in measured))
    charts = tuple(_chart(found, scope, _of(scope, measured), _of(scope, laws)) for scope in scopes)
    curves = {row["curve"] for row in laws}
    caption = (
        f"Error on {found.study.benchmarks[0]} over the parameters outside the embeddings, log scales. Bars: 95 % "
        f"intervals.{' Lines: power laws of the objectives.' if FIT in curves else ''}"
        f"{DOTTED if FORECAST in curves else ''}"
    )
    if charts:
        yield Figure(f"scaling-figure{suffix}", caption, charts)


def _of(scope: str, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: cell for name, cell in row.items() if name != "scope"} for row in rows if row["scope"] == scope]


def _chart(found: StudyScores, scope: str, measured: Sequence[dict[str, Any]], laws: Sequence[dict[str, Any]]) -> Chart:
    systems = list(dict.fromkeys(str(row["system"]) for row in measured))
    color, shape = told_apart("system", systems)
    scale = alt.Scale(type="log", nice=False)
    error = alt.Y("error:Q", title="error", scale=scale, axis=alt.Axis(format=".2~f", tickCount=5))
    x = size_axis(found.design.parameters, len(systems))
    curves = [
        alt.Chart(alt.InlineData([row for row in laws if row["system"] == name and row["curve"] == curve]))
        .mark_line(strokeWidth=width, strokeDash=dash)
        .encode(x=x, y=error, color=color)
        for place, name in enumerate(found.study.objectives)
        for curve, width, dash in ((FIT, 2, DASHES[place % len(DASHES)]), (FORECAST, 2.5, DOTS))
        if any(row["system"] == name and row["curve"] == curve for row in laws)
    ]
    base = alt.Chart(alt.InlineData(measured)).encode(x=x, color=color)
    bars = base.mark_rule(strokeWidth=1.5).encode(y=alt.Y("low:Q", title="error"), y2="high:Q")
    marks = base.mark_point(size=80, filled=True, opacity=1).encode(
        y=error, shape=shape, tooltip=["system:N", "error:Q", "low:Q", "high:Q"]
    )
    spec = alt.layer(*curves, bars, marks).properties(width="container", height=260).to_dict()
    return Chart(scope, _description(found, scope, measured, systems), spec)


def _description(found: StudyScores, scope: str, measured: Sequence[dict[str, Any]], systems: Sequence[str]) -> str:
    sizes = found.design.sizes
    said: list[str] = []
    for name in systems:
        own = [row["error"] for row in measured if row["system"] == name]
        said.append(f"{name} from {own[0]:.3f} to {own[-1]:.3f}")
    return f"{scope}: error over the size, from {sizes[0]} to {sizes[-1]}. {listed(said)}."
