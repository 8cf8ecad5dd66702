"""The report's figures, as altair charts for `drawing.save`: same results, same bytes.

    drawing.save(scores(results), Path("reports/figures/scores.png"))
    drawing.save(language_bias(results, "xquad-r"), Path("reports/figures/language-bias-xquad-r.png"))

A system with LIR, "hybrid+lir", has the colour of its encoder, hollow or lighter. `heat_maps` has the figures by
language pair.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import altair as alt

from babelmix.evaluation.query_scores import SCOPES
from babelmix.reporting.drawing import COLOURS, FAINT, INK, PALE, SHAPES
from babelmix.reporting.names import MEASURE_TITLES, SCOPE_TITLES
from babelmix.reporting.results import Results
from babelmix.workspace import BM25, LIR, UNTRAINED, encoder_of

Measure = Literal["map", "ndcg_at_10"]
GREYS = {UNTRAINED: FAINT, BM25: INK}  # of the systems without training
DEV = {"monolingual": "monolingual", "crosslingual": "cross-lingual", "pooled": "all languages in one pool"}


def scores(results: Results) -> alt.TopLevelMixin:
    """Dots of the main score: a panel for each benchmark, a row for each scope, a mark for each system.

    An encoder and its form with LIR share a line, filled and hollow, so that the difference between them shows.
    """
    systems, colours = _in_order(results.evaluations), _colours(results)
    encoders = list(dict.fromkeys(map(encoder_of, systems)))
    fill = {name: colours[name] if name == encoder_of(name) else "white" for name in systems}
    stroke = {name: colours[encoder_of(name)] for name in systems}
    shape = {name: SHAPES[encoders.index(encoder_of(name)) % len(SHAPES)] for name in systems}
    legend = alt.Legend(orient="top", columns=4, symbolStrokeWidth=2)
    order = [SCOPE_TITLES[scope] for scope in SCOPES]
    panels: list[alt.LayerChart | alt.FacetChart] = []
    for benchmark in dict.fromkeys(name for found in results.evaluations.values() for name in found):
        found = evaluations_of(results, benchmark)
        measure = next(iter(found.values())).get("main_score", "map")
        rows = [
            {"system": name, "encoder": encoder_of(name), "scope": SCOPE_TITLES[scope], "score": score}
            for name, evaluation in found.items()
            for scope in reversed(SCOPES)
            if (score := evaluation["scopes"][scope][measure]) is not None
        ]
        base = alt.Chart(alt.InlineData(rows)).encode(
            y=alt.Y("scope:N", title=None, sort=order, scale=alt.Scale(paddingInner=0.3, paddingOuter=0.1)),
            yOffset=alt.YOffset("encoder:N", sort=encoders),
            x=alt.X("score:Q", title=MEASURE_TITLES[measure], scale=alt.Scale(domain=[0, 1])),
        )
        step = base.mark_line(color="#bdbdbd", strokeWidth=2).encode(detail=["scope:N", "encoder:N"])
        dots = base.mark_point(size=80, opacity=1, strokeWidth=2).encode(
            fill=alt.Fill("system:N", title=None, scale=_scale(fill), legend=legend),
            stroke=alt.Stroke("system:N", title=None, scale=_scale(stroke), legend=legend),
            shape=alt.Shape("system:N", title=None, scale=_scale(shape), legend=legend),
        )
        panels.append(alt.layer(step, dots).properties(width=480, height=alt.Step(15), title=_heading(benchmark)))
    hollow = "" if len(encoders) == len(systems) else " Hollow: the same encoder with LIR."
    return alt.vconcat(*panels, spacing=16).properties(
        title=title_of("Scores by scope", f"Further right is better.{hollow}")
    )


def language_bias(results: Results, benchmark: str) -> alt.TopLevelMixin:
    """Bars for each system: the share of the query's language in the ten best, and the rank distance of right answers.

    The dashed line marks an unbiased ranking on the left and a random ranking on the right. Read both: a random ranking
    is unbiased too. Without a rank distance, because each query has one answer, there is no right panel.
    """
    found, colours = evaluations_of(results, benchmark), _colours(results)
    blind = next((share for share in map(unbiased_share, found.values()) if share is not None), None)
    own = {name: evaluation["bias"]["same_language_share_top10"] for name, evaluation in found.items()}
    distance = {name: evaluation["bias"]["rank_distance_share"] for name, evaluation in found.items()}
    native = all(map(answers_in_own_language, found.values()))
    panels = [
        _bars(own, blind, "share of the pool" if native else "unbiased", colours, pale=True).properties(
            width=330, title=_heading("Ten best passages in the query's language")
        )
    ]
    line = "the answer is in the query's language, so to prefer it is right" if native else "the line is unbiased"
    note = f"Left: coloured is the query's language, pale the others; {line}. Right: shorter is better."
    if any(value is not None for value in distance.values()):
        panels.append(
            _bars(distance, 1.0, "random ranking", colours).properties(
                width=210, title=_heading("Rank distance of right answers")
            )
        )
    else:
        note = f"Coloured is the query's language, pale the others; {line}."
    return alt.hconcat(*panels, spacing=40).properties(title=title_of(f"{benchmark}: language bias", note))


def losses(results: Results) -> alt.TopLevelMixin:
    """Training loss, averaged over stretches of steps, and dev losses by scope."""
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
            title=title_of(
                "Training and dev loss",
                "Training: each objective's own batches. Dev: the same questions and passages for all.",
            )
        )
    )


def answers_in_own_language(evaluation: dict[str, Any]) -> bool:
    """Return whether a pool of several languages has every answer in its question's own language alone."""
    return len(evaluation["bias"]["language_share_pool"]) > 1 and not evaluation["scopes"]["crosslingual"]["by"]


