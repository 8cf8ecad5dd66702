"""The kernels' library: compiled once, whole, and done without where it cannot be."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from babelmix.encoder import kernels
from babelmix.encoder.kernels import load_kernels


@pytest.fixture
def apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the source, with a folder for libraries of its own; nothing is loaded yet."""
    sources = tmp_path / "cpp"
    shutil.copytree(kernels.SOURCES, sources)
    monkeypatch.setattr(kernels, "SOURCES", sources)
    load_kernels.cache_clear()
    yield tmp_path
    load_kernels.cache_clear()


def libraries(folder: Path) -> list[Path]:
    return sorted((folder / "__pycache__").glob("*"))


def test_the_library_is_compiled_once_and_leaves_nothing_else(apart: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_kernels() is not None
    (file,) = libraries(apart)
    before = file.stat().st_mtime_ns
    load_kernels.cache_clear()
    monkeypatch.setattr(kernels, "_compile", None)
    assert load_kernels() is not None and file.stat().st_mtime_ns == before


@pytest.mark.parametrize("damage", [b"", b"\x7fELF", None])
def test_a_torn_library_is_compiled_again(apart: Path, damage: bytes | None) -> None:
    assert load_kernels() is not None
    (file,) = libraries(apart)
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2] if damage is None else damage)
    load_kernels.cache_clear()
    assert load_kernels() is not None
    assert libraries(apart) == [file] and len(file.read_bytes()) == len(whole)


def test_another_source_has_another_library(apart: Path) -> None:
    assert load_kernels() is not None
    changed = kernels.SOURCES / "rows.hpp"
    changed.write_bytes(changed.read_bytes() + b"// more\n")
    load_kernels.cache_clear()
    assert load_kernels() is not None and len(libraries(apart)) == 2


@pytest.mark.parametrize("how", ["none", "broken", "error"])
def test_without_a_working_compiler_there_are_no_kernels(
    apart: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if how == "none":
        monkeypatch.setattr(shutil, "which", lambda name: None)
    if how == "broken":
        monkeypatch.setenv("CXX", "false")
    if how == "error":
        (kernels.SOURCES / "rows.hpp").write_text("not C++")
    assert load_kernels() is None
    assert [file for file in libraries(apart) if file.suffix == ".so"] == []


def test_a_folder_that_cannot_be_written_is_done_without(apart: Path) -> None:
    (apart / "__pycache__").write_text("a file in the way")
    assert load_kernels() is None


@pytest.mark.slow
def test_processes_that_compile_at_once_all_get_a_whole_library(apart: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from babelmix.encoder import kernels\n"
        "kernels.SOURCES = Path(sys.argv[1]); sys.exit(kernels.load_kernels() is None)"
    )
    running = [subprocess.Popen([sys.executable, "-c", code, str(kernels.SOURCES)]) for _ in range(3)]
    assert [process.wait() for process in running] == [0, 0, 0]
    assert len(libraries(apart)) == 1
