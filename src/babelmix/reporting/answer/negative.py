"""What did not help: where a recipe loses against contrastive batches, and where a baseline beats all recipes."""

from collections.abc import Iterator

from babelmix.evaluation.query_scores import SCOPES
from babelmix.evaluation.significance import Difference, holm
from babelmix.reporting.answer.document import Bullets, Paragraph, Section
from babelmix.reporting.answer.recipes import Recipe
from babelmix.reporting.answer.words import listed
from babelmix.reporting.names import SCOPE_NAMES
from babelmix.reporting.tables import number, signed
from babelmix.study.compared import difference
from babelmix.study.design import Design
from babelmix.study.settings import Study
from babelmix.workspace import BM25, NATIVE_DEV, UNTRAINED

BASELINES = {BM25: "Word overlap (BM25)", UNTRAINED: "The encoder before training"}


def negative_section(design: Design, study: Study, suffix: str) -> Section:
    """Return each loss that Holm's correction leaves, over all benchmarks and scopes, and what baselines beat."""
    items = (*_losses(design, study), *_beaten(design, study))
    text = (
        "All plain encoders, without debiasing. Losses with p < .05 after Holm's correction over all comparisons here."
    )
    found = Bullets(items) if items else Paragraph("Nothing lost, and no baseline won.")
    return Section(f"negative{suffix}", "What did not help", (Paragraph(text), found))


def _places(design: Design, study: Study) -> list[tuple[str, str]]:
    """Return the benchmarks and scopes that every run of a design scored with values for questions."""
    runs = [(one, name) for name in study.objectives for size in design.sizes for one in design.main[size, name]]
    return [
        (benchmark, scope)
        for benchmark in study.benchmarks
        if benchmark != NATIVE_DEV
        for scope in SCOPES
        if all(
            benchmark in one.facts.systems[name] and one.score(name, benchmark, scope) is not None for one, name in runs
        )
    ]


def _losses(design: Design, study: Study) -> Iterator[str]:
    reference, *others = study.objectives
    keys = [
        (name, benchmark, scope, size)
        for name in others
        for benchmark, scope in _places(design, study)
        for size in design.sizes
    ]
    rows = [difference(design, size, name, reference, benchmark, scope) for name, benchmark, scope, size in keys]
    lost: dict[tuple[str, str, str], list[tuple[str, Difference]]] = {}
    for (name, benchmark, scope, size), row in zip(keys, holm(rows), strict=True):
        if row.verdict == "worse":
            lost.setdefault((name, benchmark, scope), []).append((size, row))
    for (name, benchmark, scope), own in lost.items():
        each = listed([f"{signed(row.mean)} at {size}" for size, row in own])
        yield f"{name.capitalize()} loses to {reference} on {benchmark}, {SCOPE_NAMES[scope]}: {each}."


def _beaten(design: Design, study: Study) -> Iterator[str]:
    for baseline, name in BASELINES.items():
        for benchmark, scope in _places(design, study):
            won: list[str] = []
            for size in (size for size in design.sizes if (size, baseline) in design.main):
                own = Recipe(size, baseline, "", design.main[size, baseline]).score(benchmark, scope)
                best = max(
                    score
                    for one in study.objectives
                    if (score := Recipe(size, one, "", design.main[size, one]).score(benchmark, scope)) is not None
                )
                if own is not None and own > best:
                    won.append(f"{size} ({number(own)} against {number(best)})")
            if won:
                yield f"{name} beats every recipe on {benchmark}, {SCOPE_NAMES[scope]}, at {listed(won)}."
