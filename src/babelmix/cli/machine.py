"""Commands for a machine and a project of one's own: `doctor` and `init`."""

import typer


def add_to(app: typer.Typer) -> None:
    """Add these commands to the command line."""
