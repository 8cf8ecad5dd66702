"""The report's figures, as altair charts for `drawing.save`: same results, same bytes.

    save(scores(results), Path("reports/figures/scores.png"))
    save(language_bias(results, "xquad-r"), Path("reports/figures/language-bias-xquad-r.png"))
    save(share_map(results, "xquad-r", "hybrid+lir"), Path("reports/figures/share-xquad-r-hybrid+lir.png"))

A debiased variant, "hybrid+lir", takes the colour of its model, hollow or lighter.
"""

from collections.abc import Iterable, Mapping, Sequence
from math import floor, log2
from typing import Any, Literal

import altair as alt

from babelmix.reporting.drawing import COLOURS, FAINT, INK, PALE, SHAPES
from babelmix.reporting.results import SETTINGS, Results
from babelmix.workspace import BM25, LIR, UNTRAINED

Measure = Literal["map", "ndcg_at_10"]
MEASURES: dict[Measure, str] = {"map": "mean average precision", "ndcg_at_10": "nDCG@10"}
STRONGEST = 16  # times the share of the pool, where the colours of a preference end
GREYS = {UNTRAINED: FAINT, BM25: INK}  # where all variants start from
DEV = {"monolingual": "monolingual", "crosslingual": "cross-lingual", "pooled": "all languages in one pool"}
TITLES = {"monolingual": "Monolingual", "crosslingual": "Cross-lingual", "multilingual": "Multilingual pool"}


def scores(results: Results) -> alt.TopLevelMixin:
    """Dots of the headline measure: a panel a benchmark, three rows of settings, a mark a variant.

    A model and its debiased form stand on one line, filled and hollow, so that the step between them shows.
    """
    variants, colours = _in_order(results.evaluations), _colours(results)
    models = list(dict.fromkeys(map(_model, variants)))
    fill = {name: colours[name] if name == _model(name) else "white" for name in variants}
    stroke = {name: colours[_model(name)] for name in variants}
    shape = {name: SHAPES[models.index(_model(name)) % len(SHAPES)] for name in variants}
    legend = alt.Legend(orient="top", columns=4, symbolStrokeWidth=2)
    order = [TITLES[setting] for setting in reversed(SETTINGS)]
    panels: list[alt.LayerChart | alt.FacetChart] = []
    for benchmark in dict.fromkeys(name for found in results.evaluations.values() for name in found):
        found = _found(results, benchmark)
        measure = next(iter(found.values())).get("headline", "map")
        rows = [
            {"variant": name, "model": _model(name), "setting": TITLES[setting], "score": score}
            for name, evaluation in found.items()
            for setting in SETTINGS
            if (score := evaluation["settings"][setting][measure]) is not None
        ]
        base = alt.Chart(alt.InlineData(rows)).encode(
            y=alt.Y("setting:N", title=None, sort=order, scale=alt.Scale(paddingInner=0.3, paddingOuter=0.1)),
            yOffset=alt.YOffset("model:N", sort=models),
            x=alt.X("score:Q", title=MEASURES[measure], scale=alt.Scale(domain=[0, 1])),
        )
        step = base.mark_line(color="#bdbdbd", strokeWidth=2).encode(detail=["setting:N", "model:N"])
        dots = base.mark_point(size=80, opacity=1, strokeWidth=2).encode(
            fill=alt.Fill("variant:N", title=None, scale=_scale(fill), legend=legend),
            stroke=alt.Stroke("variant:N", title=None, scale=_scale(stroke), legend=legend),
            shape=alt.Shape("variant:N", title=None, scale=_scale(shape), legend=legend),
        )
        panels.append(alt.layer(step, dots).properties(width=480, height=alt.Step(15), title=_heading(benchmark)))
    hollow = "" if len(models) == len(variants) else " Hollow: the same model, debiased."
    return alt.vconcat(*panels, spacing=16).properties(title=_title("Scores by setting", f"Right is better.{hollow}"))


