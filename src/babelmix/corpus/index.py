"""Pairs as numbers: the unit, language and split of each row, and which rows are for training.

    index = index_pairs((pair, machine) for ...)        # one row a pair, in the order given
    rows = train_rows(index)

A row takes 24 bytes, so the plan of batches fits in memory even if the texts do not.
"""

import hashlib
from array import array
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from babelmix.common.errors import UserError
from babelmix.common.text import compared_form
from babelmix.corpus.records import Pair, of_words


@dataclass(frozen=True)
class PairIndex:
    """All pairs of an experiment without their texts.

    `units`: the parallel_id of each unit, ascending; `languages`: codes, ascending. By row: `unit` int32 and `lang`
    int16, places in those; `dev` and `machine` bool; `keys` uint64 [rows, 2], equal for two queries (or passages, or
    one of each) that are the same text to a reader (`compared_form`).
    """

    units: tuple[str, ...]
    languages: tuple[str, ...]
    unit: NDArray[np.int32]
    lang: NDArray[np.int16]
    dev: NDArray[np.bool_]
    machine: NDArray[np.bool_]
    keys: NDArray[np.uint64]

    @property
    def words(self) -> NDArray[np.bool_]:
        """Which rows are words of a dictionary, bool [rows]."""
        return np.array([of_words(name) for name in self.units], dtype=np.bool_)[self.unit]


def index_pairs(pairs: Iterable[tuple[Pair, bool]]) -> PairIndex:
    """Index (pair, whether a machine translated it); UserError if people, or a machine, wrote a pair twice."""
    units: dict[str, int] = {}
    languages: dict[str, int] = {}
    unit, lang = array("i"), array("i")
    dev, machine, keys = bytearray(), bytearray(), bytearray()
    for pair, translated in pairs:
        unit.append(units.setdefault(pair.parallel_id, len(units)))
        lang.append(languages.setdefault(pair.lang, len(languages)))
        dev.append(pair.split == "dev")
        machine.append(translated)
        keys += text_key(pair.query) + text_key(pair.passage)
    index = PairIndex(
        units=tuple(sorted(units)),
        languages=tuple(sorted(languages)),
        unit=_ranks(units)[np.array(unit, dtype=np.int64)],
        lang=_ranks(languages)[np.array(lang, dtype=np.int64)].astype(np.int16),
        dev=np.array(dev, dtype=np.uint8).astype(np.bool_),
        machine=np.array(machine, dtype=np.uint8).astype(np.bool_),
        keys=np.frombuffer(bytes(keys), dtype="<u8").astype(np.uint64).reshape(-1, 2),
    )
    _check_once(index)
    return index


def train_rows(index: PairIndex) -> NDArray[np.int64]:
    """Return the rows of the train split: people's pairs, and a machine's where people wrote none."""
    return np.flatnonzero(~index.dev & ~shadowed(index))


def dev_rows(index: PairIndex) -> NDArray[np.int64]:
    """Return the rows of texts of the dev split: people's, or a machine's if there are none.

    They are the same for every objective. So words of a dictionary are left out.
    """
    return np.flatnonzero(index.dev & ~index.words & ~shadowed(index))


def text_key(text: str) -> bytes:
    """Return 8 bytes that are equal for texts of one `compared_form`, which are one text to a reader."""
    return hashlib.blake2b(compared_form(text).encode(errors="surrogatepass"), digest_size=8).digest()


def shadowed(index: PairIndex) -> NDArray[np.bool_]:
    """Return the rows that a machine translated although people wrote them too: bool [rows]."""
    cell = index.unit.astype(np.int64) * len(index.languages) + index.lang
    return index.machine & np.isin(cell, cell[~index.machine])


def _ranks(names: dict[str, int]) -> NDArray[np.int32]:
    """Return the place of each name among the sorted names, by the number it got when it came first."""
    ranks = np.empty(len(names), dtype=np.int32)
    for rank, name in enumerate(sorted(names)):
        ranks[names[name]] = rank
    return ranks


def _check_once(index: PairIndex) -> None:
    cell = (index.unit.astype(np.int64) * len(index.languages) + index.lang) * 2 + index.machine
    cells, counts = np.unique(cell, return_counts=True)
    if len(cells) and counts.max() > 1:
        unit, lang = divmod(int(cells[counts.argmax()]) // 2, len(index.languages))
        what = f"duplicate parallel_id {index.units[unit]!r} in {index.languages[lang]}"
        raise UserError(what, where="data/pairs", how="give each parallel_id one pair a language, over all sources")
