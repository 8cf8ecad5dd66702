"""Raw files: of a source of pairs, of a benchmark, and of a lexicon."""

from pathlib import Path

from babelmix.benchmarks.own import benchmark_of, own_names
from babelmix.benchmarks.registry import BENCHMARKS
from babelmix.common.errors import unknown_name
from babelmix.common.outputs import claim_folder
from babelmix.common.progress import say
from babelmix.corpus.registry import PAIR_SOURCES, source_of
from babelmix.download.hub import allow_hub
from babelmix.lexicon.registry import LEXICONS, lexicon_of
from babelmix.settings.params import Settings
from babelmix.workspace import HERE


def fetch(name: str, settings: Settings) -> Path:
    """Download raw files and return their folder: in data/lexicons of a lexicon, in data/raw of any other."""
    folder = HERE.lexicon(name) if name in LEXICONS else HERE.raw(name)
    claim_folder(folder)
    fetch_into(name, folder, settings)
    return folder


def fetch_into(name: str, folder: Path, settings: Settings) -> None:
    """Download the raw files of a source, benchmark or lexicon into a folder, and say what its licence asks to say.

    Nothing of the user's own is copied: an empty manifest says so. UserError for an unknown name.
    """
    if name in PAIR_SOURCES or name in settings.source:
        fetch_pairs(name, folder, settings)
    elif name in BENCHMARKS or name in own_names():
        fetch_benchmark(name, folder)
    elif name in LEXICONS:
        fetch_lexicon(name, folder)
    else:
        valid = (*PAIR_SOURCES, *BENCHMARKS, *LEXICONS, *settings.source, *own_names())
        raise unknown_name("source, benchmark or lexicon", name, valid, where="fetch")


def fetch_pairs(name: str, folder: Path, settings: Settings) -> None:
    """Download the raw files of a source of pairs into a folder, and say what its licence asks to say."""
    source = source_of(name, settings.source)
    if source.hub:
        allow_hub()
    _tell_notice(source.fetch(folder, settings.pairs))


def fetch_benchmark(name: str, folder: Path) -> None:
    """Download the raw files of a benchmark into a folder, and say what its licence asks to say."""
    benchmark = benchmark_of(name)
    if benchmark.hub:
        allow_hub()
    _tell_notice(benchmark.fetch(folder))


def fetch_lexicon(name: str, folder: Path) -> None:
    """Download the raw files of a lexicon into a folder."""
    lexicon_of(name).fetch(folder)


def _tell_notice(notice: str | None) -> None:
    if notice:
        say(notice)
