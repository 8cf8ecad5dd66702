"""Errors of the system are recognised in exceptions of any library and reported with their path."""

import errno
import json
import os
import resource
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

import numpy as np
import pytest

from babelmix.common.errors import UserError
from babelmix.common.os_errors import errno_of, system_error

ROOT = Path(__file__).parents[2]
FULL = Path("/dev/full")


@contextmanager
def small_files() -> Iterator[None]:
    """Let no file grow above 1,000 bytes, or EFBIG. For the act alone: a log of the tests may be longer."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def caught(act: Callable[[], object], limit: AbstractContextManager[None] | None = None) -> BaseException:
    with pytest.raises(Exception) as told, limit or nullcontext():  # whatever type the library has for it
        act()
    return told.value


def test_errors_of_the_system_name_their_own_path(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "sub").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    for act, what in (
        (lambda: (tmp_path / "none").open(), "none: no such file or folder"),
        (lambda: (tmp_path / "file" / "x").open("w"), "file/x: a file, but must be a folder"),
        (lambda: tmp_path.open("w"), f"{tmp_path}: a folder, but must be a file"),
        (lambda: (tmp_path / ("n" * 300)).open("w"), "the name is too long"),
        (lambda: (tmp_path / "loop").open(), "loop: a link that leads back to itself"),
        (lambda: os.open(os.fsencode(tmp_path / "none"), os.O_RDONLY), "none: no such file"),
        (lambda: (tmp_path / "file").rename(tmp_path / "sub"), "sub: a folder, but must be"),
        (lambda: subprocess.run(["no-such-program"], check=False), "no-such-program: this program is not installed"),
    ):
        assert what in str(system_error(caught(act), "evaluate"))


@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full here")
def test_a_full_disk_is_known_in_what_libraries_make_of_it(tmp_path: Path) -> None:
    from tokenizers import Tokenizer, models

    link = tmp_path / "full"
    link.symlink_to(FULL)
    rows = np.zeros(100_000)
    vocabulary = {str(number): number for number in range(10_000)}

    def with_open(write: Callable[..., object]) -> None:
        with FULL.open("wb") as stream:
            write(stream)

    for act in (
        lambda: link.write_text("a" * 100_000),
        lambda: with_open(lambda stream: np.save(stream, rows)),
        lambda: with_open(lambda stream: np.savez(stream, rows=rows)),
        lambda: with_open(rows.tofile),
        lambda: shutil.copyfile(__file__, link),
        lambda: Tokenizer(models.WordLevel(vocabulary, unk_token="0")).save(str(link)),
    ):
        error = caught(act)
        assert errno_of(error) == errno.ENOSPC, repr(error)
        told = system_error(error, "out.bin")
        assert told is not None and "no space left on the disk" in str(told)


def test_a_limit_of_size_is_known_in_what_libraries_make_of_it(tmp_path: Path) -> None:
    import torch
    from safetensors.numpy import save_file

    rows = np.zeros(100_000)
    for act in (
        lambda: (tmp_path / "text").write_text("a" * 100_000),
        lambda: np.save(tmp_path / "rows.npy", rows),
        lambda: save_file({"rows": rows}, tmp_path / "rows.safetensors"),
        lambda: torch.save({"rows": torch.zeros(100_000)}, tmp_path / "rows.pt"),
    ):
        told = system_error(caught(act, small_files()), "out.bin")
        assert told is not None and ("larger than" in str(told) or "no space" in str(told))


def test_a_database_that_cannot_be_written_is_known(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "a.db") as connection:
        full = caught(lambda: connection.execute("CREATE TABLE t AS SELECT randomblob(100000)"), small_files())
    assert errno_of(full) in (errno.ENOSPC, None) and errno_of(sqlite3.OperationalError("disk is fine")) is None
    connection.close()
    readonly = sqlite3.OperationalError("attempt to write a readonly database")
    assert "mlflow.db: permission denied" in str(system_error(readonly, "mlflow.db"))
    assert "no space left" in str(system_error(sqlite3.OperationalError("database or disk is full"), "mlflow.db"))


def test_an_error_raised_from_that_of_the_system_counts_as_that_one() -> None:
    error = RuntimeError("cannot save")
    error.__cause__ = OSError(errno.ENOSPC, "full", "weights.bin")
    assert "weights.bin: no space" in str(system_error(error, "train"))
    error.__cause__, error.__context__ = None, OSError(errno.ENOSPC, "full", "weights.bin")
    assert system_error(error, "train") is None, "what goes wrong in a handler is a fault of its own"


@pytest.mark.parametrize(
    "error",
    [
        KeyError("No space left on device"),
        ValueError("page 28"),
        AssertionError("[Errno 28]"),
        TypeError("Too many open files"),
        OSError("Can't load the tokenizer"),
        OSError(errno.EINVAL, "Invalid argument"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
    ],
    ids=repr,
)
def test_what_is_not_the_systems_word_is_left_alone(error: BaseException) -> None:
    assert system_error(error, "evaluate") is None


def test_the_network_and_the_folder_for_temporary_files_are_the_systems_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "host's name" in str(system_error(socket.gaierror(-2, "Name or service not known"), "fetch"))
    assert "refused" in str(system_error(ConnectionRefusedError(errno.ECONNREFUSED, "refused"), "fetch"))
    (tmp_path / "file").touch()
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setattr("tempfile._candidate_tempdir_list", lambda: [str(tmp_path / "file")])
    told = system_error(caught(tempfile.gettempdir), "evaluate")
    assert str(told) == ("TMPDIR: no folder for temporary files is writable; set TMPDIR to a writable folder")


def test_memory_is_told_with_how_much() -> None:
    assert "out of memory (Unable to allocate" in str(system_error(caught(lambda: np.zeros(1 << 50)), "evaluate"))
    assert "evaluate: out of memory; " in str(system_error(MemoryError(), "evaluate"))
    library = ImportError("libtorch_cpu.so: failed to map segment from shared object", name="_C")
    assert "out of memory (libtorch_cpu.so: failed to map" in str(system_error(library, "evaluate"))
    assert isinstance(system_error(RuntimeError("CUDA out of memory. Tried"), "embed"), UserError)


# --------------------------------------------------------------------------------------------- commands on bad machines


@pytest.fixture
def judged(tmp_path: Path) -> Path:
    folder = tmp_path / "judged"
    (folder / "qrels").mkdir(parents=True)
    for name in ("corpus", "queries"):
        rows = [{"_id": f"{name}{number}", "text": f"{name} word{number}"} for number in range(4)]
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    lines = [f"queries{number}\tcorpus{number}\t1" for number in range(4)]
    (folder / "qrels" / "test.tsv").write_text("\n".join(["query-id\tcorpus-id\tscore", *lines]) + "\n")
    return folder


def evaluate(judged: Path, output: str, *limit: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [*limit, sys.executable, "-m", "babelmix", "evaluate", "--model", "bm25"]
    command += ["--benchmark", str(judged), "--output", output]
    settings = os.environ | {"PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"} | environment
    return subprocess.run(
        command, cwd=judged.parent, env=settings, capture_output=True, text=True, check=False, timeout=120
    )


def test_a_home_and_caches_that_cannot_be_written_are_not_needed(judged: Path) -> None:
    nowhere = {name: "/dev/null/x" for name in ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "HF_HOME", "TORCH_HOME")}
    told = evaluate(judged, "scores.json", **nowhere, TMPDIR="/dev/null/x")
    assert (told.returncode, told.stderr) == (0, "")
    assert evaluate(judged, "scores2.json", HOME="", TMPDIR="").returncode == 0
    assert evaluate(judged, "scores3.json", "env", "-u", "HOME").returncode == 0


def test_a_result_that_may_not_grow_leaves_nothing_behind(judged: Path) -> None:
    before = sorted(judged.parent.rglob("*"))
    told = evaluate(judged, "scores.json", "prlimit", "--fsize=1000") if shutil.which("prlimit") else None
    if told is None:
        pytest.skip("no prlimit here")
    assert told.returncode == 2 and told.stderr.count("\n") == 1 and "scores.json: " in told.stderr
    assert [path for path in sorted(judged.parent.rglob("*")) if path not in before] in (
        [],
        [judged.parent / "scratch"],
    )


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 64 KB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "babelmix-test", str(folder)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this user may not mount a small disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_and_a_read_only_disk_are_told_and_keep_what_they_have(judged: Path, disk: Path) -> None:
    output = disk / "out" / "scores.json"
    assert evaluate(judged, str(output)).returncode == 0
    old = output.read_bytes()
    with pytest.raises(OSError, match="No space"):
        (disk / "fill").write_bytes(b"x" * 65536)
    for _ in range(2):
        told = evaluate(judged, str(output))
        assert told.returncode == 2 and told.stderr.count("\n") == 1, told.stderr
        assert output.read_bytes() == old and [path.name for path in output.parent.iterdir()] == [output.name]
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    assert "cannot be written" in told.stderr or "read-only" in told.stderr
