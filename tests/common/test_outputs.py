"""babelmix deletes and overwrites only what it wrote itself."""

import errno
import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from babelmix.common import files
from babelmix.common.errors import UserError
from babelmix.common.files import new_file, new_folder
from babelmix.common.outputs import MANIFEST, claim_file, claim_folder, written_files


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small user machine: home, project and folder of temporary files, each with a file that must survive."""
    for name in ("home", "home/project", "home/project/inside", "scratch"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "precious.txt").write_text("must still be here afterwards")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "scratch"))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.chdir(tmp_path / "home" / "project")
    return tmp_path


def written(folder: Path, **texts: str) -> Path:
    with new_folder(folder) as beside:
        for name, text in texts.items():
            (beside / name).write_text(text)
    return folder


@pytest.mark.parametrize(
    ("output", "told"),
    [
        (".", "the output is the folder that the command runs in"),
        ("", "the output is the folder that the command runs in"),
        ("..", "holds the folder that the command runs in"),
        ("inside/..", "the output is the folder that the command runs in"),
        ("inside", "holds 'precious.txt', which babelmix did not write there"),
        ("/", "holds the folder that the command runs in"),
        ("~", "holds the folder that the command runs in"),
        ("../../scratch", "the output is the folder of temporary files"),
        ("precious.txt", "the output is a file, but must be a folder"),
        ("precious.txt/below", "is below .*, which is a file"),
        ("link-to-inside", "holds 'precious.txt'"),
        ("circle", "not a valid path for the output"),
        ("n" * 300, "not a valid path for the output|name is too long"),
        ("nul\0", "not a valid path for the output"),
    ],
)
def test_a_place_that_is_somebodys_own_is_refused_before_any_work(output: str, told: str, places: Path) -> None:
    Path("link-to-inside").symlink_to("inside")
    Path("circle").symlink_to("circle")
    path = places / "home" if output == "~" else Path(output)
    before = sorted(places.rglob("*"))
    with pytest.raises(UserError, match=told), new_folder(path):
        pytest.fail("work began")
    assert sorted(places.rglob("*")) == before
    assert (places / "home/project/inside/precious.txt").read_text() == "must still be here afterwards"


def test_the_project_is_refused_where_a_run_works_in_a_copy(places: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (places / "real").mkdir()
    monkeypatch.setenv("DVC_ROOT", str(places / "real"))
    with pytest.raises(UserError, match="the output is the project"):
        claim_folder(places / "real")


@pytest.mark.parametrize("source", ["beir", "beir/corpus.jsonl", "link"])
def test_an_input_is_never_replaced(source: str) -> None:
    written(Path("beir"), **{"corpus.jsonl": "{}"})
    Path("link").symlink_to("beir")
    for output in ("beir", "link"):
        with pytest.raises(UserError, match="which this command reads"):
            claim_folder(Path(output), inputs=[Path(source)])
    with pytest.raises(UserError, match="which this command reads"):
        claim_file(Path("beir/corpus.jsonl"), inputs=[Path("beir/corpus.jsonl")])


def test_a_result_is_replaced_and_a_link_to_it_stays_a_link() -> None:
    written(Path("vectors"), old="1")
    Path("link").symlink_to("vectors")
    written(Path("link"), new="2")
    assert Path("link").is_symlink()
    assert sorted(file.name for file in Path("vectors").iterdir()) == [MANIFEST, "new"]
    assert written_files(Path("vectors")) == {"new"}


@pytest.mark.parametrize("change", ["add", "edit", "folder", "link", "no manifest", "other manifest"])
def test_a_result_that_somebody_put_something_into_is_refused(change: str) -> None:
    folder = written(Path("vectors"), old="1")
    match change:
        case "add":
            (folder / "notes.txt").write_text("mine")
        case "edit":
            (folder / "old").write_text("2")
        case "folder":
            (folder / "mine").mkdir()
        case "link":
            (folder / "mine").symlink_to("../inside")
        case "no manifest":
            (folder / MANIFEST).unlink()
        case _:
            (folder / MANIFEST).write_text("[]")
    kept = sorted(folder.rglob("*"))
    with pytest.raises(UserError, match="which babelmix did not write there"):
        written(folder, new="2")
    assert sorted(folder.rglob("*")) == kept


def test_what_is_put_there_while_the_work_runs_is_kept() -> None:
    folder = written(Path("vectors"), old="1")
    with pytest.raises(UserError, match=r"holds 'notes.txt'"), new_folder(folder) as beside:
        (beside / "new").write_text("2")
        (folder / "notes.txt").write_text("mine")
    assert (folder / "notes.txt").read_text() == "mine"
    assert sorted(Path().glob(".*")) == []


def test_an_empty_folder_and_a_new_place_are_taken() -> None:
    Path("empty").mkdir()
    written(Path("empty"), one="1")
    written(Path("deep/er/still"), one="1")
    assert Path("empty/one").is_file()
    assert Path("deep/er/still/one").is_file()


def test_a_file_of_somebodys_own_is_refused_and_ours_is_replaced() -> None:
    Path("scores.json").write_text(json.dumps({"benchmark": "x", "settings": {}, "model": "m"}))
    Path("list.json").write_text("[1]")
    np.savez("arrays.npz", setting=np.zeros(1))
    claim_file(Path("scores.json"), written=("benchmark", "settings"))
    claim_file(Path("arrays.npz"), written=("setting",))
    claim_file(Path("new/scores.json"), written=("benchmark",))
    for name in ("precious.txt", "list.json", "arrays.npz"):
        with pytest.raises(UserError, match="babelmix did not write it"):
            claim_file(Path(name), written=("benchmark", "settings"))
    for name, told in (("inside", "a folder, but must be a file"), ("/dev/null", "not an ordinary file")):
        with pytest.raises(UserError, match=told):
            claim_file(Path(name), written=("benchmark",))


@pytest.mark.parametrize("kind", [new_file, new_folder])
def test_a_place_that_cannot_be_written_is_refused_at_once(
    kind: Callable[[Path], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(UserError, match="the output cannot be written"), kind(Path("result")):  # type: ignore[attr-defined]
        pytest.fail("work began")


KILLED = """
import os, sys
from pathlib import Path
from babelmix.common import files
at = sys.argv[1]
if at == "no exchange":
    files._exchange = lambda one, other: False
    rename, count = Path.rename, [0]
    def die(self, other):
        rename(self, other)
        os._exit(9)
    Path.rename = die
