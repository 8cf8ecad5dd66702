"""The report's figures, as altair charts saved to PNG: same results, same bytes.

    save(scores(results), Path("reports/figures/scores.png"))

vl-convert draws them without a browser and brings the font with it, so that no machine's own fonts take part.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import altair as alt

from babelmix.results import SETTINGS, UNTRAINED, Results

FONT = "Liberation Sans"
INK, FAINT = "#222222", "#7a7a7a"
# Okabe and Ito's palette, told apart by colour-blind readers; grey is where all variants start from.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
SHAPES = ("circle", "diamond", "square", "triangle-up", "cross", "triangle-down")
DEV = {"monolingual": "monolingual batches", "crosslingual": "cross-lingual batches"}
TITLES = {"monolingual": "Monolingual", "crosslingual": "Cross-lingual", "multilingual": "Multilingual pool"}


def save(chart: alt.TopLevelMixin, file: Path) -> None:
    """Write the chart as a PNG at twice its size, with the house's font and colours."""
    import vl_convert

    file.parent.mkdir(parents=True, exist_ok=True)
    text = {
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "labelColor": INK,
        "titleColor": INK,
    }
    config = {
        "font": FONT,
        "background": "white",
        "view": {"stroke": None},
        "axis": text | {"gridColor": "#e6e6e6", "domainColor": FAINT, "tickColor": FAINT},
        "legend": text | {"symbolSize": 110},
        "header": {"labelFontSize": 13, "labelFontWeight": "bold", "labelColor": INK, "title": None},
        "title": {
            "fontSize": 15,
            "anchor": "start",
            "color": INK,
            "subtitleFontSize": 12,
            "subtitleColor": FAINT,
        },
    }
    spec = chart.to_dict() | {"config": config, "padding": 12}
    file.write_bytes(vl_convert.vegalite_to_png(spec, scale=2))


def scores(results: Results) -> alt.TopLevelMixin:
    """Dots of mean average precision: a panel a benchmark, a row a setting, a mark a variant."""
    variants = list(results.evaluations)
    rows = [
        {"variant": variant, "benchmark": benchmark, "setting": TITLES[setting], "map": score}
        for variant, by_benchmark in results.evaluations.items()
        for benchmark, evaluation in by_benchmark.items()
        for setting in SETTINGS
        if (score := evaluation["settings"][setting]["map"]) is not None
    ]
    base = alt.Chart(alt.InlineData(rows)).encode(
        y=alt.Y("setting:N", title=None, sort=[TITLES[setting] for setting in reversed(SETTINGS)]),
        x=alt.X("map:Q", title="mean average precision", scale=alt.Scale(domain=[0, 1])),
    )
    span = base.mark_line(color="#d0d0d0", strokeWidth=3).encode(detail="setting:N")
    dots = base.mark_point(filled=True, size=130, opacity=1).encode(color=_colour(variants), shape=_shape(variants))
    panel = alt.layer(span, dots).properties(width=480, height=130)
    return _by_benchmark(panel, results).properties(
        title=_title("Mean average precision by setting", "Right is better.")
    )


def differences(results: Results, benchmark: str, objective: str, reference: str) -> alt.TopLevelMixin:
    """Heat map of the difference in mean average precision, query language by passage language."""
    cells = _by_pair(results.evaluations[objective][benchmark])
    before = _by_pair(results.evaluations[reference][benchmark])
    rows: list[dict[str, Any]] = [
        {"query": query, "passage": passage, "difference": score - before[query, passage]}
        for (query, passage), score in sorted(cells.items())
        if (query, passage) in before
    ]
    bound = max([0.01, *(abs(row["difference"]) for row in rows)])
    base = alt.Chart(alt.InlineData(rows)).encode(
        x=alt.X("passage:N", title="passage language", axis=alt.Axis(orient="top", labelAngle=0, grid=False)),
        y=alt.Y("query:N", title="query language", axis=alt.Axis(grid=False)),
    )
    colour = alt.Color(
        "difference:Q",
        title="difference",
        scale=alt.Scale(scheme="purplegreen", domain=[-bound, bound]),
        legend=alt.Legend(format="+.2f", gradientLength=200),
    )
    text = alt.condition(f"abs(datum.difference) > {0.6 * bound}", alt.value("white"), alt.value(INK))
    squares = base.mark_rect().encode(color=colour)
    numbers = base.mark_text(fontSize=11).encode(text=alt.Text("difference:Q", format="+.2f"), color=text)
    return alt.layer(squares, numbers).properties(
        width=alt.Step(44),
        height=alt.Step(30),
        title=_title(
            f"{benchmark}: {objective} minus {reference}",
            "Mean average precision by language pair; the diagonal is monolingual. Green: higher.",
        ),
    )


