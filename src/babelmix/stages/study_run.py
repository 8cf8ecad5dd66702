"""One run of the study as a DVC experiment, in processes of its own.

    ran = run_experiment(["dvc", "exp", "run", "--temp", "-n", "study-bm25", ...], log)
    ran.code, ran.seconds, ran.peak_memory      # 0, {"evaluate-bm25": 12.1}, 812_000_000

DVC writes into the log itself, which this process reads as it grows. So if this process is killed, the run goes on to
its end: DVC and its stages hold a lock on the log, and the next call waits for it and collects what it made.
"""

import fcntl
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from babelmix.common.errors import UserError

POLL = 0.1  # seconds between two looks at the log
# What a stopped run gets, and how many seconds each time to end by itself: DVC deletes its temporary copy at the first.
STOPS = ((signal.SIGINT, 20.0), (signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0))
MEMORY_UNIT = 1 if sys.platform == "darwin" else 1024  # bytes, of ru_maxrss: getrusage(2)
_RUNNING = re.compile(r"Running stage '(.+)':")
_OTHER = re.compile(r"Stage '.+' ")
_RESUMED = "resuming after step "  # of a training: its seconds are not those of a whole one


@dataclass(frozen=True, slots=True)
class Ran:
    """How a run ended.

    Attributes:
        code: 0, or DVC's exit code.
        seconds: stage -> wall clock, of the stages that ran as a whole.
        peak_memory: bytes, of the largest process among DVC and its stages (or of this one, if it was larger then).
    """

    code: int
    seconds: dict[str, float]
    peak_memory: int


@dataclass
class StageClock:
    """The seconds of each stage, from the lines that DVC prints and the time at which they come."""

    seconds: dict[str, float] = field(default_factory=dict[str, float])
    _stage: str | None = None
    _since: float = 0.0

    def read(self, line: str, now: float) -> None:
        """Take one line of DVC's output, at `now` seconds of a clock that never goes back."""
        begun = _RUNNING.match(line)
        if begun or _OTHER.match(line):
            self.end(now)
        if begun:
            self._stage, self._since = begun.group(1), now
        elif _RESUMED in line:
            self._stage = None

    def end(self, now: float) -> None:
        """End the stage that is running, if any."""
        if self._stage is not None:
            self.seconds[self._stage] = now - self._since
        self._stage = None


def run_experiment(command: Sequence[str], log: Path, on_line: Callable[[str], None]) -> Ran:
    """Run a command of DVC to its end; its whole output goes to `log`, which is emptied first.

    Ctrl-C, SIGTERM and any other exception end the processes of the run before they are raised again.

    Args:
        command: the program and its arguments.
        log: the file, whose folder exists.
        on_line: called with every line of the output, as it comes.

    Returns:
        How the run ended. UserError if the program is not on PATH.
    """
    if shutil.which(command[0]) is None:
        how = "run `make study`, or put the folder of babelmix's own programs on PATH"
        raise UserError("not on PATH", where=command[0], how=how)
    clock = StageClock()
    with log.open("a+", encoding="utf-8", errors="replace") as stream:
        _lock(stream)
        stream.truncate(0)
        with log.open(encoding="utf-8", errors="replace") as lines:
            child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                env=os.environ | {"PYTHONUNBUFFERED": "1"},
                process_group=0,
            )
            try:
                return _follow(child, lines, clock, on_line)
            except BaseException:
                _stop(child)
                raise


def await_left_over(folder: Path, on_wait: Callable[[str], None]) -> None:
    """Wait for the runs that a killed study left behind; `on_wait` is called with the name of each."""
    for log in sorted(folder.glob("*.log")):
        with log.open("a+", encoding="utf-8") as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                on_wait(log.stem)
                _lock(stream)
            except OSError:  # a file system without locks
                return


def last_lines(log: Path, most: int = 12) -> list[str]:
    """Return the end of a log, without empty lines."""
    lines = [line.rstrip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines()]
    return [line for line in lines if line][-most:]


def _lock(stream: TextIO) -> None:
    with suppress(OSError):  # a file system without locks
        fcntl.flock(stream, fcntl.LOCK_EX)


def _follow(child: "subprocess.Popen[bytes]", lines: TextIO, clock: StageClock, on_line: Callable[[str], None]) -> Ran:
    """Read the log until the child has ended."""
    rest = ""
    while True:
        pid, status, usage = os.wait4(child.pid, os.WNOHANG)
        *whole, rest = (rest + lines.read()).split("\n")
        for line in whole:
            clock.read(line, time.monotonic())
            on_line(line)
        if pid:
            break
        time.sleep(POLL)
    clock.end(time.monotonic())
    child.returncode = os.waitstatus_to_exitcode(status)
    return Ran(child.returncode, clock.seconds, usage.ru_maxrss * MEMORY_UNIT)


def _stop(child: "subprocess.Popen[bytes]") -> None:
    """End all processes of the child's group, the gentle way first."""
    for number, patience in STOPS:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, number)
        try:
            child.wait(patience)
        except subprocess.TimeoutExpired:
            continue
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGTERM)  # a stage that outlives DVC
        return
