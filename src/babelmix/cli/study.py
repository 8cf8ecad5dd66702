"""Commands for the study over sizes."""

from pathlib import Path
from typing import Annotated

import typer

from babelmix.common.progress import done
from babelmix.workspace import HERE


def add_to(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.command(epilog="Example: babelmix study --plan, then babelmix study")(study)


def study(
    runs: Annotated[
        list[str] | None,
        typer.Argument(help="Runs of the plan, in this order, such as base-hybrid-s13; all unless given."),
    ] = None,
    plan: Annotated[bool, typer.Option("--plan", help="Print all runs and the hours left; start none.")] = False,
    into: Annotated[Path, typer.Option(help="The folder of the records.")] = HERE.study,
    keep_weights: Annotated[
        bool,
        typer.Option("--keep-weights", help="Leave the weights and vectors of finished runs in DVC's cache."),
    ] = False,
) -> None:
    """Run what is missing of the study over sizes, as DVC experiments; a call goes on where the last one stopped.

    A finished run leaves two small files in the folder of the records. Its weights and vectors then leave DVC's cache,
    but for what was there before and what the workspace's dvc.lock names.
    """
    from babelmix.settings.params import load_settings

    if plan:
        from babelmix.stages.study_plan import show_plan

        show_plan(load_settings(), runs or (), into)
        return
    from babelmix.stages.study import run_study

    done(run_study(load_settings(), runs or (), into, keep_weights=keep_weights), "babelmix scaling")
