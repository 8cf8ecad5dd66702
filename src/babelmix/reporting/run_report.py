"""The report of a run: the main scores, one table by language, and reports/run.md with its figures.

    write_report(HERE, load_settings())

Every file depends on the metrics and the settings alone, not on the time of day or the revision: the same results give
the same bytes.
"""

import csv
import json
from pathlib import Path
from typing import Any

from babelmix.common.files import new_file, new_folder
from babelmix.evaluation.measures import MEASURES
from babelmix.reporting import figures, heat_maps
from babelmix.reporting.compare import compare, reference_of
from babelmix.reporting.drawing import save
from babelmix.reporting.markdown import to_markdown
from babelmix.reporting.names import POOL_FIRST
from babelmix.reporting.results import Results, read_results, seen, training_languages
from babelmix.settings.params import Settings
from babelmix.workspace import UNTRAINED, Workspace

MAIN_SCORES = 12  # at most, in metrics/main_score.json


def write_report(workspace: Workspace, settings: Settings) -> None:
    """Write the main scores, the table by language, the figures and run.md, from the metrics of the pipeline.

    Raises UserError for a missing or broken file, with the stage that writes it.
    """
    results = read_results(workspace, settings)
    comparisons = compare(results, settings)
    with new_file(workspace.main_scores) as stream:
        json.dump(main_scores(results), stream, indent=2)
        stream.write("\n")
    with new_file(workspace.by_language) as stream:
        rows = by_language(results)
        writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    with new_folder(workspace.figures) as folder:
        captions = draw(results, folder)
    with new_file(workspace.run_report) as stream:
        stream.write(to_markdown(results, settings, comparisons, captions))


def main_scores(results: Results) -> dict[str, dict[str, dict[str, float | None]]]:
    """Return the main score by objective, benchmark and scope: at most 12 numbers, multilingual first."""
    cells = len(results.histories) * len(results.evaluations[UNTRAINED])
    scopes = POOL_FIRST[: max(1, MAIN_SCORES // cells)]
    return {
        objective: {
            benchmark: {scope: evaluation["scopes"][scope][evaluation["main_score"]] for scope in scopes}
            for benchmark, evaluation in results.evaluations[objective].items()
        }
        for objective in results.histories
    }


def by_language(results: Results) -> list[dict[str, Any]]:
    """Return one row for each system, benchmark, scope and language or ordered pair of languages.

    `seen` says whether the training pairs have these languages: yes, partly (one of a pair) or no. It is the same for
    every system, so that rows can be compared; an objective with its own list of languages saw only those.
    """
    known = training_languages(results)
    return [
        {"system": system, "benchmark": benchmark, "scope": scope, "languages": languages}
        | {measure: scores[measure] for measure in MEASURES}
        | {"queries": scores["queries"], "seen": seen(languages, known)}
        for system, evaluations in results.evaluations.items()
        for benchmark, evaluation in evaluations.items()
        for scope in POOL_FIRST
        for languages, scores in evaluation["scopes"][scope]["by"].items()
    ]


def draw(results: Results, folder: Path) -> dict[str, str]:
    """Write the figures as PNG files into `folder`; return file name -> caption."""
    objectives = list(results.histories)
    reference, shown = reference_of(objectives), objectives[-1]
    charts = {
        "scores": (figures.scores(results), "Main score by scope and system"),
        "losses": (figures.losses(results), "Training and dev loss"),
    }
    for benchmark, evaluation in results.evaluations[UNTRAINED].items():
        if len(evaluation["bias"]["language_share_pool"]) > 1:
            bias = figures.language_bias(results, benchmark)
            charts[f"bias-{benchmark}"] = (
                bias,
                f"Languages of the ten best passages, and rank distance, on {benchmark}",
            )
            shares = heat_maps.share_map(results, benchmark, shown)
            charts[f"shares-{benchmark}"] = (shares, f"Languages of the ten best passages of {shown} on {benchmark}")
        pairs = heat_maps.pair_scores(results, benchmark, shown, evaluation["main_score"])
        charts[f"pairs-{benchmark}"] = (pairs, f"{shown} on {benchmark}, by language pair")
        for objective in objectives:
            if objective != reference:
                chart = heat_maps.differences(results, benchmark, objective, reference)
                caption = f"{objective} minus {reference} on {benchmark}, by language pair"
                charts[f"differences-{benchmark}-{objective}"] = (chart, caption)
    for name, (chart, _) in charts.items():
        save(chart, folder / f"{name}.png")
    return {f"{name}.png": caption for name, (_, caption) in charts.items()}
