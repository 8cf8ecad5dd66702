"""Where the text comes from: one module for each origin, and the two steps that every origin shares.

    fetch_source("gnome-help", Path("data/raw/gnome-help"), settings)
    benchmark = build_benchmark("gnome-help", Path("data/raw/gnome-help"), settings)

The training pairs are cut by `libreoffice_help.build_pairs`. What is downloaded is named here, so
that a change in how a source is read does not download it again.
"""

from collections.abc import Sequence
from pathlib import Path

from babelmix.benchmark import Benchmark
from babelmix.config import BENCHMARKS, LANGUAGES, Settings
from babelmix.errors import unknown_name

SOURCES = ("libreoffice-help", *BENCHMARKS)
GNOME_PACKAGE = "gnome-user-docs"
HANDBOOK_PACKAGE = "debian-handbook"
# The project's languages that have no LibreOffice Help in Debian; `no` is there under other names.
_NO_HELP = frozenset({"ar", "fa", "he", "no", "ro", "th", "uk"})
_HELP_REGIONS = {"en": "en-US", "zh": "zh-CN"}


def help_folder(lang: str) -> str:
    """Return the name of a language in LibreOffice Help's folders and, in lower case, in its packages."""
    return _HELP_REGIONS.get(lang, lang)


def help_packages(languages: Sequence[str]) -> tuple[str, ...]:
    """Return the packages of LibreOffice Help in these languages; one without such help is a UserError."""
    for lang in languages:
        if lang in _NO_HELP or lang not in LANGUAGES:
            where = "params.yaml, pairs.languages"
            raise unknown_name("language of LibreOffice Help", lang, LANGUAGES - _NO_HELP, where=where)
    return tuple(f"libreoffice-help-{help_folder(lang).lower()}" for lang in languages)


def fetch_source(name: str, folder: Path, settings: Settings) -> None:
    """Download the raw files of a source into `folder`, replacing it; an unknown name is a UserError.

    Only `libreoffice-help` reads settings: one package for each of `pairs.languages`.
    """
    from babelmix.sources.fetch import fetch_packages

    match name:
        case "libreoffice-help":
            fetch_packages(help_packages(settings.pairs.languages), folder)
        case "gnome-help":
            fetch_packages([GNOME_PACKAGE], folder)
        case "debian-handbook":
            fetch_packages([HANDBOOK_PACKAGE], folder)
        case "xquad-r":
            from babelmix.sources import lareqa

            lareqa.fetch(folder)
        case _:
            raise unknown_name("source", name, SOURCES, where="fetch")


def build_benchmark(name: str, raw_folder: Path, settings: Settings) -> Benchmark:
    """Build a benchmark out of what `fetch_source` left in `raw_folder`; an unknown name is a UserError."""
    from babelmix.sources import debian_handbook, gnome_help, lareqa

    match name:
        case "gnome-help":
            return gnome_help.build(raw_folder, settings.benchmark)
        case "debian-handbook":
            return debian_handbook.build(raw_folder, settings.benchmark)
        case "xquad-r":
            return lareqa.build(raw_folder, settings.benchmark)
        case _:
            raise unknown_name("benchmark", name, BENCHMARKS, where="benchmarks")
