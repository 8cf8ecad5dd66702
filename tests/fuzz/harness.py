"""One input through one reader, and the verdict: accepted, refused in one line, or a fault.

    with Bench(Path("/dev/shm/x")) as bench:
        verdict = bench.try_input(target, files)         # files: {path: bytes}, None for a folder
        verdict.kind                                     # "accepted", "refused" or "fault"

A fault is an exception other than UserError, a refusal that is not one short printable line, a call of more than a
second of processor time (or ten of the clock), a write outside the output's folder, a question to the network, a
foreign program, a library's warning, and what is left in the output's folder after a refusal.
"""

import os
import shutil
import signal
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from time import process_time
from types import FrameType, TracebackType
from typing import Any, Self

from babelmix.common.errors import UserError

Files = dict[str, bytes | None]
LONGEST_MESSAGE = 4000
PROGRAMS = ("dpkg-deb",)
_UNPRINTABLE = {*map(chr, range(32)), *map(chr, range(0x7F, 0xA0)), "\u2028", "\u2029"}


@dataclass(frozen=True, slots=True)
class Target:
    """A reader: how an input is made from a seed, and what is called with the folder of it and a place for output."""

    name: str
    share: float  # of all inputs, in per cent
    make: Callable[[Random], Files]
    call: Callable[[Path, Path], object]
    own_files: bool = False  # whether the reader may write to its input, as a cache does

    def files(self, seed: int, number: int) -> Files:
        """Return the input of that number; the same seed gives the same."""
        return self.make(Random(f"{seed}/{self.name}/{number}"))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of an input, after how many seconds of processor time."""

    kind: str
    seconds: float
    why: str = ""
    trace: str = ""


class Hang(BaseException):
    """The call took too long; no `except Exception` of the reader stops it."""


class Outside(BaseException):
    """The call wanted to write, or to run or ask something, where it must not."""


class Bench:
    """A folder for inputs and outputs, and the watch over what is called; one at a time in a process."""

    watching: "Bench | None" = None
    hooked = False

    def __init__(self, folder: Path, *, limit: float = 1.0) -> None:
        """Work in `folder`, which is made, and allow a call `limit` seconds of processor time."""
        self.input, self.output, self.scratch = (folder / name for name in ("in", "out", "tmp"))
        self.limit = limit
        self._folder, self._allowed, self._complaint = folder, (), ""
        self._places: dict[str, str] = {}

    def __enter__(self) -> Self:
        for place in (self.input, self.output, self.scratch):
            place.mkdir(parents=True)
        self._before = tempfile.tempdir
        tempfile.tempdir = str(self.scratch)
        self._handlers = {sign: signal.signal(sign, _hang) for sign in (signal.SIGPROF, signal.SIGALRM)}
        if not Bench.hooked:  # a hook stays for good
            sys.addaudithook(_hook)
            Bench.hooked = True
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        tempfile.tempdir = self._before
        for sign, handler in self._handlers.items():
            signal.signal(sign, handler)
        shutil.rmtree(self._folder, ignore_errors=True)

    def warm(self, target: Target) -> None:
        """Call a reader once without a limit of time: it loads what is loaded once."""
        limit, self.limit = self.limit, 60.0
        self.try_input(target, target.files(0, 0))
        self.limit = limit

    def try_input(self, target: Target, files: Mapping[str, bytes | None]) -> Verdict:
        """Write an input, call the reader with it, and judge."""
        self._empty(self.input)
        for name, content in files.items():
            path = self.input / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if content is None:
                path.mkdir(exist_ok=True)
            else:
                path.write_bytes(content)
        allowed = (self.output, self.scratch, *([self.input] if target.own_files else []))
        self._allowed, self._complaint = tuple(f"{os.path.realpath(place)}/" for place in allowed), ""
        self._places.clear()
        kind, why, trace, flaw = "accepted", "", "", ""
        started = process_time()
        signal.setitimer(signal.ITIMER_PROF, self.limit)
        signal.setitimer(signal.ITIMER_REAL, 10 * self.limit)
        Bench.watching = self
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")  # a warning of a library is not for the user
                target.call(self.input, self.output / "result")
        except UserError as error:
            kind, why = "refused", str(error)
            flaw = _flaw(why)
            trace = traceback.format_exc() if flaw else ""
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # Hang and Outside, SystemExit, what a library in Rust panics with
            kind, why = "fault", f"{type(error).__name__}: {error}"
            trace = traceback.format_exc()
        finally:
            Bench.watching = None
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.setitimer(signal.ITIMER_REAL, 0)
        seconds = process_time() - started
        left = [place for place in (self.output, self.scratch) if any(place.iterdir())]
        if self._complaint:
            kind, why = "fault", self._complaint
        elif flaw:
            kind, why = "fault", f"{flaw}: {why[:300]!r}"
        elif kind == "refused" and left:
            kind, why = "fault", f"left behind after a refusal: {[str(path) for path in left[0].rglob('*')]}; {why}"
        for place in left:
            self._empty(place)
        return Verdict(kind, seconds, why, trace)

    def check(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Raise Outside for an event of the interpreter that writes elsewhere, or reaches out of the process."""
        for path in _written(event, arguments):
            straight = ".." not in path.split("/")
            full = self._real(os.path.abspath(path)) if straight else os.path.realpath(path)  # noqa: PTH100
            if not f"{full}/".startswith(self._allowed) and not full.startswith("/dev/"):
                self._refuse(f"{event} outside the outputs: {full}")
        if event in _MOVES:
            self._places.clear()
        if event == "subprocess.Popen" and os.path.basename(os.fsdecode(arguments[0])) not in PROGRAMS:  # noqa: PTH119
            self._refuse(f"runs {arguments[1]}")
        if event in ("socket.connect", "socket.getaddrinfo", "os.system", "os.exec", "os.posix_spawn", "pty.spawn"):
            self._refuse(f"{event} {arguments}")

    def _real(self, path: str) -> str:
        """Return where a path leads; a folder is looked at once for each input, since some are hundreds deep."""
        parent, name = os.path.split(path)
        if name and parent not in self._places:
            self._places[parent] = self._real(parent)
        known = os.path.join(self._places[parent], name) if name else path  # noqa: PTH118
        return os.path.realpath(known) if os.path.islink(known) else known  # noqa: PTH114

    def _refuse(self, why: str) -> None:
        self._complaint = self._complaint or why
        raise Outside(why)

    def _empty(self, folder: Path) -> None:
        for entry in os.scandir(folder):
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path)
            else:
                os.unlink(entry.path)  # noqa: PTH108


