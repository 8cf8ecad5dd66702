"""The comparisons that the report makes, in every scope of every benchmark.

for row in compare(results, settings):
    row.first, row.second, row.scope, row.difference.verdict    # "hybrid", "contrastive", "multilingual", "better"
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from babelmix.evaluation.measures import MEASURES
from babelmix.evaluation.query_scores import QueryScores
from babelmix.evaluation.score_files import read_query_scores
from babelmix.evaluation.significance import Difference, holm, paired_difference
from babelmix.reporting.names import POOL_FIRST
from babelmix.reporting.results import Results
from babelmix.settings.params import Settings
from babelmix.workspace import LIR


@dataclass(frozen=True, slots=True)
class Comparison:
    """One system minus another, in one scope of one benchmark, by the measure of its main score."""

    benchmark: str
    first: str
    second: str
    scope: str
    measure: str  # a name in measures.MEASURES
    difference: Difference


def reference_of(objectives: Sequence[str]) -> str:
    """Return the objective that the others are compared with: contrastive, or else the first."""
    return "contrastive" if "contrastive" in objectives else objectives[0]


def contrasts(objectives: Sequence[str]) -> list[tuple[str, str]]:
    """Return the pairs of systems that are compared, first minus second.

    Every objective is compared with the reference. The reference with LIR, which costs no training, is compared with
    the reference. Every objective is compared with the reference with LIR: the difference is what training adds to LIR.
    """
    reference = reference_of(objectives)
    others = [name for name in objectives if name != reference]
    trained = [(name, reference) for name in others]
    return [*trained, (reference + LIR, reference), *((name, reference + LIR) for name in others)]


def compare(results: Results, settings: Settings) -> list[Comparison]:
    """Make every comparison; p_holm is corrected over those of the same benchmark, which make one table.

    Raises UserError for two systems that were not scored on the same queries.
    """
    compared = {name for pair in contrasts(settings.objectives) for name in pair}
    found: list[Comparison] = []
    for benchmark in settings.benchmarks:
        evaluations = {name: results.evaluations[name][benchmark] for name in compared}
        files = {name: results.per_query[name][benchmark] for name in compared}
        rows = contrast(
            evaluations, {name: [read_query_scores(file, str(file))] for name, file in files.items()}, settings
        )
        corrected = holm([row.difference for row in rows])
        found += [replace(row, difference=difference) for row, difference in zip(rows, corrected, strict=True)]
    return found


def contrast(
    evaluations: Mapping[str, dict[str, Any]], scores: Mapping[str, Sequence[QueryScores]], settings: Settings
) -> list[Comparison]:
    """Make every comparison on one benchmark, in every scope that it has; p_holm is not corrected yet.

    Args:
        evaluations: by system, the JSON of one seed: it names the benchmark, its main score and its scopes.
        scores: by system, the scores of each seed.
        settings: objectives, and the bound of equivalence.
    """
    found: list[Comparison] = []
    for first, second in contrasts(settings.objectives):
        evaluation = evaluations[first]
        name, measure = str(evaluation["benchmark"]), str(evaluation["main_score"])
        for scope in POOL_FIRST:
            if evaluation["scopes"][scope]["map"] is not None:
                difference = paired_difference(
                    scores[first], scores[second], scope, MEASURES[measure], settings.evaluate.equivalence_bound
                )
                found.append(Comparison(name, first, second, scope, measure, difference))
    return found
