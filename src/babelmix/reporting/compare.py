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
from babelmix.reporting.dev_choice import DevFigures, best_debiasing, dev_figures
from babelmix.reporting.names import POOL_FIRST
from babelmix.reporting.results import Results, reference_of
from babelmix.settings.params import Settings
from babelmix.workspace import LIR, NATIVE_DEV, encoder_of


@dataclass(frozen=True, slots=True)
class Comparison:
    """One system minus another, in one scope of one benchmark, by the measure of its main score."""

    benchmark: str
    first: str
    second: str
    scope: str
    measure: str  # a name in measures.MEASURES
    difference: Difference


def contrasts(objectives: Sequence[str], free: str) -> list[tuple[str, str]]:
    """Return the pairs of systems that are compared, first minus second.

    Every objective is compared with the reference. `free`, the reference with its best debiasing, costs no training: it
    is compared with the reference, and every objective with it. The last difference is what training adds to the
    strongest form that needs none.
    """
    reference = reference_of(objectives)
    others = [name for name in objectives if name != reference]
    trained = [(name, reference) for name in others]
    return [*trained, (free, reference), *((name, free) for name in others)]


def dev_of(results: Results) -> dict[str, DevFigures]:
    """Return system -> its figures on the dev splits, of every system that has vectors."""
    return {
        name: dev_figures(
            [found, *(evaluation for split, evaluation in results.evaluations[name].items() if split == NATIVE_DEV)]
        )
        for name, found in results.dev.items()
    }


def shown_systems(results: Results) -> list[str]:
    """Return the systems of the report's tables: plain, with LIR, and each encoder's best debiased form on dev."""
    figures = dev_of(results)
    best = {best_debiasing(figures, name) for name in results.evaluations if name in figures}
    return [name for name in results.evaluations if name in (encoder_of(name), encoder_of(name) + LIR) or name in best]


def compare(results: Results, settings: Settings) -> list[Comparison]:
    """Make every comparison; p_holm is corrected over those of the same benchmark, which make one table.

    Raises UserError for two systems that were not scored on the same queries.
    """
    free = best_debiasing(dev_of(results), reference_of(settings.objectives))
    compared = {name for pair in contrasts(settings.objectives, free) for name in pair}
    found: list[Comparison] = []
    for benchmark in settings.benchmarks:
        evaluations = {name: results.evaluations[name][benchmark] for name in compared}
        files = {name: results.per_query[name][benchmark] for name in compared}
        scores = {name: [read_query_scores(file, str(file))] for name, file in files.items()}
        rows = contrast(evaluations, scores, settings, free)
        corrected = holm([row.difference for row in rows])
        found += [replace(row, difference=difference) for row, difference in zip(rows, corrected, strict=True)]
    return found


def contrast(
    evaluations: Mapping[str, dict[str, Any]],
    scores: Mapping[str, Sequence[QueryScores]],
    settings: Settings,
    free: str,
) -> list[Comparison]:
    """Make every comparison on one benchmark, in every scope that it has; p_holm is not corrected yet.

    Args:
        evaluations: by system, the JSON of one seed: it names the benchmark, its main score and its scopes.
        scores: by system, the scores of each seed.
        settings: objectives, and the bound of equivalence.
        free: the reference with its best debiasing, see `contrasts`.
    """
    found: list[Comparison] = []
    for first, second in contrasts(settings.objectives, free):
        evaluation = evaluations[first]
        name, measure = str(evaluation["benchmark"]), str(evaluation["main_score"])
        for scope in POOL_FIRST:
            if evaluation["scopes"][scope]["map"] is not None:
                difference = paired_difference(
                    scores[first], scores[second], scope, MEASURES[measure], settings.evaluate.equivalence_bound
                )
                found.append(Comparison(name, first, second, scope, measure, difference))
    return found
