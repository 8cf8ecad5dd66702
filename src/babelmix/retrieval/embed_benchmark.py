"""A benchmark's texts to vectors on disk, one row a text, in the order of the benchmark's files.

    embed_benchmark(model, Path("data/benchmarks/xquad-r"), Path("vectors"), settings=embed_settings, threads=2)

Every text is encoded once; monolingual, cross-lingual and multilingual retrieval are views over these rows.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from babelmix.benchmarks.files import read_passages, read_queries
from babelmix.common.files import new_folder
from babelmix.encoder.encode import SHARD, encode_and_count_cut
from babelmix.encoder.settings import Embed
from babelmix.encoder.tokenise import limit_of, prompt_of
from babelmix.encoder.usage import note_on_lengths, similarity_of
from babelmix.retrieval.vector_record import Record, write_record

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


def embed_benchmark(
    model: "SentenceTransformer",
    benchmark: Path,
    output: Path,
    *,
    settings: Embed,
    threads: int,
    made_of: Mapping[str, Any] | None = None,
    on_progress: Callable[[int], None] = lambda done: None,
    say: Callable[[str], None] = lambda note: None,
) -> tuple[int, int]:
    """Encode a benchmark folder into `output`, replacing it as a whole; return the number of queries and passages.

    Writes `queries.npy` and `passages.npy`, or shards `passages-00000.npy` and on for more than 100,000 passages.
    Rows are in the order of the benchmark's files, which are read one line at a time. Rows are float16 [rows, d] of
    unit length if the model is scored by cosine, float32 of any length otherwise. Also writes `queries.txt` and
    `passages.txt`, the id of each row, and `vectors.json`, see vector_record. With `settings.context` a passage is
    encoded together with its paragraph.

    Args:
        model: whose prompts, similarity and lengths are used.
        benchmark: a benchmark folder.
        output: the folder to write.
        settings: how texts become vectors.
        threads: number of torch threads; the vectors depend on it.
        made_of: what `vector_record.made_of` returns for these vectors.
        on_progress: gets the number of texts encoded since its last call.
        say: gets one line for each thing that the user should know.
    """
    similarity, note = similarity_of(model)
    cut: dict[str, int] = {"queries": 0, "passages": 0}
    texts = dict(cut)

    def write(folder: Path, file: str, name: str, rows: Sequence[tuple[str, str]]) -> None:
        prompt = {"queries": "query", "passages": "passage"}[name]
        vectors, cut_here = encode_and_count_cut(
            model, [text for _, text in rows], prompt, settings, threads, on_progress, unit=similarity == "cosine"
        )
        np.save(folder / f"{file}.npy", vectors, allow_pickle=False)
        with (folder / f"{name}.txt").open("a", encoding="utf-8", newline="\n") as ids:
            ids.writelines(f"{id_}\n" for id_, _ in rows)
        cut[name] += cut_here
        texts[name] += len(rows)

    passages = (
        (passage.id, f"{passage.text} {passage.context}".strip() if settings.context else passage.text)
        for passage in read_passages(benchmark)
    )
    with new_folder(output) as staging:
        write(staging, "queries", "queries", [(query.id, query.text) for query in read_queries(benchmark)])
        for number, shard in enumerate(_shards(passages)):
            write(staging, f"passages-{number:05}", "passages", shard)
        if texts["passages"] <= SHARD:
            (staging / "passages-00000.npy").rename(staging / "passages.npy")
        prompts = {name: prompt_of(model, name) for name in ("query", "passage")}
        limit = limit_of(model, settings.max_tokens)
        write_record(staging, Record(dict(made_of or {}), similarity, prompts, limit.tokens, texts, cut))
    lengths = note_on_lengths(limit, settings.max_tokens, cut=sum(cut.values()), texts=sum(texts.values()))
    for line in filter(None, (note, lengths)):
        say(line)
    return texts["queries"], texts["passages"]


def _shards(texts: Iterable[tuple[str, str]]) -> Iterator[list[tuple[str, str]]]:
    rows = iter(texts)
    while shard := list(islice(rows, SHARD)):
        yield shard
