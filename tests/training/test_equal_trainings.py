"""Equal trainings at once: one waits for the other, both succeed with the same bytes, and no checkpoint is left."""

import errno
import fcntl
import os
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest
from small_training import environ, hashes, one_thread, write_project

from babelmix import cli
from babelmix.common.errors import UserError
from babelmix.common.files import new_binary_file
from babelmix.common.locks import locked
from babelmix.corpus.records import Pair
from babelmix.training.checkpoint import Checkpoint, CheckpointStore

GUARD = 500  # seconds, for what hangs


@pytest.fixture
def project(tiny_encoder: Path, parallel_pairs: list[Pair], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small project, tokenised; it is the working directory of the test."""
    folder = write_project(tmp_path / "project", tiny_encoder, parallel_pairs, steps=6, eval_steps=2)
    monkeypatch.chdir(folder)
    with one_thread():
        cli.run(["tokenise"])
    return folder


def begin(python: Path) -> subprocess.Popen[str]:
    command = [python, "-m", "babelmix", "train", "--objective", "hybrid"]
    return subprocess.Popen(command, env=environ(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def results(folder: Path) -> dict[str, str]:
    return hashes(folder / "models/hybrid") | hashes(folder / "metrics/history")


def trained_alone(folder: Path) -> tuple[dict[str, str], Path]:
    """The results of one training, its model moved away, and the lock that it held."""
    found: list[Path] = []
    exclusive = CheckpointStore.exclusive

    def spied(checkpoints: CheckpointStore, say: Any) -> Any:
        found.append(checkpoints.file.with_suffix(".lock"))
        return exclusive(checkpoints, say)

    with pytest.MonkeyPatch.context() as patch, one_thread():
        patch.setattr(CheckpointStore, "exclusive", spied)
        cli.run(["train", "--objective", "hybrid"])
    whole = results(folder)
    assert len(whole) > 5 and not list((folder / ".babelmix/training").iterdir())
    (folder / "models/hybrid").rename(folder / "before")
    return whole, found[0]


@pytest.mark.slow
def test_of_two_equal_trainings_one_waits_and_both_end_with_the_same_bytes(project: Path, python: Path) -> None:
    whole, lock = trained_alone(project)
    with locked(lock, on_wait=pytest.fail):  # an equal training, as the two see it: neither can be done before the end
        two = [begin(python), begin(python)]
        for process in two:
            assert process.stderr
            line = process.stderr.readline()
            who = f"process {os.getpid()} on {socket.gethostname()}, in {project}"
            assert line == f"babelmix: waits for an equal training: {who} (its lock is {lock})\n"
    for process in two:
        output, error = process.communicate(timeout=GUARD)
        assert process.returncode == 0 and "babelmix: wrote models/hybrid" in output, error
        assert "training on cpu" in error and "resuming" not in error
    assert results(project) == whole
    assert not list((project / ".babelmix/training").iterdir())


def test_without_locks_each_does_the_work_and_deletes_nothing_of_the_other(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, _ = trained_alone(project)
    flock = fcntl.flock

    def none_here(stream: Any, how: int) -> None:
        if getattr(stream, "name", "").endswith(".lock"):
            raise OSError(errno.ENOLCK, "No locks available")
        flock(stream, how)

    monkeypatch.setattr(fcntl, "flock", none_here)
    with one_thread():
        cli.run(["train", "--objective", "hybrid"])
    folder = project / ".babelmix/training"
    assert results(project) == whole and not list(folder.iterdir())
    assert "training has no locks: equal trainings at once each do all the work\n" in capsys.readouterr().err
    one, other = CheckpointStore(folder, {"seed": 1}), CheckpointStore(folder, {"seed": 1})
    one.write(Checkpoint(1, [], None, {}))
    other.write(Checkpoint(2, [], None, {}))
    one.delete()
    assert other.step() == 2, "a training that ends deletes the other's checkpoint"
    other.delete()
    assert other.step() is None


def test_without_a_writable_folder_it_trains_without_checkpoints_and_says_so(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, _ = trained_alone(project)
    (project / ".babelmix/training").rmdir()
    (project / ".babelmix/training").write_text("a file in place of the folder")
    with one_thread():
        cli.run(["train", "--objective", "hybrid"])
    assert results(project) == whole
    assert (
        "babelmix: writes no checkpoints, so a stopped training starts again from the beginning: "
        in capsys.readouterr().err
    )
    assert (project / ".babelmix/training").read_text() == "a file in place of the folder"


def test_a_full_disk_is_an_error_before_any_work(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: Any, **kwargs: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "mkdir", full)
    with one_thread(), pytest.raises(UserError, match="no space left on the disk"):
        cli.run(["train", "--objective", "hybrid"])


def test_what_changed_while_it_waited_is_not_trained_on(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    exclusive = CheckpointStore.exclusive

    def spied(checkpoints: CheckpointStore, say: Any) -> Any:
        file = project / "models/start/README.md"
        with new_binary_file(file) as stream:
            stream.write(b"another encoder")
        return exclusive(checkpoints, say)

    monkeypatch.setattr(CheckpointStore, "exclusive", spied)
    with (
        one_thread(),
        pytest.raises(UserError, match="the training's inputs changed while it waited; run the same command again"),
    ):
        cli.run(["train", "--objective", "hybrid"])
    assert not (project / "models/hybrid").exists() and not list((project / ".babelmix/training").iterdir())
