"""The report's figures by language pair: heat maps, query language by passage language.

    drawing.save(share_map(results, "xquad-r", "hybrid+lir"), Path("reports/figures/share-xquad-r-hybrid+lir.png"))

The frames mark the cells where the passages are in the query's language.
"""

from collections.abc import Sequence
from math import floor, log2
from typing import Any, Literal

import altair as alt

from babelmix.reporting.drawing import INK
from babelmix.reporting.figures import Measure, evaluations_of, title_of
from babelmix.reporting.names import MEASURE_TITLES
from babelmix.reporting.results import Results

STRONGEST = 16  # times the share of the pool, where the colours of a preference end


def pair_scores(results: Results, benchmark: str, system: str, measure: Measure = "map") -> alt.TopLevelMixin:
    """Heat map of the score; all systems share one scale."""
    cells = _by_pair(results.evaluations[system][benchmark], measure)
    every = [_by_pair(evaluation, measure) for evaluation in evaluations_of(results, benchmark).values()]
    top = max([0.01, *(score for found in every for score in found.values() if score is not None)])
    rows = [_cell(pair, score, ".2f") for pair, score in cells.items()]
    return _heat_map(rows, "blues", [0, top], alt.Legend(format=".1f")).properties(
        title=title_of(
            f"{benchmark}: {system}", f"By language pair, in {MEASURE_TITLES[measure]}. Framed: monolingual."
        )
    )


def share_map(results: Results, benchmark: str, system: str) -> alt.TopLevelMixin:
    """Heat map of a language's share of the ten best over its share of the pool; all systems share one scale.

    1 is no preference. The colours follow the logarithm, so that half and twice are equally strong.
    """
    cells = _preferences(results.evaluations[system][benchmark])
    every = [_preferences(evaluation) for evaluation in evaluations_of(results, benchmark).values()]
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
        title=title_of(
            f"{benchmark}: language preference of {system}",
            "Share of the ten best over share of the pool; 1 is no preference. Framed: the query's own language.",
        )
    )


def differences(results: Results, benchmark: str, objective: str, reference: str) -> alt.TopLevelMixin:
    """Heat map of the difference in the main score, first system minus the reference."""
    after, before = (results.evaluations[name][benchmark] for name in (objective, reference))
    measure = after.get("main_score", "map")
    cells, base = _by_pair(after, measure), _by_pair(before, measure)
    pairs = [(pair, score, base[pair]) for pair, score in cells.items() if pair in base]
    change = {pair: None if new is None or old is None else new - old for pair, new, old in pairs}
    bound = max([0.01, *(abs(value) for value in change.values() if value is not None)])
    form = "+.2f" if bound >= 0.1 else "+.3f"
    rows = [_cell(pair, value, form) for pair, value in change.items()]
    return _heat_map(rows, "purplegreen", [-bound, bound], alt.Legend(format=form)).properties(
        title=title_of(
            f"{benchmark}: {objective} minus {reference}",
            f"By language pair, in {MEASURE_TITLES[measure]}. Framed: monolingual. Green: higher.",
        )
    )


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
    scopes = evaluation["scopes"]
    one = {(name, name): scores[measure] for name, scores in scopes["monolingual"]["by"].items()}
    return one | {tuple(name.split("-")): scores[measure] for name, scores in scopes["crosslingual"]["by"].items()}


def _preferences(evaluation: dict[str, Any]) -> dict[tuple[str, str], float | None]:
    pool = evaluation["bias"]["language_share_pool"]
    return {
        (query, passage): None if share is None else share / pool[passage]
        for query, shares in evaluation["bias"]["language_share_by"].items()
        for passage, share in shares.items()
    }
