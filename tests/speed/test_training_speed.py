"""Pairs a second of a training, against sentence-transformers' stock trainer on the same pairs in the same run.

pytest tests/speed/test_training_speed.py --benchmark-enable        # some 8 minutes on 2 cores

XQuAD's questions and the sentences that answer them, in five languages; the packaged encoder with all 12 layers;
batches of 32, texts to 96 tokens, the same weights trained, no dropout. The stock trainer runs
`MultipleNegativesRankingLoss` at its defaults, and once more with its bfloat16 switched on, in turn with ours. With
benchmarks off, the test only checks that the first loss of both is equal.
"""

from dataclasses import replace
from itertools import count
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pytest
import torch
from gpu import SHAPES, matrix_speed, random_pairs, random_transformer
from numpy.typing import NDArray
from ratios import Recorder, peak_of
from xquad import xquad_pairs

from babelmix.batches.objective import Objective
from babelmix.batches.sampler import plan
from babelmix.batches.units import index_units
from babelmix.corpus.index import train_rows
from babelmix.corpus.records import Pair
from babelmix.encoder.build import build_encoder
from babelmix.encoder.load import load_encoder
from babelmix.encoder.parameters import count_loaded_parameters
from babelmix.encoder.settings import Preset
from babelmix.settings.params import load_settings
from babelmix.training.distributed import ProcessGroup
from babelmix.training.engine import set_dropout
from babelmix.training.settings import Train
from babelmix.training.step import Engine, Extras
from babelmix.training.tokenized_pairs import TokenizedPairs, read_tokenized, write_tokenized

ROOT = Path(__file__).parents[2]
LANGUAGES = ("de", "en", "es", "ru", "zh")
TARGETS = {"defaults": "4 (6 with AMX)", "bfloat16": "2.5 (3 with AMX)"}
BATCH, TOKENS, STEPS, TURN = 32, 96, 12, 4  # TURN: steps of ours before the stock trainer has as many
ALONE = ProcessGroup(0, 1, torch.device("cpu"), 2)
PEAK = """
import sys
from pathlib import Path
from babelmix.encoder.load import load_encoder
from babelmix.batches.objective import Objective
from babelmix.settings.params import load_settings
from babelmix.training.tokenized_pairs import read_tokenized
from babelmix.training.loop import train
from babelmix.training.distributed import process_group

settings = load_settings(Path(sys.argv[3]))
chosen = settings.training().model_copy(update={"steps": 2, "batch_size": int(sys.argv[4]), "cached": True})
model, tokenized = load_encoder(Path(sys.argv[1])), read_tokenized(Path(sys.argv[2]))
with process_group(2) as processes:
    train(model, tokenized, Objective(alpha=0.0, other="X-X"), chosen, seed=settings.seed, processes=processes)
"""


def train_settings(**changes: Any) -> Train:
    lengths = {"max_query_tokens": TOKENS, "max_passage_tokens": TOKENS, "batch_size": BATCH}
    return load_settings(ROOT / "params.yaml").train.model_copy(update=lengths | changes)


@pytest.fixture(scope="module")
def pairs(xquad: Path) -> list[Pair]:
    return xquad_pairs(xquad, *LANGUAGES)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Path:
    """All 12 layers, or 3 with benchmarks off."""
    folder = tmp_path_factory.mktemp("models") / "large"
    prompts = {"query_prefix": "query: ", "passage_prefix": "passage: "}
    layers = 12 if pytestconfig.getoption("benchmark_enable") else 3
    build_encoder(Preset(layers=layers, learning_rate=4e-5, **prompts), folder)
    return folder


