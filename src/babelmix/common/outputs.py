"""Where a command may write: nothing is deleted or overwritten that babelmix did not write.

    folder = claim_folder(Path("vectors"), inputs=[benchmark])        # before any work: refused, or meant like this
    file = claim_file(Path("scores.json"), written=("benchmark", "settings"))

A folder that babelmix wrote holds a manifest with the name, size and sha256 of each file in it. One that holds anything
else is somebody's own. A file that babelmix wrote is known by what stands in it.
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Sequence
from errno import ELOOP
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

from babelmix.common.errors import UserError

MANIFEST = ".babelmix-manifest"
# An NFS server keeps a file under such a name while a process still has it open: nobody's, and gone with the process.
_BUSY = ".nfs"
_OTHER = "choose another output"


def claim_folder(path: Path, *, inputs: Iterable[Path] = (), what: str = "output") -> Path:
    """Return the folder that `path` means, all links followed, which may be written or replaced as a whole.

    UserError, in one line, for the folder that the command runs in, one above it, the home, the project, the folder of
    temporary files, an input of the same command or a folder that holds one, a file, a place that cannot be written,
    and a folder that holds anything that babelmix did not write there.
    """
    meant = _meant(path, what)
    _refuse_places(path, meant, inputs, what)
    if meant.exists() and not meant.is_dir():
        raise UserError(f"the {what} is a file where a folder is due", where=str(path), how=_OTHER)
    if meant.is_dir() and (strange := _strange(meant)):
        how = f"{_OTHER}, or move that file away"
        raise UserError(f"the {what} holds {strange!r}, which babelmix did not write there", where=str(path), how=how)
    return meant


def claim_file(path: Path, *, inputs: Iterable[Path] = (), written: Sequence[str] = (), what: str = "output") -> Path:
    """Return the file that `path` means, all links followed, which may be written or replaced.

    `written`: names that stand in every such file of babelmix's (keys of its JSON, arrays of its .npz); a file that is
    there and lacks them is somebody's own. Without them the place itself is the project's, and only its kind is seen
    to. UserError as for `claim_folder`.
    """
    meant = _meant(path, what)
    _refuse_places(path, meant, inputs, what)
    if meant.is_dir():
        raise UserError(f"the {what} is a folder where a file is due", where=str(path), how="add a file name")
    if meant.exists():
        if not meant.is_file():
            raise UserError(f"the {what} is no ordinary file", where=str(path), how=_OTHER)
        if written and not set(written) <= _names(meant):
            how = f"{_OTHER}, or move that file away"
            raise UserError(f"the {what} is there, and babelmix did not write it", where=str(path), how=how)
    return meant


def write_manifest(folder: Path) -> None:
    """Write down the name, size and sha256 of every file below a folder, in the order of their names."""
    files: dict[str, dict[str, Any]] = {}
    for file in sorted(folder.rglob("*")):
        if file.is_file() and file != folder / MANIFEST:
            files[file.relative_to(folder).as_posix()] = {"sha256": _sha256(file), "size": file.stat().st_size}
    text = json.dumps({"files": files, "written by": "babelmix"}, indent=1, sort_keys=True)
    (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")


def written_files(folder: Path) -> frozenset[str]:
    """Return the names that the manifest of a folder has, none where babelmix did not write it."""
    return frozenset(_manifest(folder) or ())


def _meant(path: Path, what: str) -> Path:
    try:
        meant = path.resolve()
        meant.exists()
        if meant.is_symlink():  # from 3.13 on, Python leaves links in a circle as they are
            raise OSError(ELOOP, os.strerror(ELOOP))
    except (OSError, RuntimeError, ValueError) as error:  # links in a circle, names too long, a NUL
        raise UserError(f"no place for the {what} ({error})", where=str(path), how=_OTHER) from error
    return meant


def _refuse_places(path: Path, meant: Path, inputs: Iterable[Path], what: str) -> None:
    for place, name in _protected():
        if place.is_relative_to(meant):
            where = "is" if place == meant else "holds"
            raise UserError(f"the {what} {where} {name}", where=str(path), how=_OTHER)
    for source in inputs:
        if source.exists() and source.resolve().is_relative_to(meant):
            how = f"{_OTHER}: an input is never replaced"
            raise UserError(f"the {what} is or holds {source}, which this command reads", where=str(path), how=how)
    above = next(parent for parent in (meant, *meant.parents) if parent.exists())
    if above != meant and not above.is_dir():
        raise UserError(f"the {what} stands below {above}, which is a file", where=str(path), how=_OTHER)
    holder = above if above != meant else meant.parent
    if not os.access(holder, os.W_OK | os.X_OK):
        how = "make the folder writable, or choose another output"
        raise UserError(f"the {what} cannot be written", where=str(path), how=how)


def _protected() -> list[tuple[Path, str]]:
    """Return folders that no output may be or hold, with their names for people."""
    places: list[tuple[Path, str]] = []
    for find, name in (
        (Path.cwd, "the folder that the command runs in"),
        (lambda: Path(os.environ.get("DVC_ROOT", ".")), "the project"),
        (Path.home, "your home"),
        (lambda: Path(tempfile.gettempdir()), "the folder of temporary files"),
        (lambda: Path(__file__).parents[1], "babelmix itself"),
    ):
        try:
            places.append((find().resolve(), name))
        except (OSError, RuntimeError):  # a home that nobody knows, a folder that is gone
            continue
    return places


def _strange(folder: Path) -> str | None:
    """Return the name of something in a folder that its manifest does not explain; None where it explains all."""
    manifest = _manifest(folder)
    known = manifest or {}
    for place, folders, files in os.walk(folder):
        for name in sorted([*files, *(one for one in folders if (Path(place) / one).is_symlink())]):
            file = Path(place) / name
            relative = file.relative_to(folder).as_posix()
            if name.startswith(_BUSY) or (relative == MANIFEST and manifest is not None):
                continue
            told = known.get(relative)
            if not isinstance(told, dict) or not file.is_file():
                return relative
            if told.get("size") != file.stat().st_size or told.get("sha256") != _sha256(file):
                return relative
        if not folders and not files and Path(place) != folder:
            return f"{Path(place).relative_to(folder).as_posix()}/"
    return None


def _manifest(folder: Path) -> dict[str, Any] | None:
    """Return what the manifest of a folder says of its files; None where babelmix did not write it."""
    try:
        told: Any = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        files: Any = told["files"] if told["written by"] == "babelmix" else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return files if isinstance(files, dict) else None


def _names(file: Path) -> frozenset[str]:
    """Return the keys of a JSON object or the names of the arrays of an .npz; nothing of any other file."""
    try:
        with file.open("rb") as stream:
            packed = stream.read(2) == b"PK"
        if packed:
            with ZipFile(file) as arrays:
                return frozenset(name.removesuffix(".npy") for name in arrays.namelist())
        told: Any = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError, BadZipFile, NotImplementedError):
        return frozenset()
    return frozenset(told) if isinstance(told, dict) else frozenset()


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
