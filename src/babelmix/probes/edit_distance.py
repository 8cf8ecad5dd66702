"""The candidate that looks most like a word: a floor that needs no model.

>>> nearest_strings(["museum", "kino"], ["haus", "museo", "cinema"]).tolist()
[1, 2]

The distance is Levenshtein's, divided by the length of the longer word; of equals the first candidate is taken. A word
without a letter in common with any candidate gets the first one.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

QUERIES = 256  # compared at once: 256 x 25,000 bounds are 26 MB
FIRST = 32  # candidates whose distance is computed first


def nearest_strings(queries: Sequence[str], candidates: Sequence[str]) -> NDArray[np.int64]:
    """Return the row of the candidate with the smallest normalised edit distance to each query, int64 [n].

    Most candidates are ruled out by their letters: two words whose longer one has n letters, and that share s of them
    in any order, are at least n - s edits apart.
    """
    codes, lengths = _codes(candidates)
    letters = {sign: row for row, sign in enumerate(sorted({sign for word in queries for sign in _counted(word)}))}
    bags = _bags(candidates, letters)
    found = np.empty(len(queries), dtype=np.int64)
    for start in range(0, len(queries), QUERIES):
        words = queries[start : start + QUERIES]
        shared = _bags(words, letters) @ bags.T
        for row, word in enumerate(words):
            longer = np.maximum(lengths, len(word)).astype(np.float32)
            found[start + row] = _nearest(word, codes, lengths, (longer - shared[row]) / longer)
    return found


def _nearest(word: str, codes: NDArray[np.uint32], lengths: NDArray[np.int64], bound: NDArray[np.float32]) -> np.int64:
    """Return the nearest candidate, given a lower bound of each one's normalised distance."""
    if bound.min() >= 1:
        return np.int64(0)
    first = np.argpartition(bound, min(FIRST, len(bound)) - 1)[:FIRST]
    reached = _distances(word, codes[first], lengths[first]).min()
    possible = np.flatnonzero(bound <= reached + 1e-6)  # in ascending order, so that argmin takes the first of equals
    return possible[np.argmin(_distances(word, codes[possible], lengths[possible]))]


def _distances(word: str, codes: NDArray[np.uint32], lengths: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the normalised edit distances of a word to candidates, float64 [m], by the usual table, all at once.

    A row of the table belongs to a letter of the word. Insertions, which depend on each other within a row, are a
    running minimum: row[j] = j + min over i <= j of (base[i] - i). Places come first, [places, m], which is faster.
    """
    places = np.arange(codes.shape[1] + 1, dtype=np.int16)[:, None]
    row, letters = np.repeat(places, len(codes), axis=1), np.ascontiguousarray(codes.T)
    for sign in word:
        base = row + 1
        base[1:] = np.minimum(base[1:], row[:-1] + (letters != ord(sign)))
        row = np.minimum.accumulate(base - places, axis=0, dtype=np.int16) + places
    return row[lengths, np.arange(len(codes))] / np.maximum(lengths, len(word))


def _codes(words: Sequence[str]) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """Return the letters of words as numbers, [m, longest], and their lengths."""
    lengths = np.array([len(word) for word in words], dtype=np.int64)
    padded = np.array(words, dtype=f"<U{max(1, int(lengths.max()))}")
    return padded.view(np.uint32).reshape(len(words), -1), lengths


def _counted(word: str) -> list[tuple[str, int]]:
    """Return each letter with its number within the word, so that shared letters are shared entries."""
    return [(sign, number) for sign, count in Counter(word).items() for number in range(count)]


def _bags(words: Sequence[str], letters: dict[tuple[str, int], int]) -> NDArray[np.float32]:
    """Return which counted letters each word has, float32 [words, letters]; letters of no query do not matter."""
    found = np.zeros((len(words), len(letters)), dtype=np.float32)
    for row, word in enumerate(words):
        found[row, [letters[one] for one in _counted(word) if one in letters]] = 1
    return found
