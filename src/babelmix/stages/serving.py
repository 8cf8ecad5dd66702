"""The page that people search on: indexes and a benchmark are opened here, and served until Ctrl-C."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from babelmix.common.errors import UserError
from babelmix.common.progress import say
from babelmix.workspace import HERE

if TYPE_CHECKING:
    from babelmix.searching.index import SearchIndex
    from babelmix.searching.page.answers import Page
    from babelmix.searching.page.known import Known


def serve(folders: Sequence[Path], models: Sequence[str], benchmark: str | None, port: int) -> str:
    """Serve the page over one index or two until Ctrl-C; return what was done.

    `models`: where the model of each index is now; where it was unless given. `benchmark`: a known name or a path; the
    passages that answer its questions are in the indexes. The port is taken before anything is loaded, so that a port
    in use is told at once.
    """
    from babelmix.searching.page.limits import Limits
    from babelmix.searching.page.server import address, listen, run

    if len(folders) > 2:
        raise UserError(f"{len(folders)} indexes", where="serve", how="name one index, or two to see side by side")
    if models and len(models) != len(folders):
        what = f"{len(models)} models for {len(folders)} indexes"
        raise UserError(what, where="serve, --model", how="give one for each index, in their order, or none")
    limits = Limits()
    with listen(port) as listener:
        page = open_page(folders, models, benchmark)
        page.warm()
        from babelmix.searching.page.app import make_app

        app = make_app(page, limits)
        say(f"open {address(listener)} in a browser; Ctrl-C ends it")
        run(app, listener, limits)
    return f"served {' and '.join(map(str, folders))}"


def open_page(folders: Sequence[Path], models: Sequence[str], benchmark: str | None) -> "Page":
    """Open the indexes, their encoders and the benchmark, and say what of it cannot be shown."""
    from babelmix.searching.index import SearchIndex
    from babelmix.searching.page.answers import Page
    from babelmix.stages.searching import encoder_of

    indexes = [SearchIndex.open(folder) for folder in folders]
    known = _known(benchmark, indexes) if benchmark else None
    where = [*models] or [index.model for index in indexes]
    encoders = [encoder_of(index, name) for name, index in zip(where, indexes, strict=True)]
    names = _names(folders)
    if len(folders) == 1:  # opened twice: each side keeps its vectors in memory, as they are and debiased
        indexes.append(SearchIndex.open(folders[0]))
        return Page.debiasing(names[0], indexes, encoders[0], known)
    return Page.models(list(zip(names, indexes, encoders, strict=True)), known)


def _names(folders: Sequence[Path]) -> list[str]:
    """Return what the sides are called: the folders' names, or their paths where those are equal."""
    names = [folder.resolve().name for folder in folders]
    return names if len(set(names)) == len(names) else [str(folder) for folder in folders]


def _known(benchmark: str, indexes: "Sequence[SearchIndex]") -> "Known":
    """Read the benchmark, and say how many of its right answers an index lacks; UserError if it lacks all."""
    from babelmix.searching.page.known import read_known
    from babelmix.stages.benchmarks import open_benchmark

    with open_benchmark(benchmark) as folder:
        known = read_known(folder)  # the folder may be gone after the block
    wanted = known.passages()
    for index in indexes:
        missing = len(wanted) - len(index.rows_of(wanted))
        if missing == len(wanted):
            how = f"make the index of that benchmark's passages, {_passages(benchmark)}, with their ids"
            raise UserError(f"none of {benchmark}'s right answers is in it", where=str(index.folder), how=how)
        if missing:
            say(f"{index.folder}: {missing:,} of {len(wanted):,} right answers are not in it; they get no rank")
    return known


def _passages(benchmark: str) -> str:
    """Return what an index of a benchmark's passages is made of: what was given, or the folder of a known name."""
    if Path(benchmark).exists():
        return benchmark
    built = HERE.benchmark(benchmark)
    return str(built) if built.is_dir() else f"{built} (after `babelmix benchmark {benchmark}`)"
