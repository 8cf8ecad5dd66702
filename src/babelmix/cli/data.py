"""Commands for data: raw files, pairs, translations and benchmarks."""

from pathlib import Path
from typing import Annotated

import typer

from babelmix.cli.options import Name, Strict
from babelmix.common.progress import done, say

translation = typer.Typer(no_args_is_help=True, help="Machine translation: of pairs, and which route is best.")


def add_to(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.command(epilog="Example: babelmix fetch xquad-r")(fetch)
    app.command(epilog="Example: babelmix pairs libreoffice-help")(pairs)
    app.command(epilog="Example: babelmix dev")(dev)
    app.command(epilog="Example: babelmix benchmark gnome-help")(benchmark)
    app.add_typer(translation, name="translate")


def fetch(name: Annotated[str, typer.Argument(help="A source, benchmark or lexicon, such as gnome-help.")]) -> None:
    """Download the raw files of a source or benchmark into data/raw/NAME, of a lexicon into data/lexicons/NAME."""
    from babelmix.settings.params import load_settings
    from babelmix.stages import raw

    done(f"wrote {raw.fetch(name, load_settings())}", "dvc repro")


def pairs(name: Annotated[str, typer.Argument(help="A source of pairs, such as libreoffice-help.")]) -> None:
    """Make question-passage pairs out of a source, in every language it has, split into train and dev."""
    from babelmix.settings.params import load_settings
    from babelmix.stages.pairs import make_pairs

    done(make_pairs(name, load_settings()), "dvc repro translate")


def dev() -> None:
    """Make a benchmark of the dev split, on which recipes are chosen."""
    from babelmix.settings.params import load_settings
    from babelmix.stages.benchmarks import build_dev

    done(build_dev(load_settings()), "dvc repro")


def benchmark(name: Name, strict: Strict = False) -> None:
    """Build a benchmark from its raw files into data/benchmarks/NAME."""
    from babelmix.settings.params import load_settings
    from babelmix.stages.benchmarks import build_benchmark

    done(build_benchmark(name, load_settings(), strict=strict), "dvc repro")


@translation.command("pairs", epilog="Example: babelmix translate pairs --source libreoffice-help --language pt")
def translate_pairs(
    source: Annotated[str, typer.Option(help="A source of pairs, such as libreoffice-help.")],
    language: Annotated[str, typer.Option(help="A language of translate.routes.")],
) -> None:
    """Machine-translate the pairs of a source into one language, and keep what passes the filter.

    Translations are kept in .babelmix/translations: a run that was stopped goes on from there.
    """
    from babelmix.settings.params import load_settings
    from babelmix.stages import pairs as stage

    done(stage.translate_pairs(source, language, load_settings()), "dvc repro train")


@translation.command("index", epilog="Example: babelmix translate index")
def translate_index() -> None:
    """Write which sources are translated into which languages, by which routes, or why they are not."""
    from babelmix.settings.params import load_settings
    from babelmix.stages import pairs as stage

    done(stage.index_translations(load_settings()), "dvc repro translate")


@translation.command("compare", epilog="Example: babelmix translate compare --language es --apply")
def translate_compare(
    language: Annotated[
        list[str] | None, typer.Option(help="Only these; all of translate.candidates if not given.")
    ] = None,
    apply: Annotated[bool, typer.Option("--apply", help="Put the best routes into params.yaml.")] = False,
    into: Annotated[list[Path] | None, typer.Option(help="Also put the table into these Markdown files.")] = None,
) -> None:
    """Score the routes of translate.candidates against human translations, with chrF and BLEU."""
    from babelmix.settings.params import load_settings
    from babelmix.stages.routes import compare_routes

    line = compare_routes(load_settings(), language, apply=apply, into=into or [])
    done(line, "dvc repro translate" if apply else "babelmix translate compare --apply")


@translation.command("bench", hidden=True, epilog="Example: babelmix translate compare --language es")
def translate_bench(
    language: Annotated[list[str] | None, typer.Option()] = None,
    apply: Annotated[bool, typer.Option("--apply")] = False,
    into: Annotated[list[Path] | None, typer.Option()] = None,
) -> None:
    """Run `translate compare`, which this command was called before; the next release drops the old name."""
    say("`translate bench` is now `translate compare`; the next release drops the old name")
    translate_compare(language, apply, into)