def language_bias(results: Results, benchmark: str) -> alt.TopLevelMixin:
    """Bars by variant: the query's own language among the ten best, and how far apart right answers rank.

    The dashed lines are a ranking blind to language on the left and a random one on the right. One without the
    other misleads: a random ranking is blind to language as well.
    """
    found, colours = _found(results, benchmark), _colours(results)
    blind = next((share for share in map(unbiased_share, found.values()) if share is not None), None)
    own = {name: evaluation["bias"]["same_language_share_top10"] for name, evaluation in found.items()}
    distance = {name: evaluation["bias"]["rank_distance_share"] for name, evaluation in found.items()}
    left = _bars(own, blind, "blind to language", colours, pale=True).properties(
        width=330, title=_heading("Ten best passages in the query's language")
    )
    right = _bars(distance, 1.0, "random ranking", colours).properties(
        width=210, title=_heading("Rank distance of right answers")
    )
    return alt.hconcat(left, right, spacing=40).properties(
        title=_title(
            f"{benchmark}: language bias",
            "Left: colour is the query's language, pale all others; unbiased is at the line. Right: shorter is better.",
        )
    )


def pair_scores(results: Results, benchmark: str, variant: str, measure: Measure = "map") -> alt.TopLevelMixin:
    """Heat map of the score itself, query language by passage language, in one scale for all variants."""
    cells = _by_pair(results.evaluations[variant][benchmark], measure)
    every = [_by_pair(evaluation, measure) for evaluation in _found(results, benchmark).values()]
    top = max([0.01, *(score for found in every for score in found.values() if score is not None)])
    rows = [_cell(pair, score, ".2f") for pair, score in cells.items()]
    return _heat_map(rows, "blues", [0, top], alt.Legend(format=".1f")).properties(
        title=_title(f"{benchmark}: {variant}", f"By language pair, in {MEASURES[measure]}. Framed: monolingual.")
    )


def share_map(results: Results, benchmark: str, variant: str) -> alt.TopLevelMixin:
    """Heat map of the share of the ten best over that of the pool: 1 is no preference, in one scale for all variants.

    The colours are even in the logarithm, so that half and twice are equally strong.
    """
    cells = _preferences(results.evaluations[variant][benchmark])
    every = [_preferences(evaluation) for evaluation in _found(results, benchmark).values()]
    most = max([2.0, *(ratio for found in every for ratio in found.values() if ratio is not None)])
    bound = log2(min(most, STRONGEST))
    rows = [
        _cell(pair, ratio, ".2f" if ratio is not None and ratio < 9.95 else ".0f")
        | {"value": None if ratio is None else max(-bound, min(bound, log2(ratio))) if ratio else -bound}
        for pair, ratio in cells.items()
    ]
    label = "(datum.value < 0 ? '1/' + pow(2, -datum.value) : pow(2, datum.value)) + ' ×'"
    legend = alt.Legend(values=list(range(-floor(bound), floor(bound) + 1)), labelExpr=label)
    return _heat_map(rows, "blueorange", [-bound, bound], legend).properties(
        title=_title(
            f"{benchmark}: what {variant} prefers",
            "Share of the ten best over share of the pool; 1 is no preference. Framed: the query's own language.",
        )
    )


def differences(results: Results, benchmark: str, objective: str, reference: str) -> alt.TopLevelMixin:
    """Heat map of the difference in the headline measure, query language by passage language."""
    after, before = (results.evaluations[name][benchmark] for name in (objective, reference))
    measure = after.get("headline", "map")
    cells, base = _by_pair(after, measure), _by_pair(before, measure)
    pairs = [(pair, score, base[pair]) for pair, score in cells.items() if pair in base]
    change = {pair: None if new is None or old is None else new - old for pair, new, old in pairs}
    bound = max([0.01, *(abs(value) for value in change.values() if value is not None)])
    form = "+.2f" if bound >= 0.1 else "+.3f"
    rows = [_cell(pair, value, form) for pair, value in change.items()]
    return _heat_map(rows, "purplegreen", [-bound, bound], alt.Legend(format=form)).properties(
        title=_title(
            f"{benchmark}: {objective} minus {reference}",
            f"By language pair, in {MEASURES[measure]}. Framed: monolingual. Green: higher.",
        )
    )


