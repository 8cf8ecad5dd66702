"""Texts to unit vectors, stored as float16 rows in the order of the benchmark's files.

    vectors = encode(model, texts, prompt="query", settings=embed_settings, threads=2)     # float16 [n, d]
    write_embeddings(Path("data/embeddings/hybrid/xquad-r"), Embeddings(queries, passages))

Every text is encoded once; monolingual, cross-lingual and multilingual retrieval are views over these rows.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from babelmix.benchmark import Benchmark
from babelmix.config import Embed
from babelmix.errors import UserError
from babelmix.files import new_folder
from babelmix.forward import forward

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

TOKENS_PER_FORWARD = 2048  # padded; keeps the matrices of a batch in the processor's cache


@dataclass(frozen=True)
class Embeddings:
    """Float16 [queries, d] and [passages, d], L2-normalised, in the order of the benchmark."""

    queries: NDArray[np.float16]
    passages: NDArray[np.float16]


def encode(
    model: "SentenceTransformer",
    texts: Sequence[str],
    *,
    prompt: str,
    settings: Embed,
    threads: int,
    told: Callable[[int], None] = lambda done: None,
) -> NDArray[np.float16]:
    """Return float16 [texts, d] unit vectors of `texts`, each behind the model's own prompt of that name.

    Texts of near lengths share a batch. Equal texts are encoded once. `told` gets the number of texts done since it was
    last called.
    """
    import torch

    torch.set_num_threads(threads)
    model.eval()
    distinct = list(dict.fromkeys(texts))
    vectors = np.empty((len(distinct), model.get_embedding_dimension() or 0), dtype=np.float16)
    groups = forward(
        model, distinct, prompt=prompt, max_tokens=settings.max_tokens, tokens_per_batch=TOKENS_PER_FORWARD
    )
    with torch.inference_mode(), torch.autocast(model.device.type, torch.bfloat16, enabled=settings.bfloat16):
        for rows, group in groups:
            vectors[rows] = torch.nn.functional.normalize(group.float()).cpu().numpy().astype(np.float16)
            told(len(rows))
    position = {text: row for row, text in enumerate(distinct)}
    return vectors[[position[text] for text in texts]]


def embed_benchmark(
    model: "SentenceTransformer",
    benchmark: Benchmark,
    *,
    settings: Embed,
    threads: int,
    told: Callable[[int], None] = lambda done: None,
) -> Embeddings:
    """Encode the queries and passages of a benchmark; with `settings.context` a passage is read with its paragraph."""
    queries = [query.text for query in benchmark.queries]
    passages = [
        f"{passage.text} {passage.context}".strip() if settings.context else passage.text
        for passage in benchmark.passages
    ]
    return Embeddings(
        encode(model, queries, prompt="query", settings=settings, threads=threads, told=told),
        encode(model, passages, prompt="passage", settings=settings, threads=threads, told=told),
    )


def write_embeddings(folder: Path, embeddings: Embeddings) -> None:
    """Write `queries.npy` and `passages.npy`, replacing the folder as a whole."""
    with new_folder(folder) as beside:
        np.save(beside / "queries.npy", embeddings.queries, allow_pickle=False)
        np.save(beside / "passages.npy", embeddings.passages, allow_pickle=False)


def read_embeddings(folder: Path) -> Embeddings:
    """Read the two arrays; a missing or broken file is a UserError."""
    return Embeddings(_load(folder / "queries.npy"), _load(folder / "passages.npy"))


def _load(file: Path) -> NDArray[np.float16]:
    try:
        array = np.load(file, allow_pickle=False)
    except FileNotFoundError as error:
        how = "run `babelmix embed --output` with this folder"
        raise UserError("no such file", where=str(file), how=how) from error
    except (ValueError, EOFError) as error:
        raise UserError("not a whole .npy array", where=str(file), how="embed the benchmark again") from error
    if array.ndim != 2:
        what = f"an array of {array.ndim} dimensions"
        raise UserError(what, where=str(file), how="give one row a text: [texts, dimension]")
    return array
