"""Commands for a machine and a project of one's own: `doctor` and `init`."""

from json import dumps
from pathlib import Path
from shlex import quote
from typing import Annotated

import typer

from babelmix.cli.options import languages_of
from babelmix.common.progress import done


def add_to(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.command(epilog="Example: babelmix doctor --online")(doctor)
    app.command(epilog="Example: babelmix init my-project --languages de --languages fr")(init)


def doctor(
    online: Annotated[bool, typer.Option("--online", help="Also ask whether the Hugging Face hub answers.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON for other programs.")] = False,
) -> None:
    """Say what this machine can do and what is missing, each with its remedy; exit code 1 if dvc repro cannot run."""
    from babelmix.reporting.doctor.check import failing
    from babelmix.reporting.doctor.table import as_dict, as_text
    from babelmix.stages.machine import examine

    checks = examine(online=online)
    print(dumps(as_dict(checks), indent=1, ensure_ascii=False) if json else as_text(checks))
    if failing(checks):
        raise typer.Exit(1)


def init(
    folder: Annotated[Path, typer.Argument(help="A new or an empty folder.")],
    languages: Annotated[
        list[str] | None, typer.Option(help="A language of the example benchmark; again for each. Default: en, de, pt.")
    ] = None,
) -> None:
    """Make a project of your own: settings, stages, example pairs and an example benchmark to replace."""
    from babelmix.stages.starting import start_project

    line = start_project(folder, languages_of(languages))
    enter = "" if folder.resolve() == Path.cwd() else f"cd {quote(str(folder))} && "
    done(line, f"{enter}dvc repro")
