"""Commands for what leaves the project as a model: `export`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from babelmix.cli.options import languages_of
from babelmix.common.progress import done
from babelmix.exporting.names import Kind

EXAMPLE = "Example: babelmix export models/hybrid --output exported --form onnx --int8 --benchmark gnome-help"


def add_to(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.command(epilog=EXAMPLE)(export)


def export(
    model: Annotated[str, typer.Argument(help="A SentenceTransformer folder, or its name on the hub.")],
    output: Annotated[Path, typer.Option(help="The folder to write.")],
    form: Annotated[
        list[Kind] | None,
        typer.Option(help="Once for each; all three unless given. st: what sentence-transformers saves."),
    ] = None,
    int8: Annotated[bool, typer.Option("--int8", help="ONNX and OpenVINO in 8 bits too.")] = False,
    languages: Annotated[
        list[str] | None, typer.Option(help="Trim the vocabulary to these: de,en or once for each.")
    ] = None,
    rows: Annotated[
        int | None, typer.Option(help="Of --languages: fill up to so many pieces; 65,536 unless given.", min=1)
    ] = None,
    width: Annotated[int | None, typer.Option(help="Keep the first dimensions of the vectors only.")] = None,
    debias: Annotated[
        Literal["lir", "shift", "centre"] | None,
        typer.Option(help="Put a debiasing by training text into the model, as its last modules."),
    ] = None,
    strength: Annotated[
        float | None,
        typer.Option(help="Of shift and centre; what the dev splits chose unless given.", min=0.0, max=1.0),
    ] = None,
    benchmark: Annotated[
        str, typer.Option(help="What each form is measured on: a known name or a path, as for `evaluate`.")
    ] = "xquad-r",
    push: Annotated[str | None, typer.Option(help="Also upload the folder to the hub, as ORG/NAME.")] = None,
) -> None:
    """Write a model for sentence-transformers, ONNX and OpenVINO, and measure what each form costs.

    Each form is scored beside the original, in every language and scope. The folder has the same table in its card.
    """
    from babelmix.exporting.form_tables import plain_lines
    from babelmix.settings.params import load_settings
    from babelmix.stages.exporting import Changes, export_model

    found = export_model(
        model,
        output,
        load_settings(),
        kinds=tuple(dict.fromkeys(form or Kind)),
        int8=int8,
        changes=Changes(tuple(languages_of(languages)) or None, rows, width, debias, strength),
        benchmark=benchmark,
        push=push,
    )
    for line in plain_lines(found.rows):
        print(line)
    done(found.line, f"look into {output / 'README.md'}")
