"""docs/tutorial.md, executed: every block of shell in its order, and what it prints is what the page shows."""

import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from small_training import ROOT

PAGE = ROOT / "docs/tutorial.md"
BLOCK = re.compile(r"^```(sh|text)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def blocks() -> list[tuple[str, str]]:
    """Each block of shell with the output that the page shows after it, if it shows any."""
    found: list[tuple[str, str]] = []
    for kind, text in BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        if kind == "sh":
            found.append((text, ""))
        else:
            found[-1] = (found[-1][0], text)
    return found


def without_figures(text: str) -> list[str]:
    """Lines without scores, whose last digits depend on the processor, and without the width of columns."""
    return [" ".join(re.sub(r"[+-]?\d+\.\d+", "#", line).split()) for line in text.splitlines() if line.strip()]


def environment() -> dict[str, str]:
    """As in a user's shell, with this Python's programs first; nothing from a mirror, columns of a terminal."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("BABELMIX_", "DVC_"))}
    programs = os.pathsep.join((str(Path(sys.executable).parent), own.get("PATH", "")))
    return own | {"PATH": programs, "PYTHONPATH": str(ROOT / "src"), "COLUMNS": "100", "LC_ALL": "C.UTF-8"}


def run(block: str, folder: Path) -> tuple[str, Path]:
    """Run a block as bash; return what it printed, and the folder that it ended in."""
    place = folder.parent / "place"
    script = f"set -euo pipefail\n{block}\npwd > '{place}'\n"
    done = subprocess.run(
        ["bash", "-c", script], cwd=folder, env=environment(), capture_output=True, text=True, timeout=900, check=False
    )
    assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"
    return done.stdout, Path(place.read_text(encoding="utf-8").strip())


def ask(command: str, folder: Path) -> None:
    """Start the page that people search on, read it once, and stop it as Ctrl-C does."""
    words = command.replace("--port 8765", "--port 0").split()
    with subprocess.Popen(
        words, cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as server:
        try:
            assert server.stdout is not None
            lines: list[str] = []
            for line in server.stdout:
                lines.append(line)
                if address := re.search(r"http://127\.0\.0\.1:\d+[^\s;,]*", line):
                    with urllib.request.urlopen(address[0], timeout=60) as answer:
                        assert answer.status == 200 and b"<html" in answer.read().lower()
                    break
            else:
                raise AssertionError("".join(lines))
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(60)


@pytest.mark.slow
@pytest.mark.pipeline
def test_the_tutorial_runs_as_it_is_written(tmp_path: Path) -> None:
    folder = tmp_path / "here"
    folder.mkdir()
    ran = 0
    for block, shown in blocks():
        if block.startswith("pip install"):  # this Python has it
            continue
        if block.startswith("babelmix serve"):
            ask(block.strip(), folder)
        else:
            printed, folder = run(block, folder)
            if shown:
                assert without_figures(printed) == without_figures(shown)
        ran += 1
    assert ran == 7
