"""The command for the translated pairs as a data set: `publish`."""

from pathlib import Path
from typing import Annotated

import typer

from babelmix.common.progress import done

publishing = typer.Typer(no_args_is_help=True, help="Data of this project as a data set that others can load.")


def add_to(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.add_typer(publishing, name="publish")


@publishing.command("pairs", epilog="Example: babelmix publish pairs --output babelmix-pairs")
def publish_pairs(
    output: Annotated[Path, typer.Option(help="Folder to write.")],
    own: Annotated[bool, typer.Option("--own", help="Also the pairs of your own, below data/own.")] = False,
    push: Annotated[str | None, typer.Option(help="Also upload it to the hub, as ORG/NAME.")] = None,
) -> None:
    """Write all question-passage pairs as a data set: Parquet, one configuration a language, with a card.

    Sources whose licence forbids it are left out and named.
    """
    from babelmix.settings.params import load_settings
    from babelmix.stages.publishing import publish_pairs as publish

    line = publish(output, load_settings(), own=own, push=push)
    done(line, f'python -c "import datasets; print(datasets.load_dataset({str(output)!r}))"')
