"""The score over the size of the encoder, for the systems that the report compares.

runs = read_experiments(Path("."), ["small-s13", "large-s13"], "xquad-r")
save(size_figure(runs, encoder_sizes(Path("."), runs)), Path("sizes.svg"))
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import altair as alt

from babelmix.evaluation.measures import MEASURE_NAMES, MEASURES
from babelmix.evaluation.query_scores import SCOPES
from babelmix.evaluation.significance import score_interval
from babelmix.reporting.drawing import COLOURS, SHAPES, bar_end
from babelmix.reporting.experiment_files import Experiment, by_size
from babelmix.reporting.names import SCOPE_TITLES
from babelmix.reporting.results import reference_of

APART = 1.08  # times the size, from one system to the next, so that no interval covers another


def size_figure(runs: Sequence[Experiment], sizes: Mapping[str, int]) -> alt.TopLevelMixin:
    """Return a panel for each scope, with the mean and the 95 % interval of each system at each size.

    Args:
        runs: of one benchmark, as `read_experiments` returns them.
        sizes: size -> number of parameters outside the embeddings, as `encoder_sizes` returns it.
    """
    systems = _systems(runs)
    rows = list(_rows(runs, sizes, systems))
    # The debiased reference, the last one, has the colour of its encoder, dashed and hollow.
    trained = [COLOURS[place % len(COLOURS)] for place in range(len(systems) - 1)]
    stroke, fill = [*trained, trained[0]], [*trained, "white"]
    dash = [*([1, 0] for _ in trained), [5, 3]]
    legend = alt.Legend(orient="top", symbolStrokeWidth=2)

    def by_system(values: Sequence[Any]) -> dict[str, Any]:
        return {"title": None, "scale": alt.Scale(domain=systems, range=list(values)), "legend": legend}

    labels = json.dumps({str(number): [size, f"{number / 1e6:,.3g} M"] for size, number in sizes.items()})
    axis = alt.Axis(values=list(sizes.values()), labelExpr=f"{labels}[datum.value]", grid=False)
    edge = 1.15 * APART ** len(systems)
    domain = [min(sizes.values()) / edge, max(sizes.values()) * edge]
    base = alt.Chart(alt.InlineData(rows)).encode(
        x=alt.X("at:Q", title=None, scale=alt.Scale(type="log", domain=domain, nice=False), axis=axis),
        stroke=alt.Stroke("system:N", **by_system(stroke)),
    )
    measure = MEASURE_NAMES[_measure(runs[0])]
    score = alt.Y("mean:Q", title=None, scale=alt.Scale(zero=False))
    lines = base.mark_line(strokeWidth=2).encode(y=score, strokeDash=alt.StrokeDash("system:N", **by_system(dash)))
    intervals = base.mark_rule(strokeWidth=1.5).encode(y=alt.Y("low:Q", title=None), y2="high:Q")
    points = base.mark_point(size=70, opacity=1, strokeWidth=2).encode(
        y=score,
        fill=alt.Fill("system:N", **by_system(fill)),
        shape=alt.Shape("system:N", **by_system(SHAPES[: len(systems)])),
    )
    panels = list(dict.fromkeys(str(row["scope"]) for row in rows))
    return (
        alt.layer(lines, intervals, points)
        .properties(width=220, height=220)
        .facet(column=alt.Column("scope:N", sort=panels, header=alt.Header(labelFontWeight="normal", title=None)))
        .resolve_scale(y="independent")
        .properties(title=_title(runs, measure))
    )


def _systems(runs: Sequence[Experiment]) -> list[str]:
    """Return the objectives, the reference of the comparisons first, and last the reference in its best free form."""
    objectives = runs[0].settings.objectives
    reference = reference_of(objectives)
    free = {run.best[reference] for run in runs}
    name = next(iter(free)) if len(free) == 1 else f"{reference}, best debiasing"
    return [reference, *(name for name in objectives if name != reference), name]


def _measure(run: Experiment) -> str:
    return str(next(iter(run.evaluations.values()))["main_score"])


def _rows(
    runs: Sequence[Experiment], sizes: Mapping[str, int], systems: Sequence[str]
) -> Iterator[dict[str, str | float | None]]:
    groups = by_size(runs)
    evaluation = runs[0].evaluations[systems[0]]
    for scope in SCOPES:
        if evaluation["scopes"][scope]["map"] is None:
            continue
        for size, parameters in sizes.items():
            for place, name in enumerate(systems):
                system = name if place < len(systems) - 1 else groups[size][0].best[systems[0]]
                scores = [run.scores[system] for run in groups[size]]
                found = score_interval(scores, scope, MEASURES[_measure(runs[0])])
                yield {
                    "scope": SCOPE_TITLES[scope],
                    "system": name,
                    "at": round(parameters * APART ** (place - (len(systems) - 1) / 2)),
                    "mean": round(found.mean, 4),
                    "low": bar_end(found.low),
                    "high": bar_end(found.high),
                }


def _title(runs: Sequence[Experiment], measure: str) -> alt.TitleParams:
    seeds = {size: [run.settings.seed for run in group] for size, group in by_size(runs).items()}
    several = "; ".join(f"{size} {', '.join(map(str, own))}" for size, own in seeds.items() if len(own) > 1)
    alone = "; ".join(f"{size} {own[0]}" for size, own in seeds.items() if len(own) == 1)
    over = [f"questions and seeds ({several})"] if several else []
    over += [f"questions alone, as there is one seed ({alone})"] if alone else []
    benchmark = next(iter(runs[0].evaluations.values()))["benchmark"]
    subtitle = [
        "Parameters outside the embeddings, log scale. Bars: 95 % intervals of Student's t, with the",
        f"translations of a question together, over {'; over '.join(over)}.",
        "Hollow: debiased after training, at no training cost; dev chose the form. Overlapping bars do not show that",
        "systems are equal: a hard question is hard for all of them. `babelmix compare` prints the paired differences.",
    ]
    return alt.TitleParams(
        f"{measure} by size, {benchmark}", subtitle=subtitle, subtitlePadding=5, offset=14, fontWeight="normal"
    )
