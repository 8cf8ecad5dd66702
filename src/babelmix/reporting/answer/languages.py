"""Where the second objective gains over the first: heat maps by language of the query and of the passage.

languages_section(design, study, "")    # Section with a map for each size, and tables of the same numbers
"""

from collections.abc import Iterator
from statistics import fmean

import altair as alt

from babelmix.reporting.answer.document import Chart, Figure, Paragraph, Section, Table
from babelmix.reporting.tables import number, signed
from babelmix.study.design import Design
from babelmix.study.record import Record
from babelmix.study.settings import Study

Pairs = dict[tuple[str, str], float]  # (language of the query, of the passage) -> difference of the main score


def languages_section(design: Design, study: Study, suffix: str) -> Section | None:
    """Return the heat maps and their tables; None with fewer than two objectives."""
    if len(study.objectives) < 2:
        return None
    benchmark, (first, second) = study.benchmarks[0], study.objectives[:2]
    maps = {size: _differences(design, size, benchmark, second, first) for size in design.sizes}
    maps = {size: found for size, found in maps.items() if found}
    if not maps:
        return None
    largest = max(abs(value) for found in maps.values() for value in found.values())
    text = (
        f"{second.capitalize()} minus {first} in mAP on {benchmark}, the mean over seeds, for each language of the "
        "query (rows) and of the passage (columns). On the diagonal both are the same language. Single cells have no "
        "test; read the pattern."
    )
    caption = f"{second.capitalize()} minus {first} by language of query and passage; one scale for all sizes"
    charts = tuple(_chart(size, found, largest, f"{second} − {first}") for size, found in maps.items())
    return Section(
        f"languages{suffix}",
        "Which languages gain",
        (
            Paragraph(text),
            Figure(f"languages-figure{suffix}", caption, charts),
            _summary(design, study, maps),
            *(_table(size, found, f"{second} − {first}") for size, found in maps.items()),
        ),
    )


def _differences(design: Design, size: str, benchmark: str, second: str, first: str) -> Pairs:
    """Return the mean over seeds for the pairs that all records have."""
    runs = [
        (_pairs(one, second, benchmark), _pairs(other, first, benchmark))
        for one, other in zip(design.main[size, second], design.main[size, first], strict=True)
    ]
    common = [pair for pair in runs[0][0] if all(pair in one and pair in other for one, other in runs)]
    return {pair: fmean(one[pair] - other[pair] for one, other in runs) for pair in sorted(common)}


def _pairs(record: Record, system: str, benchmark: str) -> Pairs:
    by = record.facts.systems[system][benchmark].by
    same = {(lang, lang): score for lang, score in by.get("monolingual", {}).items()}
    crossed = by.get("crosslingual", {})
    return same | {
        (query, passage): crossed[f"{query}-{passage}"]
        for query, _ in same
        for passage, _ in same
        if f"{query}-{passage}" in crossed
    }


def _languages(found: Pairs) -> list[str]:
    return sorted({lang for pair in found for lang in pair})


def _chart(size: str, found: Pairs, largest: float, what: str) -> Chart:
    rows = [{"query": one, "passage": other, "difference": round(value, 4)} for (one, other), value in found.items()]
    languages = _languages(found)
    x = alt.X("passage:N", sort=languages, axis=alt.Axis(labelAngle=0, orient="top", title="passage"))
    y = alt.Y("query:N", sort=languages, title="query")
    scale = alt.Scale(
        type="linear", domain=[-round(largest, 4), 0, round(largest, 4)], range="diverging", interpolate="rgb"
    )
    legend = alt.Legend(orient="bottom", direction="horizontal", gradientLength=160, title=None, format="+.2f")
    color = alt.Color("difference:Q", scale=scale, legend=legend)
    chart = (
        alt.Chart(alt.InlineData(rows))
        .mark_rect()
        .encode(x=x, y=y, color=color, tooltip=["query:N", "passage:N", alt.Tooltip("difference:Q", format="+.3f")])
    )
    spec = chart.properties(width="container", height=24 * len(languages)).to_dict()
    (low, high) = (pick(found, key=found.__getitem__) for pick in (min, max))
    rose = sum(value > 0 for value in found.values())
    description = (
        f"{size}: {what} rose in {rose} of {len(found)} pairs of languages, most from {high[0]} to {high[1]} "
        f"({signed(found[high])}), least from {low[0]} to {low[1]} ({signed(found[low])})."
    )
    return Chart(size, description, spec)


def _summary(design: Design, study: Study, maps: dict[str, Pairs]) -> Table:
    first, second = study.objectives[:2]

    def bias(size: str, name: str, measure: str) -> str:
        own = [one.facts.systems[name][study.benchmarks[0]].bias.get(measure) for one in design.main[size, name]]
        known = [value for value in own if value is not None]
        return number(fmean(known) if known else None, ".3f")

    def rows() -> Iterator[tuple[str, ...]]:
        for size, found in maps.items():
            crossed = [value for (one, other), value in found.items() if one != other]
            same = [value for (one, other), value in found.items() if one == other]
            yield (
                size,
                f"{sum(value > 0 for value in crossed)} of {len(crossed)}",
                f"{sum(value > 0 for value in same)} of {len(same)}",
                *(bias(size, name, "same_language_share_top10") for name in (first, second)),
                *(bias(size, name, "rank_distance_share") for name in (first, second)),
            )

    share, distance = (
        "passages in the asker's language among the ten best",
        "rank distance, share of a random ranking's",
    )
    head = ("size", f"pairs of two languages in which {second} gains", f"languages alone in which {second} gains",
            *(f"{measure}: {name}" for measure in (share, distance) for name in (first, second)))  # fmt: skip
    return Table("How many languages gain, and the preference for the asker's language", head, tuple(rows()))


def _table(size: str, found: Pairs, what: str) -> Table:
    languages = _languages(found)
    rows = tuple(
        (one, *(signed(found[one, other]) if (one, other) in found else "–" for other in languages))
        for one in languages
    )
    return Table(f"{what} at {size}: query in rows, passage in columns", ("query", *languages), rows, folded=True)
