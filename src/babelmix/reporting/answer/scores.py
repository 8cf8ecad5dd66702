"""The scores of each size, and their figure.

scores_section(design, study, "")       # Section
"""

import math

import altair as alt

from babelmix.evaluation.significance import Difference, Interval, holm
from babelmix.reporting.answer.document import Chart, Figure, Paragraph, Section, Table
from babelmix.reporting.answer.size_axis import DASHES, size_axis, told_apart
from babelmix.reporting.answer.words import STAR, gained, listed, millions, scored
from babelmix.reporting.names import POOL_FIRST, SCOPE_TITLES
from babelmix.reporting.scaling_figure import beside
from babelmix.study.compared import difference, interval
from babelmix.study.design import Design
from babelmix.study.settings import Study

POOL = "multilingual"


def scores_section(design: Design, study: Study, suffix: str) -> Section:
    """Return the scores of every size and objective, their differences, and the figure over the size."""
    benchmark = study.benchmarks[0]
    found = {
        (size, name, scope): interval(design, size, name, benchmark, scope)
        for scope in POOL_FIRST
        for size in design.sizes
        for name in study.objectives
    }
    alone = [size for size in design.sizes if len(design.seeds[size]) == 1]
    intervals = "Intervals hold 95 % over questions and seeds"
    if len(alone) == len(design.sizes):
        intervals = (
            "Intervals hold 95 % over questions alone, since each size has one seed: they say nothing of another"
        )
    elif alone:
        intervals += f"; over questions alone at {listed(alone)}, with one seed"
    tables = [_table(design, study, scope, found) for scope in POOL_FIRST]
    return Section(
        f"scores{suffix}",
        "Scores by size",
        (
            Paragraph(
                f"Mean average precision (mAP) on {benchmark}. In the pool a query of any language is answered by all "
                f"right passages in all languages. {intervals}. {STAR}"
            ),
            tables[0],
            _figure(design, study, found, suffix),
            *tables[1:],
        ),
    )


def _table(design: Design, study: Study, scope: str, found: dict[tuple[str, str, str], Interval]) -> Table:
    reference, *others = study.objectives
    differences = {
        (size, name): difference(design, size, name, reference, study.benchmarks[0], scope)
        for size in design.sizes
        for name in others
    }
    tested: dict[tuple[str, str], Difference] = dict(zip(differences, holm(list(differences.values())), strict=True))
    rows = [
        (
            size,
            *(scored(found[size, name, scope]) for name in study.objectives),
            *(gained(tested[size, name]) for name in others),
            millions(design.parameters[size]),
            str(len(design.seeds[size])),
        )
        for size in design.sizes
    ]
    against = [f"{name} − {reference}" for name in others]
    head = ("size", *study.objectives, *against, "parameters outside the embeddings", "seeds")
    return Table(f"{SCOPE_TITLES[scope]}, mAP", head, tuple(rows))


def _figure(design: Design, study: Study, found: dict[tuple[str, str, str], Interval], suffix: str) -> Figure:
    charts = tuple(_chart(design, study, scope, found) for scope in POOL_FIRST)
    caption = (
        f"mAP on {study.benchmarks[0]} over the parameters outside the embeddings, log scale. Bars: 95 % intervals. "
        "Overlapping bars do not show that two recipes are equal: a hard question is hard for all of them. The tables "
        "have the paired differences."
    )
    return Figure(f"scores-figure{suffix}", caption, charts)


def _chart(design: Design, study: Study, scope: str, found: dict[tuple[str, str, str], Interval]) -> Chart:
    names, sizes = list(study.objectives), design.parameters
    rows = [
        {
            "objective": name,
            "size": size,
            "parameters": millions(sizes[size]),
            "at": beside(sizes[size], place, len(names)),
            "mAP": round(own.mean, 4),
            "low": round(own.low, 4) if math.isfinite(own.low) else None,
            "high": round(own.high, 4) if math.isfinite(own.high) else None,
        }
        for place, name in enumerate(names)
        for size in design.sizes
        for own in (found[size, name, scope],)
    ]
    color, shape = told_apart("objective", names)
    base = alt.Chart(alt.InlineData(rows)).encode(x=size_axis(sizes, len(names)), color=color)
    score = alt.Y("mAP:Q", title="mAP", scale=alt.Scale(zero=False), axis=alt.Axis(tickCount=5))
    lines = [
        base.mark_line(strokeWidth=2, strokeDash=dash).encode(y=score).transform_filter(alt.datum.objective == name)
        for name, dash in zip(names, DASHES, strict=False)
    ]
    bars = base.mark_rule(strokeWidth=1.5).encode(y=alt.Y("low:Q", title="mAP"), y2="high:Q")
    points = base.mark_point(size=80, filled=True, opacity=1).encode(
        y=score, shape=shape, tooltip=["objective:N", "size:N", "parameters:N", "mAP:Q", "low:Q", "high:Q"]
    )
    spec = alt.layer(*lines, bars, points).properties(width="container", height=260).to_dict()
    title = SCOPE_TITLES[scope]
    ends = (design.sizes[0], design.sizes[-1])
    said = [
        f"{name} from {found[ends[0], name, scope].mean:.3f} to {found[ends[1], name, scope].mean:.3f}"
        for name in names
    ]
    description = f"{title}: mAP over the size, from {ends[0]} to {ends[1]}. {listed(said)}."
    return Chart(title, description, spec)
