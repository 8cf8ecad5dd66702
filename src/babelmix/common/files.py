"""Write beside, then rename: a reader never meets half a file, and a kill at any instant leaves the old or the new.

with new_file(Path("metrics/headline.json")) as stream:
    stream.write("{}")
with new_folder(Path("models/base")) as folder:      # replaces the old folder as a whole
    (folder / "config.json").write_text("{}")

What may be replaced is decided in common/outputs.py. Scratch files and folders stand beside what they become, and are
locked while their process lives: the next writer clears away those of the dead, never those of the living.
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
_NAME = 80  # characters of an output's name in that of its scratch: a name has 255 bytes at most
_OLD = ".old.tmp"  # what was replaced, on a system that cannot exchange two folders in one step
_FULL = "no space left on the disk"
_ENDS = {  # what the system says of an output -> what a user is told, and how to mend it
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EFBIG: "the output is larger than a file may be here (`ulimit -f`)",
    errno.EACCES: "the output cannot be written",
    errno.EPERM: "the output cannot be written",
    errno.EROFS: "the output cannot be written",
    errno.EBUSY: "the output is in use, or another disk is mounted there",
    errno.ENAMETOOLONG: "the output's name is too long",
    errno.ENOTDIR: "the output stands below a file",
    errno.EISDIR: "the output is a folder where a file is due",
    errno.ENOTEMPTY: "something was put into the output meanwhile",
}


def project_root() -> Path:
    """Return the project's folder: the one that DVC names (DVC_ROOT) where a run works in a temporary copy of it."""
    return Path(os.environ.get("DVC_ROOT", ".")).resolve()


def cache_dir() -> Path:
    """Return where what is no result is kept, `.babelmix/`, shared by runs in temporary copies."""
    return project_root() / ".babelmix"


@contextmanager
def new_binary_file(path: Path) -> Generator[BinaryIO]:
    """Yield a binary stream that becomes `path` when the block ends well and vanishes when it raises.

    `path` may be a link: what it means is written. UserError where a folder stands there.
    """
    with told(path):
        target = claim_file(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        _clear(target)
        beside, handle = _scratch(target, folder=False)
        try:
            with os.fdopen(os.dup(handle), "wb") as stream:
                yield stream
            beside.chmod(target.stat().st_mode | 0o200 if target.exists() else 0o644)
            beside.replace(target)
        finally:
            os.close(handle)
            beside.unlink(missing_ok=True)


@contextmanager
def new_path(path: Path) -> Generator[Path]:
    """Yield the path of an empty file that becomes `path` when the block ends well and vanishes when it raises.

    For libraries that open by themselves what they write.
    """
    with told(path):
        target = claim_file(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        _clear(target)
        beside, handle = _scratch(target, folder=False)
        try:
            yield beside
            beside.chmod(0o644)
            beside.replace(target)
        finally:
            os.close(handle)
            beside.unlink(missing_ok=True)


@contextmanager
def new_file(path: Path) -> Generator[TextIO]:
    """Yield a UTF-8 text stream that becomes `path` when the block ends well and vanishes when it raises."""
    with new_binary_file(path) as binary, TextIOWrapper(binary, encoding="utf-8", newline="\n") as stream:
        yield stream


def write_json(path: Path, value: Any) -> None:
    """Write JSON with sorted keys, so that the same content is the same bytes."""
    with new_file(path) as stream:
        stream.write(json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n")


@contextmanager
def new_folder(path: Path) -> Generator[Path]:
    """Yield an empty folder that replaces `path` when the block ends well and vanishes when it raises.

    A manifest of what the block wrote is put into it. UserError, before the block and again after it, where `path` is
    a place that no output may take (see `claim_folder`): nothing that babelmix did not write is ever replaced.
    """
    with told(path):
        target = claim_folder(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        _clear(target)
        beside, handle = _scratch(target, folder=True)
        try:
            beside.chmod(0o755)
            yield beside
            write_manifest(beside)
            claim_folder(path)
            _replace(beside, target)
        finally:
            os.close(handle)
            shutil.rmtree(beside, ignore_errors=True)


@contextmanager
def scratch_folder(target: Path) -> Generator[Path]:
    """Yield an empty folder beside `target`, on its disk, that vanishes with the block; after a kill, with the next."""
    with told(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        _clear(target)
        beside, handle = _scratch(target, folder=True)
    try:
        yield beside
    finally:
        os.close(handle)
        shutil.rmtree(beside, ignore_errors=True)


@contextmanager
def temporary_folder() -> Generator[Path]:
    """Yield an empty folder of TMPDIR that vanishes with the block; after a kill, with the next, unlike tempfile's."""
    with scratch_folder(Path(tempfile.gettempdir()).resolve() / "run") as beside:
        yield beside


@contextmanager
def told(path: Path) -> Generator[None]:
    """Turn a full or read-only disk, and what else a user can mend, into an error that says so, with its place.

    Whatever library met it. What the system says of another file than the output, or of its neighbours, is passed on.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        named = getattr(error, "filename", None)
        foreign = isinstance(named, str) and not Path(named).resolve().is_relative_to(path.parent.resolve())
        what = None if foreign else _ENDS.get(errno_of(error) or 0)
        if what is None:
            raise
        how = "make the folder writable, or choose another output"
        if what == _FULL:
            how = "free some space and run the same command again; nothing half-written was left"
        raise UserError(what, where=str(path), how=how) from error


def _scratch(target: Path, *, folder: bool) -> tuple[Path, int]:
    """Make an empty file or folder beside the target, and return it with a handle that keeps it locked."""
    while True:
        if folder:
            beside = Path(tempfile.mkdtemp(dir=target.parent, prefix=_prefix(target), suffix=".tmp"))
            handle = os.open(beside, os.O_RDONLY)
        else:
            handle, name = tempfile.mkstemp(dir=target.parent, prefix=_prefix(target), suffix=".tmp")
            beside = Path(name)
        with suppress(OSError):  # a file system without locks: nobody clears away what he cannot lock
            fcntl.flock(handle, fcntl.LOCK_EX)
        if beside.exists():
            return beside, handle
        os.close(handle)  # another writer came between the two lines, and took it for one of the dead


def _clear(target: Path) -> None:
    """Put back what a kill left half replaced, and clear away the scratch of processes that are no more."""
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
            continue  # its process lives
        finally:
            os.close(handle)


def _prefix(target: Path) -> str:
    return f".{target.name[:_NAME]}.babelmix-"


def _replace(beside: Path, target: Path) -> None:
    """Put a folder in the place of another, in one step where the system can; `beside` then holds the old one."""
    if not target.exists():
        beside.replace(target)
        return
    sys.audit("babelmix.exchange", str(beside), str(target))
    if not _exchange(beside, target):
        old = beside.with_name(beside.name.removesuffix(".tmp") + _OLD)
        target.rename(old)  # a kill between these two lines is mended by the next writer
        beside.replace(target)
        old.rename(beside)


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two folders in one step; False where the system or its file system cannot."""
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
