"""Training texts as token ids: read once, kept on disk, so that a corpus may be larger than memory.

    write_corpus(Path("data/tokens"), pairs, model, settings.train)      # pairs: (pair, whether a machine wrote it)
    corpus = read_corpus(Path("data/tokens"))
    corpus.queries[row], corpus.passages[row]                            # int32 token ids, prompt in front

Every training of every objective reads these instead of tokenising each text again at each step.
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
from babelmix.encoder.packing import tokenise
from babelmix.training.settings import Train

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

CHUNK = 4096  # pairs tokenised together
SIDES = ("queries", "passages")
ROWS = ("unit", "lang", "dev", "machine", "keys")  # the arrays of PairIndex with a row for each pair
HOW = "run `dvc repro tokenise`"


@dataclass(frozen=True)
class TokenTexts:
    """Texts laid end to end: text `row` is `ids[starts[row] : starts[row + 1]]`; the ids stay on disk."""

    ids: NDArray[np.int32]
    starts: NDArray[np.int64]

    def __getitem__(self, row: int) -> NDArray[np.int32]:
        """Return the token ids of one text; a row that is not there raises IndexError."""
        if not 0 <= row < len(self):
            raise IndexError(f"no text {row} among {len(self)}")
        return self.ids[self.starts[row] : self.starts[row + 1]]

    def __len__(self) -> int:
        """Return the number of texts."""
        return len(self.starts) - 1


@dataclass(frozen=True)
class Corpus:
    """What trainings read: who each row is, and the token ids of its query and its passage."""

    index: PairIndex
    queries: TokenTexts
    passages: TokenTexts


def write_corpus(
    folder: Path,
    pairs: Iterable[tuple[Pair, bool]],
    model: "SentenceTransformer",
    recipe: Train,
    told: Callable[[int], None] = lambda done: None,
) -> int:
    """Tokenise pairs into `folder`, replacing it as a whole, and return their number.

    Texts stand behind the model's own prompts and are cut to the recipe's lengths. Memory grows with the ids of the
    units alone. Writes `queries.bin`, `passages.bin` (int32, little-endian) and `index.npz`.
    """
    with new_folder(folder) as beside, ExitStack() as stack:
        streams = {side: stack.enter_context((beside / f"{side}.bin").open("wb")) for side in SIDES}
        lengths: dict[str, list[NDArray[np.int64]]] = {side: [np.zeros(1, dtype=np.int64)] for side in SIDES}
        index = index_pairs(_written(pairs, model, recipe, streams, lengths, told))
        np.savez(
            beside / "index.npz",
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


def read_corpus(folder: Path) -> Corpus:
    """Open a corpus; the token ids are mapped from disk. UserError where it is missing, cut short or damaged."""
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
            raise ValueError("rows that do not fit one another")
    texts: list[TokenTexts] = []
    for side in SIDES:
        path = folder / f"{side}.bin"
        with whole_arrays(str(path), what="file of token ids", how=HOW):
            texts.append(_open(path, arrays[f"{side}_starts"]))
    return Corpus(index, texts[0], texts[1])


def _sound(index: PairIndex) -> bool:
    """Say whether every row has a unit, a language, two flags and two keys, of the types that PairIndex says."""
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
    """Say whether these are the places of `rows` texts: int64, from 0, never falling."""
    sound = starts.dtype == np.int64 and starts.shape == (rows + 1,) and starts[0] == 0
    return bool(sound) and bool((np.diff(starts) >= 0).all())


def _written(
    pairs: Iterable[tuple[Pair, bool]],
    model: "SentenceTransformer",
    recipe: Train,
    streams: Mapping[str, BinaryIO],
    lengths: dict[str, list[NDArray[np.int64]]],
    told: Callable[[int], None],
) -> Iterator[tuple[Pair, bool]]:
    """Pass pairs on, a chunk at a time, after their token ids were written."""
    rest = iter(pairs)
    while chunk := list(islice(rest, CHUNK)):
        for side, prompt, longest, texts in (
            ("queries", "query", recipe.max_query_tokens, [pair.query for pair, _ in chunk]),
            ("passages", "passage", recipe.max_passage_tokens, [pair.passage for pair, _ in chunk]),
        ):
            ids = tokenise(model, texts, prompt=prompt, max_tokens=longest)
            lengths[side].append(np.array([len(text) for text in ids], dtype=np.int64))
            streams[side].write(np.concatenate([np.array(text, dtype="<i4") for text in ids]).tobytes())
        told(len(chunk))
        yield from chunk


def _open(file: Path, starts: NDArray[np.int64]) -> TokenTexts:
    if file.stat().st_size != 4 * starts[-1]:
        raise ValueError(f"{file} is cut short")
    ids = np.memmap(file, dtype="<i4", mode="r") if starts[-1] else np.empty(0, dtype="<i4")
    return TokenTexts(ids, starts)
