"""Texts to vectors.

    vectors = encode(model, texts, prompt="query", settings=embed_settings, threads=2)     # float16 [n, d]
    for texts, vectors, cut in encode_each(model, lists, ...):       # many lists, one after the other
        ...

Equal texts of up to SHARD texts are encoded once, whatever list they are in; with a store, equal texts of all runs.
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from babelmix.encoder.groups import TOKENS_PER_FORWARD
from babelmix.encoder.packing import forward
from babelmix.encoder.precision import in_precision, say_once, usable_precision
from babelmix.encoder.settings import Embed
from babelmix.encoder.tokenise import cut_texts, prompt_of, tokenise
from babelmix.encoder.transfer import fetched
from babelmix.encoder.usage import note_on_threads
from babelmix.encoder.vector_store import VectorStore

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

SHARD = 100_000  # texts sorted by length and encoded at once; bounds memory, 77 MB of vectors at 384 dimensions
TOKENISED = 4096  # texts tokenised at a time: the tokenizer's own results are many times as large as the ids
KEPT = 8192  # vectors in one file of the store; a kill loses as many


@dataclass(frozen=True, slots=True)
class TextList:
    """Texts to encode after one prompt of the model, "query" or "passage"."""

    prompt: str
    texts: Sequence[str]


L = TypeVar("L", bound=TextList)


@dataclass(frozen=True, slots=True)
class _Unit(Generic[L]):
    """Lists that are encoded together: their distinct texts, and of these what is known and what is to be done."""

    lists: list[L]
    row_of: dict[str, int]  # text -> row
    known: NDArray[np.int64]  # rows that the store has
    vectors: NDArray[Any]  # of these
    cut: NDArray[np.bool_]  # [distinct texts]
    left: list[int]  # the other rows
    ids: list[NDArray[np.int32]]  # token ids of these


def encode(
    model: "SentenceTransformer",
    texts: Sequence[str],
    *,
    prompt: str,
    settings: Embed,
    threads: int,
    on_progress: Callable[[int], None] = lambda done: None,
    store: VectorStore | None = None,
) -> NDArray[np.float16]:
    """Return float16 [texts, d] unit vectors of `texts`, each after the model's own prompt of that name.

    Texts of similar length share a batch. Equal texts are encoded once. `on_progress` gets the number of texts encoded
    since its last call. `store` has or keeps the vectors of this model, these settings and threads (encoder/keep.py).
    """
    lists = [TextList(prompt, texts)]
    return next(encode_each(model, lists, settings, threads, on_progress, unit=True, store=store))[1]


def encode_raw(
    model: "SentenceTransformer",
    texts: Sequence[str],
    *,
    prompt: str,
    settings: Embed,
    threads: int,
    on_progress: Callable[[int], None] = lambda done: None,
) -> NDArray[np.float32]:
    """Return float32 [texts, d] vectors of any length, as the model outputs them: for dot products and distances."""
    return next(encode_each(model, [TextList(prompt, texts)], settings, threads, on_progress, unit=False))[1]


def encode_each(
    model: "SentenceTransformer",
    lists: Iterable[L],
    settings: Embed,
    threads: int,
    on_progress: Callable[[int], None],
    *,
    unit: bool,
    store: VectorStore | None = None,
) -> Iterator[tuple[L, NDArray[Any], int]]:
    """Yield each list, the vectors of its texts in order, and how many of them were cut to the model's limit.

    With `unit` the vectors are float16 of unit length, otherwise float32 of any length. Lists that follow each other
    with one prompt are encoded together, up to SHARD texts; while they are, a thread reads, looks up and tokenises the
    next. With a store that may be used (encoder/keep.py), the vectors do not depend on which lists are together.
    """
    if model.device.type == "cpu" and (note := note_on_threads(threads)):
        say_once(note)
    torch.set_num_threads(threads)
    model.eval()
    units = _together(lists)

    def prepared() -> _Unit[L] | None:
        found = next(units, None)
        return None if found is None else _prepare(model, found, settings, store)

    with ThreadPoolExecutor(1) as ahead:
        waiting = ahead.submit(prepared)
        while (now := waiting.result()) is not None:
            waiting = ahead.submit(prepared)
            vectors = _encode(model, now, settings, on_progress, unit, store)
            for one in now.lists:
                rows = [now.row_of[text] for text in one.texts]
                yield one, vectors[rows], int(np.count_nonzero(now.cut[rows]))


@contextmanager
def computing(model: "SentenceTransformer", settings: Embed) -> Generator[None]:
    """Compute without gradients for the block, in the precision of the settings or, said once, in a usable one."""
    precision, note = usable_precision(settings.precision, model.device)
    if note:
        say_once(note)
    with torch.inference_mode(), in_precision(model, precision):
        yield


def unit_rows(vectors: torch.Tensor) -> torch.Tensor:
    """Return the rows in float32, divided by their length."""
    return torch.nn.functional.normalize(vectors.float())


def _together(lists: Iterable[L]) -> Iterator[list[L]]:
    """Yield consecutive lists of one prompt, up to SHARD texts together; a longer list comes alone."""
    unit: list[L] = []
    for one in lists:
        if unit and (one.prompt != unit[0].prompt or sum(len(other.texts) for other in (*unit, one)) > SHARD):
            yield unit
            unit = []
        unit.append(one)
    if unit:
        yield unit


def _prepare(model: "SentenceTransformer", lists: list[L], settings: Embed, store: VectorStore | None) -> _Unit[L]:
    """Look up and tokenise; a thread does this, so it computes nothing with torch and writes nothing."""
    prompt, row_of = lists[0].prompt, {}
    for one in lists:
        for text in one.texts:
            row_of.setdefault(text, len(row_of))
    distinct = list(row_of)
    known, vectors = np.empty(0, dtype=np.int64), np.empty((0, 0))
    cut = np.zeros(len(distinct), dtype=np.bool_)
    if store is not None:
        known, vectors, was_cut = store.get(_prompted(model, prompt, distinct))
        cut[known] = was_cut
    left = np.setdiff1d(np.arange(len(distinct)), known, assume_unique=True).tolist()
    ids: list[NDArray[np.int32]] = []
    for start in range(0, len(left), TOKENISED):
        rows = left[start : start + TOKENISED]
        texts = [distinct[row] for row in rows]
        found = tokenise(model, texts, prompt=prompt, max_tokens=settings.max_tokens)
        for row in cut_texts(model, texts, found, prompt=prompt, max_tokens=settings.max_tokens):
            cut[rows[row]] = True
        ids += [np.array(text, dtype=np.int32) for text in found]
    return _Unit(lists, row_of, known, vectors, cut, left, ids)


def _encode(
    model: "SentenceTransformer",
    now: _Unit[Any],
    settings: Embed,
    on_progress: Callable[[int], None],
    unit: bool,
    store: VectorStore | None,
) -> NDArray[Any]:
    """Return the vectors of a unit's distinct texts, and keep the new ones."""
    dimension = model.get_embedding_dimension() or 0
    vectors = np.empty((len(now.row_of), dimension), dtype=np.float16 if unit else np.float32)
    if len(now.known):
        vectors[now.known] = now.vectors
        on_progress(len(now.known))
    distinct, fresh = list(now.row_of), list[int]()

    def keep() -> None:
        if store is not None:
            texts = _prompted(model, now.lists[0].prompt, [distinct[row] for row in fresh])
            store.put(texts, vectors[fresh], now.cut[fresh])
        fresh.clear()

    with computing(model, settings):
        groups = forward(model, now.ids, tokens_per_batch=TOKENS_PER_FORWARD[model.device.type])
        for rows, found in fetched((rows, unit_rows(part) if unit else part.float()) for rows, part in groups):
            rows = [now.left[row] for row in rows]
            vectors[rows] = found.numpy().astype(vectors.dtype)
            on_progress(len(rows))
            fresh += rows
            if len(fresh) >= KEPT:
                keep()
    keep()
    return vectors


def _prompted(model: "SentenceTransformer", prompt: str, texts: Sequence[str]) -> list[str]:
    prefix = prompt_of(model, prompt)
    return [prefix + text for text in texts]
