"""Work in several processes gives the results, and the errors, of one."""

import os
import signal
from functools import partial

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
