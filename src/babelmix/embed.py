"""Texts to unit vectors, stored as float16 rows in the order of the benchmark's files.

    vectors = encode(model, texts, prompt="query", settings=embed_settings, threads=2)     # float16 [n, d]
    embed_benchmark(model, Path("data/benchmarks/xquad-r"), Path("vectors"), settings=embed_settings, threads=2)

Every text is encoded once; monolingual, cross-lingual and multilingual retrieval are views over these rows.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from babelmix.benchmark import read_passages, read_queries
from babelmix.config import Embed
from babelmix.files import new_folder
from babelmix.forward import TOKENS_PER_FORWARD, forward, tokenise

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

SHARD = 100_000  # passages in one file; bounds memory, 77 MB of vectors at 384 dimensions


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
    ids = tokenise(model, distinct, prompt=prompt, max_tokens=settings.max_tokens)
    groups = forward(model, ids, tokens_per_batch=TOKENS_PER_FORWARD[model.device.type])
    with torch.inference_mode(), torch.autocast(model.device.type, torch.bfloat16, enabled=settings.bfloat16):
        for rows, group in groups:
            vectors[rows] = torch.nn.functional.normalize(group.float()).cpu().numpy().astype(np.float16)
            told(len(rows))
    position = {text: row for row, text in enumerate(distinct)}
    return vectors[[position[text] for text in texts]]


def embed_benchmark(
    model: "SentenceTransformer",
    benchmark: Path,
    output: Path,
    *,
    settings: Embed,
    threads: int,
    told: Callable[[int], None] = lambda done: None,
) -> tuple[int, int]:
    """Encode a benchmark folder into `output`, replacing it as a whole; return the number of queries and passages.

    Writes `queries.npy`, and `passages.npy` or, over 100,000 passages, shards `passages-00000.npy` and on: float16
    [rows, d], L2-normalised, in the order of the benchmark's files, which are read one line at a time. With
    `settings.context` a passage is read with its paragraph.
    """

    def vectors(texts: Sequence[str], prompt: str) -> NDArray[np.float16]:
        return encode(model, texts, prompt=prompt, settings=settings, threads=threads, told=told)

    queries = [query.text for query in read_queries(benchmark)]
    texts = (
        f"{passage.text} {passage.context}".strip() if settings.context else passage.text
        for passage in read_passages(benchmark)
    )
    count = 0
    with new_folder(output) as beside:
        np.save(beside / "queries.npy", vectors(queries, "query"), allow_pickle=False)
        for number, shard in enumerate(_shards(texts)):
            count += len(shard)
            np.save(beside / f"passages-{number:05}.npy", vectors(shard, "passage"), allow_pickle=False)
        if count <= SHARD:
            (beside / "passages-00000.npy").rename(beside / "passages.npy")
    return len(queries), count


def _shards(texts: Iterable[str]) -> Iterator[list[str]]:
    rows = iter(texts)
    while shard := list(islice(rows, SHARD)):
        yield shard