def losses(results: Results) -> alt.TopLevelMixin:
    """Training loss, averaged over stretches of steps, and dev losses by setting."""
    colours = {name: colour for name, colour in _colours(results).items() if name in results.histories}
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
            if name in DEV
        ]
    lines = alt.Chart(alt.InlineData(rows)).mark_line(strokeWidth=2, point=alt.OverlayMarkDef(size=30))
    lines = lines.encode(
        x=alt.X("step:Q", title="step"),
        y=alt.Y("loss:Q", title="loss (nats)", scale=alt.Scale(zero=False)),
        color=alt.Color("objective:N", title=None, scale=_scale(colours), legend=alt.Legend(orient="top")),
    )
    return (
        lines.properties(width=250, height=220)
        .facet(column=alt.Column("panel:N", sort=["training", *(f"dev, {name}" for name in DEV.values())]))
        .resolve_scale(y="independent")
        .properties(
            title=_title(
                "Loss while training",
                "Training: each objective's own batches. Dev: the same questions and passages for all.",
            )
        )
    )


def unbiased_share(evaluation: dict[str, Any]) -> float | None:
    """Return the share of the pool in the query's language, mean over query languages; None where none is there."""
    pool = evaluation["bias"]["language_share_pool"]
    shares = [pool[language] for language in evaluation["settings"]["multilingual"]["by"] if language in pool]
    return sum(shares) / len(shares) if shares else None


def _bars(
    values: dict[str, float | None], line: float | None, name: str, colours: Mapping[str, str], *, pale: bool = False
) -> alt.LayerChart | alt.FacetChart:
    top = max([1.0, *(value for value in values.values() if value is not None)])
    room = (0.12 if pale else 0.2) * top  # what a number takes
    rows: list[dict[str, Any]] = []
    for variant, value in values.items():
        text, at = ("–", 0.0) if value is None else (f"{value:.0%}" if value >= 0.1 else f"{value:.1%}", value)
        for edge in (line, 1.0):
            # A number that would lie across an edge starts behind it.
            at = edge if edge is not None and edge - room < at < edge else at
        rows.append({"variant": variant, "share": value or 0, "all": 0 if value is None else 1, "at": at, "text": text})
    axis = alt.Axis(labels=pale, labelPadding=7, ticks=False, domain=False)
    base = alt.Chart(alt.InlineData(rows)).encode(y=alt.Y("variant:N", title=None, sort=list(values), axis=axis))
    title = "share of the ten best" if pale else "share of a random ranking's distance"
    scale = alt.Scale(domain=[0, top], nice=False)
    share = alt.X(
        "share:Q", title=title, scale=scale, axis=alt.Axis(format="%", values=[0, 0.25, 0.5, 0.75, 1], grid=not pale)
    )
    part = base.mark_bar(height=18).encode(
        x=share,
        color=alt.Color("variant:N", legend=None, scale=_scale({name: _tone(name, colours) for name in values})),
    )
    marks = [base.mark_bar(height=18, color=PALE).encode(x=alt.X("all:Q", title=title))] if pale else []
    marks.append(part)
    if line is not None:
        told = f"{name} {line:.0%}" if pale else name
        mark = alt.Chart(alt.InlineData([{"line": line, "text": told}])).encode(x="line:Q")
        word = mark.mark_text(align="left" if line < 0.6 else "right", baseline="bottom", fontSize=11, color=INK, dy=-4)
        marks += [
            mark.mark_rule(color="white", strokeWidth=3),
            mark.mark_rule(color=INK, strokeWidth=1.5, strokeDash=[4, 3]),
            word.encode(y=alt.value(0), text="text:N"),
        ]
    number = base.mark_text(align="left", dx=5, fontSize=12, color=INK).encode(x="at:Q", text="text:N")
    return alt.layer(*marks, number).properties(height=alt.Step(26))


