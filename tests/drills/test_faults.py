"""The drill itself: a fault comes where it was asked for, and a writer that is careless is found out."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from faults import Points
from small_project import make_project
from small_training import environ

DRILL = Path(__file__).with_name("drill.py")


def harmed(root: Path, work: Callable[[Path], None], fault: str | None = None, at: int = 0) -> tuple[int, list[str]]:
    """Do work in a fork with one fault; return how it ended, 7 for an OSError, and the points that it passed."""
    reading, writing = os.pipe()
    if not (child := os.fork()):
        code = 1
        try:
            points = Points(root, fault=fault, at=at)
            points.install()
            try:
                work(root)
                code = 0
            except (OSError, sqlite3.OperationalError):
                code = 7
            os.write(writing, "\n".join(points.passed).encode())
            points.reach("the end")
        finally:
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading) as stream:
        passed = stream.read().splitlines()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), passed


def write_two(root: Path) -> None:
    """A new file, one that is replaced, a folder, and reading, which is no point."""
    (root / "new").write_text("x" * 100)
    (root / "scratch").write_text("y" * 100)
    (root / "scratch").replace(root / "old")
    (root / "folder").mkdir()
    (root / "old").read_text()


POINTS = ["open new", "open scratch", "os.rename scratch", "os.mkdir folder"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    folder.mkdir()
    (folder / "old").write_text("old")
    return folder


def found(root: Path) -> dict[str, str]:
    return {file.name: "" if file.is_dir() else file.read_text() for file in root.iterdir()}


def test_writing_is_counted_and_reading_is_not(root: Path) -> None:
    assert harmed(root, write_two) == (0, POINTS)


def test_a_kill_leaves_what_was_done_before(root: Path) -> None:
    assert harmed(root, write_two, "killed", 1) == (-signal.SIGKILL, [])
    assert found(root) == {"old": "old"}
    assert harmed(root, write_two, "killed", 3)[0] == -signal.SIGKILL
    assert found(root) == {"old": "old", "new": "x" * 100, "scratch": "y" * 100}


def test_a_torn_write_is_cut_in_half_and_a_renamed_file_is_not(root: Path) -> None:
    assert harmed(root, write_two, "torn", 1)[0] == -signal.SIGKILL
    assert found(root) == {"old": "old"}
    assert harmed(root, write_two, "torn", 2)[0] == -signal.SIGKILL
    assert found(root) == {"old": "old", "new": "x" * 50}
    assert harmed(root, write_two, "torn", 4)[0] == -signal.SIGKILL
    assert found(root) == {"old": "y" * 100, "new": "x" * 100}
    shutil.rmtree(root / "folder", ignore_errors=True)
    assert harmed(root, lambda root: (root / "last").write_text("z" * 10) and None, "torn", 2)[0] == -signal.SIGKILL
    assert found(root)["last"] == "z" * 5


def test_a_refused_event_fails_once_and_a_full_disk_stays_full(root: Path) -> None:
    assert harmed(root, write_two, "refused", 3) == (7, POINTS[:3])
    assert found(root) == {"old": "old", "new": "x" * 100, "scratch": "y" * 100}
    assert harmed(root, write_two, "full", 2) == (7, POINTS[:2])
    assert found(root) == {"old": "old", "new": "x" * 100, "scratch": ""}


def store(root: Path) -> None:
    with closing(sqlite3.connect(root / "a.sqlite")) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS texts (text TEXT)")
        with connection:
            connection.execute("INSERT INTO texts VALUES ('a')")
        connection.execute("SELECT count(*) FROM texts")


def stored(root: Path) -> list[str]:
    with closing(sqlite3.connect(root / "a.sqlite")) as connection:
        return [text for (text,) in connection.execute("SELECT text FROM texts")]


def test_a_commit_of_sqlite_is_a_point(root: Path) -> None:
    points = ["sqlite3.connect a.sqlite", "sqlite CREATE", "sqlite INSERT", "sqlite COMMIT"]
    assert harmed(root, store) == (0, points)
    assert stored(root) == ["a"]
    for fault, code in (("killed", -signal.SIGKILL), ("refused", 7)):
        assert harmed(root, store, fault, 4)[0] == code
        assert stored(root) == ["a"], fault


@pytest.mark.slow
def test_a_stage_that_writes_in_place_is_found_out(tmp_path: Path) -> None:
    make_project(tmp_path / "project", questions=4, benchmarks=("gnome-help",), languages=("de", "en"))
    command = [sys.executable, str(DRILL), "careless", str(tmp_path / "project"), "--every"]
    done = subprocess.run(command, env=environ(), capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "scores/bm25.json is neither the old nor the new" in done.stdout
    assert all(f"old, {fault} at" in done.stdout for fault in ("torn", "full")), done.stdout
