"""What the charts over the size share: the axis, and how systems are told apart, with colour and without.

x, (color, shape) = size_axis(design.parameters, len(systems)), told_apart("system", systems)
"""

from collections.abc import Mapping, Sequence

import altair as alt

from babelmix.reporting.scaling_figure import beside

DASHES = ([1, 0], [6, 3], [9, 3, 2, 3], [14, 4])  # of the lines of the first systems; none is dotted


def size_axis(parameters: Mapping[str, int], systems: int) -> alt.X:
    """Return the axis of the field "at": parameters outside the embeddings on a log scale, with a tick for each size.

    Args:
        parameters: size -> parameters outside the embeddings.
        systems: at each size, side by side.
    """
    labels = [f"datum.value == {count} ? '{count / 1e6:,.3g}'" for count in parameters.values()]
    axis = alt.Axis(values=list(parameters.values()), labelExpr=f"{' : '.join(labels)} : ''", grid=False)
    ends = min(parameters.values()), max(parameters.values())
    domain = [beside(ends[0], -1, systems) / 1.15, beside(ends[1], systems, systems) * 1.15]
    scale = alt.Scale(type="log", domain=domain, nice=False)
    return alt.X("at:Q", title="million parameters", scale=scale, axis=axis)


def told_apart(field: str, systems: Sequence[str]) -> tuple[alt.Color, alt.Shape]:
    """Return the colour and the shape of each system; the page has the colours, for light and dark."""
    scale = alt.Scale(domain=list(systems))
    legend = alt.Legend(
        orient="bottom", columns=3 if len(systems) < 4 else 2, labelLimit=0, columnPadding=5, symbolStrokeWidth=2
    )
    return (
        alt.Color(f"{field}:N", title=None, scale=scale, legend=legend),
        alt.Shape(f"{field}:N", title=None, scale=scale, legend=legend),
    )
