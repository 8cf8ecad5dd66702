"""A file lock held by the kernel: it ends with the process that holds it, even if that process is killed.

    with locked(Path(".babelmix/training/ab12.lock"), on_wait=lambda holder: print(f"waiting for {holder}")) as held:
        ...                        # one process at a time; held is False if the file system has no locks

The file says which process holds the lock. The holder deletes the file before it releases the lock. The next process
deletes lock files that killed processes left behind. A process may wait for the lock of a file that is deleted
meanwhile: after it gets the lock, it checks that the file still exists under its name, and starts again otherwise.
"""

import errno
import fcntl
import json
import os
import socket
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)  # NFS without its lock service, Lustre, FUSE


@contextmanager
def locked(path: Path, *, on_wait: Callable[[str], None]) -> Generator[bool]:
    """Hold the lock `path` and yield True; yield False, without a lock, if the file system has no locks.

    If another process holds it, call `on_wait` once with "process N on HOST, in FOLDER" and wait without limit.
    OSError if the folder cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _sweep(path)
    stream = _open_locked(path, on_wait)
    if stream is None:
        path.unlink(missing_ok=True)
        yield False
        return
    with stream:
        try:
            _sign(stream)
            yield True
        finally:
            path.unlink(missing_ok=True)


def _open_locked(path: Path, on_wait: Callable[[str], None]) -> TextIO | None:
    """Return the open file once we hold its lock; None if there are no locks."""
    waited = False
    while True:
        stream = path.open("a+", encoding="utf-8")
        try:
            if not _lock(stream, wait=waited):
                on_wait(_holder(stream))
                waited = _lock(stream, wait=True)
            if _is_current(stream, path):
                return stream
        except OSError as error:
            stream.close()
            if error.errno in _NO_LOCKS:
                return None
            raise
        except BaseException:  # Ctrl-C while it waits
            stream.close()
            raise
        stream.close()  # its last holder has deleted it


def _lock(stream: TextIO, *, wait: bool) -> bool:
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True


def _is_current(stream: TextIO, path: Path) -> bool:
    """Return whether the open file is still the one at `path`."""
    try:
        return os.path.samestat(os.fstat(stream.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _sweep(path: Path) -> None:
    """Delete the other lock files in this folder that no process holds."""
    for other in path.parent.glob(f"*{path.suffix}"):
        if other != path:
            with suppress(OSError), other.open("r+", encoding="utf-8") as stream:
                if _lock(stream, wait=False) and _is_current(stream, other):
                    other.unlink()


def _sign(stream: TextIO) -> None:
    with suppress(OSError):  # on a full disk the lock still holds
        stream.truncate(0)
        json.dump({"process": os.getpid(), "host": socket.gethostname(), "folder": str(Path.cwd())}, stream)
        stream.flush()


def _holder(stream: TextIO) -> str:
    try:
        stream.seek(0)
        holder = json.load(stream)
        return f"process {int(holder['process'])} on {holder['host']}, in {holder['folder']}"
    except (OSError, ValueError, KeyError, TypeError):  # the holder has not written its name yet
        return "another process"
