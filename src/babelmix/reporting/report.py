"""The report: headline numbers, one table by language, and reports/report.md with its figures.

    write_report(HERE, load_settings())

Every file is a pure function of the metrics and the settings, without the time of day or the revision: same
results, same bytes.
"""

import csv
import json
from pathlib import Path
from typing import Any

from babelmix.common.files import new_file, new_folder
from babelmix.evaluation.evaluate import MEASURES
from babelmix.reporting import figures
from babelmix.reporting.compare import compare, reference_of
from babelmix.reporting.drawing import save
from babelmix.reporting.markdown import to_markdown
from babelmix.reporting.results import SETTINGS, Results, read_results, seen, training_languages
from babelmix.settings.params import Settings
from babelmix.workspace import UNTRAINED, Workspace

HEADLINES = 12  # numbers in metrics/headline.json at most


def write_report(workspace: Workspace, settings: Settings) -> None:
    """Write the main scores, the table by language, the figures and report.md, from what the pipeline measured.

    Raises UserError for a missing or broken file, with the stage that writes it.
    """
    results = read_results(workspace, settings)
    comparisons = compare(results, settings)
    with new_file(workspace.main_scores) as stream:
        json.dump(headline(results), stream, indent=2)
        stream.write("\n")
    with new_file(workspace.by_language) as stream:
        rows = by_language(results)
        writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    with new_folder(workspace.figures) as folder:
        captions = draw(results, folder)
    with new_file(workspace.report) as stream:
        stream.write(to_markdown(results, settings, comparisons, captions))


def headline(results: Results) -> dict[str, dict[str, dict[str, float | None]]]:
    """Return the headline measure by objective, benchmark and setting: at most 12 numbers, multilingual first."""
    cells = len(results.histories) * len(results.evaluations[UNTRAINED])
    settings = SETTINGS[: max(1, HEADLINES // cells)]
    return {
        objective: {
            benchmark: {setting: evaluation["settings"][setting][evaluation["headline"]] for setting in settings}
            for benchmark, evaluation in results.evaluations[objective].items()
        }
        for objective in results.histories
    }


def by_language(results: Results) -> list[dict[str, Any]]:
    """Return one row for each variant, benchmark, setting and language or ordered pair of languages.

    `seen` says whether these languages stand in the training pairs: yes, partly (one of a pair) or no. It is
    the same for every variant, so that rows compare; an objective with languages of its own saw only these.
    """
    known = training_languages(results)
    return [
        {"variant": variant, "benchmark": benchmark, "setting": setting, "languages": languages}
        | {measure: scores[measure] for measure in MEASURES}
        | {"queries": scores["queries"], "seen": seen(languages, known)}
        for variant, evaluations in results.evaluations.items()
        for benchmark, evaluation in evaluations.items()
        for setting in SETTINGS
        for languages, scores in evaluation["settings"][setting]["by"].items()
    ]


def draw(results: Results, folder: Path) -> dict[str, str]:
    """Write the figures as PNG files into `folder`; return file name -> caption."""
    objectives = list(results.histories)
    reference, shown = reference_of(objectives), objectives[-1]
    charts = {
        "scores": (figures.scores(results), "Headline measure by setting and variant"),
        "losses": (figures.losses(results), "Training and dev loss"),
    }
    for benchmark, evaluation in results.evaluations[UNTRAINED].items():
        if len(evaluation["bias"]["language_share_pool"]) > 1:
            bias = figures.language_bias(results, benchmark)
            charts[f"bias-{benchmark}"] = (bias, f"Where the ten best come from, and rank distance, on {benchmark}")
            shares = figures.share_map(results, benchmark, shown)
            charts[f"shares-{benchmark}"] = (shares, f"Which languages the ten best of {shown} are in, on {benchmark}")
        pairs = figures.pair_scores(results, benchmark, shown, evaluation["headline"])
        charts[f"pairs-{benchmark}"] = (pairs, f"{shown} on {benchmark}, language by language")
        for objective in objectives:
            if objective != reference:
                chart = figures.differences(results, benchmark, objective, reference)
                caption = f"{objective} minus {reference} on {benchmark}, language by language"
                charts[f"differences-{benchmark}-{objective}"] = (chart, caption)
    for name, (chart, _) in charts.items():
        save(chart, folder / f"{name}.png")
    return {f"{name}.png": caption for name, (_, caption) in charts.items()}
