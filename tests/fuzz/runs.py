"""Many inputs in several processes: what dies is noticed, what is a fault is kept, and a table says what was done.

run(TARGETS, seed=7, inputs=200_000, workers=2)
"""

import json
import multiprocessing
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path
from types import FrameType
from typing import Any

from .harness import Bench, Files, Target, Verdict
from .targets import TARGETS, shares

FOUND = Path(__file__).with_name("found")
BATCH = 200  # inputs between two words of a worker
SILENCE = 60  # seconds after which a worker is taken for dead
MEMORY = 3 << 30  # what a call may ask for beyond what the process has
KEPT = 3  # inputs of one fault


@dataclass
class Tally:
    """What became of the inputs of one target."""

    kinds: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    seconds: float = 0.0
    faults: Counter[str] = field(default_factory=Counter)


def run(targets: tuple[Target, ...], seed: int, inputs: int, workers: int) -> int:
    """Try the inputs and print the table; 1 where one was a fault."""
    print(f"seed {seed}: `make fuzz SEED={seed}` makes the same inputs", flush=True)
    signal.signal(signal.SIGTERM, _end)
    started, wanted = time.monotonic(), shares(inputs, targets)
    tallies = {target.name: Tally() for target in targets}
    root = Path(tempfile.mkdtemp(prefix="fuzz-", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None))
    crews = [_Worker(targets, wanted, seed, number, workers, root) for number in range(workers)]
    try:
        while busy := [crew for crew in crews if crew.alive]:
            wait([crew.inbox for crew in busy], timeout=1)
            for crew in busy:
                crew.listen(tallies)
    finally:
        for crew in crews:
            crew.stop()
        shutil.rmtree(root, ignore_errors=True)
    _print_table(tallies, time.monotonic() - started)
    return 1 if any(tally.faults for tally in tallies.values()) else 0


def _end(number: int, frame: FrameType | None) -> None:
    signal.signal(number, signal.SIG_IGN)
    sys.exit(128 + number)  # and so clear up


def once(target: Target, seed: int, number: int) -> int:
    """Try one input, say what became of it, and show the traceback of a fault."""
    return _show(target, target.files(seed, number))


def again(folder: Path) -> int:
    """Try an input that was kept; its folder's name begins with its target's."""
    target, files = kept_input(folder)
    return _show(target, files)


def kept_input(folder: Path) -> tuple[Target, Files]:
    """Return a kept input and its target, see `keep_input`."""
    told: dict[str, Any] = json.loads((folder / "fault.json").read_text(encoding="utf-8"))
    (target,) = (target for target in TARGETS if target.name == told["target"])
    files: Files = dict.fromkeys(told.get("folders", ()))
    for name, stored in told["files"].items():
        files[name] = (folder / stored).read_bytes()
    return target, files


