"""The answer in a sentence, the scores of each size, and their figure.

answer(design, study)                   # "Hybrid batches gain +0.034 to +0.041 at each of 3 sizes ..."
scores_section(design, study, "")       # Section
"""

import math

import altair as alt

from babelmix.evaluation.significance import Difference, Interval, holm
from babelmix.reporting.answer.document import Chart, Figure, Paragraph, Section, Table
from babelmix.reporting.answer.words import STAR, gained, listed, millions, scored
from babelmix.reporting.names import POOL_FIRST, SCOPE_TITLES
from babelmix.reporting.tables import interval as limits
from babelmix.reporting.tables import signed
from babelmix.study.compared import difference, interval
from babelmix.study.design import Design
from babelmix.study.settings import Study

POOL = "multilingual"
DASHES = ([1, 0], [6, 3], [2, 2], [8, 3, 2, 3])
APART = 1.05  # times the size, from one objective to the next, so that no interval covers another


def answer(design: Design, study: Study) -> str:
    """Return what the study answers, in one sentence with its intervals: the second objective against the first."""
    if len(study.objectives) < 2:
        return f"The study has {listed(study.objectives)} batches alone: there is nothing to compare."
    reference, other = study.objectives[:2]
    rows = holm([difference(design, size, other, reference, study.benchmarks[0], POOL) for size in design.sizes])
    each = [f"{signed(row.mean)} at {size} ({limits(row)})" for size, row in zip(design.sizes, rows, strict=True)]
    better = [size for size, row in zip(design.sizes, rows, strict=True) if row.verdict == "better"]
    says = (
        "gain at every size" if len(better) == len(rows) else f"gain at {listed(better)}" if better else "show no gain"
    )
    return (
        f"{other.capitalize()} batches {says} over {reference} ones in the pool of all languages of "
        f"{study.benchmarks[0]}, in mean average precision: {listed(each)}."
    )


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
        intervals += f"; over questions alone at {listed(alone)}, which has one seed" if alone else ""
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
            "at": round(sizes[size] * APART ** (place - (len(names) - 1) / 2)),
            "mAP": round(own.mean, 4),
            "low": round(own.low, 4) if math.isfinite(own.low) else None,
            "high": round(own.high, 4) if math.isfinite(own.high) else None,
        }
        for place, name in enumerate(names)
        for size in design.sizes
        for own in (found[size, name, scope],)
    ]
    labels = {str(sizes[size]): f"{sizes[size] / 1e6:,.3g}" for size in design.sizes}
    pick = " : ".join(f"datum.value == {at} ? '{label}'" for at, label in labels.items())
    axis = alt.Axis(values=[sizes[size] for size in design.sizes], labelExpr=f"{pick} : ''", grid=False)
    edge = 1.15 * APART ** len(names)
    domain = [min(sizes.values()) / edge, max(sizes.values()) * edge]
    legend = alt.Legend(orient="bottom", columns=3, symbolStrokeWidth=2)
    scale = alt.Scale(domain=names)
    base = alt.Chart(alt.InlineData(rows)).encode(
        x=alt.X("at:Q", title="million parameters", scale=alt.Scale(type="log", domain=domain, nice=False), axis=axis),
        color=alt.Color("objective:N", title=None, scale=scale, legend=legend),
    )
    score = alt.Y("mAP:Q", title="mAP", scale=alt.Scale(zero=False), axis=alt.Axis(tickCount=5))
    lines = [
        base.mark_line(strokeWidth=2, strokeDash=dash).encode(y=score).transform_filter(alt.datum.objective == name)
        for name, dash in zip(names, DASHES, strict=False)
    ]
    bars = base.mark_rule(strokeWidth=1.5).encode(y=alt.Y("low:Q", title="mAP"), y2="high:Q")
    shape = alt.Shape("objective:N", title=None, scale=scale, legend=legend)
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
