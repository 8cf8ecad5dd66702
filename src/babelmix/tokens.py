"""Training texts as token ids: read once, kept on disk, so that a corpus may be larger than memory.

    write_corpus(Path("data/tokens"), pairs, model, settings.train)      # pairs: (pair, whether a machine wrote it)
    corpus = read_corpus(Path("data/tokens"))
    corpus.queries[row], corpus.passages[row]                            # int32 token ids, prompt in front

Every training of every objective reads these instead of tokenising each text again at each step.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from babelmix.common.id_arrays import pack, unpack
from babelmix.config import Train
from babelmix.errors import UserError
from babelmix.files import new_folder
from babelmix.forward import tokenise
from babelmix.pairs import PairIndex, index_pairs
from babelmix.records import Pair

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

CHUNK = 4096  # pairs tokenised together
SIDES = ("queries", "passages")
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
    """Open a corpus; the token ids are mapped from disk. UserError where it is missing or cut short."""
    file = folder / "index.npz"
    try:
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        index = PairIndex(
            units=unpack(arrays["units"], arrays["units_ends"]),
            languages=tuple(arrays["languages"].tolist()),
            **{name: arrays[name] for name in ("unit", "lang", "dev", "machine", "keys")},
        )
        texts = [_open(folder / f"{side}.bin", arrays[f"{side}_starts"]) for side in SIDES]
    except FileNotFoundError as error:
        raise UserError("no tokenised pairs", where=str(folder), how=HOW) from error
    except (ValueError, TypeError, KeyError, EOFError, BadZipFile, OSError) as error:
        raise UserError("not whole tokenised pairs", where=str(file), how=HOW) from error
    return Corpus(index, texts[0], texts[1])


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
