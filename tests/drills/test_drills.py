"""Fail-at-N: each stage is killed, torn, refused or out of disk at every point of its writing, and recovers.

`make drills` tries every fault at every point; the ordinary run a sample of them, always the same.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from small_project import make_project
from small_training import environ, write_project, write_small_tokenized
from stages import CARELESS, STAGES, load_torch

from babelmix.benchmarks.dev import dev_benchmark
from babelmix.benchmarks.files import write_benchmark
from babelmix.corpus.records import Pair

DRILL = Path(__file__).with_name("drill.py")
EVERY = os.environ.get("BABELMIX_DRILLS") == "every"


def prepare(stage: str, folder: Path, encoder: Path, pairs: list[Pair]) -> None:
    """Write a small project in which the stage can run."""
    if stage in ("evaluate", "explore", "report", "scores", "track"):
        make_project(folder, questions=6, benchmarks=("gnome-help",), languages=("de", "en"))
        if stage == "track":
            (folder / "reports/figures").mkdir(parents=True)
            (folder / "reports/run.md").write_text("# report\n")
            (folder / "reports/figures/scores.png").write_bytes(b"png")
        return
    write_project(folder, encoder, pairs, steps=7, eval_steps=3, select_by="dev_pooled")
    if stage == "embed":
        write_benchmark(folder / "data/benchmarks/small", dev_benchmark(pairs, 5))
    if stage == "train":
        write_small_tokenized(folder / "data/tokens", pairs, encoder)


@pytest.mark.slow
@pytest.mark.parametrize("stage", [stage for stage in STAGES if stage != CARELESS])
def test_a_stage_recovers_from_every_fault(
    stage: str,
    python: Path,
    tiny_encoder: Path,
    parallel_pairs: list[Pair],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    prepare(stage, tmp_path / "project", tiny_encoder, parallel_pairs)
    program = python if STAGES[stage].load is load_torch else sys.executable  # a fork of a smaller process is quicker
    command = [program, str(DRILL), stage, str(tmp_path / "project"), *(["--every"] if EVERY else [])]
    environment = environ() | {"PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    with capsys.disabled():
        print(f"\n{done.stdout.strip()}")
