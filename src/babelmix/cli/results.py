"""Commands for results: the report, comparisons over experiments, and MLflow."""

from pathlib import Path
from typing import Annotated

import typer

from babelmix.common.progress import done


def add_to(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.command(epilog="Example: babelmix report")(report)
    app.command(epilog="Example: babelmix compare --benchmark xquad-r small-s13 base-s13 large-s13")(compare)
    app.command(epilog="Example: babelmix rivals rivals-small-13 rivals-small-14 --figure trade-off.svg")(rivals)
    app.command(epilog="Example: babelmix scaling --figure scaling.svg")(scaling)
    app.command(epilog="Example: babelmix arms msm bitext --into docs/results/msm.md")(arms)
    app.command(epilog="Example: babelmix verify, or babelmix verify --against v0.1.0")(verify)
    app.command(epilog="Example: babelmix track")(track)
    app.command(epilog="Example: babelmix ui --port 5000")(ui)


def report(
    part: Annotated[str, typer.Argument(help="study, run, scores, explore or samples.")] = "study",
) -> None:
    """Write the report of the study, or what the last run has to say: run, scores, single queries, translations."""
    from babelmix.common.errors import unknown_name
    from babelmix.settings.params import load_settings
    from babelmix.stages import results

    parts = {
        "study": results.study_report,
        "run": results.run_report,
        "scores": results.scores,
        "explore": results.explore_pages,
        "samples": results.samples,
    }
    if part not in parts:
        raise unknown_name("part", part, parts, where="report")
    done(parts[part](load_settings()), "babelmix ui")


def compare(
    benchmark: Annotated[str, typer.Option(help="The benchmark whose scores are compared.")],
    experiments: Annotated[
        list[str] | None,
        typer.Argument(help="DVC experiments; unless given, all of this commit's that have it."),
    ] = None,
    into: Annotated[list[Path] | None, typer.Option(help="Also put the tables into these Markdown files.")] = None,
    name: Annotated[str | None, typer.Option(help="The place in those files, the benchmark's unless given.")] = None,
    figure: Annotated[Path | None, typer.Option(help="Also draw the scores over the sizes, as .svg.")] = None,
) -> None:
    """Put DVC experiments of several sizes and seeds side by side, with intervals over questions and seeds."""
    from babelmix.stages import results

    text, line = results.compare_experiments(benchmark, experiments, into or (), name or benchmark, figure)
    typer.echo(text)
    done(line, "babelmix ui")


def rivals(
    experiments: Annotated[
        list[str] | None,
        typer.Argument(help="DVC experiments; unless given, all of this commit's with xquad-r and native."),
    ] = None,
    into: Annotated[Path | None, typer.Option(help="Also put the tables into this Markdown file.")] = None,
    figure: Annotated[Path | None, typer.Option(help="Also draw the trade-off between languages, as .svg.")] = None,
) -> None:
    """Say what beats plain hybrid batches at equal compute: recipes, weight averages and debiasings, by size."""
    from babelmix.stages import results

    text, line = results.rivals(experiments, into, figure)
    typer.echo(text)
    done(line, "babelmix ui")


def scaling(
    into: Annotated[Path | None, typer.Option(help="Also put the tables into this Markdown file.")] = None,
    figure: Annotated[Path | None, typer.Option(help="Also draw the errors over the sizes, as .svg.")] = None,
) -> None:
    """Say whether the size of the encoder changes what the batches buy, from the study's finished runs."""
    from babelmix.settings.params import load_settings
    from babelmix.stages import results

    text, line = results.scaling(load_settings(), into, figure)
    typer.echo(text)
    done(line, "babelmix ui")


def arms(
    names: Annotated[list[str] | None, typer.Argument(help="Arms of `study.arms`; all unless given.")] = None,
    into: Annotated[Path | None, typer.Option(help="Also put the tables into this Markdown file.")] = None,
    place: Annotated[str, typer.Option("--name", help="The place in that file.")] = "arms",
) -> None:
    """Say what the study's arms, trainings with other settings, gain over the main ones and at equal compute."""
    from babelmix.settings.params import load_settings
    from babelmix.stages import results

    text, line = results.arms(load_settings(), names or (), into, place)
    typer.echo(text)
    done(line, "babelmix study --plan")


def verify(
    against: Annotated[str, typer.Option(help="The commit whose scores are compared, such as a release.")] = "HEAD",
) -> None:
    """Compare what the last run made with what is committed: exit code 0 if reproduced, 1 if not."""
    from babelmix.common.progress import terminal
    from babelmix.reporting import verify as verification

    found = verification.verify(Path(), against)
    verification.render(found, terminal())
    if not found.reproduced:
        raise typer.Exit(1)


def track() -> None:
    """Bring MLflow up to date with dvc.lock and the study: one run for each system, none twice."""
    from babelmix.settings.params import load_settings
    from babelmix.stages import results

    done(results.track(load_settings()), "babelmix ui")


def ui(port: Annotated[int, typer.Option(help="Port on 127.0.0.1.", min=1, max=65535)] = 5000) -> None:
    """Open MLflow on loopback at the charts of all runs: the study's, from its committed records, if it has any."""
    from babelmix.settings.params import load_settings
    from babelmix.stages import results

    results.serve_ui(load_settings(), port)
