"""The programs of examples/ run on small data, and stay short."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


def run(name: str, *arguments: str) -> str:
    command = [sys.executable, "-W", "error", str(ROOT / "examples" / name), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.name)
def test_an_example_is_short(file: Path) -> None:
    assert len(file.read_text(encoding="utf-8").splitlines()) < 60


def test_every_pair_of_languages_is_scored() -> None:
    printed = run("score_every_pair.py", "tests/golden/xquad-r-60")
    rows = [line.split("│") for line in printed.splitlines() if "│" in line]
    assert [row[1].strip() for row in rows] == ["ar", "de", "en", "th", "zh"]
    assert all(cell.strip().isdigit() for row in rows for cell in row[2:-1])
    assert "crosslingual  0.120" in printed


def test_a_batch_shows_what_it_holds() -> None:
    printed = run("what_a_batch_holds.py")
    assert [line.split()[:2] for line in printed.splitlines()[:6:2]] == [
        ["contrastive", "monolingual"],
        ["hybrid", "crosslingual"],
        ["cross-lingual", "crosslingual"],
    ]
    cells = {line.split("│")[1].strip(): line.split("│")[2:-1] for line in printed.splitlines() if "│" in line}
    assert [cell.strip() for cell in cells["answers among the negatives"]] == ["0", "0", "0"]
    assert all(int(cell) > 0 for cell in cells["the same, drawn blindly"])
    assert [cell.strip() for cell in cells["monolingual"]][::2] == ["200", "0"]
