"""Passages that are larger than memory, in ascending order of id: an external merge sort.

passages = SortedPassages(scratch)
passages.add(Passage("en:d2", "en", "Flour and water."))
for number, passage in passages:        # by id; `number` counts what was added, from 0
    ...
"""

import hashlib
import heapq
import json
from array import array
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from babelmix.benchmarks.benchmark import Passage

RUN_CHARACTERS = 64 << 20  # of the passages that are sorted in memory at a time
_ROW_CHARACTERS = 200  # that a passage costs beside its text
_Row = tuple[str, int, str, str]  # id, number, language, text


class SortedPassages:
    """Collect passages in any order, and yield them by id; those of one id come in the order in which they were added.

    It sorts runs of `run_characters` in memory and writes all but the last into `scratch`, a folder of its own. It
    keeps no `context`, for none of the forms that it reads has one.
    """

    def __init__(self, scratch: Path, run_characters: int = RUN_CHARACTERS) -> None:
        self._scratch, self._run_characters = scratch, run_characters
        self._runs: list[Path] = []
        self._rows: list[_Row] = []
        self._size = self._number = 0

    def add(self, passage: Passage) -> None:
        """Add a passage; writes a run if memory has as much as it may."""
        self._rows.append((passage.id, self._number, passage.lang, passage.text))
        self._number += 1
        self._size += len(passage.text) + _ROW_CHARACTERS
        if self._size >= self._run_characters:
            self._rows.sort()
            run = self._scratch / f"run-{len(self._runs)}.jsonl"
            with run.open("w", encoding="utf-8") as stream:
                stream.writelines(json.dumps(row) + "\n" for row in self._rows)
            self._runs.append(run)
            self._rows, self._size = [], 0

    def __iter__(self) -> Iterator[tuple[int, Passage]]:
        """Yield (number, passage); memory holds the last run and one passage of each other."""
        for name, number, lang, text in heapq.merge(*map(_read_run, self._runs), sorted(self._rows)):
            yield number, Passage(name, lang, text)

    def __len__(self) -> int:
        return self._number


class Digests:
    """A set of texts that keeps 8 bytes of each: of ten million texts, two share theirs once in 370,000 such sets."""

    def __init__(self) -> None:
        self._values = array("Q")
        self._sorted = np.zeros(0, np.uint64)

    def add(self, text: str) -> None:
        """Add a text."""
        self._values.append(_digest(text))

    def __len__(self) -> int:
        """The number of different texts."""
        return len(self._distinct())

    def __contains__(self, text: object) -> bool:
        if not isinstance(text, str):
            return False
        distinct, value = self._distinct(), np.uint64(_digest(text))
        at = int(np.searchsorted(distinct, value))
        return at < len(distinct) and bool(distinct[at] == value)

    def _distinct(self) -> "np.ndarray[tuple[int], np.dtype[np.uint64]]":
        """Return the different values, sorted; texts are added to them since the last call."""
        if self._values:
            added = np.frombuffer(self._values, np.uint64)
            self._sorted, self._values = np.unique(np.concatenate((self._sorted, added))), array("Q")
        return self._sorted


def _read_run(run: Path) -> Iterator[_Row]:
    with run.open(encoding="utf-8") as stream:
        for line in stream:
            name, number, lang, text = json.loads(line)
            yield name, number, lang, text


def _digest(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")
