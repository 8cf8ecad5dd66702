"""A benchmark's texts to vectors on disk, one row a text, in the order of the benchmark's files.

    embed_benchmarks(model, [Target(Path("data/benchmarks/xquad-r"), Path("vectors"))], settings=embed, threads=2)

Every text is encoded once; monolingual, cross-lingual and multilingual retrieval are views over these rows.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from babelmix.benchmarks.benchmark import Passage
from babelmix.benchmarks.files import read_passages, read_queries
from babelmix.common.files import new_folder
from babelmix.encoder.encode import SHARD, TextList, encode_each
from babelmix.encoder.settings import Embed
from babelmix.encoder.tokenise import limit_of, prompt_of
from babelmix.encoder.usage import note_on_lengths, similarity_of
from babelmix.encoder.vector_store import VectorStore
from babelmix.retrieval.vector_record import Record, write_record

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


@dataclass(frozen=True, slots=True)
class Target:
    """A benchmark folder, the folder for its vectors, and what `vector_record.made_of` returns for them."""

    benchmark: Path
    output: Path
    made_of: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class _Rows(TextList):
    """Texts of one file of a target, by its number, with their ids; a sample belongs to no target."""

    target: int
    file: str
    ids: Sequence[str]


def embed_benchmarks(
    model: "SentenceTransformer",
    targets: Sequence[Target],
    *,
    settings: Embed,
    threads: int,
    sample: Mapping[str, Sequence[str]] | None = None,
    store: VectorStore | None = None,
    on_progress: Callable[[int], None] = lambda done: None,
    say: Callable[[str], None] = lambda note: None,
) -> tuple[list[tuple[int, int]], dict[str, NDArray[Any]]]:
    """Encode benchmark folders, replacing each output as a whole.

    Return the number of queries and passages of each benchmark, and the sample's vectors by prompt. An output gets
    `queries.npy` and `passages.npy`, or shards `passages-00000.npy` and on for more than 100,000 passages. Rows are in
    the order of the benchmark's files, which are read one line at a time. Rows are float16 [rows, d] of unit length if
    the model is scored by cosine, float32 of any length otherwise. Also writes `queries.txt` and `passages.txt`, the id
    of each row, and `vectors.json`, see vector_record. With `settings.context` a passage is encoded together with its
    paragraph. All queries come before all passages, so that short texts of several benchmarks fill the same groups.

    Args:
        model: whose prompts, similarity and lengths are used.
        targets: what is encoded and written.
        settings: how texts become vectors.
        threads: number of torch threads; the vectors depend on it.
        sample: further texts by their prompt, "query" or "passage", whose vectors are returned and not written.
        store: has or keeps vectors (encoder/keep.py).
        on_progress: gets the number of texts encoded since its last call.
        say: gets one line for each thing that the user should know.
    """
    similarity, note = similarity_of(model)
    texts, cut = ([Counter(queries=0, passages=0) for _ in targets] for _ in range(2))
    sampled: dict[str, NDArray[Any]] = {}
    with ExitStack() as stack:
        folders = [stack.enter_context(new_folder(target.output)) for target in targets]
        rows = _rows(targets, sample or {}, settings)
        unit = similarity == "cosine"
        for one, vectors, cut_here in encode_each(model, rows, settings, threads, on_progress, unit=unit, store=store):
            if one.target == len(targets):
                sampled[one.prompt] = vectors
                continue
            name = one.file.partition("-")[0]
            np.save(folders[one.target] / f"{one.file}.npy", vectors, allow_pickle=False)
            with (folders[one.target] / f"{name}.txt").open("a", encoding="utf-8", newline="\n") as ids:
                ids.writelines(f"{id_}\n" for id_ in one.ids)
            texts[one.target][name] += len(one.ids)
            cut[one.target][name] += cut_here
        prompts = {name: prompt_of(model, name) for name in ("query", "passage")}
        limit = limit_of(model, settings.max_tokens)
        for number, target in enumerate(targets):
            if texts[number]["passages"] <= SHARD:
                (folders[number] / "passages-00000.npy").rename(folders[number] / "passages.npy")
            counts = dict(texts[number]), dict(cut[number])
            write_record(folders[number], Record(dict(target.made_of), similarity, prompts, limit.tokens, *counts))
    every = [sum(sum(count.values()) for count in counts) for counts in (cut, texts)]
    for line in filter(None, (note, note_on_lengths(limit, settings.max_tokens, cut=every[0], texts=every[1]))):
        say(line)
    return [(count["queries"], count["passages"]) for count in texts], sampled


def _rows(targets: Sequence[Target], sample: Mapping[str, Sequence[str]], settings: Embed) -> Iterator[_Rows]:
    """Yield the queries of all targets and the sample, then the passages of all targets, in shards, and the sample."""
    for number, target in enumerate(targets):
        queries = list(read_queries(target.benchmark))
        yield _Rows("query", [one.text for one in queries], number, "queries", [one.id for one in queries])
    if sample.get("query"):
        yield _Rows("query", sample["query"], len(targets), "", ())
    for number, target in enumerate(targets):
        for at, shard in enumerate(_shards(read_passages(target.benchmark))):
            texts = [f"{one.text} {one.context}".strip() if settings.context else one.text for one in shard]
            yield _Rows("passage", texts, number, f"passages-{at:05}", [one.id for one in shard])
    if sample.get("passage"):
        yield _Rows("passage", sample["passage"], len(targets), "", ())


def _shards(passages: Iterable[Passage]) -> Iterator[list[Passage]]:
    left = iter(passages)
    while shard := list(islice(left, SHARD)):
        yield shard
