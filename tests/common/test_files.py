"""Outputs are complete or absent, and errors of the disk are UserErrors."""

import errno
import os
import signal
import tempfile
from pathlib import Path

import pytest

from babelmix.common.errors import UserError
from babelmix.common.files import new_file, new_folder, temporary_folder
from babelmix.common.outputs import MANIFEST


def test_a_file_appears_whole_and_a_failed_one_leaves_the_old(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "a.txt"
    with new_file(target) as stream:
        stream.write("one\n")
        assert not target.exists()
    with pytest.raises(ValueError, match="bad"), new_file(target) as stream:
        stream.write("two")
        raise ValueError("bad")
    assert target.read_bytes() == b"one\n"
    assert [file.name for file in target.parent.iterdir()] == ["a.txt"]


def test_a_folder_is_replaced_as_a_whole(tmp_path: Path) -> None:
    target = tmp_path / "model"
    with new_folder(target) as folder:
        (folder / "old").write_text("x")
    with new_folder(target) as folder:
        (folder / "new").write_text("x")
    with pytest.raises(ValueError, match="bad"), new_folder(target) as folder:
        raise ValueError("bad")
    assert sorted(file.name for file in target.iterdir()) == [MANIFEST, "new"]
    assert [file.name for file in tmp_path.iterdir()] == ["model"]


@pytest.mark.parametrize(("number", "told"), [(errno.ENOSPC, "no space left"), (errno.EROFS, "cannot be written")])
def test_a_full_or_read_only_disk_is_told(number: int, told: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=told), new_folder(tmp_path / "model"):
        raise OSError(number, "the disk")
    assert list(tmp_path.iterdir()) == []


def test_a_temporary_folder_goes_with_its_block_and_that_of_a_killed_process_with_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    if not (killed := os.fork()):
        with temporary_folder() as folder:
            (folder / "left").write_text("x")
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(killed, 0)
    (left,) = tmp_path.iterdir()
    with temporary_folder() as folder, temporary_folder() as another:
        assert not left.exists() and sorted(tmp_path.iterdir()) == sorted([folder, another])
        assert list(folder.iterdir()) == []
    with pytest.raises(ValueError, match="bad"), temporary_folder() as folder:
        (folder / "a").write_text("x")
        raise ValueError("bad")
    assert list(tmp_path.iterdir()) == []
