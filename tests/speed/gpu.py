"""Training and encoding on a GPU at the shapes of XLM-R, against stock sentence-transformers; prints a markdown table.

    python tests/speed/gpu.py                            # some minutes and 5 GB of disk on one GPU
    python tests/speed/gpu.py --device cpu --small       # the same code at tiny shapes

Weights are random, since speed does not depend on them. Queries have 32 tokens, passages 128. babelmix computes in
bfloat16. Stock is its cached loss in float32, padded, at its defaults. Utilisation counts six operations for each
token and weight of the layers, and no second pass of a cached step; it divides them by what a bfloat16 matrix product
reaches here, and by the data sheet. A batch whose activations do not fit is cached, and its row says so.
"""

import argparse
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch

from babelmix.batches.objective import Objective
from babelmix.batches.sampler import plan
from babelmix.batches.units import index_units
from babelmix.corpus.index import index_pairs, train_rows
from babelmix.corpus.records import Pair
from babelmix.encoder.build import build_encoder
from babelmix.encoder.encode import encode
from babelmix.encoder.load import load_encoder
from babelmix.encoder.parameters import count_loaded_parameters
from babelmix.encoder.settings import Embed, Preset
from babelmix.settings.params import load_settings
from babelmix.training.distributed import ProcessGroup
from babelmix.training.settings import Train
from babelmix.training.step import Engine, Extras
from babelmix.training.tokenized_pairs import TokenizedPairs, TokenTexts

ROOT = Path(__file__).parents[2]
# layers, width, heads, inner width
SHAPES = {"XLM-R base": (12, 768, 12, 3072), "XLM-R large": (24, 1024, 16, 4096)}
SMALL = {"tiny": (2, 32, 2, 64)}
LENGTHS = (32, 128)  # tokens of a query and of a passage
# Dense bfloat16 operations a second of the makers' data sheets; the first name that is part of the device's counts.
DATA_SHEETS = {"H100 PCIe": 756e12, "H100": 989e12, "H200": 989e12, "A100": 312e12, "L40S": 362e12, "L4": 121e12}
FIRST_TOKEN, TOKENS = 5, 250_000  # ids from here on are ordinary tokens


def random_transformer(shape: tuple[int, int, int, int]) -> Any:
    """A transformer of this shape with random weights."""
    from transformers import XLMRobertaConfig, XLMRobertaModel

    layers, width, heads, inner = shape
    config = XLMRobertaConfig(
        vocab_size=250_037, hidden_size=width, num_hidden_layers=layers, num_attention_heads=heads,
        intermediate_size=inner, max_position_embeddings=514, type_vocab_size=1, pad_token_id=1,
    )  # fmt: skip
    return XLMRobertaModel(config, add_pooling_layer=False)


def random_encoder(shape: tuple[int, int, int, int], tokenizer: Any, folder: Path) -> Any:
    """A SentenceTransformer of this shape, on the device that babelmix chooses."""
    random_transformer(shape).save_pretrained(folder / "raw")
    tokenizer.save_pretrained(folder / "raw")
    build_encoder(Preset(folder=folder / "raw", learning_rate=1e-5), folder / "encoder")
    return load_encoder(folder / "encoder")


def random_pairs(number: int) -> TokenizedPairs:
    """Pairs of random tokens, each in a group of its own."""
    rng = np.random.default_rng(0)
    index = index_pairs(
        (Pair(f"{unit:06}", "en", "train", f"q{unit}", f"p{unit}", "human"), False) for unit in range(number)
    )
    texts = [
        TokenTexts(rng.integers(FIRST_TOKEN, TOKENS, number * length, dtype=np.int32), np.arange(number + 1) * length)
        for length in LENGTHS
    ]
    return TokenizedPairs(index, *texts)


def seconds(act: Callable[[], Any], device: torch.device, rounds: int) -> float:
    """Median of some rounds after a first one; waits for the device."""
    taken: list[float] = []
    for _ in range(rounds + 1):
        started = perf_counter()
        act()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        taken.append(perf_counter() - started)
    return float(np.median(taken[1:]))


def matrix_speed(device: torch.device, rows: int, width: int, columns: int) -> float:
    """Operations a second of a bfloat16 matrix product."""
    left = torch.randn((rows, width), dtype=torch.bfloat16, device=device)
    right = torch.randn((width, columns), dtype=torch.bfloat16, device=device)
    return 2 * rows * width * columns / seconds(lambda: left @ right, device, 30)


