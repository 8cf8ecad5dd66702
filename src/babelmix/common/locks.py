"""A lock on a file, held by the kernel: it ends with the process that holds it, however that process ends.

    with locked(Path(".babelmix/training/ab12.lock"), on_wait=lambda holder: print(f"waiting for {holder}")) as held:
        ...                        # one process at a time; held is False where the file system has no locks

The file holds a line for people: who holds the lock. The holder deletes it before it lets go, and the next one to come
deletes those that killed processes left, so that they never fill a folder. A deleted file can still be waited for; so
one who gets a lock looks whether the file is still there under its name, and starts anew otherwise.
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
    """Hold the lock `path` and yield True; False, without a lock, where the file system has none.

    Where another process holds it, `on_wait` gets "process N on HOST, in FOLDER" once, and this waits as long as it
    takes. OSError where the folder cannot be written.
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
    """Return the open file once its lock is ours, None where there are no locks."""
    waited = False
    while True:
        stream = path.open("a+", encoding="utf-8")
        try:
            if not _lock(stream, wait=waited):
                on_wait(_holder(stream))
                waited = _lock(stream, wait=True)
            if _stands(stream, path):
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


def _stands(stream: TextIO, path: Path) -> bool:
    """Say whether the open file is the one under this name."""
    try:
        return os.path.samestat(os.fstat(stream.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _sweep(path: Path) -> None:
    """Delete the locks beside this one that nobody holds."""
    for other in path.parent.glob(f"*{path.suffix}"):
        if other != path:
            with suppress(OSError), other.open("r+", encoding="utf-8") as stream:
                if _lock(stream, wait=False) and _stands(stream, other):
                    other.unlink()


def _sign(stream: TextIO) -> None:
    with suppress(OSError):  # a full disk: the lock holds all the same
        stream.truncate(0)
        json.dump({"process": os.getpid(), "host": socket.gethostname(), "folder": str(Path.cwd())}, stream)
        stream.flush()


def _holder(stream: TextIO) -> str:
    try:
        stream.seek(0)
        told = json.load(stream)
        return f"process {int(told['process'])} on {told['host']}, in {told['folder']}"
    except (OSError, ValueError, KeyError, TypeError):  # it has not signed yet
        return "another process"
