"""A slice of `make fuzz` in every run of the tests: two thousand inputs, those that once were faults, and the watch.

No limit here depends on how fast the machine is: a call may take ten seconds of processor time, where the slowest takes
a few hundredths.
"""

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from babelmix.common.errors import UserError

from .damage import CHANGES, damaged
from .harness import Bench, Files, Target, Verdict
from .runs import keep_input, kept_input
from .targets import TARGETS, shares
from .trees import spoilt_json, spoilt_lines

SEED, INPUTS = 11, 2000
REGRESSIONS = sorted(Path(__file__).with_name("regressions").iterdir())
BY_NAME = {target.name: target for target in TARGETS}
# Readers of one file of JSON: what it holds is drawn by hypothesis, which also makes it small where it is a fault.
JSON_FILES = {
    "pairs": "en.jsonl",
    "own": "passages.jsonl",
    "beir": "corpus.jsonl",
    "squad": "set.en.json",
    "built": "about.json",
    "results": "metrics/pairs/libreoffice-help.json",
}


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with Bench(tmp_path_factory.mktemp("fuzz") / "bench", limit=10) as bench:
        yield bench


def sound(verdict: Verdict) -> None:
    assert verdict.kind != "fault", f"{verdict.why}\n{verdict.trace}"


@pytest.mark.slow
@pytest.mark.parametrize("name", BY_NAME)
def test_every_input_gives_a_result_or_one_line(name: str, bench: Bench) -> None:
    target = BY_NAME[name]
    bench.warm(target)
    kinds = set[str]()
    for number in range(shares(INPUTS)[name]):
        verdict = bench.try_input(target, target.files(SEED, number))
        assert verdict.kind != "fault", (
            f"python -m tests.fuzz --target {name} --seed {SEED} --input {number}\n{verdict.why}\n{verdict.trace}"
        )
        kinds.add(verdict.kind)
    assert "refused" in kinds


@pytest.mark.parametrize("folder", REGRESSIONS, ids=[folder.name for folder in REGRESSIONS])
def test_what_once_was_a_fault_is_none(folder: Path, bench: Bench) -> None:
    target, files = kept_input(folder)
    bench.warm(target)
    sound(bench.try_input(target, files))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize("name", JSON_FILES)
@given(value=VALUES, again=st.integers(0, 3))
@examples(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_json_gives_a_result_or_one_line(name: str, bench: Bench, value: object, again: int) -> None:
    target, rng = BY_NAME[name], Random(again)
    files = dict(target.files(0, 0)) | dict.fromkeys(["absent"], None)
    files[JSON_FILES[name]] = spoilt_lines(rng, [value] * again) if again else spoilt_json(rng, value)
    del files["absent"]
    sound(bench.try_input(target, files))


@given(data=st.binary(max_size=200), seed=st.integers(0, 2**32))
def test_damage_is_made_again_by_its_seed(data: bytes, seed: int) -> None:
    assert damaged(Random(seed), data) == damaged(Random(seed), data)
    for change in CHANGES:
        assert isinstance(change(Random(seed), data), bytes)


@pytest.mark.parametrize("name", BY_NAME)
def test_inputs_are_made_again_by_their_seed(name: str) -> None:
    target = BY_NAME[name]
    assert [target.files(5, number) for number in range(20)] == [target.files(5, number) for number in range(20)]
    assert target.files(5, 0) != target.files(6, 0) or target.files(5, 1) != target.files(6, 1)


def refuse(what: str) -> object:
    raise UserError(what, where="file", how="mend it")


def write(path: Path) -> object:
    return path.write_text("x")


def leave(output: Path) -> object:
    output.mkdir()
    return refuse("no")


def wait_for_ever() -> object:
    while True:
        pass


# What the watch is for: (what is called with input and output, what is said of it).
FAULTS = {
    "a traceback": (lambda folder, output: {}["key"], "KeyError"),
    "the end of the process": (lambda folder, output: sys.exit(1), "SystemExit"),
    "a long message": (lambda folder, output: refuse("x" * 20_000), ""),
    "a hang": (lambda folder, output: wait_for_ever(), "Hang"),
    "an input that is changed": (lambda folder, output: write(folder / "a"), "open outside the outputs"),
    "a folder beside": (lambda folder, output: (folder.parent / "b").mkdir(), "os.mkdir outside the outputs"),
    "a folder above": (lambda folder, output: (output / "../../b").mkdir(), "os.mkdir outside the outputs"),
    "a link that leads out": (
        lambda folder, output: (output.symlink_to(folder), write(output / "a")),
        "open outside the outputs",
    ),
    "something deleted": (lambda folder, output: (folder / "a").unlink(), "os.remove outside the outputs"),
    "something renamed": (lambda folder, output: (folder / "a").rename(output), "os.rename outside the outputs"),
    "what is left": (lambda folder, output: leave(output), "left behind after a refusal"),
    "a program": (lambda folder, output: subprocess.run(["true"], check=True), "runs"),
    "the network": (lambda folder, output: socket.getaddrinfo("example.org", 80), "socket.getaddrinfo"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_the_watch_sees(name: str, tmp_path: Path) -> None:
    call, told = FAULTS[name]
    with Bench(tmp_path / "bench", limit=0.2) as bench:
        verdict = bench.try_input(Target("x", 1, lambda rng: {"a": b""}, call), {"a": b""})
        assert (verdict.kind, told in verdict.why) == (("fault", True) if told else ("refused", True))
        assert (
            bench.try_input(Target("y", 1, lambda rng: {}, lambda folder, output: write(output)), {}).kind == "accepted"
        )


def test_an_input_is_kept_as_it_was(tmp_path: Path) -> None:
    files: Files = {"../odd\n": b"\xff", "b/c": b"", "folder": None}
    keep_input(tmp_path / "kept", BY_NAME["beir"], files, "why")
    target, found = kept_input(tmp_path / "kept")
    assert target.name == "beir" and found == files
