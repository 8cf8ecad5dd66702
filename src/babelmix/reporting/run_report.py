"""The report of a run: reports/run.md with its figures.

    write_report(HERE, load_settings())

Every file depends on the metrics and the settings alone, not on the time of day or the revision: the same results give
the same bytes.
"""

from pathlib import Path

from babelmix.common.files import new_file, new_folder
from babelmix.reporting import figures, heat_maps
from babelmix.reporting.compare import compare
from babelmix.reporting.drawing import save
from babelmix.reporting.markdown import to_markdown
from babelmix.reporting.results import Results, read_results, reference_of
from babelmix.settings.params import Settings
from babelmix.workspace import UNTRAINED, Workspace


def write_report(workspace: Workspace, settings: Settings) -> None:
    """Write the figures and run.md, from the metrics of the pipeline.

    Raises UserError for a missing or broken file, with the stage that writes it.
    """
    results = read_results(workspace, settings)
    comparisons = compare(results, settings)
    with new_folder(workspace.figures) as folder:
        captions = draw(results, folder)
    with new_file(workspace.run_report) as stream:
        stream.write(to_markdown(results, settings, comparisons, captions))


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
