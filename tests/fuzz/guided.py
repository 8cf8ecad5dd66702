"""The same readers led by atheris, which keeps the inputs that reach new lines of babelmix; by hand.

    pip install --target "$TMPDIR/atheris" atheris
    PYTHONPATH="$TMPDIR/atheris" python -m tests.fuzz --guided 60 --target beir      # without --target, all in turn

atheris is no requirement of the project. Its own mutations know nothing of JSON or zip, so ours take turns with them:
an input is the files of a folder laid end to end, and what is changed is one of them.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from random import Random
from typing import Any

FOUND = Path(__file__).with_name("found")
SCRATCH = "FUZZ_SCRATCH"  # the folder of a target's own process


def guided(name: str, seconds: int, seed: int) -> int:
    """Let atheris try a target for some seconds, or each in turn; the first fault of one is kept, shown, and ends it.

    atheris ends its process without clearing up: each target has one of its own.
    """
    try:
        import atheris  # pyright: ignore[reportMissingImports]
    except ImportError:
        print("atheris is not installed: see the first lines of tests/fuzz/guided.py", file=sys.stderr)
        return 2
    if SCRATCH not in os.environ:
        from .targets import TARGETS

        codes = [_alone(target.name, seconds, seed) for target in TARGETS if target.name == (name or target.name)]
        return max(codes, default=2)
    with atheris.instrument_imports(include=["babelmix"]):
        from .targets import TARGETS
    from .damage import damaged
    from .harness import Bench
    from .runs import keep_input

    (target,) = (target for target in TARGETS if target.name == name)
    scratch = Path(os.environ[SCRATCH])
    corpus = scratch / "corpus"
    corpus.mkdir()
    for number in range(200):
        (corpus / str(number)).write_bytes(packed(target.files(seed, number)))
    bench = Bench(scratch / "bench")
    bench.__enter__()
    bench.warm(target)

    def try_one(data: bytes) -> None:
        files = unpacked(data)
        verdict = bench.try_input(target, files) if files else None
        if verdict and verdict.kind == "fault":
            keep_input(FOUND / f"{name}-guided", target, files, verdict.why)
            print(f"{verdict.trace}FAULT {verdict.why}\n  python -m tests.fuzz --again {FOUND / f'{name}-guided'}")
            raise RuntimeError(verdict.why)

    def mutate(data: bytes, longest: int, number: int) -> bytes:
        rng, files = Random(number), unpacked(data)
        if not files or rng.random() < 0.1:
            return packed(target.files(seed, number))[:longest]
        changed = rng.choice([at for at, content in files.items() if content is not None] or [""])
        content: Any = files.get(changed) or b""
        way = rng.random()
        files[changed] = (
            damaged(rng, content, most=2) if way < 0.5 else atheris.Mutate(content, max(1, len(content) * 2))
        )
        return packed(files)[:longest]

    arguments = [sys.argv[0], str(corpus), f"-max_total_time={seconds}", "-max_len=1000000", f"-seed={seed or 1}"]
    atheris.Setup(arguments, try_one, custom_mutator=mutate)
    atheris.Fuzz()  # ends the process
    return 0


def _alone(name: str, seconds: int, seed: int) -> int:
    command = [sys.executable, "-m", "tests.fuzz", "--guided", str(seconds), "--seed", str(seed), "--target", name]
    with tempfile.TemporaryDirectory(prefix="fuzz-") as scratch:
        return subprocess.run(command, env={**os.environ, SCRATCH: scratch}, check=False).returncode


def packed(files: dict[str, bytes | None]) -> bytes:
    """Return files as bytes that `unpacked` reads: name and content, each behind its length; none for a folder."""
    parts: list[bytes] = []
    for name, content in files.items():
        coded = name.encode("utf-8", "surrogatepass")
        length = -1 if content is None else len(content)
        parts += [len(coded).to_bytes(2, "big"), coded, length.to_bytes(4, "big", signed=True), content or b""]
    return b"".join(parts)


def unpacked(data: bytes) -> dict[str, bytes | None]:
    """Return the files of `packed`, as far as they are whole."""
    files: dict[str, bytes | None] = {}
    at = 0
    while at + 2 <= len(data):
        end = at + 2 + int.from_bytes(data[at : at + 2], "big")
        name, length = (
            data[at + 2 : end].decode("utf-8", "replace"),
            int.from_bytes(data[end : end + 4], "big", signed=True),
        )
        if end + 4 > len(data) or not name or name.startswith("/") or ".." in name.split("/") or "\0" in name:
            break
        files[name] = None if length < 0 else data[end + 4 : end + 4 + length]
        at = end + 4 + max(length, 0)
    return files
