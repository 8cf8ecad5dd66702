"""Peak memory and time of the loss of a large batch, against the plain expression with all scores at once.

pytest tests/speed/test_loss_memory.py --benchmark-enable        # some 2 minutes on 2 cores

Each peak is that of a process of its own, beyond what it had before the loss: vectors of 384 dimensions, groups, the
loss of both directions and its gradient. The plain expression is torch's cross-entropy of one matrix; with a batch of
32,768 it would need some 20 GiB, and is left out. With benchmarks off, small batches only, and the losses are held
against each other.
"""

import json
import subprocess
import sys
from typing import Any

import pytest
from ratios import Recorder

DIMENSIONS = 384
# VmHWM is the peak of that process alone; writing 5 to clear_refs sets it back to what the process has now.
PEAK = """
import json, re, sys, time
from pathlib import Path
import torch
from babelmix.training import contrast
from babelmix.training.losses import info_nce

def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 2**10

size, dimensions, block = (int(part) for part in sys.argv[1:])
torch.set_num_threads(2)
contrast.BLOCK_SCORES = block or contrast.BLOCK_SCORES
vectors = torch.nn.functional.normalize(torch.randn(2, size, dimensions, generator=torch.manual_seed(0)), dim=-1)
queries, passages = (part.clone().requires_grad_() for part in vectors)
for tensor in (queries, passages):
    tensor.grad = torch.zeros_like(tensor)
info_nce(*(part[:64] for part in vectors), 0.05).item()  # what torch allocates at its first product
Path("/proc/self/clear_refs").write_text("5")
before, started = peak(), time.perf_counter()
loss = info_nce(queries, passages, 0.05, groups=torch.arange(size), symmetric=True)
loss.backward()
print(json.dumps({"MiB": peak() - before, "s": time.perf_counter() - started, "loss": loss.item()}))
"""


def measured(size: int, block: int) -> dict[str, float]:
    """What one loss and its gradient cost; `block` 0 is the default."""
    command = [sys.executable, "-c", PEAK, str(size), str(DIMENSIONS), str(block)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("size", [8192, 32_768])
def test_the_loss_of_a_large_batch_needs_no_matrix_of_all_scores(size: int, benchmark: Any, ratio: Recorder) -> None:
    chosen = size if benchmark.enabled else size // 8
    ours = measured(chosen, 0 if benchmark.enabled else 2**16)
    assert ours["MiB"] < chosen**2 * 4 / 2**20 + 64  # the scores of one matrix, or what torch allocates for a small one
    plain = measured(chosen, 2**62) if chosen <= 8192 else None
    if plain is not None:
        assert ours["loss"] == pytest.approx(plain["loss"], rel=1e-5)
    if benchmark.enabled:
        row, opponent = f"memory of the loss of {size:,} pairs", "all scores in one matrix"
        ratio(row, opponent, ours=ours["MiB"], theirs=plain and plain["MiB"], unit="MiB")
        ratio(f"time of the loss of {size:,} pairs", opponent, ours=ours["s"], theirs=plain and plain["s"])
    benchmark(lambda: None)
