"""Commands for probes: what an encoder knows of words, and what several know."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from babelmix.common.errors import UserError, unknown_name
from babelmix.common.progress import done

if TYPE_CHECKING:
    from babelmix.probes.settings import Prompt

EXAMPLE = "Example: babelmix probe tatoeba xling --model models/hybrid --languages de --languages en"
COMPARE_EXAMPLE = "Example: babelmix probe-compare metrics/words/base-*.json --into docs/results/probes.md"


def add_to(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.command(epilog=EXAMPLE)(probe)
    app.command("probe-compare", epilog=COMPARE_EXAMPLE)(probe_compare)


def probe(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[PROBE]...",
            help="tatoeba, xling, omw, simlex, iso-codes, xling-train, xling-mixed; those of params.yaml unless given.",
        ),
    ] = None,
    system: Annotated[
        str | None,
        typer.Option(help="One of the pipeline, as params.yaml says: untrained, an objective, an average; or"),
    ] = None,
    model: Annotated[str | None, typer.Option(help="a SentenceTransformer folder, or its name on the hub.")] = None,
    full: Annotated[
        bool, typer.Option("--full", help="Look among all words, which takes several times as long.")
    ] = False,
    prompt: Annotated[
        str | None,
        typer.Option(help="Before each word: query, the model's own, or none; that of params.yaml unless given."),
    ] = None,
    languages: Annotated[list[str] | None, typer.Option(help="Only these; all unless given.")] = None,
    output: Annotated[Path | None, typer.Option(help="Of --model, also write a JSON file.")] = None,
) -> None:
    """Measure what an encoder knows of words: translations, sentence pairs, names and graded similarity."""
    from babelmix.probes.settings import ProbeSettings
    from babelmix.settings.params import load_settings
    from babelmix.stages import probing

    settings = load_settings()
    if system is not None:
        from babelmix.stages.systems import check_system

        where = f"probe --system {system}"
        if names or model is not None or full or prompt is not None or languages or output is not None:
            how = "leave --system out, or the others; --model probes any model in any form"
            raise UserError("--system already says what is read and written", where=where, how=how)
        check_system(system, settings, where=where, encoder=True)
        done(probing.probe_system(system, settings), "babelmix report run")
        return
    if model is None:
        raise UserError("one of --system and --model is needed", where="probe", how="give exactly one")
    form = "full" if full else settings.probe.form
    asked = ProbeSettings(form=form, prompt=_prompt(prompt) or settings.probe.prompt)
    line = probing.probe_model(model, names or [], settings, asked, languages=languages, output=output)
    done(line, "babelmix probe --full" if asked.form == "fast" else "babelmix evaluate")


def probe_compare(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...",
            help="Written by `babelmix probe`; those whose names differ in -s13 at the end are seeds of one encoder.",
        ),
    ],
    into: Annotated[Path | None, typer.Option(help="Also put the tables into this Markdown file.")] = None,
) -> None:
    """Put what several encoders know of words side by side, with intervals of their differences."""
    from babelmix.stages import results

    text, line = results.compare_probes(files, into)
    typer.echo(text)
    done(line, "babelmix probe --model MODEL --output FILE")


def _prompt(name: str | None) -> "Prompt | None":
    match name:
        case None | "query" | "none":
            return name
        case _:
            raise unknown_name("prompt", name, ("query", "none"), where="probe --prompt")
