"""The limits of the page: a rate, a line of limited length, a time; none of it depends on the speed of the machine."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from babelmix.searching.page.limits import OneAtATime, Rate, Refused


def test_a_full_bucket_is_emptied_and_fills_again() -> None:
    now = [0.0]
    rate = Rate(per_second=2, burst=3, clock=lambda: now[0])
    assert [rate.take() for _ in range(4)] == [0, 0, 0, 0.5]
    now[0] = 0.5
    assert rate.take() == 0 and rate.take() == 0.5
    now[0] = 1000
    assert [rate.take() for _ in range(4)] == [0, 0, 0, 0.5]


@given(st.lists(st.floats(0, 3), max_size=80), st.integers(1, 10), st.floats(0.5, 20))
def test_no_more_is_taken_than_the_burst_and_the_rate_allow(pauses: list[float], burst: int, per_second: float) -> None:
    now = [0.0]
    rate, taken = Rate(per_second, burst, clock=lambda: now[0]), 0
    for pause in pauses:
        now[0] += pause
        wait = rate.take()
        taken += not wait
        assert 0 <= wait <= 1 / per_second + 1e-9
        assert taken <= burst + per_second * now[0] + 1e-6


def test_the_line_refuses_who_comes_when_it_is_full_and_drops_who_waits_too_long() -> None:
    begun, go_on, done = threading.Event(), threading.Event(), []

    def slow() -> str:
        begun.set()
        go_on.wait(30)
        return "slow"

    async def ask() -> None:
        line = OneAtATime(waiting=2, seconds=0.05)
        first = asyncio.ensure_future(line.run(slow))
        while not begun.is_set():
            await asyncio.sleep(0.001)
        second = asyncio.ensure_future(line.run(lambda: done.append("second")))
        await asyncio.sleep(0)
        with pytest.raises(Refused, match="wait already") as full:
            await line.run(lambda: done.append("third"))
        assert full.value.status == 503 and full.value.retry_after
        for waiting in (first, second):
            with pytest.raises(Refused, match=r"within 0\.05 seconds") as late:
                await waiting
            assert late.value.status == 503
        # What has begun keeps its place; what has not begun gave it back.
        fourth = asyncio.ensure_future(line.run(lambda: "fourth"))
        await asyncio.sleep(0)
        with pytest.raises(Refused, match="wait already"):
            await line.run(lambda: done.append("fifth"))
        go_on.set()
        assert await fourth == "fourth"
        line.close()

    asyncio.run(ask())
    assert done == []


def test_an_error_leaves_the_line_as_it_was() -> None:
    async def ask() -> None:
        line = OneAtATime(waiting=1, seconds=30)
        for _ in range(3):
            with pytest.raises(ZeroDivisionError):
                await line.run(lambda: 1 // 0)
        assert await line.run(lambda: 5) == 5
        line.close()

    asyncio.run(ask())


def test_searches_are_done_one_at_a_time() -> None:
    at_once, most = [0], [0]

    def work() -> None:
        at_once[0] += 1
        most[0] = max(most[0], at_once[0])
        at_once[0] -= 1

    async def ask() -> None:
        line = OneAtATime(waiting=50, seconds=30)
        await asyncio.gather(*(line.run(work) for _ in range(50)))
        line.close()

    with ThreadPoolExecutor() as pool:
        pool.submit(asyncio.run, ask()).result()
    assert most == [1]
