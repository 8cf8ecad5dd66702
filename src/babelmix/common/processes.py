"""Call a function for many items, in as many processes as there are cores, and name the processor.

    map_in_processes(count_words, ["a.txt", "b.txt"])      # [12, 7]: the results, in the order of the items
    processor()                                            # "AMD EPYC"

A process is started anew ("spawn"), so `work` must be a function of a module, or a partial of one.
"""

import multiprocessing
import os
import platform
import re
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_in_processes(work: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """Return `work(item)` of every item, in order; the number of processes does not change the results.

    With one core or one item, this process does the work itself. It also does so if the system refuses or kills a
    process. The first error of `work`, in the order of the items, is raised here as `work` raised it.
    """
    processes = min(len(items), cores())
    if processes < 2:
        return [work(item) for item in items]
    try:
        return _in_pool(work, items, processes)
    except (BrokenProcessPool, NotImplementedError, OSError):  # the last two: no semaphores, no process
        return [work(item) for item in items]


def cores() -> int:
    """Return how many cores this process may use."""
    allowed = getattr(os, "sched_getaffinity", None)  # Linux alone
    return len(allowed(0)) if allowed else os.cpu_count() or 1


def processor(proc: Path = Path("/proc")) -> str:
    """Return the processor's name as Linux tells it below `proc`, as Python tells it elsewhere."""
    try:
        text = (proc / "cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    found = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return found[1].strip() if found else platform.processor() or platform.machine()


def _in_pool(work: Callable[[Item], Result], items: Sequence[Item], processes: int) -> list[Result]:
    pool = ProcessPoolExecutor(
        processes, mp_context=multiprocessing.get_context("spawn"), initializer=_end_with_the_first
    )
    try:
        return list(pool.map(work, items))
    finally:
        # After Ctrl-C, `ending` ends the processes; waiting here would first let them finish their items.
        pool.shutdown(wait=False, cancel_futures=True)


def _end_with_the_first() -> None:
    """End this process silently at Ctrl-C, and when the process that started it is gone, even by SIGKILL."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    threading.Thread(target=_wait_for_its_end, daemon=True).start()


def _wait_for_its_end() -> None:
    first = multiprocessing.parent_process()
    if first is not None:
        first.join()
        os._exit(1)
