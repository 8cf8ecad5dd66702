"""The gap mono - cross over the size, beside what others published, in Markdown.

"\\n\\n".join(gap_tables(StudyScores(design, study)))
"""

from collections.abc import Iterator, Sequence

from babelmix.reporting.dev_choice import marked
from babelmix.reporting.ladder import families, read_ladder
from babelmix.reporting.scaling_fits import estimated, systems_of
from babelmix.reporting.tables import count, signed, table
from babelmix.study.gap import gaps_of
from babelmix.study.scores import StudyScores

OWN = (
    "Monolingual score minus cross-lingual score of the same questions, with 95 % intervals over questions and seeds; "
    "the slope is the change for ten times the parameters outside the embeddings."
)
PUBLIC = (
    "Beside it, published models: MLQA, nDCG@10, of families with at least three sizes, from "
    "embeddings-benchmark/results at f4cc6c8. Another benchmark, another measure, all parameters counted, and each "
    "pair of languages searched alone: only the sign and the order of size compare."
)


def gap_tables(found: StudyScores) -> Iterator[str]:
    """Yield the gap of each system at each size, and the slopes of public families; nothing without both scores."""
    by_name = {score.name: score for score in found.scores}
    if not ({"mono", "cross"} <= by_name.keys() and found.seeds):
        return
    rows: list[Sequence[str]] = []
    for system in systems_of(found):
        mono, cross = (found.errors(system, by_name[name]) for name in ("mono", "cross"))
        if mono.shape != cross.shape:
            return
        gaps = gaps_of(found.parameters, mono, cross)
        rows.append((marked(system), *(estimated(own, sign=True) for own in (*gaps.by_size, gaps.slope))))
    yield f"### The gap between one language and two, {by_name['mono'].benchmark}"
    yield OWN
    yield table(("gap", *found.design.sizes, "slope"), rows)
    yield PUBLIC
    yield table(
        ("family", "models", "millions of parameters", "gaps", "slope"),
        [
            (
                family.name,
                str(len(family.rungs)),
                ", ".join(count(round(rung.parameters / 1e6)) for rung in family.rungs),
                ", ".join(signed(rung.gap) for rung in family.rungs),
                signed(family.slope),
            )
            for family in families(read_ladder())
        ],
    )
