"""A lock is one process's at a time, ends with that process, and leaves no file behind."""

import errno
import fcntl
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from babelmix.common.locks import locked


def never(holder: str) -> None:
    pytest.fail(f"it waited for {holder}")


@contextmanager
def another(path: Path, *, dies: bool = False) -> Iterator[int]:
    """Another process that holds the lock until the block ends, or that has died with it."""
    (seen, said), (end, told) = os.pipe(), os.pipe()
    if not (process := os.fork()):
        os.close(told)
        with locked(path, on_wait=never):
            os.write(said, b"held")
            if dies:
                os.kill(os.getpid(), signal.SIGKILL)
            os.read(end, 1)
        os._exit(0)
    os.close(end)
    assert os.read(seen, 4) == b"held"
    if dies:
        os.waitpid(process, 0)
    try:
        yield process
    finally:
        os.close(told)
        if not dies:
            os.waitpid(process, 0)
        os.close(seen)
        os.close(said)


def test_alone_it_is_held_at_once_and_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "below/a.lock"
    for _ in range(2):
        with locked(path, on_wait=never) as held:
            assert held and path.is_file()
        assert list(tmp_path.rglob("*.lock")) == []
    with pytest.raises(ValueError, match="mine"), locked(path, on_wait=never):
        raise ValueError("mine")
    assert not path.exists()


def test_who_waits_says_for_whom_and_gets_it_after_him(tmp_path: Path) -> None:
    path, said = tmp_path / "a.lock", list[str]()
    with another(path) as process:
        with path.open("a+") as stream, pytest.raises(BlockingIOError):
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)

        def wait(holder: str) -> None:
            said.append(holder)
            raise InterruptedError

        with pytest.raises(InterruptedError), locked(path, on_wait=wait):
            pass
    assert said == [f"process {process} on {socket.gethostname()}, in {Path.cwd()}"]
    with locked(path, on_wait=never) as held:
        assert held
    assert list(tmp_path.iterdir()) == []


def test_many_at_once_are_never_two(tmp_path: Path) -> None:
    path, inside, log = tmp_path / "locks/a.lock", tmp_path / "inside", tmp_path / "log"
    processes: list[int] = []
    for _ in range(8):
        if not (process := os.fork()):
            code = 1
            try:
                for _ in range(25):
                    with locked(path, on_wait=lambda holder: None):
                        inside.touch(exist_ok=False)
                        with log.open("a") as stream:
                            stream.write(".")
                        inside.unlink()
                code = 0
            finally:
                os._exit(code)
        processes.append(process)
    assert [os.waitpid(process, 0)[1] for process in processes] == [0] * 8
    assert log.read_text() == "." * 200 and list(path.parent.iterdir()) == []


def test_the_lock_of_a_killed_process_is_free_and_the_next_one_clears_it_away(tmp_path: Path) -> None:
    with another(tmp_path / "living.lock"), another(tmp_path / "dead.lock", dies=True):
        assert (tmp_path / "dead.lock").is_file()
        with locked(tmp_path / "mine.lock", on_wait=never) as held:
            assert held
            assert sorted(file.name for file in tmp_path.iterdir()) == ["living.lock", "mine.lock"]
    with another(tmp_path / "dead.lock", dies=True), locked(tmp_path / "dead.lock", on_wait=never) as held:
        assert held
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_told(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(*args: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", flock)
    with locked(tmp_path / "a.lock", on_wait=never) as held:
        assert not held
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"), locked(tmp_path / "file/a.lock", on_wait=never):
        pass


def test_a_holder_that_could_not_sign_is_another_process(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    for text in ("", "{", "[]", '{"process": "?"}'):
        path.write_text(text)
        with path.open("r+") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)

            def wait(holder: str) -> None:
                raise InterruptedError(holder)

            with pytest.raises(InterruptedError, match=r"^another process$"), locked(path, on_wait=wait):
                pass
