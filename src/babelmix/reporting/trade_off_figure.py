"""The trade-off: what a recipe gains where every language has an answer, and loses where the asker's alone has one.

save(trade_off_figure(read_rivals(Path("."), names, say)), Path("trade-off.svg"))
"""

from collections.abc import Iterator, Sequence
from typing import Any

import altair as alt

from babelmix.reporting.dev_choice import is_transductive
from babelmix.reporting.drawing import COLOURS, FAINT, INK, bar_end
from babelmix.reporting.rival_costs import PLAIN
from babelmix.reporting.rivals import SizeRivals
from babelmix.workspace import BM25, UNTRAINED, encoder_of

FORMS = {"plain": "circle", "debiased by training text": "square", "debiased by the index": "triangle-up"}
TITLES = {"x": "native pool, pooled mAP", "y": "XQuAD-R, multilingual mAP"}
POINT: dict[str, Any] = {"size": 55, "opacity": 1, "strokeWidth": 1.6}
WIDTH, HEIGHT = 620, 330
GAP = 15  # pixels between two labels
FAR = 0.5  # of plain hybrid: what scores less would press all others into a corner


def trade_off_figure(sizes: Sequence[SizeRivals]) -> alt.TopLevelMixin:
    """Return a panel for each size, with each recipe plain and in its best debiased forms, which the dev splits chose.

    x is the pooled mAP of the native pool, y the multilingual mAP of the parallel benchmark, with their 95 % intervals.
    """
    encoders = list(dict.fromkeys(name for found in sizes for name in found.cost))
    panels = [_panel(list(_rows(found)), encoders, found) for found in sizes]
    subtitle = [
        "Up: better where every language has the answer (XQuAD-R, one pool). Right: better where only the asker's own",
        "has it (native pool). Filled: the plain recipe. Coloured lines lead from it to its debiased forms, hollow:",
        "squares by training text, triangles by the passages of the index (transductive). Dev splits chose the forms.",
        f"Bars: 95 % intervals over {_over(sizes)}. Dashed lines cross at plain {PLAIN}.",
    ]
    if far := [f"{name} ({found.size})" for found in sizes for name in sorted(far_below(found))]:
        subtitle.append(f"Not drawn, as they have less than half of plain {PLAIN}'s mAP: {', '.join(far)}.")
    title = alt.TitleParams(
        "The trade-off between languages", subtitle=subtitle, subtitlePadding=5, offset=14, fontWeight="normal"
    )
    return alt.vconcat(*panels, spacing=24).properties(title=title)


def far_below(found: SizeRivals) -> set[str]:
    """Return the encoders that score less than FAR times as much as plain hybrid in either pool: pruned, untrained."""
    scores = found.scores
    pools = ("multi", "native")
    return {
        name for name in found.cost if any(scores[name, pool].mean < FAR * scores[PLAIN, pool].mean for pool in pools)
    }


def _over(sizes: Sequence[SizeRivals]) -> str:
    """Return what the intervals are over, with the sizes for which there is one seed."""
    alone = [found.size for found in sizes if len(found.seeds) == 1]
    if not alone:
        return "questions and seeds"
    if len(alone) == len(sizes):
        return "questions alone, as there is one seed"
    return f"questions and seeds, with {', '.join(alone)} over questions alone"


def _rows(found: SizeRivals) -> Iterator[dict[str, Any]]:
    far = far_below(found)
    for name in found.shown:
        if name == BM25 or encoder_of(name) in far:
            continue
        x, y = found.scores[name, "native"], found.scores[name, "multi"]
        encoder = encoder_of(name)
        form = list(FORMS)[0 if name == encoder else 2 if is_transductive(name) else 1]
        yield {
            "encoder": encoder,
            "form": form,
            "x": round(x.mean, 4),
            "y": round(y.mean, 4),
            **{f"x_{end}": bar_end(getattr(x, end)) for end in ("low", "high")},
            **{f"y_{end}": bar_end(getattr(y, end)) for end in ("low", "high")},
        }


