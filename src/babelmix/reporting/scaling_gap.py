"""The gap mono - cross over the size, beside what others published, in Markdown.

"\\n\\n".join(gap_tables(StudyScores(design, study)))
"""

from collections.abc import Iterator

from babelmix.reporting.dev_choice import marked
from babelmix.reporting.ladder import families, read_ladder
from babelmix.reporting.scaling_rows import Rows, estimated, systems_of
from babelmix.reporting.tables import count, signed, table
from babelmix.study.gap import gaps_of
from babelmix.study.scores import StudyScores

OWN = (
    "Monolingual score minus cross-lingual score of the same questions, with 95 % intervals; "
    "the slope is the change for ten times the parameters outside the embeddings."
)
PUBLIC = (
    "Beside it, published models: MLQA, nDCG@10, of families with at least three sizes, from "
    "embeddings-benchmark/results at f4cc6c8. Another benchmark, another measure, all parameters counted, and each "
    "pair of languages searched alone: only the sign and the order of size compare."
)


def gap_tables(found: StudyScores) -> Iterator[str]:
    """Yield the gap of each system at each size, and the slopes of public families; nothing without both scores."""
    own = gaps(found)
    if not own.rows:
        return
    yield f"### {title(found)}"
    yield OWN
    yield table(*own)
    yield PUBLIC
    yield table(*public_gaps())


def title(found: StudyScores) -> str:
    """Return the heading of the gaps."""
    return f"The gap between one language and two, {found.study.benchmarks[0]}"


def gaps(found: StudyScores) -> Rows:
    """Return the gap of each system at each size, and its slope; no rows without both scores of the same questions."""
    by_name = {score.name: score for score in found.scores}
    if not ({"mono", "cross"} <= by_name.keys() and found.seeds):
        return Rows((), ())
    columns: dict[str, list[str]] = {"gap": [*found.design.sizes, "slope"]}
    for system in systems_of(found):
        mono, cross = (found.errors(system, by_name[name]) for name in ("mono", "cross"))
        if mono.shape != cross.shape:
            return Rows((), ())
        own = gaps_of(found.parameters, mono, cross)
        columns[marked(system)] = [estimated(one, sign=True) for one in (*own.by_size, own.slope)]
    return Rows(tuple(columns), tuple(zip(*columns.values(), strict=True)))


def public_gaps() -> Rows:
    """Return the gaps of published families of models, and their slopes."""
    rows = tuple(
        (
            family.name,
            str(len(family.rungs)),
            ", ".join(count(round(rung.parameters / 1e6)) for rung in family.rungs),
            ", ".join(signed(rung.gap) for rung in family.rungs),
            signed(family.slope),
        )
        for family in families(read_ladder())
    )
    return Rows(("family", "models", "millions of parameters", "gaps", "slope"), rows)