def losses(results: Results) -> alt.TopLevelMixin:
    """Training loss, averaged over stretches of steps, and dev losses by kind of batch."""
    objectives = list(results.histories)
    rows: list[dict[str, Any]] = []
    for objective, history in results.histories.items():
        stretch = max(1, len(history) // 30)
        for start in range(0, len(history) - stretch + 1, stretch):
            part = history[start : start + stretch]
            mean = sum(row.loss for row in part) / len(part)
            rows.append({"objective": objective, "panel": "training", "step": part[-1].step, "loss": mean})
        rows += [
            {"objective": objective, "panel": f"dev, {DEV[name]}", "step": row.step, "loss": loss}
            for row in history
            for name, loss in row.dev.items()
        ]
    lines = alt.Chart(alt.InlineData(rows)).mark_line(strokeWidth=2, point=alt.OverlayMarkDef(size=30))
    lines = lines.encode(
        x=alt.X("step:Q", title="step"),
        y=alt.Y("loss:Q", title="loss (nats)", scale=alt.Scale(zero=False)),
        color=_colour([UNTRAINED, *objectives], only=objectives),
    )
    return (
        lines.properties(width=250, height=220)
        .facet(column=alt.Column("panel:N", sort=["training", *(f"dev, {name}" for name in DEV.values())]))
        .resolve_scale(y="independent")
        .properties(
            title=_title(
                "Loss while training",
                "Training: each objective's own batches. Dev: the same batches for all.",
            )
        )
    )


def own_language(results: Results) -> alt.TopLevelMixin:
    """Bars of the share of the ten best passages in the query's language, against that of the pool."""
    variants = list(results.evaluations)
    rows: list[dict[str, Any]] = []
    for variant, by_benchmark in results.evaluations.items():
        for benchmark, evaluation in by_benchmark.items():
            bias = evaluation["bias"]
            if bias["same_language_share_top10"] is not None:
                share = {"share": bias["same_language_share_top10"], "even": unbiased_share(evaluation)}
                rows.append({"variant": variant, "benchmark": benchmark} | share)
    base = alt.Chart(alt.InlineData(rows)).encode(y=alt.Y("variant:N", title=None, sort=variants))
    share = alt.X("share:Q", title="share of the ten best passages", scale=alt.Scale(domain=[0, 1])).axis(format="%")
    bars = base.mark_bar(height=18).encode(x=share, color=_colour(variants, legend=False))
    numbers = base.mark_text(align="left", dx=5, fontSize=12).encode(x=share, text=alt.Text("share:Q", format=".0%"))
    even = base.mark_tick(color=INK, thickness=2, height=26).encode(x="even:Q")
    panel = alt.layer(bars, numbers, even).properties(width=480, height=alt.Step(28))
    return _by_benchmark(panel, results).properties(
        title=_title(
            "Top ten in the language of the query",
            "Black mark: the share that a ranking blind to language would have.",
        )
    )


def unbiased_share(evaluation: dict[str, Any]) -> float:
    """Return the share of the pool in the query's language, mean over query languages."""
    pool = evaluation["bias"]["language_share_pool"]
    shares = [pool[language] for language in evaluation["settings"]["multilingual"]["by"] if language in pool]
    return sum(shares) / len(shares)


def _by_pair(evaluation: dict[str, Any]) -> dict[tuple[str, str], float]:
    settings = evaluation["settings"]
    one = {(name, name): scores["map"] for name, scores in settings["monolingual"]["by"].items()}
    return one | {tuple(name.split("-")): scores["map"] for name, scores in settings["crosslingual"]["by"].items()}


def _by_benchmark(panel: alt.LayerChart | alt.FacetChart, results: Results) -> alt.FacetChart:
    header = alt.Header(labelAnchor="start", labelPadding=4)
    facet = alt.Facet("benchmark:N", sort=list(results.evaluations[UNTRAINED]), header=header)
    return panel.facet(facet, columns=1)


def _title(title: str, subtitle: str) -> alt.TitleParams:
    return alt.TitleParams(title, subtitle=subtitle, subtitlePadding=5, offset=14)


def _colour(variants: Sequence[str], *, only: Sequence[str] | None = None, legend: bool = True) -> alt.Color:
    shown = list(only or variants)
    colours = [FAINT, *COLOURS]
    chosen = [colours[list(variants).index(name) % len(colours)] for name in shown]
    field = "objective:N" if only else "variant:N"
    scale = alt.Scale(domain=shown, range=chosen)
    return alt.Color(field, scale=scale, title=None, legend=alt.Legend(orient="top") if legend else None)


def _shape(variants: Sequence[str]) -> alt.Shape:
    scale = alt.Scale(domain=list(variants), range=[SHAPES[i % len(SHAPES)] for i in range(len(variants))])
    return alt.Shape("variant:N", scale=scale, title=None, legend=alt.Legend(orient="top"))
