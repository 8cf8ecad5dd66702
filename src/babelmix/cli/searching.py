"""Commands for a search over one's own texts: `index` and `search`."""

import typer


def add_to(app: typer.Typer) -> None:
    """Add these commands to the command line."""
