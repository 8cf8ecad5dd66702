"""The scores of a run as three small files: a few numbers for DVC, the main scores, and one table by language.

    write_scores(HERE, load_settings())

- metrics/main_score.json, for `dvc exp show` and `dvc metrics diff`: the objective under study on the first benchmark.
  Its names stay the same whatever the benchmarks and objectives are, so that all experiments share their columns.
- metrics/scores.csv, for `dvc plots diff` and `babelmix verify`: every encoder on every benchmark by its main score.
- metrics/by_language.csv: every system and measure, by language or ordered pair of languages.

They depend on the evaluations and the settings alone: the same results give the same bytes.
"""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from babelmix.common.files import new_file
from babelmix.evaluation.measures import MEASURES
from babelmix.reporting.names import POOL_FIRST
from babelmix.reporting.results import read_counts, read_evaluations, reference_of, seen, training_languages
from babelmix.settings.params import Settings
from babelmix.workspace import Workspace, encoder_of

SHORT_SCOPES = {"multilingual": "pool", "crosslingual": "cross", "monolingual": "mono"}  # columns of `dvc exp show`

Evaluations = Mapping[str, Mapping[str, Mapping[str, Any]]]  # system -> benchmark -> evaluation
Row = dict[str, Any]


def write_scores(workspace: Workspace, settings: Settings) -> None:
    """Write the three files from the evaluations of the pipeline.

    Raises UserError for a missing or broken file, with the stage that writes it.
    """
    evaluations = read_evaluations(workspace, settings)
    known = training_languages(read_counts(workspace, settings))
    with new_file(workspace.main_scores) as stream:
        json.dump(main_score(evaluations, settings.objectives, settings.benchmarks[0]), stream, indent=1)
        stream.write("\n")
    _write_rows(workspace.score_table, scores(evaluations))
    _write_rows(workspace.by_language, by_language(evaluations, known))


def main_score(evaluations: Evaluations, objectives: Sequence[str], benchmark: str) -> dict[str, str | float]:
    """Return the main score of the objective under study in the scopes that the benchmark has.

    The objective is the last that is not the reference; "gain" is its pooled score minus that of the reference, where
    there is one. "objective" and "benchmark" say what the numbers are of.
    """
    reference = reference_of(objectives)
    studied = [name for name in objectives if name != reference]
    name = studied[-1] if studied else reference
    own = {short: _main(evaluations[name][benchmark], scope) for scope, short in SHORT_SCOPES.items()}
    found: dict[str, str | float] = {"objective": name, "benchmark": benchmark}
    found |= {short: score for short, score in own.items() if score is not None}
    before = _main(evaluations[reference][benchmark], POOL_FIRST[0]) if studied else None
    if before is not None and own["pool"] is not None:
        found["gain"] = round(own["pool"] - before, 6)
    return found


def scores(evaluations: Evaluations) -> list[Row]:
    """Return one row for each encoder as it is (and BM25), benchmark and scope; no score where there are no queries."""
    return [
        {
            "system": system,
            "benchmark": benchmark,
            "scope": scope,
            "measure": evaluation["main_score"],
            "score": _main(evaluation, scope),
        }
        for system, own in evaluations.items()
        if system == encoder_of(system)
        for benchmark, evaluation in own.items()
        for scope in POOL_FIRST
    ]


def by_language(evaluations: Evaluations, known: frozenset[str]) -> list[Row]:
    """Return one row for each system, benchmark, scope and language or ordered pair of languages.

    `seen` says whether the training pairs have these languages: yes, partly (one of a pair) or no. It is the same for
    every system, so that rows can be compared; an objective with its own list of languages saw only those.
    """
    return [
        {"system": system, "benchmark": benchmark, "scope": scope, "languages": languages}
        | {measure: scores[measure] for measure in MEASURES}
        | {"queries": scores["queries"], "seen": seen(languages, known)}
        for system, own in evaluations.items()
        for benchmark, evaluation in own.items()
        for scope in POOL_FIRST
        for languages, scores in evaluation["scopes"][scope]["by"].items()
    ]


def _main(evaluation: Mapping[str, Any], scope: str) -> float | None:
    return evaluation["scopes"][scope][evaluation["main_score"]]


def _write_rows(file: Path, rows: list[Row]) -> None:
    with new_file(file) as stream:
        writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