def unbiased_share(evaluation: dict[str, Any]) -> float | None:
    """Return the share of the pool in the query's language, mean over query languages; None if the pool has none."""
    pool = evaluation["bias"]["language_share_pool"]
    shares = [pool[language] for language in evaluation["scopes"]["multilingual"]["by"] if language in pool]
    return sum(shares) / len(shares) if shares else None


def _bars(
    values: dict[str, float | None], line: float | None, name: str, colours: Mapping[str, str], *, pale: bool = False
) -> alt.LayerChart | alt.FacetChart:
    top = max([1.0, *(value for value in values.values() if value is not None)])
    room = (0.12 if pale else 0.2) * top  # width of a number
    rows: list[dict[str, Any]] = []
    for system, value in values.items():
        text, at = ("–", 0.0) if value is None else (f"{value:.0%}" if value >= 0.1 else f"{value:.1%}", value)
        for edge in (line, 1.0):
            # A number that would cross an edge starts behind it.
            at = edge if edge is not None and edge - room < at < edge else at
        rows.append({"system": system, "share": value or 0, "all": 0 if value is None else 1, "at": at, "text": text})
    axis = alt.Axis(labels=pale, labelPadding=7, ticks=False, domain=False)
    base = alt.Chart(alt.InlineData(rows)).encode(y=alt.Y("system:N", title=None, sort=list(values), axis=axis))
    title = "share of the ten best" if pale else "share of a random ranking's distance"
    scale = alt.Scale(domain=[0, top], nice=False)
    share = alt.X(
        "share:Q", title=title, scale=scale, axis=alt.Axis(format="%", values=[0, 0.25, 0.5, 0.75, 1], grid=not pale)
    )
    part = base.mark_bar(height=18).encode(
        x=share,
        color=alt.Color("system:N", legend=None, scale=_scale({name: _tone(name, colours) for name in values})),
    )
    marks = [base.mark_bar(height=18, color=PALE).encode(x=alt.X("all:Q", title=title))] if pale else []
    marks.append(part)
    if line is not None:
        label = f"{name} {line:.0%}" if pale else name
        mark = alt.Chart(alt.InlineData([{"line": line, "text": label}])).encode(x="line:Q")
        word = mark.mark_text(align="left" if line < 0.6 else "right", baseline="bottom", fontSize=11, color=INK, dy=-4)
        marks += [
            mark.mark_rule(color="white", strokeWidth=3),
            mark.mark_rule(color=INK, strokeWidth=1.5, strokeDash=[4, 3]),
            word.encode(y=alt.value(0), text="text:N"),
        ]
    number = base.mark_text(align="left", dx=5, fontSize=12, color=INK).encode(x="at:Q", text="text:N")
    return alt.layer(*marks, number).properties(height=alt.Step(26))


def _in_order(systems: Iterable[str]) -> list[str]:
    """Return the systems in their order, but each form with LIR after its encoder, and BM25 last.

    Other debiasings are left out: seven forms of each encoder would crowd a figure. The tables have them.
    """
    names = [name for name in systems if name in (encoder_of(name), f"{encoder_of(name)}{LIR}")]
    encoders = list(map(encoder_of, names))
    return sorted(names, key=lambda name: (name == BM25, encoders.index(encoder_of(name)), name != encoder_of(name)))


def evaluations_of(results: Results, benchmark: str) -> dict[str, dict[str, Any]]:
    """Return the evaluations on a benchmark by system, in the order of the figures."""
    found = {name: by[benchmark] for name, by in results.evaluations.items() if benchmark in by}
    return {name: found[name] for name in _in_order(found)}


def _colours(results: Results) -> dict[str, str]:
    """Return encoder -> colour, the same in every figure."""
    encoders = dict.fromkeys([*results.histories, *map(encoder_of, results.evaluations)])
    trained = [name for name in encoders if name not in GREYS]
    return GREYS | {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(trained)}


def _tone(system: str, colours: Mapping[str, str]) -> str:
    """Return the colour of a system: that of its encoder, halfway to white with LIR."""
    colour = colours[encoder_of(system)]
    if system == encoder_of(system):
        return colour
    return "#" + "".join(f"{(int(colour[i : i + 2], 16) + 255) // 2:02x}" for i in (1, 3, 5))


def _scale(values: Mapping[str, str]) -> alt.Scale:
    return alt.Scale(domain=list(values), range=list(values.values()))


def title_of(title: str, subtitle: str) -> alt.TitleParams:
    """Return a figure's title with a line below it."""
    return alt.TitleParams(title, subtitle=subtitle, subtitlePadding=5, offset=14)


def _heading(text: str) -> alt.TitleParams:
    return alt.TitleParams(text, fontSize=13, frame="group", offset=6)
