"""One fault at the N-th time that a process touches the file system: it is killed there, or the system says no.

    points = Points(root, fault="killed", at=7)
    points.install()         # for ever: an audit hook cannot be taken away, so only a forked child does this
    ...                      # the work; at its 7th opening for writing, renaming, deleting ... below `root` it dies
    points.reach("the end")  # behind the last write is a point too

The points are Python's own audit events, what `files.py` reports of its exchange of two folders, and the statements and
commits of SQLite. A library that writes in C or Rust is seen where Python next touches a file: what was written in
between can have been cut anywhere, so `torn` cuts it in half there.
"""

import errno
import os
import resource
import signal
import sqlite3
import sys
from pathlib import Path
from typing import Any

FAULTS = ("killed", "torn", "refused", "full")
# killed: SIGKILL in place of the event; nothing is cleaned up, no buffer is written
# torn: what was written since the event before is cut in half, then SIGKILL
# refused: the event fails once with "no space left"
# full: from this event on no file can grow, whoever writes it
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
CHANGES = {
    "os.rename",
    "os.remove",
    "os.mkdir",
    "os.rmdir",
    "os.truncate",
    "os.link",
    "os.symlink",
    "babelmix.exchange",
}
DATABASES = (".db", ".sqlite", "-wal", "-shm", "-journal")  # SQLite has its own defence, and is not torn by a kill


class Points:
    """Counts the points that a process comes by, and does harm at one of them."""

    def __init__(self, root: Path, *, fault: str | None = None, at: int = 0) -> None:
        """`root`: what stands elsewhere is not counted. Without a fault the points are counted alone."""
        self._root, self._fault, self._at = root, fault, at
        self._seen: dict[int, tuple[str, int, int]] = {}
        self.passed: list[str] = []

    def install(self) -> None:
        """Watch this process from now on."""
        sqlite3.connect = sqlite3.dbapi2.connect = self._connect  # pyright: ignore[reportAttributeAccessIssue]
        self._seen = self._files()
        sys.addaudithook(self._hook)

    def reach(self, what: str) -> None:
        """Count a point, and fail at the chosen one."""
        self.passed.append(what)
        number = len(self.passed)
        if self._fault == "torn" and number == self._at - 1:
            self._seen = self._files()
        if number != self._at:
            return
        match self._fault:
            case "killed":
                os.kill(os.getpid(), signal.SIGKILL)
            case "torn":
                for inode, (path, size, changed) in self._files().items():
                    if self._seen.get(inode, ())[1:] != (size, changed) and not path.endswith(DATABASES):
                        os.truncate(path, size // 2)
                os.kill(os.getpid(), signal.SIGKILL)
            case "refused":
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            case "full":
                _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
                resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
            case _:
                pass

    def _hook(self, event: str, args: tuple[Any, ...]) -> None:
        if event in CHANGES or (event == "open" and isinstance(args[2], int) and args[2] & WRITING):
            self._reach_at(event, args[0])

    def _reach_at(self, event: str, path: Any) -> None:
        name = os.fsdecode(path) if isinstance(path, str | bytes | os.PathLike) else ""
        if not os.path.isabs(name) or name.startswith(f"{self._root}/"):  # noqa: PTH117
            self.reach(f"{event} {Path(name).name}")

    def _files(self) -> dict[int, tuple[str, int, int]]:
        """Path, size and time of change of every file below the root, by inode: a renamed file is no written one."""
        found: dict[int, tuple[str, int, int]] = {}
        for place, _, names in os.walk(self._root):
            for name in names:
                told = os.lstat(path := f"{place}/{name}")
                found[told.st_ino] = (path, told.st_size, told.st_mtime_ns)
        return found

    def _connect(self, *args: Any, **kwargs: Any) -> sqlite3.Connection:
        points = self

        class Cursor(sqlite3.Cursor):
            def execute(self, sql: str, *parameters: Any) -> Any:
                points.sql(sql)
                return super().execute(sql, *parameters)

            def executemany(self, sql: str, *parameters: Any) -> Any:
                points.sql(sql)
                return super().executemany(sql, *parameters)

        class Connection(sqlite3.Connection):
            def cursor(self, factory: Any = Cursor) -> Any:
                return super().cursor(factory)

            def execute(self, sql: str, *parameters: Any) -> Any:
                return self.cursor().execute(sql, *parameters)

            def executemany(self, sql: str, *parameters: Any) -> Any:
                return self.cursor().executemany(sql, *parameters)

            def commit(self) -> None:
                if self.in_transaction:
                    points.sql("COMMIT")
                super().commit()

            def __exit__(self, *error: Any) -> Any:
                if self.in_transaction and error == (None, None, None):
                    try:
                        points.sql("COMMIT")
                    except sqlite3.OperationalError:
                        self.rollback()
                        raise
                return super().__exit__(*error)

        self._reach_at("sqlite3.connect", args[0])
        return _connect(*args, **{"factory": Connection} | kwargs)

    def sql(self, statement: str) -> None:
        """Count a statement of SQLite that writes; a refused one is refused in SQLite's words."""
        verb = statement.split(maxsplit=1)[0].upper()
        if verb in ("SELECT", "PRAGMA", "EXPLAIN"):
            return
        try:
            self.reach(f"sqlite {verb}")
        except OSError as error:
            refused = sqlite3.OperationalError("database or disk is full")
            refused.sqlite_errorcode, refused.sqlite_errorname = sqlite3.SQLITE_FULL, "SQLITE_FULL"
            raise refused from error


_connect = sqlite3.connect
