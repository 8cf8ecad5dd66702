"""The command for the translated pairs as a data set: `publish`."""

import typer


def add_to(app: typer.Typer) -> None:
    """Add these commands to the command line."""
