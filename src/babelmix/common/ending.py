"""Run the program and exit: every error is one line on stderr and an exit code.

    run_and_exit(run, sys.argv[1:])        # never returns

    0             success
    2             an error that the user can fix: the line says what, where and how
    70            a bug in babelmix: the line names the file with the traceback
    129, 130, 143 the terminal was closed, Ctrl-C, SIGTERM
    141           the reader of stdout is gone (`| head`); no line

`--debug` also shows the traceback and the warnings of libraries.
"""

import atexit
import os
import platform
import re
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any, NoReturn

from babelmix.common.errors import UserError
from babelmix.common.one_line import first_line, one_line
from babelmix.common.os_errors import system_error
from babelmix.common.terminal import fit_stdout, reader_gone, silence

USER_ERROR, BUG, READER_GONE = 2, 70, 128 + signal.SIGPIPE


class Stopped(BaseException):
    """Raised at SIGTERM or SIGHUP, so that context managers clean up as after Ctrl-C."""

    def __init__(self, number: int) -> None:
        """Keep the signal's number."""
        super().__init__(number)
        self.number = number


def run_and_exit(run: Callable[[list[str]], int], arguments: Sequence[str]) -> NoReturn:
    """Call `run` with the arguments without `--debug`; exit with the code that it returns, or the code of its error."""
    given = list(arguments)
    own = given[: given.index("--")] if "--" in given else given
    debug = "--debug" in own
    if debug:
        given.remove("--debug")
    name = next((word for word in own if re.fullmatch("[a-z][a-z-]{0,19}", word)), "babelmix")
    fit_stdout()
    with _quiet(name, debug), _stoppable():
        try:
            code: Any = run(given)
            if sys.stdout:
                sys.stdout.flush()
        except SystemExit as error:  # raised by a library
            code = READER_GONE if isinstance(error.__context__, BrokenPipeError) else error.code
        except BaseException as error:
            code = _report(error, name, debug)
    for stream in (sys.stdout, sys.stderr):
        if stream and _broken(stream):
            silence(stream)
    if not debug:
        atexit.register(_hush)  # runs first at exit, before the handlers of libraries, which may fail
    sys.exit(code)


def _report(error: BaseException, name: str, debug: bool) -> int:
    """Print an error's line and return its exit code."""
    if isinstance(error, BrokenPipeError) and (reader_gone(sys.stdout) or reader_gone(sys.stderr)):
        return READER_GONE
    if debug:
        with suppress(Exception):
            traceback.print_exception(error)
    if isinstance(error, KeyboardInterrupt | Stopped):
        number = error.number if isinstance(error, Stopped) else signal.SIGINT
        _end_children()
        _say(f"{name} was stopped ({signal.Signals(number).name})")
        return 128 + number
    where = "standard output" if isinstance(error, OSError) and sys.stdout and _broken(sys.stdout) else name
    user_error = error if isinstance(error, UserError) else system_error(error, where) or _not_installed(error)
    if user_error:
        _say(str(user_error))
        return USER_ERROR
    _say(_bug(error, name, "is above" if debug else None))
    return BUG


def _bug(error: BaseException, what: str, traceback_at: str | None = None) -> str:
    """Return the line for a bug in babelmix; write the traceback to a file unless `traceback_at` says where it is."""
    first = first_line(error)
    named = f"{type(error).__name__}: {first}" if first else type(error).__name__
    if traceback_at is None:
        file = _write_traceback(error, what)
        traceback_at = f"is in {file}" if file else "could not be written: `babelmix --debug ...` shows it"
    return f"{what} failed ({named}); this is a bug in babelmix: the traceback {traceback_at}; please report it"


def _write_traceback(error: BaseException, name: str) -> Path | None:
    """Write the traceback into the project, else into the temporary folder; None if neither is writable."""
    with suppress(Exception):
        from babelmix.common.files import cache_dir, project_root

        if (project_root() / "params.yaml").is_file():
            return _new_file(cache_dir() / "faults", name, error)
    with suppress(Exception):
        import tempfile

        return _new_file(Path(tempfile.gettempdir()), f"babelmix-{name}-{os.getpid()}", error)
    return None


def _new_file(folder: Path, name: str, error: BaseException) -> Path:
    """Write the command and its traceback into a new file `<name>-<number>.txt`; return the file."""
    folder.mkdir(parents=True, exist_ok=True)
    head = f"command: babelmix {' '.join(map(repr, sys.argv[1:]))}\nPython {sys.version} on {platform.platform()}\n\n"
    text = head + "".join(traceback.format_exception(error))
    for number in count(1):
        file = folder / f"{name}-{number}.txt"
        try:
            stream = file.open("x", encoding="utf-8", errors="backslashreplace")
        except FileExistsError:
            continue
        try:
            with stream:
                stream.write(text)
        except BaseException:
            file.unlink()
            raise
        return file
    raise AssertionError


def _not_installed(error: BaseException) -> UserError | None:
    """Return the error for a package that is missing or does not load; None for any other error."""
    package = (getattr(error, "name", None) or "babelmix").partition(".")[0]
    if not isinstance(error, ImportError) or package == "babelmix":
        return None
    if isinstance(error, ModuleNotFoundError):
        from babelmix.common.extras import install

        if command := install(package):
            return UserError("not installed", where=package, how=command)
    how = "run `make setup`, or install what requirements.txt names"
    return UserError(f"this package does not load ({first_line(error)})", where=str(error.name), how=how)


def _say(line: str) -> None:
    if sys.stderr:
        with suppress(OSError, ValueError):
            print(f"babelmix: {one_line(line, 4000)}", file=sys.stderr, flush=True)


def _broken(stream: Any) -> bool:
    """Return whether a stream cannot be flushed."""
    try:
        stream.flush()
    except (OSError, ValueError):
        return True
    return reader_gone(stream)


def _end_children() -> None:
    """End the translation processes: otherwise the program would wait until they have done all their work."""
    if "multiprocessing" in sys.modules:
        for child in sys.modules["multiprocessing"].active_children():
            child.terminate()


@contextmanager
def _quiet(name: str, debug: bool) -> Generator[None]:
    """Keep warnings of libraries, and Python's reports of uncatchable errors, off stderr."""
    if debug:
        yield
        return
    before = threading.excepthook, sys.unraisablehook
    threading.excepthook = lambda args: args.exc_value and _say(_bug(args.exc_value, f"a thread of {name}"))
    _hush()
    with warnings.catch_warnings():
        if not sys.warnoptions:
            warnings.simplefilter("ignore")
            warnings.showwarning = _ignore_warning
        try:
            yield
        finally:
            threading.excepthook, sys.unraisablehook = before


def _ignore_warning(*_: object, **__: object) -> None:
    """Drop a warning, even one that a library enabled with its own filter."""


def _hush() -> None:
    sys.unraisablehook = lambda _: None


@contextmanager
def _stoppable() -> Generator[None]:
    """Raise KeyboardInterrupt or Stopped at the first Ctrl-C, SIGTERM or SIGHUP; a second one ends the program."""

    def stop(number: int, _: object) -> NoReturn:
        signal.signal(number, signal.SIG_DFL)
        raise KeyboardInterrupt if number == signal.SIGINT else Stopped(number)

    before: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            handler = signal.getsignal(number)
            if handler in (signal.SIG_DFL, signal.default_int_handler):  # nohup ignores SIGHUP: we keep that
                before[number] = handler
                signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            if signal.getsignal(number) == stop:
                signal.signal(number, handler)