elif at == "exchange":
    sys.addaudithook(lambda event, args: os._exit(9) if event == "babelmix.exchange" else None)
with files.new_folder(Path("vectors")) as beside:
    (beside / "new").write_text("2")
    if at == "inside":
        os._exit(9)
"""


@pytest.mark.parametrize("at", ["inside", "exchange", "no exchange"])
def test_a_killed_run_leaves_the_old_one_and_its_scratch_is_cleared_by_the_next(at: str) -> None:
    folder = written(Path("vectors"), old="1")
    assert subprocess.run([sys.executable, "-c", KILLED, at], check=False).returncode == 9
    assert list(Path().glob(".vectors.babelmix-*.tmp"))
    if at == "no exchange":  # a system that cannot exchange two folders: the next writer puts the old one back first
        with pytest.raises(ValueError, match="stop"), new_folder(folder):
            raise ValueError("stop")
    assert sorted(file.name for file in folder.iterdir()) == [MANIFEST, "old"]
    written(folder, newer="3")
    assert sorted(file.name for file in folder.iterdir()) == [MANIFEST, "newer"]
    assert not list(Path().glob(".vectors.babelmix-*"))


def test_the_scratch_of_a_living_process_is_left_alone() -> None:
    with new_folder(Path("vectors")) as first:
        (first / "one").write_text("1")
        written(Path("vectors"), two="2")
        assert (first / "one").is_file()
    assert written_files(Path("vectors")) == {"one"}
    with new_file(Path("scores")) as stream:
        stream.write("1")
        with new_file(Path("scores")) as other:
            other.write("2")
    assert Path("scores").read_text() == "1"


def test_a_file_system_without_locks_loses_nobodys_scratch(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: object) -> None:
        raise OSError(errno.ENOLCK, "no locks")

    monkeypatch.setattr(fcntl, "flock", none)
    Path(".vectors.babelmix-abc.tmp").mkdir()
    written(Path("vectors"), one="1")
    assert Path(".vectors.babelmix-abc.tmp").is_dir()


def test_what_a_server_keeps_for_an_open_file_is_nobodys() -> None:
    folder = written(Path("vectors"), old="1")
    (folder / ".nfs0001").write_text("1")
    written(folder, new="2")
    assert written_files(folder) == {"new"}


def test_folders_are_exchanged_in_one_step_where_the_system_can(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    other.mkdir()
    (one / "a").touch()
    if not files._exchange(one, other):
        pytest.skip("the file system cannot exchange two folders")
    assert (other / "a").is_file()
    with pytest.raises(FileNotFoundError):
        files._exchange(one, tmp_path / "none")
