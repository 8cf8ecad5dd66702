"""A user's own benchmarks: an unknown name in `benchmarks:` means files below data/own.

    own_files("faq")     # data/own/faq, a folder; or data/own/faq.json, data/own/faq.de.json, a SQuAD-form file

The pipeline names folders, files and stages after it, so it is a name, not a path.
"""

import re
from pathlib import Path

from babelmix.benchmarks.benchmark import About, Benchmark
from babelmix.benchmarks.folder import read_folder
from babelmix.benchmarks.known import KnownBenchmark
from babelmix.benchmarks.registry import BENCHMARKS, licence_of
from babelmix.benchmarks.settings import BenchmarkSettings
from babelmix.common.errors import UserError, unknown_name
from babelmix.common.files import new_folder
from babelmix.common.languages import LANGUAGES
from babelmix.workspace import HERE

OWN = HERE.own
_SQUAD = re.compile(r"(?P<stem>.+?)(?P<lang>[._-][a-z]{2})?\.json(\.gz)?")


def own_files(name: str, root: Path = OWN) -> Path | None:
    """Return the folder `root`/NAME, or else the one file of that name and any language; None if there is neither.

    UserError for several such files, and for a link that leads out of `root`, because DVC would miss changes there.
    """
    found = _found(name, root)
    if found is not None and not found.resolve().is_relative_to(root.resolve()):
        how = f"put the files themselves into {root}"
        raise UserError("a link to somewhere else", where=str(found), how=how)
    return found


def own_names(root: Path = OWN) -> list[str]:
    """Return the names of the benchmarks that `own_files` finds."""
    if not root.is_dir():
        return []
    return sorted({name for path in root.iterdir() if (name := path.name if path.is_dir() else _stem(path.name))})


def benchmark_of(name: str, where: str = "benchmarks") -> KnownBenchmark:
    """Return a benchmark by its name: a known one, or one below data/own; UserError, at `where`, for any other name."""
    if name in BENCHMARKS:
        return BENCHMARKS[name]
    path = own_files(name)
    if path is None:
        raise unknown_benchmark(name, where)

    def build(_: Path, settings: BenchmarkSettings, split: str | None) -> tuple[Benchmark, About]:
        return read_folder(path, name=name, split=split)

    return KnownBenchmark(name=name, licence=licence_of(name), fetch=_fetch_nothing, build=build, splits=True)


def _fetch_nothing(folder: Path) -> None:
    """Write an empty manifest: the files stay where they are, below data/own."""
    with new_folder(folder) as staging:
        (staging / "manifest.json").write_text("{}\n", encoding="utf-8")


def unknown_benchmark(name: str, where: str, root: Path = OWN) -> UserError:
    """Return the error for an unknown name without files below `root`."""
    error = unknown_name("benchmark", name, (*BENCHMARKS, *own_names(root)), where=where)
    return UserError(error.what, where=where, how=f"{error.how}; or put its files into {root / name}")


def _found(name: str, root: Path) -> Path | None:
    if (root / name).is_dir():
        return root / name
    exact = (f"{name}.json", f"{name}.json.gz")
    files = sorted(path for path in root.glob("*.json*") if path.is_file())
    found = [path for path in files if path.name in exact or _stem(path.name) == name]
    if len(found) > 1:
        names = " and ".join(path.name for path in found[:2])
        how = f"put them into a folder {root / name} if their questions are translations of one another, or rename one"
        raise UserError(f"{len(found)} files of this name, {names} first", where=str(root), how=how)
    return found[0] if found else None


def _stem(name: str) -> str:
    """Return the name of a file in SQuAD form without its ending and its language, "" for any other file."""
    parts = _SQUAD.fullmatch(name)
    if parts is None:
        return ""
    known = parts["lang"] and parts["lang"][1:] in LANGUAGES
    return parts["stem"] if known or not parts["lang"] else f"{parts['stem']}{parts['lang']}"
