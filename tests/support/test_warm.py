"""The warm Python runs a command as Python would: arguments, folder, environment, streams, exit code, signals."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from warm import warm_python

SHOWN = "import json, os, sys; print(json.dumps([sys.argv, os.getcwd(), os.environ['A'], sys.stdin.read(), __name__]))"


@pytest.fixture(scope="module")
def python() -> Iterator[Path]:
    with warm_python(("json",)) as python:
        yield python


def run(python: Path, *arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([python, *arguments], capture_output=True, text=True, check=False, **options)  # type: ignore


def test_a_command_has_its_own_arguments_folder_environment_and_streams(python: Path, tmp_path: Path) -> None:
    (tmp_path / "file.py").write_text(SHOWN)
    for how, name in ((("-c", SHOWN), "-c"), (("file.py",), "file.py")):
        done = run(python, *how, "b", "ü", cwd=tmp_path, env=os.environ | {"A": "1"}, input="text")
        assert json.loads(done.stdout) == [[name, "b", "ü"], str(tmp_path), "1", "text", "__main__"]


def test_babelmix_is_that_of_the_commands_own_path(python: Path, tmp_path: Path) -> None:
    (tmp_path / "src/babelmix").mkdir(parents=True)
    (tmp_path / "src/babelmix/__init__.py").touch()
    (tmp_path / "src/babelmix/__main__.py").write_text("import sys; print('another', sys.argv[1:])")
    environment = os.environ | {"PYTHONPATH": "src"}
    assert run(python, "-m", "babelmix", "a", cwd=tmp_path, env=environment).stdout == "another ['a']\n"
    assert run(python.with_name("babelmix"), "a", cwd=tmp_path, env=environment).stdout == "another ['a']\n"


@pytest.mark.parametrize(
    ("code", "ended", "told"),
    [
        ("pass", 0, ""),
        ("import sys; sys.exit(3)", 3, ""),
        ("import sys; sys.exit('no')", 1, "no\n"),
        ("1 / 0", 1, "ZeroDivisionError: division by zero\n"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL, ""),
        ("import atexit, sys; atexit.register(print, 'at the exit', file=sys.stderr)", 0, "at the exit\n"),
    ],
)
def test_a_command_ends_as_in_a_process_of_its_own(python: Path, code: str, ended: int, told: str) -> None:
    done = run(python, "-c", code)
    assert done.returncode == ended and done.stderr.endswith(told) and bool(done.stderr) == bool(told)


WAITING = "import time; print('ready', flush=True); time.sleep(600)"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_signal_ends_the_command_too(python: Path, number: int) -> None:
    with subprocess.Popen([python, "-c", WAITING], stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout
        assert program.stdout.readline() == "ready\n"
        program.send_signal(number)
        assert program.wait(timeout=600) == -number
        assert program.stdout.read() == "", "stdout is open as long as the command runs"
