"""Write beside, then rename: whole or not at all."""

import errno
from pathlib import Path

import pytest

from babelmix.common.outputs import MANIFEST
from babelmix.errors import UserError
from babelmix.files import new_file, new_folder


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
