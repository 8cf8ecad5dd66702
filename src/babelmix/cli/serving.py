"""The command for the page that people search on: `serve`."""

import typer


def add_to(app: typer.Typer) -> None:
    """Add these commands to the command line."""
