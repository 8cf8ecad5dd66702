"""The script for a machine with a GPU runs in small on a CPU."""

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_the_script_prints_one_table() -> None:
    command = [sys.executable, str(Path(__file__).with_name("gpu.py")), "--device", "cpu", "--small"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    rows = [line for line in done.stdout.splitlines() if line.startswith("|")]
    assert len(rows) == 2 + 3  # two batches and the encoding
    assert all(row.count("|") == 7 for row in rows)
    assert rows[-1].startswith("| tiny, encode |") and "texts" in rows[-1]