def keep_input(folder: Path, target: Target, files: Files, why: str) -> None:
    """Write an input: its files under numbers, for their names may be what is odd, and in fault.json what they are."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    stored = {name: f"{number}.bin" for number, name in enumerate(name for name in files if files[name] is not None)}
    for name, place in stored.items():
        (folder / place).write_bytes(files[name] or b"")
    told = {"target": target.name, "why": why[:500], "files": stored}
    told["folders"] = [name for name in files if files[name] is None]
    (folder / "fault.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


def _show(target: Target, files: Files) -> int:
    for name, content in files.items():
        print(f"{name}: {'a folder' if content is None else repr(content[:400])}")
    with tempfile.TemporaryDirectory() as scratch, Bench(Path(scratch) / "bench") as bench:
        bench.warm(target)
        verdict = bench.try_input(target, files)
    print(f"{verdict.trace}{verdict.kind} after {verdict.seconds * 1000:.1f} ms: {verdict.why}")
    return verdict.kind == "fault"


class _Worker:
    """A process that tries every `stride`-th input of each target, begun again behind an input that killed it."""

    def __init__(
        self, targets: tuple[Target, ...], wanted: dict[str, int], seed: int, first: int, stride: int, root: Path
    ) -> None:
        self._targets, self._wanted, self._seed, self._root = targets, wanted, seed, root
        self._first, self._stride = first, stride
        self._at = multiprocessing.Array("q", 2)  # the target and the input that are being tried
        self._complaints = root / f"{first}.stderr"
        self._begin(0, first)

    def _begin(self, target: int, number: int) -> None:
        self.inbox, outbox = multiprocessing.Pipe(duplex=False)
        context = multiprocessing.get_context("fork")
        self._process: Any = context.Process(target=self._work, args=(outbox, target, number))
        self._process.start()
        outbox.close()
        self._heard, self.alive = time.monotonic(), True

    def stop(self) -> None:
        """End the process, wherever it is."""
        self._process.kill()

    def listen(self, tallies: dict[str, Tally]) -> None:
        """Add up what the process has told; notice its end."""
        try:
            while self.inbox.poll():
                name, kinds, slowest, seconds, faults = self.inbox.recv()
                self._heard, tally = time.monotonic(), tallies[name]
                tally.kinds += kinds
                tally.slowest, tally.seconds = max(tally.slowest, slowest), tally.seconds + seconds
                for why, number in faults:
                    self._fault(tally, name, number, why)
            if time.monotonic() - self._heard < SILENCE:
                return
            self._process.kill()
        except EOFError:
            pass
        self._process.join()
        self.alive = False
        if self._process.exitcode == 0:
            return
        if self._process.exitcode > 0:
            raise SystemExit(f"a fault of the fuzz itself:\n{self._complaints.read_text(errors='replace')[-4000:]}")
        target, number = self._at
        name = self._targets[target].name
        code = self._process.exitcode
        last = self._complaints.read_text(errors="replace").strip().rpartition("\n")[2]
        why = f"the process ended by {signal.Signals(-code).name} | {last}"
        tallies[name].kinds["fault"] += 1
        self._fault(tallies[name], name, number, why)
        self._begin(target, number + self._stride)

    def _fault(self, tally: Tally, name: str, number: int, why: str) -> None:
        kind = why.partition(" | ")[0]
        tally.faults[kind] += 1
        if tally.faults[kind] <= KEPT:
            (target,) = (target for target in self._targets if target.name == name)
            folder = FOUND / f"{name}-{self._seed}-{number}"
            keep_input(folder, target, target.files(self._seed, number), why)
            print(
                f"FAULT {why[:300]}\n  python -m tests.fuzz --target {name} --seed {self._seed} --input {number}",
                flush=True,
            )

    def _work(self, outbox: Connection, target: int, number: int) -> None:
        for sign in (signal.SIGINT, signal.SIGTERM):
            signal.signal(sign, signal.SIG_DFL)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what a reader prints
        os.dup2(os.open(self._complaints, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
        own = self._root / f"{self._first}-{os.getpid()}"
        with Bench(own) as bench:
            for place in range(target, len(self._targets)):
                self._try_all(bench, outbox, place, number if place == target else self._first)
        outbox.close()
        os._exit(0)

    def _try_all(self, bench: Bench, outbox: Connection, place: int, number: int) -> None:
        target = self._targets[place]
        bench.warm(target)
        _limit_memory()
        kinds, slowest, faults, since = Counter[str](), 0.0, list[tuple[str, int]](), time.process_time()
        while number < self._wanted[target.name]:
            self._at[0], self._at[1] = place, number
            verdict = bench.try_input(target, target.files(self._seed, number))
            kinds[verdict.kind] += 1
            slowest = max(slowest, verdict.seconds)
            if verdict.kind == "fault":
                faults.append((_place(verdict), number))
            number += self._stride
            if kinds.total() == BATCH or number >= self._wanted[target.name]:
                outbox.send((target.name, kinds, slowest, time.process_time() - since, faults))
                kinds, faults, since = Counter[str](), [], time.process_time()


def _place(verdict: Verdict) -> str:
    """Return where a fault arose and what it was, " | ", and its message: the first part is that of all its like."""
    files = [line.strip() for line in verdict.trace.splitlines() if line.startswith('  File "')]
    lines = [line for line in files if "/babelmix/" in line]
    where = lines[-1].rpartition("/babelmix/")[2].replace('"', "") if lines else "no line of babelmix"
    return f"{verdict.why.partition(':')[0]} in {where} | {verdict.why}"


def _limit_memory() -> None:
    now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (now + MEMORY, hard))


def _print_table(tallies: dict[str, Tally], seconds: float) -> None:
    print(f"\n{'target':<14}{'inputs':>9}{'accepted':>10}{'refused':>9}{'faults':>8}{'slowest ms':>12}{'per s':>8}")
    for name, tally in tallies.items():
        kinds, rate = tally.kinds, tally.kinds.total() / max(tally.seconds, 1e-9)
        counts = f"{kinds.total():>9,}{kinds['accepted']:>10,}{kinds['refused']:>9,}{kinds['fault']:>8,}"
        print(f"{name:<14}{counts}{tally.slowest * 1000:>12.0f}{rate:>8.0f}")
    whole = sum(tally.kinds.total() for tally in tallies.values())
    faults = sum(tally.kinds["fault"] for tally in tallies.values())
    print(f"{whole:,} inputs in {seconds:.0f} s, {faults:,} faults")
    for name, tally in tallies.items():
        for kind, count in tally.faults.most_common():
            print(f"  {name}: {count} x {kind}", file=sys.stderr)
