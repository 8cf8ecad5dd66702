"""A step of pre-training against a step of fine-tuning on as many texts, in the same run.

pytest tests/speed/test_pretraining_speed.py --benchmark-enable        # some 2 minutes on 2 cores

The packaged encoder with 3 layers; 64 texts of 24 tokens: 8 blocks of 8, or 32 pairs. The document encoder reads 64
rows of 8 vectors. With benchmarks off the test only takes one step of both.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from ratios import Recorder, against, peak_of

from babelmix.encoder.build import build_encoder
from babelmix.encoder.load import load_encoder
from babelmix.encoder.settings import Preset
from babelmix.pretraining.engine import Engine
from babelmix.pretraining.plan import BlockBatch
from babelmix.pretraining.settings import Pretrain
from babelmix.settings.params import load_settings
from babelmix.training.distributed import ProcessGroup
from babelmix.training.engine import EncoderEngine
from babelmix.training.losses import BatchRows, batch_loss

ROOT = Path(__file__).parents[2]
TOKENS, TEXTS = 24, 64
LIMIT = 1.15  # a step of pre-training may cost so many of fine-tuning
ALONE = ProcessGroup(0, 1, torch.device("cpu"), 2)
PEAK = """
import sys
sys.path[:0] = sys.argv[2:]
from pathlib import Path
from test_pretraining_speed import blocks, engines
pretraining, _ = engines(Path(sys.argv[1]))
for number in (1, 2, 3):
    pretraining.step(blocks(number), number, 1e-5)
"""


def blocks(number: int) -> BlockBatch:
    rng = np.random.default_rng(number)
    texts = tuple(rng.integers(1000, 200_000, TOKENS).astype(np.int32) for _ in range(TEXTS))
    return BlockBatch("en", "en", texts, None, np.arange(TEXTS))


def engines(folder: Path) -> tuple[Engine, EncoderEngine]:
    """The engine of pre-training, and one that fine-tunes on any texts; each has an encoder of its own."""
    train = load_settings(ROOT / "params.yaml").training()
    torch.set_num_threads(ALONE.threads)
    section = Pretrain(objective="msm")
    assert section.blocks * section.sentences == TEXTS == 2 * train.batch_size
    pretraining = Engine(load_encoder(folder), section, train, ALONE, seed=1)
    return pretraining, EncoderEngine(load_encoder(folder), train, ALONE, seed=1)


@pytest.mark.slow
def test_a_step_of_pretraining_against_one_of_fine_tuning(benchmark: Any, ratio: Recorder, tmp_path: Path) -> None:
    folder, prompts = tmp_path / "encoder", {"query_prefix": "query: ", "passage_prefix": "passage: "}
    build_encoder(Preset(layers=3, learning_rate=1e-4, **prompts), folder)
    pretraining, tuning = engines(folder)
    train, rows = load_settings(ROOT / "params.yaml").training(), BatchRows(torch.arange(TEXTS // 2))
    done = {"ours": 0, "theirs": 0}

    def ours() -> float:
        done["ours"] += 1
        return pretraining.step(blocks(done["ours"]), done["ours"], 1e-5).loss

    def theirs() -> float:
        done["theirs"] += 1
        texts = blocks(done["theirs"]).texts
        return tuning.update(texts, done["theirs"], 1e-5, lambda vectors: batch_loss(vectors, rows, train))

    own, other, results = against(benchmark, ours=ours, opponents={"fine-tuning": theirs}, rounds=15)
    assert np.isfinite([results["ours"], results["fine-tuning"]]).all()
    if benchmark.enabled:
        peak = peak_of(PEAK, folder, Path(__file__).parent, ROOT / "tests/support", ROOT / "src")
        ratio(
            f"a step of MSM, {TEXTS} texts of {TOKENS} tokens, 3 layers", "a step of fine-tuning, as many texts",
            ours=own, theirs=other["fine-tuning"], target=f"at least {1 / LIMIT:.2f}", peak_gib=peak,
        )  # fmt: skip
