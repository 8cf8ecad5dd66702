"""Write into a staging file or folder, then rename: readers never see a partial file, even after a kill.

with new_file(Path("metrics/main_score.json")) as stream:
    stream.write("{}")
with new_folder(Path("models/untrained")) as folder:      # replaces the old folder as a whole
    (folder / "config.json").write_text("{}")

common/outputs.py decides what may be replaced. A staging file or folder is next to its target and stays locked while
its process lives. The next writer deletes those that dead processes left, never those of running ones.
"""

import ctypes
import errno
import fcntl
import glob
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from babelmix.common.errors import UserError
from babelmix.common.os_errors import errno_of
from babelmix.common.outputs import claim_file, claim_folder, write_manifest

_EXCHANGE, _HERE = 2, -100  # of renameat2(2): RENAME_EXCHANGE, AT_FDCWD
_NAME = 80  # characters of the target's name in that of its staging folder: a name may have at most 255 bytes
_OLD = ".old.tmp"  # the replaced folder, on a system that cannot exchange two folders in one step
_FULL = "no space left on the disk"
_MESSAGES = {  # error number of the system -> message for the user
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EFBIG: "the output is larger than the system allows for a file (`ulimit -f`)",
    errno.EACCES: "the output cannot be written",
    errno.EPERM: "the output cannot be written",
    errno.EROFS: "the output cannot be written",
    errno.EBUSY: "the output is in use, or another disk is mounted there",
    errno.ENAMETOOLONG: "the output's name is too long",
    errno.ENOTDIR: "the output's path leads through a file",
    errno.EISDIR: "the output is a folder, but must be a file",
    errno.ENOTEMPTY: "another program wrote into the output meanwhile",
}


def project_root() -> Path:
    """Return the project's folder: $DVC_ROOT if set, since a queued experiment of DVC runs in a temporary copy."""
    return Path(os.environ.get("DVC_ROOT", ".")).resolve()


def cache_dir() -> Path:
    """Return `.babelmix/`, the folder of caches and kept states; runs in temporary copies share it."""
    return project_root() / ".babelmix"


@contextmanager
def new_binary_file(path: Path) -> Generator[BinaryIO]:
    """Yield a binary stream that becomes `path` when the block ends well and vanishes when it raises.

    If `path` is a link, its target is written. UserError if `path` is a folder.
    """
    with _staged_file(path) as (target, staging, handle):
        with os.fdopen(os.dup(handle), "wb") as stream:
            yield stream
        staging.chmod(target.stat().st_mode | 0o200 if target.exists() else 0o644)


@contextmanager
def new_path(path: Path) -> Generator[Path]:
    """Yield the path of an empty file that becomes `path` when the block ends well and vanishes when it raises.

    For libraries that open the file themselves.
    """
    with _staged_file(path) as (_, staging, _):
        yield staging
        staging.chmod(0o644)


@contextmanager
def new_file(path: Path) -> Generator[TextIO]:
    """Yield a UTF-8 text stream that becomes `path` when the block ends well and vanishes when it raises."""
    with new_binary_file(path) as binary, TextIOWrapper(binary, encoding="utf-8", newline="\n") as stream:
        yield stream


