"""Commands and options for other tools' forms of runs and results."""

import typer


def add_to(app: typer.Typer) -> None:
    """Add these commands to the command line."""
