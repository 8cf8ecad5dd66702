"""Work in several processes gives the results, and the errors, of one."""

import os
import signal
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path

import pytest

from babelmix.common import processes
from babelmix.common.errors import UserError
from babelmix.common.processes import map_in_processes


def square(number: int) -> int:
    return number * number


def who(_: int) -> int:
    return os.getpid()


def odd_ones(number: int) -> int:
    if number % 2 == 0:
        raise UserError(f"{number} is even", where="numbers", how="leave it out")
    return number


def killed_outside(first: int, number: int) -> int:
    if os.getpid() != first:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def wait_for_ever(_: int) -> None:
    print("begun", flush=True)
    threading.Event().wait()


@pytest.fixture
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "cores", lambda: 2)


@pytest.mark.usefixtures("two_cores")
def test_results_come_in_the_order_of_the_items_from_other_processes() -> None:
    assert map_in_processes(square, range(5)) == [0, 1, 4, 9, 16]
    assert os.getpid() not in map_in_processes(who, range(2))


def test_one_core_or_one_item_starts_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "cores", lambda: 1)
    assert map_in_processes(who, range(3)) == [os.getpid()] * 3
    monkeypatch.setattr(processes, "cores", lambda: 8)
    assert map_in_processes(who, range(1)) == [os.getpid()]


@pytest.mark.usefixtures("two_cores")
def test_the_first_error_in_order_is_raised_as_it_was() -> None:
    with pytest.raises(UserError, match="numbers: 2 is even; leave it out"):
        map_in_processes(odd_ones, (1, 2, 3, 4))


@pytest.mark.usefixtures("two_cores")
def test_if_a_process_is_killed_this_one_does_the_work() -> None:
    assert map_in_processes(partial(killed_outside, os.getpid()), range(3)) == [0, 1, 2]


@pytest.mark.usefixtures("two_cores")
def test_if_the_system_refuses_processes_this_one_does_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(processes, "ProcessPoolExecutor", refuse)
    assert map_in_processes(who, range(2)) == [os.getpid()] * 2


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "stopped"])
def test_processes_end_with_the_one_that_started_them(number: signal.Signals) -> None:
    program = (
        "from test_processes import wait_for_ever; from babelmix.common import processes, ending\n"
        "processes.cores = lambda: 2\n"
        "ending.run_and_exit(lambda _: processes.map_in_processes(wait_for_ever, range(2)), [])"
    )
    paths = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    with subprocess.Popen(
        [sys.executable, "-c", program], env=os.environ | {"PYTHONPATH": paths}, stdout=subprocess.PIPE, text=True
    ) as first:
        assert first.stdout
        assert [first.stdout.readline() for _ in range(2)] == ["begun\n"] * 2
        first.send_signal(number)
        assert first.communicate(timeout=60) == ("", None)  # the end of the pipe: nobody holds it any more
        assert first.returncode == (-signal.SIGKILL if number == signal.SIGKILL else 128 + signal.SIGTERM)
