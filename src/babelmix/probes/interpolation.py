"""Contextual and static vectors of words, mixed: (1 - l) * static W + l * contextual.

    found = interpolate(Words(names, languages, units, static, contextual), held_out)
    found.share                                   # l, chosen on the held-out units
    found.vectors(static, contextual)             # float32 [n, d] unit vectors of any words

The code of arXiv 2203.08307 mixes a word's vector in an encoder with a static vector of the same word, at l = 0.2. Both
are L2-normalised first. W is orthogonal (Procrustes): it turns the static space so that a word's two vectors agree
best. Here the static vector is to be the mean of the encoder's own input embeddings of a word's sub-words. It is no
fastText vector.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from babelmix.common.errors import UserError
from babelmix.common.text import compared_form

Vectors = NDArray[np.float32]
SHARES = tuple(number / 10 for number in range(11))


@dataclass(frozen=True)
class Words:
    """Words of a dictionary, a row each: [n] in every array.

    Attributes:
        names: the words; a word that comes twice in a language is one candidate.
        languages: the language of each.
        units: equal for words of one row of the dictionary, which translate one another.
        static: float32 [n, s].
        contextual: float32 [n, d].
    """

    names: Sequence[str]
    languages: Sequence[str]
    units: NDArray[np.int64]
    static: Vectors
    contextual: Vectors


@dataclass(frozen=True, slots=True)
class Score:
    """How well words of held-out units find their translations, at one share."""

    share: float
    p_at_1: float
    mrr: float


@dataclass(frozen=True)
class Interpolation:
    """The chosen share of the contextual vectors, the map W, float32 [s, d], and the scores of all shares."""

    share: float
    map: Vectors
    scores: tuple[Score, ...]

    def vectors(self, static: Vectors, contextual: Vectors) -> Vectors:
        """Return the mixed vectors of words, float32 [n, d], of unit length."""
        return mix(static, contextual, self.map, self.share)


def interpolate(words: Words, held_out: NDArray[np.bool_]) -> Interpolation:
    """Fit W on the words that are not held out, and choose the share with the highest MRR on those that are.

    A word that is held out in one unit fits W in no other.

    Every held-out word asks for its translation in each other language; all words of that language are candidates. MRR
    is finer than P@1, which many shares have in common. Among equals the largest share is taken: the least change.
    An encoder that was tuned on words must not have seen the held-out ones, or it would look better than it is.

    Args:
        words: of two or more languages.
        held_out: bool [n].

    Raises:
        UserError: no word to fit W on, or no held-out word with a translation.
    """
    named = list(zip(words.languages, map(compared_form, words.names), strict=True))
    held = {named[row] for row in np.flatnonzero(held_out).tolist()}
    fitted = np.array([name not in held for name in named])
    if not fitted.any():
        how = "hold fewer words out: W is fitted on the others"
        raise UserError("all words are held out", where="interpolation", how=how)
    turn = procrustes(words.static[fitted], words.contextual[fitted])
    asked = _questions(words, held_out)
    if not asked:
        how = "hold out units with words in two languages"
        raise UserError("no held-out word has a translation", where="interpolation", how=how)
    scores: list[Score] = []
    for share in SHARES:
        vectors = mix(words.static, words.contextual, turn, share)
        rank = np.concatenate([questions.ranks(vectors) for questions in asked])
        scores.append(Score(share, float(np.mean(rank == 1)), float(np.mean(1 / rank))))
    best = max(scores, key=lambda score: (score.mrr, score.share))
    return Interpolation(best.share, turn, tuple(scores))


def procrustes(static: Vectors, contextual: Vectors) -> Vectors:
    """Return the W that minimises |X W - Y| with orthonormal rows or columns, float32 [s, d].

    X and Y are the static and the contextual vectors, L2-normalised. W = U V', where U S V' is the singular value
    decomposition of X'Y (Schönemann 1966); in float64.

    Args:
        static: [n, s], of n words.
        contextual: [n, d], of the same words.
    """
    left, _, right = np.linalg.svd(_unit(static).T @ _unit(contextual), full_matrices=False)
    return (left @ right).astype(np.float32)


def mix(static: Vectors, contextual: Vectors, turn: Vectors, share: float) -> Vectors:
    """Return (1 - share) * static W + share * contextual of unit vectors, itself of unit length: float32 [n, d].

    >>> static, contextual = np.array([[3.0, 0.0]], dtype=np.float32), np.array([[0.0, 2.0]], dtype=np.float32)
    >>> [round(value, 3) for value in mix(static, contextual, np.eye(2, dtype=np.float32), 0.5)[0].tolist()]
    [0.707, 0.707]
    """
    mixed = (1 - share) * (_unit(static) @ turn.astype(np.float64)) + share * _unit(contextual)
    return _unit(mixed).astype(np.float32)


@dataclass(frozen=True, slots=True)
class _Questions:
    """One language's held-out words to another: rows that ask, rows of the candidates, the right candidate of each."""

    asking: NDArray[np.int64]
    candidates: NDArray[np.int64]
    right: NDArray[np.int64]

    def ranks(self, vectors: Vectors) -> NDArray[np.int64]:
        """Return the rank of each right candidate by cosine, from 1; of equals the first comes first."""
        scores = (vectors[self.asking].astype(np.float64) @ vectors[self.candidates].T).astype(np.float32)
        right = np.take_along_axis(scores, self.right[:, None], axis=1)
        before = np.arange(len(self.candidates)) < self.right[:, None]
        return 1 + ((scores > right) | ((scores == right) & before)).sum(axis=1)


def _questions(words: Words, held_out: NDArray[np.bool_]) -> list[_Questions]:
    """Return the questions of each ordered pair of languages that has any."""
    names, languages = np.array(words.names), np.array(words.languages)
    found: list[_Questions] = []
    for source, target in permutations(np.unique(languages).tolist(), 2):
        rows = np.flatnonzero(languages == target)
        _, first, candidate = np.unique(names[rows], return_index=True, return_inverse=True)
        of_unit = dict(zip(words.units[rows].tolist(), candidate.tolist(), strict=True))
        asking = np.flatnonzero((languages == source) & held_out & np.isin(words.units, words.units[rows]))
        if len(asking):
            right = np.array([of_unit[unit] for unit in words.units[asking].tolist()], dtype=np.int64)
            found.append(_Questions(asking, rows[first], right))
    return found


def _unit(vectors: NDArray[np.floating]) -> NDArray[np.float64]:
    """Divide rows by their length, in float64; a zero row stays zero."""
    wide = vectors.astype(np.float64)
    length = np.linalg.norm(wide, axis=1, keepdims=True)
    return np.divide(wide, length, out=np.zeros_like(wide), where=length > 0)
