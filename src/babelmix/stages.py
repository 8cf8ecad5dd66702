"""Where the text comes from: one module for each origin, and the two steps that every origin shares.

    fetch_source("gnome-help", Path("data/raw/gnome-help"), settings)
    left_out = build_benchmark("gnome-help", Path("data/raw/gnome-help"), Path("data/benchmarks/gnome-help"), settings)
    left_out = build_folder(Path("data/own/faq"), Path("data/benchmarks/faq"))
    pairs, counts = build_source("squadshifts", Path("data/raw/squadshifts"), settings)

What is downloaded is named here, so that a change in how a source is read does not download it again.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from babelmix.benchmarks.benchmark import About, write_benchmark
from babelmix.benchmarks.own import own_files, own_names, unknown_benchmark
from babelmix.benchmarks.registry import BEIR, BENCHMARKS, LAREQA, MIRACL, NANOBEIR
from babelmix.common.errors import UserError, unknown_name
from babelmix.common.files import new_folder, store
from babelmix.corpus.registry import PAIR_SOURCES
from babelmix.settings.params import Settings

if TYPE_CHECKING:
    from babelmix.corpus.collect import Counts
    from babelmix.corpus.records import Pair

TEST = "test"  # of the judgements in BEIR form, unless another split is asked for
GNOME_PACKAGE = "gnome-user-docs"
HANDBOOK_PACKAGE = "debian-handbook"
# The languages that LibreOffice Help is packaged in (Norwegian and others go by names of their own).
HELP_LANGUAGES = frozenset(
    "ca cs da de el en es et eu fi fr gl hi hu id it ja ko nl pl pt ru sk sl sv tr vi zh".split()  # noqa: SIM905
)
_HELP_REGIONS = {"en": "en-US", "zh": "zh-CN"}


def help_folder(lang: str) -> str:
    """Return the name of a language in LibreOffice Help's folders and, in lower case, in its packages."""
    return _HELP_REGIONS.get(lang, lang)


def help_packages(languages: Sequence[str]) -> tuple[str, ...]:
    """Return the packages of LibreOffice Help in these languages; one without such help is a UserError."""
    for lang in languages:
        if lang not in HELP_LANGUAGES:
            where = "params.yaml, pairs.languages"
            raise unknown_name("language of LibreOffice Help", lang, HELP_LANGUAGES, where=where)
    return tuple(f"libreoffice-help-{help_folder(lang).lower()}" for lang in languages)


def fetch_source(name: str, folder: Path, settings: Settings) -> str | None:
    """Download the raw files of a source into `folder`, replacing it; return what its licence asks to be told.

    Settings are read by `libreoffice-help` and `mmarco`, which come in each of `pairs.languages`, and by the tables of
    `source:`. Of a table with `path:`, and of a benchmark of the user's own, nothing is copied: an empty manifest
    stands in the folder. An unknown name is a UserError.
    """
    from babelmix.download.debian import fetch_packages

    if name == "libreoffice-help":
        fetch_packages(help_packages(settings.pairs.languages), folder)
    elif name == "gnome-help":
        fetch_packages([GNOME_PACKAGE], folder)
    elif name == "debian-handbook":
        fetch_packages([HANDBOOK_PACKAGE], folder)
    elif name in LAREQA:
        from babelmix.benchmarks.sources import lareqa

        return lareqa.fetch(name, folder)
    elif name in BEIR:
        from babelmix.benchmarks.sources import beir

        beir.fetch(name, folder)
    elif name in NANOBEIR:
        from babelmix.benchmarks.sources import nanobeir

        nanobeir.fetch(name.removeprefix("nanobeir-"), folder)
    elif name in MIRACL:
        from babelmix.benchmarks.sources import miracl

        miracl.fetch(name.removeprefix("miracl-"), folder)
    elif name == "squadshifts":
        from babelmix.corpus.sources import squadshifts as squad_pairs

        squad_pairs.fetch(folder)
    elif name == "mmarco":
        from babelmix.corpus.sources import mmarco

        return mmarco.fetch(folder, settings.pairs)
    elif name in settings.source:
        from babelmix.corpus.sources import table

        table.fetch(settings.source[name], folder)
    elif own_files(name) is not None:
        with new_folder(folder) as beside:
            (beside / "manifest.json").write_text("{}\n", encoding="utf-8")
    else:
        valid = (*PAIR_SOURCES, *BENCHMARKS, *settings.source, *own_names())
        raise unknown_name("source or benchmark", name, valid, where="fetch")
    return None


