"""Each change of an index is killed, torn, refused or out of disk at every point of its writing, and recovers.

`make drills` tries every fault at every point; the ordinary run a sample of them, always the same.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

DRILL = Path(__file__).with_name("index_drill.py")
EVERY = os.environ.get("BABELMIX_DRILLS") == "every"


@pytest.mark.slow
@pytest.mark.parametrize("change", ["build", "replace", "lists", "add", "delete", "rewrite"])
def test_an_index_recovers_from_every_fault(change: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = [sys.executable, str(DRILL), change, str(tmp_path / "drill"), *(["--every"] if EVERY else [])]
    one_thread = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, env=os.environ | one_thread, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    with capsys.disabled():
        print(f"\n{done.stdout.strip()}")
