"""Commands for what leaves the project as a model: `export`."""

import typer


def add_to(app: typer.Typer) -> None:
    """Add these commands to the command line."""