def asks_hub(name: str, settings: Settings) -> bool:
    """Return whether fetching a source or benchmark asks the Hugging Face hub."""
    if name in settings.source:
        return settings.source[name].hub is not None
    known = PAIR_SOURCES.get(name) or BENCHMARKS.get(name)
    return known is not None and known.hub


def build_source(name: str, raw_folder: Path, settings: Settings) -> "tuple[list[Pair], dict[str, Counts]]":
    """Cut question-passage pairs out of what `fetch_source` left in `raw_folder`, or out of a user's own table.

    Returns the pairs, each with `unit` ids of its own source, and what became of the units of each language. An
    unknown name is a UserError.
    """
    if name == "libreoffice-help":
        from babelmix.corpus.sources import libreoffice_help

        return libreoffice_help.build_pairs(raw_folder, settings.pairs)
    if name == "squadshifts":
        from babelmix.corpus.sources import squadshifts as squad_pairs

        return squad_pairs.build(raw_folder, settings.pairs)
    if name == "mmarco":
        from babelmix.corpus.sources import mmarco

        return mmarco.build(raw_folder, settings.pairs)
    if name in settings.source:
        from babelmix.corpus.sources import table

        return table.build(name, settings.source[name], raw_folder, settings.pairs)
    raise unknown_name("source", name, (*PAIR_SOURCES, *settings.source), where="sources")


def build_benchmark(name: str, raw_folder: Path, output: Path, settings: Settings) -> dict[str, int]:
    """Build a benchmark, in `output`, out of what `fetch_source` left in `raw_folder`; return what was left out.

    The queries of an English benchmark (BEIR) are asked in `benchmark.query_languages` too, translated by machine. A
    name that is not known is that of a benchmark of the user's own, whose files are read where they are, below
    data/own; `benchmark.splits` says which judgements of a benchmark in BEIR form. UserError for a name without files.
    """
    from babelmix.benchmarks.sources import beir, debian_handbook, gnome_help, lareqa, miracl, nanobeir

    left_out: dict[str, int] = {}
    split = settings.benchmark.splits.get(name)
    if name == "gnome-help":
        built = gnome_help.build(raw_folder, settings.benchmark)
    elif name == "debian-handbook":
        built = debian_handbook.build(raw_folder, settings.benchmark)
    elif name in LAREQA:
        built = lareqa.build(name, raw_folder, settings.benchmark)
    elif name in BEIR:
        from babelmix.translate.queries import translate_queries

        split = split or TEST
        built, left_out = beir.build(raw_folder, name, split=split)
        built, unasked = translate_queries(built, settings, store() / "translations")
        left_out |= unasked
    elif name in NANOBEIR:
        built, left_out = nanobeir.build(raw_folder, name)
    elif name in MIRACL:
        return miracl.stream(raw_folder, name.removeprefix("miracl-"), output)
    else:
        path = own_files(name)
        if path is None:
            raise unknown_benchmark(name, "benchmarks")
        return build_folder(path, output, split=split)
    write_benchmark(output, built, About(split=split if name in BEIR else None, left_out=left_out))
    return left_out


def build_folder(path: Path, output: Path, *, split: str | None = None) -> dict[str, int]:
    """Build a benchmark, in `output`, out of a user's own files; return what was left out, by reason.

    Either a folder in babelmix's own form (passages.jsonl, see `own`) or in BEIR's (corpus.jsonl, see `beir`), or a
    SQuAD-form file or a folder of them (see `squad`). `split` names the judgements of a BEIR folder. What was read and
    what was left out stands in the output's about.json too. UserError for no such form, and for a split of another.
    """
    from babelmix.benchmarks.sources import beir, own, squad

    chosen, name = None, path.resolve().name
    if own.find_own(path, "passages").is_file():
        form = "own"
        built, left_out = own.build(path, name)
    elif any([*path.glob("corpus*.jsonl"), *path.glob("corpus*.jsonl.gz")]):
        form, (chosen, _) = "beir", beir.find_qrels(path, split)
        built, left_out = beir.build(path, name, split=chosen)
    elif squad.squad_files(path):
        form = "squad"
        built, left_out = squad.build(path, output.name)
    else:
        what = "no benchmark in a form that is known" if path.exists() else "no such file or folder"
        how = "give a folder with passages.jsonl or corpus.jsonl (BEIR), or *.json (SQuAD), see data/README.md"
        raise UserError(what, where=str(path), how=how)
    if split is not None and form != "beir":
        raise UserError("only a folder in BEIR form has splits", where=str(path), how=f"ask for no {split!r} of it")
    write_benchmark(output, built, About(form, chosen, left_out))
    return left_out