def data_sheet(device: torch.device) -> float | None:
    """Operations a second of the device's data sheet, None if it is not in the list."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    return next((speed for part, speed in DATA_SHEETS.items() if part in name), None)


def our_step(model: Any, tokenized: TokenizedPairs, train: Train, device: torch.device, rounds: int) -> float:
    """Seconds of a step of babelmix."""
    units = index_units(tokenized.index, train_rows(tokenized.index))
    objective = Objective(alpha=1.0)
    engine = Engine(model, tokenized, train, ProcessGroup(0, 1, device, torch.get_num_threads()), Extras(), seed=1)
    batches = iter(plan(units, objective, batch_size=train.batch_size, seed=1, steps=rounds + 1))
    return seconds(lambda: engine.step(units, next(batches), 1, 1e-5, objective), device, rounds)


def stock_step(model: Any, tokenized: TokenizedPairs, batch: int, device: torch.device, rounds: int) -> float:
    """Seconds of a step of sentence-transformers' cached loss in float32 with torch's AdamW."""
    from sentence_transformers.sentence_transformer.losses import CachedMultipleNegativesRankingLoss

    model.train()
    loss = CachedMultipleNegativesRankingLoss(model)
    optimiser = torch.optim.AdamW([weight for weight in model.parameters() if weight.requires_grad])
    features = [
        model.tokenizer.pad({"input_ids": [texts[row].tolist() for row in range(batch)]}, return_tensors="pt")
        for texts in (tokenized.queries, tokenized.passages)
    ]

    def step() -> None:
        loss([dict(part.to(device)) for part in features], torch.empty(0)).backward()
        optimiser.step()
        optimiser.zero_grad()

    return seconds(step, device, rounds)


def training_row(
    name: str, load: Callable[[], Any], batch: int, peaks: tuple[float, float | None], device: torch.device, rounds: int
) -> list[str]:
    """A row of the table: a size of encoder and of batch."""
    tokenized = random_pairs(batch)
    changes = {"batch_size": batch, "bfloat16": True, "freeze_word_embeddings": True, "matryoshka": ()}
    train = load_settings(ROOT / "params.yaml").train.model_copy(update={**changes, "cached": batch > 1024})
    try:
        taken = our_step(load(), tokenized, train, device, rounds)
    except torch.OutOfMemoryError:
        torch.cuda.empty_cache()
        train = train.model_copy(update={"cached": True})
        taken = our_step(load(), tokenized, train, device, rounds)
    model = load()
    operations = 6 * count_loaded_parameters(model)[1] * sum(LENGTHS) * batch / taken
    model[0].model.get_input_embeddings().requires_grad_(False)  # ours are frozen too
    stock = stock_step(model, tokenized, batch, device, max(1, rounds // 3))
    measured, sheet = peaks
    shares = [f"{operations / measured:.0%}", "-" if sheet is None else f"{operations / sheet:.0%}"]
    what = f"{name}, batch {batch:,}{', cached' if train.cached else ''}"
    return [what, f"{batch / taken:,.1f} pairs", *shares, f"{batch / stock:,.1f} pairs", f"{stock / taken:.1f}"]


def encoding_row(name: str, model: Any, texts: int, folder: Path, device: torch.device) -> list[str]:
    """A row of the table: texts of a file to vectors in a file."""
    rng, words = np.random.default_rng(1), ["library", "menu", "Datei", "celda", "página", "文档", "страница", "open"]
    file = folder / "texts.jsonl"
    with file.open("w", encoding="utf-8") as stream:
        for length in rng.integers(5, 100, texts):
            stream.write(json.dumps({"text": " ".join(rng.choice(words, length))}) + "\n")
    settings = Embed(max_tokens=128, precision="bfloat16", context=False)

    def read() -> list[str]:
        return [json.loads(line)["text"] for line in file.open(encoding="utf-8")]

    def ours() -> None:
        found = encode(model, read(), prompt="passage", settings=settings, threads=torch.get_num_threads())
        np.save(folder / "ours.npy", found)

    def stock() -> None:
        np.save(folder / "stock.npy", model.encode(read(), show_progress_bar=False))

    one, other = seconds(ours, device, 1), seconds(stock, device, 1)
    return [
        f"{name}, encode",
        f"{texts / one:,.1f} texts",
        "-",
        "-",
        f"{texts / other:,.1f} texts",
        f"{other / one:.1f}",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--small", action="store_true", help="tiny shapes: the code runs, its numbers say nothing")
    chosen = parser.parse_args()
    if chosen.device == "cuda" and not torch.cuda.is_available():
        parser.error("no GPU here: --device cpu --small runs the code without one")
    device = torch.device(chosen.device, 0) if chosen.device == "cuda" else torch.device("cpu")
    shapes, batches, rounds = (SMALL, (8, 16), 1) if chosen.small else (SHAPES, (1024, 8192), 5)
    size = 256 if chosen.small else 8192
    peaks = matrix_speed(device, size, size, size), data_sheet(device)
    device_name = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    print(
        f"{device_name}, torch {torch.__version__}; a bfloat16 matrix product reaches {peaks[0] / 1e12:,.2f} TFLOPS\n"
    )
    print("| a second | babelmix | of a matrix product | of the data sheet | stock, float32, padded | times stock |")
    print("|---|---:|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as scratch:
        build_encoder(Preset(layers=1, learning_rate=1e-5), Path(scratch) / "packaged")
        tokenizer = load_encoder(Path(scratch) / "packaged").tokenizer
        for name, shape in shapes.items():
            folder = Path(scratch) / name
            folder.mkdir()
            model = random_encoder(shape, tokenizer, folder).to(device)

            def load(folder: Path = folder) -> Any:
                return load_encoder(folder / "encoder").to(device)

            for batch in batches:
                print("|", " | ".join(training_row(name, load, batch, peaks, device, rounds)), "|", flush=True)
            row = encoding_row(name, model, 40 if chosen.small else 100_000, folder, device)
            print("|", " | ".join(row), "|", flush=True)


if __name__ == "__main__":
    main()