def _hang(number: int, frame: FrameType | None) -> None:
    raise Hang("more than a second of processor time" if number == signal.SIGPROF else "it waits")


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    bench = Bench.watching
    if bench is not None and event in _EVENTS:
        bench.check(event, arguments)


_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
# Where the paths stand in an event's arguments, and after them the descriptors of the folders they are relative to.
_PATHS = {
    "os.mkdir": ((0, 2),),
    "os.rmdir": ((0, 1),),
    "os.remove": ((0, 1),),
    "os.rename": ((0, 2), (1, 3)),
    "os.link": ((1, 3),),
    "os.symlink": ((1, 2),),
    "os.truncate": ((0, -1),),
    "os.chmod": ((0, 2),),
    "os.chown": ((0, 3),),
    "os.utime": ((0, 3),),
    "os.setxattr": ((0, -1),),
    "sqlite3.connect": ((0, -1),),
    "babelmix.exchange": ((0, -1), (1, -1)),  # two folders in one step, which the interpreter does not see
}
_MOVES = ("os.symlink", "os.rename", "os.rmdir", "os.remove", "babelmix.exchange")  # what a path means may change
_EVENTS = {
    *_PATHS,
    *("open", "subprocess.Popen", "socket.connect", "socket.getaddrinfo"),
    *("os.system", "os.exec", "os.posix_spawn", "pty.spawn"),
}


def _written(event: str, arguments: tuple[Any, ...]) -> list[str]:
    """Return the paths that an event would change."""
    if event == "open":
        path, _, flags = arguments
        return [os.fsdecode(path)] if isinstance(path, str | bytes | os.PathLike) and flags & _WRITES else []
    found: list[str] = []
    for at, folder in _PATHS.get(event, ()):
        path, beside = arguments[at], arguments[folder] if 0 <= folder < len(arguments) else -1
        if isinstance(path, int):
            continue
        name = os.fsdecode(path)
        relative = isinstance(beside, int) and beside >= 0 and not os.path.isabs(name)  # noqa: PTH117
        found.append(f"/proc/self/fd/{beside}/{name}" if relative else name)
    return found


def _flaw(message: str) -> str:
    """Say what keeps a message from being one short line on any terminal, "" where nothing does."""
    if len(message) > LONGEST_MESSAGE:
        return f"a message of more than {LONGEST_MESSAGE:,} characters"
    if any(sign in _UNPRINTABLE or 0xD800 <= ord(sign) < 0xE000 for sign in message):
        return "a message that is not one printable line"
    return ""
