"""The report: headline numbers, one table by language, and reports/report.md with its figures.

    write_report(Path("."), load_settings())

Every file is a pure function of the metrics and the settings, without the time of day or the revision: same
results, same bytes.
"""

import csv
import json
from pathlib import Path
from typing import Any

from babelmix.benchmarks.benchmark import read_benchmark
from babelmix.benchmarks.registry import licence_of
from babelmix.common.files import new_file, new_folder
from babelmix.evaluation.evaluate import MEASURES
from babelmix.reporting import figures
from babelmix.reporting.compare import compare, read_scores, reference_of
from babelmix.reporting.drawing import save
from babelmix.reporting.explore import choose, show_chosen
from babelmix.reporting.explore_page import write_page
from babelmix.reporting.markdown import to_markdown
from babelmix.reporting.results import SETTINGS, UNTRAINED, Results, read_results, seen, training_languages
from babelmix.reporting.samples import write_sheets
from babelmix.retrieval.embeddings import open_embeddings
from babelmix.settings.params import Settings

HEADLINES = 12  # numbers in metrics/headline.json at most


def write_report(root: Path, settings: Settings) -> None:
    """Write headline.json and by_language.csv under metrics/, and reports/, from what the pipeline measured.

    Raises UserError for a missing or broken file, with the stage that writes it.
    """
    results = read_results(root, settings)
    comparisons = compare(results, settings)
    with new_file(root / "metrics" / "headline.json") as stream:
        json.dump(headline(results), stream, indent=2)
        stream.write("\n")
    with new_file(root / "metrics" / "by_language.csv") as stream:
        rows = by_language(results)
        writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    with new_folder(root / "reports") as folder:
        captions = draw(results, folder / "figures")
        with new_file(folder / "report.md") as stream:
            stream.write(to_markdown(results, settings, comparisons, captions))
        write_pages(root, results, settings, folder)
        write_sheets(root, settings, folder)


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


def write_pages(root: Path, results: Results, settings: Settings, folder: Path) -> None:
    """Write `explore-<benchmark>.html`: a few queries through the reference and the last objective that is not it."""
    reference = reference_of(settings.objectives)
    other = next((name for name in reversed(settings.objectives) if name != reference), None)
    first, second = (reference, other) if other else (UNTRAINED, reference)
    for name in settings.benchmarks:
        benchmark = read_benchmark(root / "data" / "benchmarks" / name)
        files = [results.per_query[variant][name] for variant in (first, second)]
        choice = choose(benchmark, *(read_scores(file, str(file)) for file in files), seed=settings.seed)
        opened = {
            variant: open_embeddings(root / "data/embeddings" / variant / name, root / "data/benchmarks" / name)
            for variant in (first, second)
        }
        systems = [(variant, vectors.queries, vectors.passages) for variant, vectors in opened.items()]
        entries = show_chosen(benchmark, choice, systems)
        write_page(folder / f"explore-{name}.html", name, licence_of(name), choice, entries)
