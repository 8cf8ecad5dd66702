"""The comparisons that the report makes, in every setting of every benchmark.

for row in compare(results, settings):
    row.first, row.second, row.setting, row.difference.verdict    # "hybrid", "contrastive", "multilingual", "better"
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from babelmix.common.arrays import read_arrays
from babelmix.common.errors import UserError
from babelmix.evaluation.evaluate import MEASURES, QueryScores
from babelmix.evaluation.significance import Difference, holm, paired_difference
from babelmix.reporting.results import SETTINGS, Results
from babelmix.settings.params import Settings
from babelmix.workspace import LIR


@dataclass(frozen=True, slots=True)
class Comparison:
    """One system minus another, in one setting of one benchmark, by the benchmark's headline measure."""

    benchmark: str
    first: str
    second: str
    setting: str
    measure: str  # a name in evaluate.MEASURES
    difference: Difference


def reference_of(objectives: Sequence[str]) -> str:
    """Return the objective that the others are held against: contrastive, or else the first."""
    return "contrastive" if "contrastive" in objectives else objectives[0]


def contrasts(objectives: Sequence[str]) -> list[tuple[str, str]]:
    """Return the pairs of systems that are compared, first minus second.

    Every objective against the reference; the reference debiased after the fact (LIR) against itself, which costs no
    training; and every objective against the debiased reference: what it adds beyond that.
    """
    reference = reference_of(objectives)
    others = [name for name in objectives if name != reference]
    trained = [(name, reference) for name in others]
    return [*trained, (reference + LIR, reference), *((name, reference + LIR) for name in others)]


def compare(results: Results, settings: Settings) -> list[Comparison]:
    """Make every contrast; p_holm is corrected over all comparisons returned.

    Each comparison starts its generator from the seed, so that one more benchmark leaves the other figures as
    they are. Raises UserError where two variants were not scored on the same queries.
    """
    compared = {name for pair in contrasts(settings.objectives) for name in pair}
    found: list[Comparison] = []
    for benchmark in settings.benchmarks:
        evaluations = {name: results.evaluations[name][benchmark] for name in compared}
        files = {name: results.per_query[name][benchmark] for name in compared}
        found += contrast(evaluations, {name: [read_scores(file, str(file))] for name, file in files.items()}, settings)
    corrected = holm([row.difference for row in found])
    return [replace(row, difference=difference) for row, difference in zip(found, corrected, strict=True)]


def contrast(
    evaluations: Mapping[str, dict[str, Any]], scores: Mapping[str, Sequence[QueryScores]], settings: Settings
) -> list[Comparison]:
    """Make every contrast on one benchmark, in every setting that it has; p_holm is not corrected yet.

    Args:
        evaluations: by variant, the JSON of one seed: it names the benchmark, its measure and its settings.
        scores: by variant, the scores of each seed.
        settings: objectives, seed of the resamples and their number.
    """
    found: list[Comparison] = []
    for first, second in contrasts(settings.objectives):
        evaluation = evaluations[first]
        name, headline = str(evaluation["benchmark"]), str(evaluation["headline"])
        for setting in SETTINGS:
            if evaluation["settings"][setting]["map"] is not None:
                rng = np.random.default_rng(settings.seed)
                resamples, column = settings.evaluate.resamples, MEASURES[headline]
                difference = paired_difference(scores[first], scores[second], setting, rng, resamples, column)
                found.append(Comparison(name, first, second, setting, headline, difference))
    return found


def read_scores(file: Path | BinaryIO, where: str) -> QueryScores:
    """Read the scores of every query that `babelmix evaluate --per-query` wrote; `where` names it in errors."""
    how = "delete it and run `dvc repro` again"
    names = tuple(QueryScores.__dataclass_fields__)
    old_names = {"parallel_id": "question"}
    arrays = read_arrays(file, names, what="scores of queries", how=how, where=where, old_names=old_names)
    columns = dict(zip(names, arrays, strict=True))
    rows = columns["setting"].shape
    for name, column in columns.items():
        text = name in ("setting", "parallel_id", "query_language", "passage_language")
        if column.dtype.kind != ("U" if text else "f") or column.shape != rows or len(rows) != 1:
            what = f"{column.dtype} numbers, shape {column.shape}"
            raise UserError(f"the column is none of scores ({what})", where=f"{where}, {name}", how=how)
        if not text and not ((column >= 0) & (column <= 1)).all():
            raise UserError("a score that is not between 0 and 1", where=f"{where}, {name}", how=how)
    return QueryScores(**columns)
