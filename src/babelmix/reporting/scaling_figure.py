"""The error over the size, log-log: what was measured, the power laws, and the largest size as the others forecast it.

save(scaling_figure(design, study), Path("scaling.svg"))
"""

import json
import math
from collections.abc import Iterator, Sequence
from typing import Any

import altair as alt

from babelmix.evaluation.significance import interval_of
from babelmix.reporting.dev_choice import marked
from babelmix.reporting.drawing import COLOURS, INK, SHAPES
from babelmix.reporting.names import SCOPE_TITLES
from babelmix.reporting.scaling_rows import systems_of
from babelmix.study.design import Design
from babelmix.study.exponents import can_fit
from babelmix.study.forecast import without_largest
from babelmix.study.power_law import PowerLaw, fit_power_law
from babelmix.study.scores import MAIN, StudyScores
from babelmix.study.settings import Study

APART = 1.05  # times the size, from one system to the next
FIT, FORECAST = "fit to all sizes", "fit without the largest"


def scaling_figure(design: Design, study: Study) -> alt.TopLevelMixin:
    """Return a panel for each scope of the main benchmark, with 95 % intervals of what was measured.

    Args:
        design: finished runs of one device, of one size or more.
        study: the settings.
    """
    found = StudyScores(design, study)
    systems = systems_of(found)
    rows, laws = list(points(found, systems)), list(lines(found, systems))
    curves = [name for name in (FIT, FORECAST) if any(row["curve"] == name for row in laws)]
    colours = [*COLOURS[: len(found.study.objectives)], COLOURS[0]][: len(systems)]
    fills = [*COLOURS[: len(found.study.objectives)], "white"][: len(systems)]
    legend = alt.Legend(orient="top", title=None, symbolStrokeWidth=2, columns=len(systems))

    names = [marked(system) for system in systems]

    def by_system(values: Sequence[str]) -> dict[str, Any]:
        return {"title": None, "scale": alt.Scale(domain=names, range=list(values)), "legend": legend}

    labels = json.dumps({str(number): f"{number / 1e6:.3g}" for number in design.parameters.values()})
    axis = alt.Axis(
        values=[design.parameters[size] for size in design.sizes],
        labelExpr=f"{labels}[datum.value]",
        labelOverlap=False,
        grid=False,
    )
    edge = 1.2 * APART ** len(systems)
    domain = [float(found.parameters[0]) / edge, float(found.parameters[-1]) * edge]
    x = alt.X("at:Q", title="millions of parameters", axis=axis, scale=alt.Scale(type="log", domain=domain, nice=False))
    scale = alt.Scale(type="log", nice=False)
    y = alt.Y("error:Q", title=None, scale=scale, axis=alt.Axis(format=".2~f", tickCount=6))
    stroke = alt.Stroke("system:N", **by_system(colours))
    panels = list(dict.fromkeys(str(row["scope"]) for row in rows))
    base = alt.Chart(alt.InlineData([*laws, *rows]))
    fits = (
        base.transform_filter("isValid(datum.curve)")
        .mark_line(strokeWidth=2)
        .encode(
            x=x,
            y=y,
            stroke=stroke,
            strokeDash=alt.StrokeDash(
                "curve:N",
                title=None,
                scale=alt.Scale(domain=curves, range=[[1, 0], [2, 3]][: len(curves)]),
                legend=alt.Legend(orient="top", title=None, symbolStrokeColor=INK) if laws else None,
            ),
        )
    )
    measured = base.transform_filter("!isValid(datum.curve)")
    bars = measured.mark_rule(strokeWidth=1.5).encode(x=x, y=alt.Y("low:Q", title=None), y2="high:Q", stroke=stroke)
    marks = measured.mark_point(size=70, opacity=1, strokeWidth=2).encode(
        x=x,
        y=y,
        stroke=stroke,
        fill=alt.Fill("system:N", **by_system(fills)),
        shape=alt.Shape("system:N", **by_system(SHAPES[: len(systems)])),
    )
    return (
        alt.layer(fits, bars, marks)
        .properties(width=250, height=260)
        .facet(column=alt.Column("scope:N", sort=panels, header=alt.Header(labelFontWeight="normal", title=None)))
        .resolve_scale(y="independent")
        .properties(title=_title(found, curves))
    )


def points(found: StudyScores, systems: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield what was measured in the scopes of the main benchmark: the error of each system and size."""
    for score in (one for one in found.scores if one.name in MAIN):
        for place, system in enumerate(systems):
            for size in found.design.sizes:
                own = interval_of(1 - found.values(size, system, score))
                known = math.isfinite(own.high) and own.low > 0
                yield {
                    "scope": SCOPE_TITLES[score.scope],
                    "system": marked(system),
                    "at": beside(found.design.parameters[size], place, len(systems)),
                    "error": round(own.mean, 4),
                    "low": round(own.low, 4) if known else None,
                    "high": round(own.high, 4) if known else None,
                }


def lines(found: StudyScores, systems: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield both ends of each objective's power law, which is straight on log scales, and of its forecast.

    A line is moved aside as far as the points of its system are: else they would seem to miss it.
    """
    for score in (one for one in found.scores if one.name in MAIN):
        for place, system in enumerate(systems):
            errors = found.errors(system, score)
            if system not in found.study.objectives or not can_fit(found.parameters, errors):
                continue
            laws: dict[str, PowerLaw] = {FIT: fit_power_law(found.parameters, errors.mean(axis=(1, 2)))}
            if (earlier := without_largest(found.parameters, errors)) is not None:
                laws[FORECAST] = earlier
            for name, law in laws.items():
                start = found.parameters[0] if name == FIT else found.parameters[-2]
                for at in (start, found.parameters[-1]):
                    yield {
                        "scope": SCOPE_TITLES[score.scope],
                        "system": system,
                        "curve": name,
                        "at": beside(float(at), place, len(systems)),
                        "error": round(float(law.error(at)), 5),
                    }


def beside(parameters: float, place: int, systems: int) -> int:
    """Return where the system of this place, of so many, stands over its size, so that no interval covers another."""
    return round(parameters * APART ** (place - (systems - 1) / 2))


def _title(found: StudyScores, curves: Sequence[str]) -> alt.TitleParams:
    alone = [size for size in found.design.sizes if len(found.design.seeds[size]) == 1]
    over = "questions and seeds"
    if alone:
        all_alone = len(alone) == len(found.design.sizes)
        over = (
            "questions alone, as there is one seed"
            if all_alone
            else f"{over}, of {', '.join(alone)} over questions alone"
        )
    fitted = set(found.seeds) != {seed for own in found.design.seeds.values() for seed in own}
    of_seeds = f" of seed {', '.join(map(str, found.seeds))}, which all sizes have" if fitted else ""
    lines = f"power laws without a floor{of_seeds}" + (
        "; dotted: fitted without the largest size, which it forecasts." if FORECAST in curves else "."
    )
    own = ", ".join(f"{size} {found.design.parameters[size] / 1e6:.3g}" for size in found.design.sizes)
    device = "" if found.design.device == "cpu" else f", {found.design.device}"
    subtitle = [
        f"Error = 1 − mAP over parameters outside the embeddings, log scales. In millions: {own}.",
        f"Bars: 95 % intervals over {over}. {f'Lines: {lines}' if curves else 'Too few sizes for a fit.'}",
        *(["Hollow: debiased after training, at no training cost; dev chose the form."] if found.free else []),
    ]
    return alt.TitleParams(
        f"Error by size, {found.study.benchmarks[0]}{device}",
        subtitle=subtitle,
        subtitlePadding=5,
        offset=14,
        fontWeight="normal",
    )