def stock(folder: Path, rows: list[Pair], scratch: Path, *, frozen: bool, bfloat16: bool) -> tuple[list[float], float]:
    """Seconds of the stock trainer's steps, all but the first, and its first loss."""
    from datasets import Dataset
    from sentence_transformers import SentenceTransformerTrainer, SentenceTransformerTrainingArguments
    from sentence_transformers.losses import MultipleNegativesRankingLoss
    from transformers import TrainerCallback

    class Clock(TrainerCallback):
        def __init__(self) -> None:
            self.ends: list[float] = []

        def on_step_end(self, *_: Any, **__: Any) -> None:
            self.ends.append(perf_counter())

    model, clock = load_encoder(folder), Clock()
    model.max_seq_length = TOKENS
    set_dropout(model, 0.0)  # ours has none either
    model[0].model.get_input_embeddings().requires_grad_(not frozen)
    arguments = SentenceTransformerTrainingArguments(
        output_dir=str(scratch), max_steps=len(rows) // BATCH, per_device_train_batch_size=BATCH, bf16=bfloat16,
        use_cpu=True, report_to=[], save_strategy="no", disable_tqdm=True, logging_steps=1,
    )  # fmt: skip
    texts = [{"anchor": f"query: {pair.query}", "positive": f"passage: {pair.passage}"} for pair in rows]
    trainer = SentenceTransformerTrainer(
        model=model,
        args=arguments,
        train_dataset=Dataset.from_list(texts),
        loss=MultipleNegativesRankingLoss(model),
        callbacks=[clock],
    )
    trainer.train()
    first = next(float(row["loss"]) for row in trainer.state.log_history if "loss" in row)
    return np.diff(clock.ends).tolist(), first


class Ours:
    """Our own steps, one a call."""

    def __init__(self, model: Any, tokenized: TokenizedPairs, chosen: Train, processes: ProcessGroup = ALONE) -> None:
        self.units = index_units(tokenized.index, train_rows(tokenized.index))
        self.engine = Engine(model, tokenized, chosen, processes, Extras(), seed=1)
        self.objective = Objective(alpha=0.0, other="X-X")
        self.size = chosen.batch_size
        self.batches = plan(self.units, self.objective, batch_size=self.size, seed=1, steps=10_000)
        self.losses: list[float] = []
        self.tokens: list[int] = []
        self.lengths = np.diff(tokenized.queries.starts), np.diff(tokenized.passages.starts)
        self.parameters = count_loaded_parameters(model)[1]

    def rows(self, number: int) -> list[NDArray[np.int64]]:
        """The rows of the next batches, which the stock trainer gets too."""
        batches = plan(self.units, self.objective, batch_size=self.size, seed=1, steps=number)
        return [np.array([self.units.rows[lang][unit] for unit, lang, _ in batch.rows]) for batch in batches]

    def __call__(self) -> None:
        batch = next(self.batches)
        rows = [int(self.units.rows[lang][unit]) for unit, lang, _ in batch.rows]
        self.tokens.append(int(sum(lengths[rows].sum() for lengths in self.lengths)))
        self.losses.append(self.engine.step(self.units, batch, len(self.losses) + 1, 4e-5, self.objective))