def _heat_map(
    rows: Sequence[dict[str, Any]],
    scheme: Literal["blues", "purplegreen", "blueorange"],
    domain: list[float],
    legend: alt.Legend,
) -> alt.LayerChart | alt.FacetChart:
    base = alt.Chart(alt.InlineData(rows)).encode(
        x=alt.X("passage:N", title="passage language", axis=alt.Axis(orient="top", labelAngle=0, domain=False)),
        y=alt.Y("query:N", title="query language", axis=alt.Axis(domain=False)),
    )
    legend.gradientLength = min(200, max(60, 30 * len({row["query"] for row in rows})))
    colour = alt.Color("value:Q", title=None, scale=alt.Scale(scheme=scheme, domain=domain), legend=legend)
    dark = "isValid(datum.value) && luminance(scale('color', datum.value)) < 0.2"
    text = alt.condition(dark, alt.value("white"), alt.value(INK))
    squares = base.transform_filter("isValid(datum.value)").mark_rect().encode(color=colour)
    own = base.transform_filter("datum.query == datum.passage")
    frames = own.mark_rect(filled=False, stroke=INK, strokeWidth=1.2)
    numbers = base.mark_text(fontSize=11).encode(text="text:N", color=text)
    return alt.layer(squares, frames, numbers).properties(width=alt.Step(44), height=alt.Step(30))


def _cell(pair: tuple[str, str], value: float | None, form: str) -> dict[str, Any]:
    text = "–" if value is None else format(value, form).replace("-", "−")
    return {"query": pair[0], "passage": pair[1], "value": value, "text": text}


def _by_pair(evaluation: dict[str, Any], measure: Measure) -> dict[tuple[str, str], float | None]:
    settings = evaluation["settings"]
    one = {(name, name): scores[measure] for name, scores in settings["monolingual"]["by"].items()}
    return one | {tuple(name.split("-")): scores[measure] for name, scores in settings["crosslingual"]["by"].items()}


def _preferences(evaluation: dict[str, Any]) -> dict[tuple[str, str], float | None]:
    pool = evaluation["bias"]["language_share_pool"]
    return {
        (query, passage): None if share is None else share / pool[passage]
        for query, shares in evaluation["bias"]["language_share_by"].items()
        for passage, share in shares.items()
    }


def _model(variant: str) -> str:
    return variant.removesuffix(LIR)


def _in_order(variants: Iterable[str]) -> list[str]:
    """Return the variants in their order, but each debiased form behind its model and BM25, which has none, last."""
    names = list(variants)
    models = list(map(_model, names))
    return sorted(names, key=lambda name: (name == BM25, models.index(_model(name)), name != _model(name)))


def _found(results: Results, benchmark: str) -> dict[str, dict[str, Any]]:
    found = {name: by[benchmark] for name, by in results.evaluations.items() if benchmark in by}
    return {name: found[name] for name in _in_order(found)}


def _colours(results: Results) -> dict[str, str]:
    """Return model -> colour, the same in every figure."""
    models = dict.fromkeys([*results.histories, *map(_model, results.evaluations)])
    trained = [name for name in models if name not in GREYS]
    return GREYS | {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(trained)}


def _tone(variant: str, colours: Mapping[str, str]) -> str:
    """Return the colour of a variant: that of its model, halfway to white for a debiased one."""
    colour = colours[_model(variant)]
    if variant == _model(variant):
        return colour
    return "#" + "".join(f"{(int(colour[i : i + 2], 16) + 255) // 2:02x}" for i in (1, 3, 5))


def _scale(values: Mapping[str, str]) -> alt.Scale:
    return alt.Scale(domain=list(values), range=list(values.values()))


def _title(title: str, subtitle: str) -> alt.TitleParams:
    return alt.TitleParams(title, subtitle=subtitle, subtitlePadding=5, offset=14)


def _heading(text: str) -> alt.TitleParams:
    return alt.TitleParams(text, fontSize=13, frame="group", offset=6)
