"""The command line: it parses, calls a stage and prints.

    babelmix plan --steps 5
    babelmix evaluate --model models/hybrid --benchmark gnome-help --output scores.json
    babelmix explore --benchmark gnome-help "How do I print a page?"

Everything else is imported inside the commands: `babelmix --help` must not wait for torch.
"""

import os
import re
import sys
from typing import Annotated, Any, NoReturn

# Set before any library is imported: no library reports home, and none asks a hub for a file that is not here. What
# the user asks of the hub by name calls download.hub.allow_hub, which takes our own switch back.
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("DO_NOT_TRACK", "1")
if "HF_HUB_OFFLINE" not in os.environ:
    os.environ["HF_HUB_OFFLINE"] = os.environ["BABELMIX_HUB_OFF"] = "1"
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")  # we say in one line what does not fit

import typer

from babelmix.cli import (
    data,
    encoders,
    exchange,
    exporting,
    machine,
    probes,
    publishing,
    results,
    searching,
    serving,
    study,
    systems,
)
from babelmix.common.ending import run_and_exit
from babelmix.common.errors import UserError

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Train a retriever that works across languages, and see what the batches did. The whole of it: dvc repro",
)
_product = (exporting, exchange, searching, serving, publishing, machine)
for part in (results, study, systems, probes, encoders, data, *_product):
    part.add_to(app)


@app.callback()
def _options(  # pyright: ignore[reportUnusedFunction]
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Options of every command; `main` reads `--debug` itself."""


def run(arguments: list[str]) -> int:
    """Run one command and return the exit code; what it cannot do is raised, wrong arguments as a UserError."""
    for argument in arguments:
        if re.search("[\udc80-\udcff]", argument):  # bytes that Python could not decode
            how = "rename it, or set LC_ALL to C.UTF-8 where the terminal's encoding is another"
            raise UserError("a name that is not in UTF-8", where=argument, how=how)
    command = typer.main.get_command(app)
    try:
        with command.make_context("babelmix", arguments) as context:
            command.invoke(context)
    except typer.Exit as stop:
        return stop.exit_code
    except typer.TyperException as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # typer has printed the help
            return 2
        raise _wrong_usage(error, arguments) from error
    return 0


def _wrong_usage(error: typer.TyperException, arguments: list[str]) -> UserError:
    """Return the error for arguments that no command takes: what is wrong, what may be meant, where the help is."""
    context: Any = getattr(error, "ctx", None)
    path: str = context.command_path if context else " ".join(["babelmix", *arguments[:1]])
    what, _, meant = error.format_message().partition(" (Possible options: ")
    if meant:
        meant = f"did you mean {meant.removesuffix(')')}? "
    elif ". Did you mean " in what:
        what, _, meant = what.partition(". D")
        meant = f"d{meant} "
    what = f"{what[:1].lower()}{what[1:]}".rstrip(".")
    where = path.partition(" ")[2] or "command line"
    return UserError(what, where=where, how=f"{meant}see `{path} --help`")


def main() -> NoReturn:
    """Run the command line and end the program; `babelmix.__main__` does so before anything heavy is imported."""
    run_and_exit(run, sys.argv[1:])
