"""How the weights and vectors of a run leave DVC's cache once its scores are kept: 150 encoders would fill a disk.

    note_before(state, run.name, objects(cache))              # before the run
    note_made(state, run, opened, cache)                      # after it
    drop_weights(state, cache, kept, is_due)                  # whenever records were written; bytes

Only what the run itself put there is deleted: no object that was in the cache before, none that the workspace's
dvc.lock names, none that the run has outside its own `models/` and `data/embeddings/`. DVC takes a stage from its run
cache only if all outputs are there, so a run whose weights are gone is trained again when somebody asks for it.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from babelmix.common.errors import UserError
from babelmix.common.files import write_json
from babelmix.common.reading import parse_json, read_text
from babelmix.reporting.experiment_files import Opened, read_file
from babelmix.reporting.lock import hashes, parse_lock
from babelmix.study.runs import Run
from babelmix.workspace import HERE

_OBJECT = re.compile("[0-9a-f]{32}")
_BEFORE, _MADE = ".before.json", ".made.json"


def cache_folder(root: Path) -> Path:
    """Return the folder of DVC's objects, wherever `cache.dir` puts it; UserError without a DVC project."""
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    try:
        with Repo(str(root)) as repo:
            return Path(repo.cache.local.path)
    except DvcException as error:
        raise UserError(
            f"no DVC project ({error})", where=str(root.resolve()), how="run `make study` in one"
        ) from error


def objects(cache: Path) -> frozenset[str]:
    """Return the names (md5) of all file objects in the cache."""
    folders = [folder for folder in cache.glob("[0-9a-f][0-9a-f]") if folder.is_dir()]
    names = (folder.name + file.name for folder in folders for file in folder.iterdir())
    return frozenset(name for name in names if _OBJECT.fullmatch(name))


def named_by_lock(text: str, where: str, cache: Path, *, but: Iterable[str] = ()) -> frozenset[str]:
    """Return the file objects that a dvc.lock names, but for those at the paths `but` alone."""
    left_out = frozenset(but)
    found: set[str] = set()
    for stage in parse_lock(text, where).values():
        for path, md5 in (hashes(stage, "deps") | hashes(stage, "outs")).items():
            if path not in left_out:
                found |= _files(md5, cache)
    return frozenset(found)


def weights_of(run: Run) -> list[str]:
    """Return the paths whose objects leave the cache: its trained encoders, their vectors, and an arm's start."""
    if run.kind in ("bm25", "untrained"):  # the vectors of an untrained encoder serve all runs of its size
        return []
    trained = (*run.objectives, *run.averages)
    vectors = (HERE.embeddings(name, "").as_posix() for name in trained)
    start = [HERE.start.as_posix()] if run.arm else []  # that of any other run is the untrained encoder
    return [*(HERE.model(name).as_posix() for name in trained), *vectors, *start]


def note_before(state: Path, name: str, found: frozenset[str]) -> None:
    """Keep what the cache had before a run; a run that was stopped and begins again keeps its first note."""
    if not (state / f"{name}{_BEFORE}").exists():
        write_json(state / f"{name}{_BEFORE}", sorted(found))


def note_made(state: Path, run: Run, opened: Opened, cache: Path) -> None:
    """Keep which weights and vectors the run put into the cache; nothing where no note says what was there before."""
    before = state / f"{run.name}{_BEFORE}"
    if not before.exists():
        return
    text, where, paths = read_file(opened, str(HERE.lock)), f"{HERE.lock} of {opened.name}", weights_of(run)
    kept = frozenset(parse_json(read_text(before), str(before))) | named_by_lock(text, where, cache, but=paths)
    made: dict[str, list[str]] = {}
    for stage in parse_lock(text, where).values():
        for path, md5 in hashes(stage, "outs").items():
            if path in paths:
                made[path] = sorted(_files(md5, cache) - kept)
    write_json(state / f"{run.name}{_MADE}", made)
    before.unlink()


def forget(state: Path, name: str) -> None:
    """Delete the notes of a run, whose weights then stay."""
    for suffix in (_BEFORE, _MADE):
        (state / f"{name}{suffix}").unlink(missing_ok=True)


def drop_weights(state: Path, cache: Path, kept: frozenset[str], is_due: Callable[[str, str], bool]) -> int:
    """Delete noted objects whose time has come, and return their bytes.

    Args:
        state: the folder of the notes.
        cache: of DVC.
        kept: objects that stay, those of the workspace.
        is_due: called with a run's name and a path; True if what the run made at this path is no longer needed.
    """
    freed = 0
    for note in sorted(state.glob(f"*{_MADE}")):
        name = note.name.removesuffix(_MADE)
        made: dict[str, list[str]] = parse_json(read_text(note), str(note))
        due = [path for path in made if is_due(name, path)]
        for one in (one for path in due for one in made[path] if one not in kept and _OBJECT.fullmatch(one)):
            file = cache / one[:2] / one[2:]
            with suppress(FileNotFoundError):
                size = file.stat().st_size
                file.unlink()
                freed += size
        if len(due) == len(made):
            note.unlink()
        elif due:
            write_json(note, {path: own for path, own in made.items() if path not in due})
    return freed


def is_due(
    name: str, path: str, runs: Mapping[str, Run], done: frozenset[str], rates: Mapping[tuple[str, str], float]
) -> bool:
    """Return whether what a run made at a path is no longer needed.

    The vectors of a finished run are not. Its weights are not either, but for those of a learning rate: they wait until
    their size's sweep has chosen, and the winner's until the main run of the same seed has taken them over. An arm's
    start waits for all objectives of the arm with its size and seed.

    Args:
        name: of the run.
        path: of its weights or vectors.
        runs: all planned runs by name.
        done: names of the finished ones.
        rates: as `chosen_rates` returns them.
    """
    run = runs.get(name)
    if run is None or name not in done:
        return False
    if path == HERE.start.as_posix():
        place = (run.size, run.arm, run.seed)
        return all(one.name in done for one in runs.values() if (one.size, one.arm, one.seed) == place)
    if run.kind != "rate" or Path(path).parent != HERE.models:
        return True
    objective = Path(path).name
    if (chosen := rates.get((run.size, objective))) is None:
        return False
    heirs = (one for one in runs.values() if one.kind == "main" and one.size == run.size and one.seed == run.seed)
    return run.rate_factor != chosen or all(one.name in done for one in heirs if one.objectives == (objective,))


def _files(md5: str, cache: Path) -> frozenset[str]:
    """Return the file objects of a file or a folder; none of a folder whose list is not in the cache."""
    if not md5.endswith(".dir"):
        return frozenset((md5,)) if md5 else frozenset()
    try:
        listed = json.loads((cache / md5[:2] / md5[2:]).read_text(encoding="utf-8"))
        return frozenset(str(entry["md5"]) for entry in listed)
    except (OSError, ValueError, LookupError, TypeError):
        return frozenset()