def _panel(rows: list[dict[str, Any]], encoders: list[str], found: SizeRivals) -> alt.LayerChart | alt.FacetChart:
    colours = {name: COLOURS[place % len(COLOURS)] for place, name in enumerate(encoders)}
    colours |= {UNTRAINED: FAINT, PLAIN: INK}
    scale = alt.Scale(domain=encoders, range=[colours[name] for name in encoders])
    domains = {axis: _domain(rows, axis) for axis in TITLES}

    def x(field: str) -> alt.X:
        axis = alt.Axis(tickCount=8, labelOverlap=True)
        return alt.X(f"{field}:Q", title=TITLES["x"], axis=axis, scale=alt.Scale(domain=domains["x"], nice=False))

    def y(field: str) -> alt.Y:
        return alt.Y(f"{field}:Q", title=TITLES["y"], scale=alt.Scale(domain=domains["y"], nice=False))

    stroke = alt.Stroke("encoder:N", scale=scale, legend=None)
    shape = alt.Shape("form:N", scale=alt.Scale(domain=list(FORMS), range=list(FORMS.values())), legend=None)
    base = alt.Chart(alt.InlineData(rows)).encode(stroke=stroke)
    lines = [
        base.transform_filter(f"datum.form === 'plain' || datum.form === '{form}'")
        .mark_line(strokeWidth=1, opacity=0.6)
        .encode(x=x("x"), y=y("y"), detail="encoder:N", order="form:N")
        for form in list(FORMS)[1:]
    ]
    bars = base.mark_rule(strokeWidth=1, opacity=0.4)
    hollow, filled = (
        base.transform_filter(f"datum.form {sign} 'plain'").mark_point(**POINT) for sign in ("!==", "===")
    )
    fill = alt.Fill("encoder:N", scale=scale, legend=None)
    plain = next(row for row in rows if (row["encoder"], row["form"]) == (PLAIN, "plain"))
    left, column = domains["x"][0], _column(domains["x"])
    cross = alt.Chart(alt.InlineData([plain | {"left": left, "column": column}])).mark_rule(
        color=FAINT, strokeDash=[4, 3], strokeWidth=1
    )
    labels = alt.Chart(alt.InlineData(list(_labels(rows, column, domains["y"]))))
    words = labels.mark_text(align="left", fontSize=12, dx=4).encode(
        x=x("at_x"), y=y("at_y"), text="encoder:N", color=alt.Color("encoder:N", scale=scale, legend=None)
    )
    leaders = labels.mark_rule(strokeWidth=0.7, color=FAINT, opacity=0.45).encode(
        x=x("at_x"), y=y("at_y"), x2="x", y2="y"
    )
    seeds = f"seed{'s' if len(found.seeds) > 1 else ''} {', '.join(map(str, found.seeds))}"
    return alt.layer(
        cross.encode(x=x("x")),
        cross.encode(x=x("left"), x2="column", y=y("y")),
        leaders,
        *lines,
        bars.encode(x=x("x_low"), x2="x_high", y=y("y")),
        bars.encode(x=x("x"), y=y("y_low"), y2="y_high"),
        hollow.encode(x=x("x"), y=y("y"), shape=shape, fill=alt.value("white")),
        filled.encode(x=x("x"), y=y("y"), shape=shape, fill=fill),
        words,
    ).properties(
        width=WIDTH,
        height=HEIGHT,
        title=alt.TitleParams(f"{found.size} ({seeds})", fontSize=13, frame="group", offset=6),
    )


def _domain(rows: Sequence[dict[str, Any]], axis: str) -> list[float]:
    """Return the range of an axis, all intervals inside; x has room for the labels on its right."""
    ends = [row[key] for row in rows for key in (axis, f"{axis}_low", f"{axis}_high") if row[key] is not None]
    low, high = min(ends), max(ends)
    room = max(high - low, 0.01)
    return [round(low - 0.04 * room, 4), round(high + (0.42 if axis == "x" else 0.04) * room, 4)]


def _column(domain: Sequence[float]) -> float:
    """Return the x where the labels begin."""
    return round(domain[1] - 0.24 * (domain[1] - domain[0]), 5)


def _labels(rows: Sequence[dict[str, Any]], column: float, y_domain: Sequence[float]) -> Iterator[dict[str, Any]]:
    """Yield a label for each plain recipe in a column on the right, in the order of their heights, none on another."""
    plain = sorted((row for row in rows if row["form"] == "plain"), key=lambda row: row["y"])
    low, high = y_domain
    gap = min(GAP * (high - low) / HEIGHT, (high - low) / max(len(plain), 1))
    at = low + gap / 2
    heights: list[float] = []
    for row in plain:
        at = max(at, row["y"])
        heights.append(at)
        at += gap
    most = high - gap / 2
    for place in reversed(range(len(heights))):  # down again from the upper edge, as far as needed
        heights[place] = min(heights[place], most)
        most = heights[place] - gap
    for row, height in zip(plain, heights, strict=True):
        yield {"encoder": row["encoder"], "x": row["x"], "y": row["y"], "at_x": column, "at_y": round(height, 5)}
