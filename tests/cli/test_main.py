"""However a command ends, it ends in one line and an exit code that says whose turn it is."""

import errno
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest

from babelmix import cli
from babelmix.common.ending import run_and_exit
from babelmix.common.errors import UserError

ROOT = Path(__file__).parents[2]
Ended = Callable[..., tuple[int, str, str]]


def python(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, *arguments]
    settings = os.environ | {"PYTHONPATH": str(ROOT / "src")} | environment
    return subprocess.run(command, cwd=cwd, env=settings, capture_output=True, check=False, timeout=600)


@pytest.fixture
def end(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ended:
    """Let a command do something, and return the exit code, stdout and stderr; the current folder is no project."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))

    def run(does: Callable[[], Any] | BaseException, *arguments: str) -> tuple[int, str, str]:
        def command(_: list[str]) -> int:
            if isinstance(does, BaseException):
                raise does
            return does() or 0

        monkeypatch.setattr("sys.argv", ["babelmix", *(arguments or ("evaluate",))])
        with pytest.raises(SystemExit) as caught:
            run_and_exit(command, arguments or ("evaluate",))
        told = capsys.readouterr()
        return caught.value.code, told.out, told.err  # type: ignore[return-value]

    return run


def raises(error: BaseException) -> Callable[[], NoReturn]:
    def act() -> NoReturn:
        raise error

    return act


# ------------------------------------------------------------------------------------------------ a fault of babelmix


def test_what_nobody_foresaw_is_one_line_and_the_traceback_a_file_of_the_project(end: Ended, tmp_path: Path) -> None:
    (tmp_path / "params.yaml").touch()
    for number in (1, 2):
        code, _, told = end(KeyError("mäp"), "evaluate", "--model", "bm25")
        file = tmp_path / f".babelmix/faults/evaluate-{number}.txt"
        assert code == 70
        assert told == (
            f"babelmix: evaluate failed (KeyError: 'mäp'); this is a bug in babelmix: the traceback is in {file}; "
            "please report it\n"
        )
        kept = file.read_text()
        assert kept.startswith("command: babelmix 'evaluate' '--model' 'bm25'\nPython 3.")
        assert "Traceback (most recent call last)" in kept and kept.endswith("KeyError: 'mäp'\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".babelmix", "params.yaml"]


def test_a_command_with_a_dash_is_named(end: Ended) -> None:
    assert "babelmix: index-add failed (KeyError" in end(KeyError("x"), "index-add", "folder")[2]


def test_outside_a_project_the_traceback_is_a_temporary_file(end: Ended, tmp_path: Path) -> None:
    _, _, told = end(ValueError("no"))
    (file,) = (tmp_path / "temporary").iterdir()
    assert f"the traceback is in {file};" in told and "ValueError: no" in file.read_text()
    assert not (tmp_path / ".babelmix").exists()


def test_a_run_of_dvc_in_a_temporary_copy_keeps_the_traceback_in_the_project(
    end: Ended, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "params.yaml").touch()
    monkeypatch.setenv("DVC_ROOT", str(project))
    assert str(project / ".babelmix/faults/evaluate-1.txt") in end(ValueError("no"))[2]


@pytest.mark.parametrize("place", [".babelmix", ".babelmix/faults"])
def test_a_file_where_the_folder_of_faults_should_be_sends_it_to_the_temporary_folder(
    end: Ended, tmp_path: Path, place: str
) -> None:
    (tmp_path / "params.yaml").touch()
    (tmp_path / place).parent.mkdir(exist_ok=True)
    (tmp_path / place).touch()
    assert f"the traceback is in {tmp_path}/temporary/babelmix-evaluate-" in end(ValueError("no"))[2]


def test_where_nothing_can_be_written_the_line_says_how_to_see_it(end: Ended, tmp_path: Path) -> None:
    (tmp_path / "temporary").touch()
    code, _, told = end(ValueError("no"))
    assert code == 70
    assert told.endswith("the traceback could not be written: `babelmix --debug ...` shows it; please report it\n")


def test_a_full_disk_leaves_no_half_of_a_traceback(end: Ended, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "params.yaml").touch()
    monkeypatch.setattr("traceback.format_exception", lambda _: (_ for _ in ()).throw(OSError(errno.ENOSPC, "full")))
    assert "could not be written" in end(ValueError("no"))[2]
    assert not [path for path in tmp_path.rglob("*.txt")]


class Mute(Exception):
    def __str__(self) -> str:
        raise RuntimeError("cannot say")


@pytest.mark.parametrize(
    ("error", "named"),
    [
        (Mute(), "(Mute)"),
        (AssertionError(), "(AssertionError)"),
        (RuntimeError("\n\nfirst\nsecond"), "(RuntimeError: first)"),
        (RuntimeError("\x1b[31mred\x07\x9b"), r"(RuntimeError: \x1b[31mred\x07\x9b)"),
        (RuntimeError("x" * 5000), "[... 4,700 characters ...]"),
        (RecursionError("maximum recursion depth exceeded"), "(RecursionError: maximum recursion depth exceeded)"),
        (ExceptionGroup("several", [ValueError("one")]), "(ExceptionGroup: several (1 sub-exception))"),
        (
            ImportError("cannot import name 'x'", name="babelmix.evaluation.ranks"),
            "(ImportError: cannot import name 'x')",
        ),
        (OSError("a library's own"), "(OSError: a library's own)"),
        (BrokenPipeError(errno.EPIPE, "a helper has gone"), "(BrokenPipeError: "),
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_line_stays_one_line_whatever_the_error_holds(end: Ended, error: BaseException, named: str) -> None:
    code, out, told = end(error)
    assert (code, out) == (70, "")
    assert named in told and told.count("\n") == 1 and told[:-1].isprintable() and len(told) < 1500


def test_an_endless_recursion_is_a_fault_too(end: Ended) -> None:
    def deep() -> None:
        deep()

    code, _, told = end(deep)
    assert code == 70 and "RecursionError" in told and told.count("\n") == 1


def test_debug_shows_the_traceback_and_keeps_the_code(end: Ended, tmp_path: Path) -> None:
    for error, code in ((KeyError("map"), 70), (UserError("no", where="here", how="mend"), 2)):
        for arguments in (("--debug", "evaluate"), ("evaluate", "--debug")):
            found, _, told = end(error, *arguments)
            assert found == code
            assert told.startswith("Traceback (most recent call last)")
            assert told.splitlines()[-1].startswith("babelmix: ")
    assert "the traceback is above" in end(KeyError("map"), "--debug")[2]
    assert list(tmp_path.iterdir()) == []


def test_behind_two_dashes_debug_is_a_text(capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[str] = []
    with pytest.raises(SystemExit):
        run_and_exit(lambda given: bool(seen.extend(given)), ["explore", "--", "--debug"])
    assert seen == ["explore", "--", "--debug"]


# ---------------------------------------------------------------------------------------------- what a user can mend


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (errno.ENOSPC, "no space left on the disk"),
        (errno.EDQUOT, "quota"),
        (errno.EFBIG, "larger than the system allows"),
        (errno.EACCES, "permission denied"),
        (errno.EPERM, "does not permit"),
        (errno.EROFS, "read-only"),
        (errno.ENOENT, "no such file or folder"),
        (errno.ENOTDIR, "a file, but must be a folder"),
        (errno.EISDIR, "a folder, but must be a file"),
        (errno.ENAMETOOLONG, "too long"),
        (errno.ELOOP, "a link that leads back"),
        (errno.EMFILE, "too many open files"),
        (errno.EIO, "the disk failed"),
    ],
)
def test_what_the_system_refuses_names_the_path(end: Ended, tmp_path: Path, number: int, told: str) -> None:
    code, _, line = end(OSError(number, os.strerror(number), "out/a\nb.json"))
    assert code == 2 and line.startswith(r"babelmix: out/a\nb.json: ") and told in line and line.count("\n") == 1
    assert list(tmp_path.iterdir()) == [], "no traceback is kept of it"
    assert end(OSError(number, os.strerror(number)))[2].startswith("babelmix: evaluate: ")


def test_memory_that_ran_out_is_no_fault(end: Ended) -> None:
    code, _, told = end(MemoryError("Unable to allocate 16.0 GiB"))
    assert code == 2 and "evaluate: out of memory (Unable to allocate 16.0 GiB); close other programs" in told


def test_a_package_that_is_missing_is_told_with_what_to_do(end: Ended) -> None:
    code, _, told = end(ModuleNotFoundError("No module named 'nowhere'", name="nowhere"))
    assert code == 2 and "nowhere: this package does not load (No module named 'nowhere'); run `make setup`" in told


def test_a_library_of_an_extra_is_told_with_the_extra(end: Ended, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("babelmix.common.extras.requires", lambda _: ['torch~=2.13; extra == "encoder"'])
    code, _, told = end(ModuleNotFoundError("No module named 'torch.cuda'", name="torch.cuda"))
    assert (code, told) == (2, "babelmix: torch: not installed; pip install 'babelmix[encoder]'\n")


def test_a_user_error_is_one_line_whatever_its_parts_hold(end: Ended) -> None:
    error = UserError("unknown id 'a\u2028b\u202e\x1b[2J'", where="/tmp/" + "d" * 5000 + "/x\n.json", how="y" * 90_000)
    code, _, told = end(error)
    assert code == 2 and told.count("\n") == 1 and told[:-1].isprintable() and len(told) < 4200
    assert told.startswith("babelmix: /tmp/ddd") and r"/x\n.json: unknown id 'a\u2028b\u202e\x1b[2J'; yyy" in told


# ----------------------------------------------------------------------------------------------- how a command is ended


def test_ctrl_c_is_one_line(end: Ended) -> None:
    assert end(KeyboardInterrupt()) == (130, "", "babelmix: evaluate was stopped (SIGINT)\n")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_clears_up_and_is_one_line(end: Ended, tmp_path: Path, number: signal.Signals) -> None:
    file = tmp_path / "half"

    def work() -> None:
        file.touch()
        try:
            os.kill(os.getpid(), number)
            time.sleep(30)
        finally:
            file.unlink()

    before = signal.signal(number, signal.SIG_DFL)  # nohup has SIGHUP ignored
    try:
        assert end(work) == (128 + number, "", f"babelmix: evaluate was stopped ({number.name})\n")
        assert not file.exists() and signal.getsignal(number) == signal.SIG_DFL
    finally:
        signal.signal(number, before)


def test_a_second_ctrl_c_ends_the_program_at_once(end: Ended) -> None:
    before = signal.getsignal(signal.SIGINT)
    try:
        assert end(lambda: os.kill(os.getpid(), signal.SIGINT)) == (
            130,
            "",
            "babelmix: evaluate was stopped (SIGINT)\n",
        )
        assert signal.getsignal(signal.SIGINT) == signal.SIG_DFL
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_signal_that_is_ignored_stays_ignored(end: Ended) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert end(lambda: os.kill(os.getpid(), signal.SIGHUP)) == (0, "", "")
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("code", [0, 3, None, "a library's word"])
def test_the_exit_of_a_library_passes(end: Ended, code: object) -> None:
    assert end(SystemExit(code))[0] == code


def test_a_thread_that_fails_is_one_line_and_does_not_end_the_command(end: Ended) -> None:
    def work() -> None:
        thread = threading.Thread(target=raises(KeyError("x")))
        thread.start()
        thread.join()
        print("done")

    code, out, told = end(work)
    assert (code, out) == (0, "done\n")
    assert told.startswith("babelmix: a thread of evaluate failed (KeyError: 'x')") and told.count("\n") == 1


def test_warnings_of_libraries_are_not_shown_but_for_debug(end: Ended) -> None:
    def work() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("always")  # as some libraries do
            warnings.warn("old", DeprecationWarning, stacklevel=1)

    assert end(work) == (0, "", "")
    with pytest.warns(DeprecationWarning):
        end(lambda: warnings.warn("old", DeprecationWarning, stacklevel=1), "--debug")


class Unfit:
    def __del__(self) -> None:
        raise OSError(errno.ENOSPC, "no space")


def test_what_fails_while_objects_are_cleared_away_is_not_shown(end: Ended) -> None:
    def work() -> None:
        Unfit()

    assert end(work) == (0, "", "")


# ------------------------------------------------------------------------------------------------------- the real thing


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["pln"], "command line: no such command 'pln'; did you mean 'plan'? see `babelmix --help`"),
        (["plan", "--stps", "3"], "plan: no such option: --stps; did you mean --steps? see `babelmix plan --help`"),
        (["plan", "--steps", "x"], "plan: invalid value for '--steps': "),
        (["plan", "--steps"], "plan: option '--steps' requires an argument; see `babelmix plan --help`"),
        (["evaluate"], "evaluate: missing option '--benchmark'; see `babelmix evaluate --help`"),
        (["translate", "pairs"], "translate pairs: missing option '--source'; see `babelmix translate pairs --help`"),
        (["translate", "a\x1b[2J\n"], "translate: no such command "),
        (["plan", "extra\nline"], "plan: got unexpected extra argument(s)"),
        (["--verson"], "command line: no such option: --verson"),
        (["ui", "--port", "99999"], "ui: invalid value for '--port': "),
    ],
)
def test_wrong_usage_is_one_line(
    arguments: list[str], told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["babelmix", *arguments])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    line = capsys.readouterr().err
    assert caught.value.code == 2
    assert line.startswith(f"babelmix: {told}") and line.count("\n") == 1 and line[:-1].isprintable()


@pytest.mark.parametrize("arguments", [[], ["--help"], ["translate"], ["plan", "--help"]])
def test_help_is_shown(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["babelmix", *arguments])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    told = capsys.readouterr()
    assert caught.value.code == (0 if "--help" in arguments else 2)
    assert "Usage: babelmix" in told.out and told.err == ""


def test_a_fault_of_a_command_is_told_by_the_real_program(tmp_path: Path) -> None:
    code = (
        "import sys; from babelmix import cli; from babelmix.settings import params; params.load_settings = None; "
        "sys.argv[1:] = ['plan']; cli.main()"
    )
    ran = python("-c", code, cwd=tmp_path, TMPDIR=str(tmp_path))
    (file,) = tmp_path.iterdir()
    assert (ran.returncode, ran.stdout) == (70, b"")
    assert ran.stderr.decode().startswith("babelmix: plan failed (TypeError: 'NoneType' object is not callable); ")
    assert str(file) in ran.stderr.decode() and ran.stderr.count(b"\n") == 1


def test_what_goes_wrong_while_the_program_is_imported_is_one_line_too(tmp_path: Path) -> None:
    (tmp_path / "typer.py").write_text("raise ImportError('libfoo.so: cannot open', name='typer')")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "typer.py").write_text("1 / 0")
    path = str(ROOT / "src")
    ran = python("-m", "babelmix", "plan", cwd=tmp_path, PYTHONPATH=f"{tmp_path}:{path}")
    assert (ran.returncode, ran.stderr.count(b"\n")) == (2, 1)
    assert b"typer: this package does not load (libfoo.so: cannot open)" in ran.stderr
    other = tmp_path / "other"
    ran = python("-m", "babelmix", "plan", cwd=other, PYTHONPATH=f"{other}:{path}", TMPDIR=str(other))
    assert (ran.returncode, ran.stderr.count(b"\n")) == (70, 1)
    assert b"plan failed (ZeroDivisionError: division by zero)" in ran.stderr


def through_a_closed_pipe(*arguments: str, cwd: Path) -> tuple[int, bytes]:
    """Run a command whose reader of stdout has gone before it starts."""
    reading, writing = os.pipe()
    os.close(reading)
    command, environment = [sys.executable, *arguments], os.environ | {"PYTHONPATH": str(ROOT / "src")}
    ran = subprocess.run(
        command, stdout=writing, stderr=subprocess.PIPE, cwd=cwd, env=environment, check=False, timeout=900
    )
    os.close(writing)
    return ran.returncode, ran.stderr


TABLE = "import rich.table as t; from rich.console import Console; Console().print(t.Table('a'))"
PLAIN = "import typer; typer.echo('a')"
LATE = "print('a')"


@pytest.mark.parametrize("printing", [TABLE, PLAIN, LATE])
def test_a_reader_that_has_gone_is_no_error(tmp_path: Path, printing: str) -> None:
    code = (
        f"from babelmix.common.ending import run_and_exit\ndef run(_):\n    {printing}\n    return 0\n"
        "run_and_exit(run, ['plan'])"
    )
    assert through_a_closed_pipe("-c", code, cwd=tmp_path) == (141, b"")
    assert through_a_closed_pipe("-m", "babelmix", "--help", cwd=tmp_path) == (141, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_under_stdout_is_one_line(tmp_path: Path) -> None:
    for printing in (PLAIN, LATE):
        code = (
            f"from babelmix.common.ending import run_and_exit\ndef run(_):\n    {printing}\n    return 0\n"
            "run_and_exit(run, ['p'])"
        )
        with Path("/dev/full").open("wb") as full:
            environment = os.environ | {"PYTHONPATH": str(ROOT / "src"), "PYTHONUNBUFFERED": ""}
            command = [sys.executable, "-c", code]
            ran = subprocess.run(
                command, stdout=full, stderr=subprocess.PIPE, cwd=tmp_path, env=environment, check=False, timeout=900
            )
        assert ran.returncode == 2
        assert ran.stderr == (
            b"babelmix: standard output: no space left on the disk; free some space and run the same command again\n"
        )


def test_without_stdout_and_stderr_it_ends_with_the_same_code(tmp_path: Path) -> None:
    command = f"exec {sys.executable} -m babelmix plan >&- 2>&-"
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    assert subprocess.run(["sh", "-c", command], cwd=tmp_path, env=environment, check=False).returncode == 2


def test_what_libraries_do_at_the_exit_may_fail(tmp_path: Path) -> None:
    code = (
        "import atexit\nfrom babelmix.common.ending import run_and_exit\n"
        "def run(_):\n    atexit.register(lambda: 1 / 0)\n    print('done')\n    return 0\nrun_and_exit(run, ['plan'])"
    )
    ran = python("-c", code, cwd=tmp_path)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, b"done\n", b"")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_real_signal_ends_the_real_program(tmp_path: Path, number: signal.Signals) -> None:
    code = (
        "import time\nfrom babelmix.common.ending import run_and_exit\n"
        "def run(_):\n    print('ready', flush=True)\n    time.sleep(60)\nrun_and_exit(run, ['train'])"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as program:
        assert program.stdout is not None and program.stdout.readline() == b"ready\n"
        program.send_signal(number)
        _, told = program.communicate(timeout=600)
    assert program.returncode == 128 + number
    assert told.decode() == f"babelmix: train was stopped ({number.name})\n"
