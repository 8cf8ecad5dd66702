"""Check where a command may write: babelmix deletes and overwrites only what it wrote itself.

    folder = claim_folder(Path("vectors"), inputs=[benchmark])        # before any work
    file = claim_file(Path("scores.json"), written=("benchmark", "settings"))

A folder that babelmix wrote holds a manifest with the name, size and sha256 of each file in it. A folder with any other
content is the user's. A file that babelmix wrote is recognised by the names in it.
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from errno import ELOOP
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

from babelmix.common.errors import UserError

MANIFEST = ".babelmix-manifest"
# An NFS server keeps a deleted file under such a name while a process has it open; it vanishes with the process.
_BUSY = ".nfs"
_OTHER = "choose another output"


def claim_folder(path: Path, *, inputs: Iterable[Path] = (), what: str = "output") -> Path:
    """Return the folder at `path`, all links followed, if it may be written or replaced as a whole.

    UserError for the current folder, the home, the project, the folder of temporary files, an input of the same
    command, and any folder that contains one of these. UserError also for a file, a path that cannot be written, and a
    folder with content that babelmix did not write there.
    """
    meant = _meant(path, what)
    _refuse_places(path, meant, inputs, what)
    if meant.exists() and not meant.is_dir():
        raise UserError(f"the {what} is a file, but must be a folder", where=str(path), how=_OTHER)
    if meant.is_dir() and (foreign := _foreign(meant)):
        how = f"{_OTHER}, or move that file away"
        raise UserError(f"the {what} holds {foreign!r}, which babelmix did not write there", where=str(path), how=how)
    return meant


def claim_file(path: Path, *, inputs: Iterable[Path] = (), written: Sequence[str] = (), what: str = "output") -> Path:
    """Return the file at `path`, all links followed, if it may be written or replaced.

    `written` are names that every such file of babelmix has: keys of its JSON or arrays of its .npz. UserError for an
    existing file that lacks them: it is the user's. Without `written` any ordinary file may be replaced, since the path
    is the project's own. UserError otherwise as for `claim_folder`.
    """
    meant = _meant(path, what)
    _refuse_places(path, meant, inputs, what)
    if meant.is_dir():
        raise UserError(f"the {what} is a folder, but must be a file", where=str(path), how="add a file name")
    if meant.exists():
        if not meant.is_file():
            raise UserError(f"the {what} is not an ordinary file", where=str(path), how=_OTHER)
        if written and not set(written) <= _names(meant):
            how = f"{_OTHER}, or move that file away"
            raise UserError(f"the {what} exists, and babelmix did not write it", where=str(path), how=how)
    return meant


def write_manifest(folder: Path) -> None:
    """Write a folder's manifest: the name, size and sha256 of every file below it, sorted by name."""
    files: dict[str, dict[str, Any]] = {}
    for file in sorted(folder.rglob("*")):
        if file.is_file() and file != folder / MANIFEST:
            files[file.relative_to(folder).as_posix()] = manifest_entry(file)
    (folder / MANIFEST).write_text(manifest_text(files), encoding="utf-8")


def manifest_entry(file: Path) -> dict[str, Any]:
    """Return what a manifest says of a file: its sha256 and its size in bytes."""
    return {"sha256": _sha256(file), "size": file.stat().st_size}


def manifest_text(files: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the text of a manifest: {name: entry} of all files of a folder that babelmix wrote."""
    return json.dumps({"files": files, "written by": "babelmix"}, indent=1, sort_keys=True) + "\n"


def written_files(folder: Path) -> frozenset[str]:
    """Return the names in a folder's manifest; none if babelmix did not write the folder."""
    return frozenset(manifest_files(folder) or ())


def _meant(path: Path, what: str) -> Path:
    try:
        meant = path.resolve()
        meant.exists()
        if meant.is_symlink():  # from 3.13 on, Python leaves links in a circle as they are
            raise OSError(ELOOP, os.strerror(ELOOP))
    except (OSError, RuntimeError, ValueError) as error:  # links in a circle, names too long, a NUL
        raise UserError(f"not a valid path for the {what} ({error})", where=str(path), how=_OTHER) from error
    return meant


def _refuse_places(path: Path, meant: Path, inputs: Iterable[Path], what: str) -> None:
    for folder, name in _protected():
        if folder.is_relative_to(meant):
            where = "is" if folder == meant else "holds"
            raise UserError(f"the {what} {where} {name}", where=str(path), how=_OTHER)
    for source in inputs:
        if source.exists() and source.resolve().is_relative_to(meant):
            how = f"{_OTHER}: an input is never replaced"
            raise UserError(f"the {what} is or holds {source}, which this command reads", where=str(path), how=how)
    above = next(parent for parent in (meant, *meant.parents) if parent.exists())
    if above != meant and not above.is_dir():
        raise UserError(f"the {what} is below {above}, which is a file", where=str(path), how=_OTHER)
    holder = above if above != meant else meant.parent
    if not os.access(holder, os.W_OK | os.X_OK):
        how = "make the folder writable, or choose another output"
        raise UserError(f"the {what} cannot be written", where=str(path), how=how)


def _protected() -> list[tuple[Path, str]]:
    """Return (folder, name for messages) of the folders that no output may be or contain."""
    folders: list[tuple[Path, str]] = []
    for find, name in (
        (Path.cwd, "the folder that the command runs in"),
        (lambda: Path(os.environ.get("DVC_ROOT", ".")), "the project"),
        (Path.home, "your home"),
        (lambda: Path(tempfile.gettempdir()), "the folder of temporary files"),
        (lambda: Path(__file__).parents[1], "babelmix itself"),
    ):
        try:
            folders.append((find().resolve(), name))
        except (OSError, RuntimeError):  # no home folder is known, or the folder was deleted
            continue
    return folders


def _foreign(folder: Path) -> str | None:
    """Return the name of a file in a folder that differs from the manifest or is not in it; None if there is none."""
    manifest = manifest_files(folder)
    known = manifest or {}
    for parent, folders, files in os.walk(folder):
        for name in sorted([*files, *(one for one in folders if (Path(parent) / one).is_symlink())]):
            file = Path(parent) / name
            relative = file.relative_to(folder).as_posix()
            if name.startswith(_BUSY) or (relative == MANIFEST and manifest is not None):
                continue
            entry = known.get(relative)
            if not isinstance(entry, dict) or not file.is_file():
                return relative
            if entry.get("size") != file.stat().st_size or entry.get("sha256") != _sha256(file):
                return relative
        if not folders and not files and Path(parent) != folder:
            return f"{Path(parent).relative_to(folder).as_posix()}/"
    return None


def manifest_files(folder: Path) -> dict[str, Any] | None:
    """Return the files in a folder's manifest, {name: entry}; None if babelmix did not write the folder."""
    try:
        manifest: Any = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        files: Any = manifest["files"] if manifest["written by"] == "babelmix" else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return files if isinstance(files, dict) else None


def _names(file: Path) -> frozenset[str]:
    """Return the keys of a JSON object or the array names of an .npz file; nothing for any other file."""
    try:
        with file.open("rb") as stream:
            packed = stream.read(2) == b"PK"
        if packed:
            with ZipFile(file) as arrays:
                return frozenset(name.removesuffix(".npy") for name in arrays.namelist())
        content: Any = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError, BadZipFile, NotImplementedError):
        return frozenset()
    return frozenset(content) if isinstance(content, dict) else frozenset()


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
