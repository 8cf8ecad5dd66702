"""Texts to vectors, stored as rows in the order of the benchmark's files.

    vectors = encode(model, texts, prompt="query", settings=embed_settings, threads=2)     # float16 [n, d]
    embed_benchmark(model, Path("data/benchmarks/xquad-r"), Path("vectors"), settings=embed_settings, threads=2)

Every text is encoded once; monolingual, cross-lingual and multilingual retrieval are views over these rows.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from babelmix.benchmarks.benchmark import read_passages, read_queries
from babelmix.common.files import new_folder
from babelmix.encoder.packing import TOKENS_PER_FORWARD, cut_texts, forward, limit_of, prompt_of, tokenise
from babelmix.encoder.settings import Embed
from babelmix.encoder.usage import said_of_lengths, similarity_of
from babelmix.retrieval.vector_record import Record, write_record

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
    return _encode(model, texts, prompt, settings, threads, told, unit=True)[0]


def encode_raw(
    model: "SentenceTransformer",
    texts: Sequence[str],
    *,
    prompt: str,
    settings: Embed,
    threads: int,
    told: Callable[[int], None] = lambda done: None,
) -> NDArray[np.float32]:
    """Return float32 [texts, d] vectors as the model makes them, of any length: for dot products and distances."""
    return _encode(model, texts, prompt, settings, threads, told, unit=False)[0]


def embed_benchmark(
    model: "SentenceTransformer",
    benchmark: Path,
    output: Path,
    *,
    settings: Embed,
    threads: int,
    made_of: Mapping[str, Any] | None = None,
    told: Callable[[int], None] = lambda done: None,
    say: Callable[[str], None] = lambda note: None,
) -> tuple[int, int]:
    """Encode a benchmark folder into `output`, replacing it as a whole; return the number of queries and passages.

    Writes `queries.npy`, and `passages.npy` or, over 100,000 passages, shards `passages-00000.npy` and on, in the order
    of the benchmark's files, which are read one line at a time: float16 [rows, d], L2-normalised, where the model is
    scored by cosine, float32 as they are otherwise. Beside them `queries.txt` and `passages.txt`, the id of each row,
    and `vectors.json`, see vector_record. With `settings.context` a passage is read with its paragraph.

    Args:
        model: whose prompts, similarity and lengths are used.
        benchmark: a benchmark folder.
        output: the folder to write.
        settings: how texts become vectors.
        threads: of torch; part of the result.
        made_of: what `vector_record.made_of` says of it.
        told: gets the number of texts done since it was last called.
        say: gets the lines that the user is to be told.
    """
    similarity, note = similarity_of(model)
    cut: dict[str, int] = {"queries": 0, "passages": 0}
    texts = dict(cut)

    def write(folder: Path, file: str, name: str, rows: Sequence[tuple[str, str]]) -> None:
        prompt = {"queries": "query", "passages": "passage"}[name]
        unit = similarity == "cosine"
        vectors, long = _encode(model, [text for _, text in rows], prompt, settings, threads, told, unit=unit)
        np.save(folder / f"{file}.npy", vectors, allow_pickle=False)
        with (folder / f"{name}.txt").open("a", encoding="utf-8", newline="\n") as ids:
            ids.writelines(f"{id_}\n" for id_, _ in rows)
        cut[name] += long
        texts[name] += len(rows)

    passages = (
        (passage.id, f"{passage.text} {passage.context}".strip() if settings.context else passage.text)
        for passage in read_passages(benchmark)
    )
    with new_folder(output) as beside:
        write(beside, "queries", "queries", [(query.id, query.text) for query in read_queries(benchmark)])
        for number, shard in enumerate(_shards(passages)):
            write(beside, f"passages-{number:05}", "passages", shard)
        if texts["passages"] <= SHARD:
            (beside / "passages-00000.npy").rename(beside / "passages.npy")
        prompts = {name: prompt_of(model, name) for name in ("query", "passage")}
        limit = limit_of(model, settings.max_tokens)
        write_record(beside, Record(dict(made_of or {}), similarity, prompts, limit.tokens, texts, cut))
    lengths = said_of_lengths(limit, settings.max_tokens, cut=sum(cut.values()), texts=sum(texts.values()))
    for line in filter(None, (note, lengths)):
        say(line)
    return texts["queries"], texts["passages"]


def _encode(
    model: "SentenceTransformer",
    texts: Sequence[str],
    prompt: str,
    settings: Embed,
    threads: int,
    told: Callable[[int], None],
    *,
    unit: bool,
) -> tuple[NDArray[Any], int]:
    """Return the vectors, float16 of unit length or float32 as they are, and the number of texts that were cut."""
    import torch

    torch.set_num_threads(threads)
    model.eval()
    distinct = list(dict.fromkeys(texts))
    vectors = np.empty((len(distinct), model.get_embedding_dimension() or 0), dtype=np.float16 if unit else np.float32)
    ids = tokenise(model, distinct, prompt=prompt, max_tokens=settings.max_tokens)
    groups = forward(model, ids, tokens_per_batch=TOKENS_PER_FORWARD[model.device.type])
    with torch.inference_mode(), torch.autocast(model.device.type, torch.bfloat16, enabled=settings.bfloat16):
        for rows, group in groups:
            found = torch.nn.functional.normalize(group.float()) if unit else group.float()
            vectors[rows] = found.cpu().numpy().astype(vectors.dtype)
            told(len(rows))
    position = {text: row for row, text in enumerate(distinct)}
    rows = [position[text] for text in texts]
    long = np.zeros(len(distinct), dtype=np.bool_)
    long[cut_texts(model, distinct, ids, prompt=prompt, max_tokens=settings.max_tokens)] = True
    return vectors[rows], int(np.count_nonzero(long[rows]))


def _shards(texts: Iterable[tuple[str, str]]) -> Iterator[list[tuple[str, str]]]:
    rows = iter(texts)
    while shard := list(islice(rows, SHARD)):
        yield shard
