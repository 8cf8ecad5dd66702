"""The command for the page that people search on: `serve`."""

from pathlib import Path
from typing import Annotated

import typer

from babelmix.common.progress import done


def add_to(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.command(epilog="Example: babelmix serve my-index --port 8765")(serve)


def serve(
    index: Annotated[list[Path], typer.Argument(help="An index, as it is and debiased; or two indexes, side by side.")],
    benchmark: Annotated[
        str | None,
        typer.Option(help="A benchmark by name or path: the page shows the ranks of its questions' right answers."),
    ] = None,
    model: Annotated[
        list[str] | None, typer.Option(help="Where the index's model is now; with two indexes, one for each.")
    ] = None,
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1; 0 takes any free one.", min=0, max=65535)] = 8765,
) -> None:
    """Open a page to search on, at 127.0.0.1 only: two models, or one with and without debiasing, side by side."""
    from babelmix.stages import serving

    done(serving.serve(index, model or [], benchmark, port), f"babelmix serve {' '.join(map(str, index))}")
