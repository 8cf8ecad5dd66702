"""Training pairs as token ids on disk, so that they may be larger than memory.

    write_tokenized(Path("data/tokens"), pairs, model, train)      # pairs: (pair, whether a machine translated it)
    tokenized = read_tokenized(Path("data/tokens"))
    tokenized.queries[row], tokenized.passages[row]                # int32 token ids, the prompt first

All trainings read these, so each text is tokenised once and not at each step.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from babelmix.common.arrays import read_arrays, whole_arrays
from babelmix.common.errors import UserError
from babelmix.common.files import new_folder
from babelmix.common.id_arrays import pack, unpack
from babelmix.corpus.index import PairIndex, index_pairs
from babelmix.corpus.records import Pair
from babelmix.encoder.tokenise import tokenise
from babelmix.training.settings import Train

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

CHUNK = 4096  # pairs tokenised at a time
SIDES = ("queries", "passages")
ROWS = ("unit", "lang", "dev", "machine", "keys")  # the arrays of PairIndex that have a row for each pair
HOW = "run `dvc repro tokenise`"


@dataclass(frozen=True)
class TokenTexts:
    """Concatenated texts: text `row` is `ids[starts[row] : starts[row + 1]]`; the ids are mapped from disk."""

    ids: NDArray[np.int32]
    starts: NDArray[np.int64]

    def __getitem__(self, row: int) -> NDArray[np.int32]:
        """Return the token ids of one text, int32; IndexError if there is no such row."""
        if not 0 <= row < len(self):
            raise IndexError(f"no text {row} among {len(self)}")
        return self.ids[self.starts[row] : self.starts[row + 1]]

    def __len__(self) -> int:
        """Return the number of texts."""
        return len(self.starts) - 1


@dataclass(frozen=True)
class TokenizedPairs:
    """What trainings read: the index of all pairs, and the token ids of each pair's query and passage."""

    index: PairIndex
    queries: TokenTexts
    passages: TokenTexts


def write_tokenized(
    folder: Path,
    pairs: Iterable[tuple[Pair, bool]],
    model: "SentenceTransformer",
    train: Train,
    on_progress: Callable[[int], None] = lambda done: None,
) -> int:
    """Tokenise pairs into `folder`, replacing it as a whole, and return their number.

    Each text follows the model's own prompt and is cut to the length in `train`. Memory holds the index, not the texts.
    Writes `queries.bin`, `passages.bin` (int32, little-endian) and `index.npz`. `on_progress` gets the number of pairs
    done since its last call.
    """
    with new_folder(folder) as staging, ExitStack() as stack:
        streams = {side: stack.enter_context((staging / f"{side}.bin").open("wb")) for side in SIDES}
        lengths: dict[str, list[NDArray[np.int64]]] = {side: [np.zeros(1, dtype=np.int64)] for side in SIDES}
        index = index_pairs(_written(pairs, model, train, streams, lengths, on_progress))
        np.savez(
            staging / "index.npz",
            allow_pickle=False,
            **pack("units", index.units),
            languages=np.array(index.languages, dtype=np.str_),
            unit=index.unit,
            lang=index.lang,
            dev=index.dev,
            machine=index.machine,
            keys=index.keys,
            queries_starts=np.cumsum(np.concatenate(lengths["queries"])),
            passages_starts=np.cumsum(np.concatenate(lengths["passages"])),
        )
    return len(index.unit)


def read_tokenized(folder: Path) -> TokenizedPairs:
    """Open tokenized pairs, the token ids mapped from disk; UserError if a file is missing, cut short or damaged."""
    file = folder / "index.npz"
    if not file.exists():
        raise UserError("no tokenised pairs", where=str(folder), how=HOW)
    starts = [f"{side}_starts" for side in SIDES]
    names = ("units", "units_ends", "languages", *ROWS, *starts)
    arrays = dict(zip(names, read_arrays(file, names, what="tokenised pairs", how=HOW), strict=True))
    with whole_arrays(str(file), what="index of tokenised pairs", how=HOW):
        index = PairIndex(
            units=unpack(arrays["units"], arrays["units_ends"]),
            languages=tuple(arrays["languages"].tolist()),
            **{name: arrays[name] for name in ROWS},
        )
        if not _sound(index) or not all(_lengths(arrays[name], len(index.unit)) for name in starts):
            raise ValueError("the arrays do not fit together")
    texts: list[TokenTexts] = []
    for side in SIDES:
        path = folder / f"{side}.bin"
        with whole_arrays(str(path), what="file of token ids", how=HOW):
            texts.append(_open(path, arrays[f"{side}_starts"]))
    return TokenizedPairs(index, texts[0], texts[1])


def _sound(index: PairIndex) -> bool:
    """Return whether every row has a unit, a language, two flags and two keys, with the types of PairIndex."""
    rows, types = index.unit.shape, (index.unit.dtype, index.lang.dtype, index.dev.dtype, index.machine.dtype)
    if types != (np.int32, np.int16, np.bool_, np.bool_) or index.keys.dtype != np.uint64:
        return False
    if len(rows) != 1 or not index.lang.shape == index.dev.shape == index.machine.shape == rows:
        return False
    ascending = all(one < other for names in (index.units, index.languages) for one, other in pairwise(names))
    within = ((index.unit >= 0) & (index.unit < len(index.units))).all()
    spoken = ((index.lang >= 0) & (index.lang < len(index.languages))).all()
    return ascending and bool(within and spoken) and index.keys.shape == (*rows, 2)


def _lengths(starts: NDArray[Any], rows: int) -> bool:
    """Return whether these are the starts of `rows` texts: int64, from 0, never decreasing."""
    sound = starts.dtype == np.int64 and starts.shape == (rows + 1,) and starts[0] == 0
    return bool(sound) and bool((np.diff(starts) >= 0).all())


def _written(
    pairs: Iterable[tuple[Pair, bool]],
    model: "SentenceTransformer",
    train: Train,
    streams: Mapping[str, BinaryIO],
    lengths: dict[str, list[NDArray[np.int64]]],
    on_progress: Callable[[int], None],
) -> Iterator[tuple[Pair, bool]]:
    """Write the token ids of a chunk of pairs, then yield its pairs, until none are left."""
    rest = iter(pairs)
    while chunk := list(islice(rest, CHUNK)):
        for side, prompt, longest, texts in (
            ("queries", "query", train.max_query_tokens, [pair.query for pair, _ in chunk]),
            ("passages", "passage", train.max_passage_tokens, [pair.passage for pair, _ in chunk]),
        ):
            ids = tokenise(model, texts, prompt=prompt, max_tokens=longest)
            lengths[side].append(np.array([len(text) for text in ids], dtype=np.int64))
            streams[side].write(np.concatenate([np.array(text, dtype="<i4") for text in ids]).tobytes())
        on_progress(len(chunk))
        yield from chunk


def _open(file: Path, starts: NDArray[np.int64]) -> TokenTexts:
    if file.stat().st_size != 4 * starts[-1]:
        raise ValueError(f"{file} is cut short")
    ids = np.memmap(file, dtype="<i4", mode="r") if starts[-1] else np.empty(0, dtype="<i4")
    return TokenTexts(ids, starts)