def operations_per_s(ours: Ours, seconds: float) -> float:
    """Real tokens times six operations for each weight of the layers, over the seconds of a step.

    A step computed twice (`cached`) is counted once: that is what its user gets.
    """
    return 6 * ours.parameters * float(np.mean(ours.tokens)) / seconds


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # the stock trainer's own
@pytest.mark.parametrize("frozen", [True, False], ids=["frozen-embeddings", "all-trained"])
def test_pairs_a_second_against_the_stock_trainer(
    frozen: bool, benchmark: Any, ratio: Recorder, pairs: list[Pair], large: Path, tmp_path: Path
) -> None:
    torch.set_num_threads(ALONE.threads)
    chosen, model = train_settings(freeze_word_embeddings=frozen, bfloat16=benchmark.enabled), load_encoder(large)
    write_tokenized(tmp_path / "tokens", ((pair, False) for pair in pairs), model, chosen)
    ours = Ours(model, read_tokenized(tmp_path / "tokens"), chosen)
    if not benchmark.enabled:
        first = [pairs[row] for row in ours.rows(1)[0]]
        benchmark(ours)
        _, loss = stock(large, first, tmp_path / "stock", frozen=frozen, bfloat16=False)
        assert ours.losses[0] == pytest.approx(loss, abs=1e-3)  # the trainer logs four digits
        return
    rows = [pairs[row] for batch in ours.rows(STEPS) for row in batch]
    turns = [rows[start : start + TURN * BATCH] for start in range(0, len(rows), TURN * BATCH)]
    number = count()
    speed: dict[str, list[float]] = {"defaults": [], "bfloat16": []}
    products: list[float] = []

    def others() -> None:
        turn, first = divmod(next(number), TURN)
        if not first and turn < len(turns):
            for name, seconds in speed.items():
                own = {"frozen": frozen, "bfloat16": name == "bfloat16"}
                seconds += stock(large, turns[turn], tmp_path / f"{name}-{turn}", **own)[0]
            products.append(matrix_speed(torch.device("cpu"), 2048, 384, 1536))

    benchmark.pedantic(ours, setup=others, rounds=STEPS, warmup_rounds=1)
    median = benchmark.stats["median"]
    row = f"train 12 layers, {'embeddings frozen' if frozen else 'all trained'}"
    for name, seconds in speed.items():
        theirs = BATCH / float(np.median(seconds))
        ratio(
            row, f"stock sentence-transformers, {name}",
            ours=BATCH / median, theirs=theirs, unit="pairs/s", target=TARGETS[name],
        )  # fmt: skip
    reached, product = operations_per_s(ours, median) / 1e9, float(np.median(products)) / 1e9
    ratio(row, "a bfloat16 product, 2048 x 384 x 1536", ours=reached, theirs=product, unit="GFLOP/s", target=".65")


@pytest.mark.slow
def test_a_cached_batch_of_1024_stays_below_6_GiB(
    benchmark: Any, ratio: Recorder, large: Path, pairs: list[Pair], tmp_path: Path
) -> None:
    """Peak memory of the whole process, two steps on 12 layers; 64 pairs with benchmarks off."""
    apart = (
        replace(pair, parallel_id=f"{pair.lang} {pair.parallel_id}") for pair in pairs
    )  # 1,190 questions make no batch of 1,024
    write_tokenized(tmp_path / "tokens", ((pair, False) for pair in apart), load_encoder(large), train_settings())
    size = 1024 if benchmark.enabled else 64
    peak = benchmark.pedantic(peak_of, (PEAK, large, tmp_path / "tokens", ROOT / "params.yaml", size))
    assert peak < 6
    if benchmark.enabled:
        ratio(f"memory of a cached batch of {size:,} pairs, 12 layers", ours=peak, unit="GiB", target="below 6")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
@pytest.mark.parametrize("shape", SHAPES)
def test_model_flops_utilisation_on_a_gpu(shape: str, benchmark: Any, ratio: Recorder, large: Path) -> None:
    """Batches of 1,024 with 32 and 128 tokens, random weights; the peak is a measured bfloat16 matrix product."""
    model = load_encoder(large)
    transformer: Any = model[0]
    transformer.model = random_transformer(SHAPES[shape])
    processes = ProcessGroup(0, 1, torch.device("cuda", 0), 1)
    ours = Ours(model.to(processes.device), random_pairs(4096), train_settings(batch_size=1024), processes)
    benchmark.pedantic(ours, rounds=5 if benchmark.enabled else 1, warmup_rounds=2 if benchmark.enabled else 0)
    assert np.isfinite(ours.losses).all()
    if benchmark.enabled:
        reached = operations_per_s(ours, benchmark.stats["median"]) / 1e12
        product = matrix_speed(processes.device, 8192, 8192, 8192) / 1e12
        ratio(f"train {shape} on a GPU", "a bfloat16 product", ours=reached, theirs=product, unit="TFLOP/s")