def write_json(path: Path, value: Any) -> None:
    """Write JSON with sorted keys, so that the same content gives the same bytes."""
    with new_file(path) as stream:
        stream.write(json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n")


@contextmanager
def new_folder(path: Path) -> Generator[Path]:
    """Yield an empty folder that replaces `path` when the block ends well and vanishes when it raises.

    A manifest of the written files is added. UserError, before the block and again after it, if `claim_folder` refuses
    `path`: nothing that babelmix did not write is ever replaced.
    """
    with translate_errors(path):
        target = claim_folder(path)
        staging, handle = _scratch(target, folder=True)
        try:
            staging.chmod(0o755)
            yield staging
            write_manifest(staging)
            claim_folder(path)
            _replace(staging, target)
        finally:
            os.close(handle)
            shutil.rmtree(staging, ignore_errors=True)


@contextmanager
def scratch_folder(target: Path) -> Generator[Path]:
    """Yield an empty folder next to `target`, on its disk. It vanishes with the block; after a kill, with the next."""
    with translate_errors(target):
        staging, handle = _scratch(target, folder=True)
    try:
        yield staging
    finally:
        os.close(handle)
        shutil.rmtree(staging, ignore_errors=True)


@contextmanager
def temporary_folder() -> Generator[Path]:
    """Yield an empty folder in TMPDIR that vanishes with the block; after a kill, with the next (tempfile's stay)."""
    with scratch_folder(Path(tempfile.gettempdir()).resolve() / "run") as staging:
        yield staging


@contextmanager
def translate_errors(path: Path) -> Generator[None]:
    """Turn errors of the system that a user can fix, such as a full or read-only disk, into a UserError with the path.

    Errors about files outside the output's folder are passed on unchanged.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        named = getattr(error, "filename", None)
        foreign = isinstance(named, str) and not Path(named).resolve().is_relative_to(path.parent.resolve())
        what = None if foreign else _MESSAGES.get(errno_of(error) or 0)
        if what is None:
            raise
        how = "make the folder writable, or choose another output"
        if what == _FULL:
            how = "free some space and run the same command again; no partial output was left"
        raise UserError(what, where=str(path), how=how) from error


@contextmanager
def _staged_file(path: Path) -> Generator[tuple[Path, Path, int]]:
    """Yield what `path` means, and a locked file next to it with its handle; the file then replaces it."""
    with translate_errors(path):
        target = claim_file(path)
        staging, handle = _scratch(target, folder=False)
        try:
            yield target, staging, handle
            staging.replace(target)
        finally:
            os.close(handle)
            staging.unlink(missing_ok=True)


def _scratch(target: Path, *, folder: bool) -> tuple[Path, int]:
    """Make an empty file or folder next to the target; return it with a handle that keeps it locked.

    The parent folder is made first, and what dead processes left is cleared.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    _clear(target)
    while True:
        if folder:
            staging = Path(tempfile.mkdtemp(dir=target.parent, prefix=_prefix(target), suffix=".tmp"))
            handle = os.open(staging, os.O_RDONLY)
        else:
            handle, name = tempfile.mkstemp(dir=target.parent, prefix=_prefix(target), suffix=".tmp")
            staging = Path(name)
        with suppress(OSError):  # a file system without locks: no process deletes a staging folder that it cannot lock
            fcntl.flock(handle, fcntl.LOCK_EX)
        if staging.exists():
            return staging, handle
        os.close(handle)  # before we held the lock, another writer deleted it as a leftover


def _clear(target: Path) -> None:
    """Restore a folder that a kill left half replaced, and delete the staging files of dead processes."""
    for left in sorted(target.parent.glob(f"{glob.escape(_prefix(target))}*.tmp")):
        try:
            handle = os.open(left, os.O_RDONLY)
        except OSError:
            continue
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if left.name.endswith(_OLD) and not target.exists():
                left.rename(target)
            elif left.is_dir():
                shutil.rmtree(left, ignore_errors=True)
            else:
                left.unlink(missing_ok=True)
        except OSError:
            continue  # its process is still running
        finally:
            os.close(handle)


def _prefix(target: Path) -> str:
    return f".{target.name[:_NAME]}.babelmix-"


def _replace(staging: Path, target: Path) -> None:
    """Replace a folder by another, in one step if the system can; `staging` then holds the old one."""
    if not target.exists():
        staging.replace(target)
        return
    sys.audit("babelmix.exchange", str(staging), str(target))
    if not _exchange(staging, target):
        old = staging.with_name(staging.name.removesuffix(".tmp") + _OLD)
        target.rename(old)  # after a kill between these two lines, the next writer restores the old folder
        staging.replace(target)
        old.rename(staging)


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two folders in one step; False if the system or its file system cannot."""
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError):
        return False
    if rename(_HERE, os.fsencode(one), _HERE, os.fsencode(other), _EXCHANGE) == 0:
        return True
    number = ctypes.get_errno()
    if number in (errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP):
        return False
    raise OSError(number, os.strerror(number), str(other))
