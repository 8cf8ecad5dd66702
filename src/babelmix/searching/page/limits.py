"""What one reader may ask of the page, so that no request fills the memory or holds the encoder for long.

    rate = Rate(per_second=20, burst=40)
    rate.take()                                        # 0.0, or the seconds until the next request is taken
    line = OneAtATime(waiting=16, seconds=10)
    answer = await line.run(lambda: search(query))     # Refused if 16 wait already, or after 10 seconds

A refusal is an answer with a status and a reason. Nothing waits without an end.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits of the page: sizes in bytes, times in seconds."""

    query_bytes: int = 4096  # of the query's text in UTF-8; the encoder reads less
    url_bytes: int = 16_384  # of a path with its parameters: a query whose bytes are all escaped fits
    body_bytes: int = 32_768  # of a JSON request
    per_second: float = 20.0  # searches, in the long run
    burst: int = 60  # searches at once after a pause
    waiting: int = 32  # searches in line, the one in work included
    seconds: float = 10.0  # until a search has its answer
    connections: int = 2000  # open at once; further ones get 503


class Refused(Exception):
    """A request that gets no search: the HTTP status, the reason for the reader, and when to try again (seconds)."""

    def __init__(self, status: int, reason: str, retry_after: float | None = None) -> None:
        """Keep the three parts."""
        super().__init__(reason)
        self.status, self.reason, self.retry_after = status, reason, retry_after


class Rate:
    """A token bucket: `burst` requests at once, and `per_second` in the long run."""

    def __init__(self, per_second: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin with a full bucket."""
        self._per_second, self._burst, self._clock = per_second, burst, clock
        self._tokens, self._filled = float(burst), clock()

    def take(self) -> float:
        """Take a token and return 0; without one, return the seconds until there is one."""
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._filled) * self._per_second)
        self._filled = now
        if self._tokens < 1:
            return (1 - self._tokens) / self._per_second
        self._tokens -= 1
        return 0.0


class OneAtATime:
    """A thread for all searches, and a line of limited length before it: the encoder is one."""

    def __init__(self, waiting: int, seconds: float) -> None:
        """Start with an empty line."""
        self._most, self._seconds = waiting, seconds
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="search")
        self._count, self._lock = 0, Lock()

    async def run(self, work: Callable[[], T]) -> T:
        """Do the work after what is in line, and return its result.

        Refused (503) if the line is full or the time is up. Work that has begun then goes on, and keeps its place
        in the line; work that has not begun is dropped.
        """
        with self._lock:
            if self._count >= self._most:
                raise Refused(503, "too many searches wait already; try again in a moment", 1)
            self._count += 1
        future = self._pool.submit(work)
        future.add_done_callback(self._leave)
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), self._seconds)
        except TimeoutError:
            raise Refused(503, f"no answer within {self._seconds:g} seconds; try again later", 5) from None

    def close(self) -> None:
        """Drop what waits, and let what is in work end."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _leave(self, _: Future[Any]) -> None:
        with self._lock:
            self._count -= 1
