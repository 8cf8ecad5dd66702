"""The answer to a search on every side: hits, language shares, and the ranks of right answers where they are known.

page = Page.debiasing("my-index", [index, opened_again], encode, known=None)
page = Page.models([("small", index, encode), ("large", other, encode_other)], known)
answer = page.answer(Ask("how do I print?", (), 1.0, False))
answer.sides[0].hits[0].text
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from babelmix.searching.index import Hit, SearchIndex
from babelmix.searching.page.asking import Ask
from babelmix.searching.page.known import Known, Question

Encode = Callable[[Sequence[str]], NDArray[np.float32]]
HITS = 10  # on each side
KEPT = 512  # vectors of queries in memory: a reader moves the slider, and the query stays


@dataclass(frozen=True, slots=True)
class Side:
    """One half of the page: what it is called, where it searches, and whether the debiasing is for it."""

    name: str
    index: SearchIndex
    encode: Callable[[str], NDArray[np.float32]]
    debiased: bool


@dataclass(frozen=True, slots=True)
class Share:
    """A language's part of the passages that are searched, 0 to 1, and its hits."""

    language: str
    pool: float
    hits: int


@dataclass(frozen=True, slots=True)
class Rank:
    """The rank of a right answer among all passages, from 1."""

    language: str
    passage: str
    rank: int


@dataclass(frozen=True, slots=True)
class Found:
    """What one side found: its best passages, the languages of these, and the ranks of the right answers."""

    name: str
    note: str
    hits: tuple[Hit, ...]
    shares: tuple[Share, ...]
    ranks: tuple[Rank, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a search; `question` is the query as a known one, None if it is not known."""

    ask: Ask
    sides: tuple[Found, ...]
    question: Question | None
    milliseconds: float

    @property
    def right(self) -> frozenset[str]:
        """The ids of the right answers; none unless the question is known."""
        return frozenset(self.question.answers if self.question else ())


@dataclass(frozen=True, slots=True)
class Page:
    """What the page searches: its sides, and the known questions if there are any."""

    sides: tuple[Side, ...]
    known: Known | None
    debias: float  # the strength where the reader gives none

    @classmethod
    def debiasing(cls, name: str, indexes: Sequence[SearchIndex], encode: Encode, known: Known | None) -> "Page":
        """Show one index, opened twice: as it is, and debiased, at first with full strength."""
        kept = _kept(encode)
        as_it_is, debiased = indexes
        left, right = Side(f"{name}, as it is", as_it_is, kept, False), Side(f"{name}, debiased", debiased, kept, True)
        return cls((left, right), known, 1.0)

    @classmethod
    def models(cls, indexes: Sequence[tuple[str, SearchIndex, Encode]], known: Known | None) -> "Page":
        """Show two indexes, each with a name and its encoder; the debiasing is for both, and at first none."""
        return cls(tuple(Side(name, index, _kept(encode), True) for name, index, encode in indexes), known, 0.0)

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages of all passages, in alphabetical order."""
        return tuple(sorted({language for side in self.sides for language in side.index.languages}))

    @property
    def sizes(self) -> str:
        """The number of passages, or of both sides' passages where they differ."""
        return " and ".join(dict.fromkeys(f"{len(side.index):,}" for side in self.sides))

    def answer(self, ask: Ask) -> Answer:
        """Search on every side."""
        begun = time.perf_counter()
        question = self.known.find(ask.query) if self.known else None
        sides = tuple(_found(side, ask, question) for side in self.sides)
        return Answer(ask, sides, question, 1000 * (time.perf_counter() - begun))

    def warm(self) -> None:
        """Search once, so that the first reader does not wait for what is made at first use."""
        self.answer(Ask("warm", (), self.debias, True))


def _kept(encode: Encode) -> Callable[[str], NDArray[np.float32]]:
    """Return what encodes one query, [1, d], and remembers the last ones."""

    @lru_cache(maxsize=KEPT)
    def vector(query: str) -> NDArray[np.float32]:
        return encode([query])

    return vector


def _found(side: Side, ask: Ask, question: Question | None) -> Found:
    vector = side.encode(ask.query)
    shift = ask.strength if side.debiased else 0.0
    equal_share = side.debiased and ask.equal_share
    spoken = [lang for lang in ask.languages if lang in side.index.languages]
    hits: Sequence[Hit] = ()
    if spoken or not ask.languages:
        found = side.index.search(vector, HITS, languages=spoken or None, equal_share=equal_share, shift=shift)
        hits = found[0]
    ranks = side.index.ranks(vector[0], list(question.answers), shift=shift) if question else {}
    notes = [f"debiased, strength {shift:g}"] if shift else []
    notes += ["an equal share for each language"] if equal_share else []
    note = ", ".join(notes) or "not debiased"
    return Found(side.name, note, tuple(hits), _shares(side, ask, hits), _ranks(ranks, question))


def _shares(side: Side, ask: Ask, hits: Sequence[Hit]) -> tuple[Share, ...]:
    """Return each searched language's part of the passages, beside its hits; the largest first."""
    counts: Mapping[str, int] = side.index.languages
    pool = {lang: number for lang, number in counts.items() if not ask.languages or lang in ask.languages}
    total, found = sum(pool.values()) or 1, Counter(hit.language for hit in hits)
    order = sorted(pool, key=lambda lang: (-pool[lang], lang))
    return tuple(Share(lang, pool[lang] / total, found[lang]) for lang in order)


def _ranks(ranks: Mapping[str, int], question: Question | None) -> tuple[Rank, ...]:
    rows = (Rank(question.answers[passage], passage, rank) for passage, rank in ranks.items()) if question else ()
    return tuple(sorted(rows, key=lambda row: (row.language, row.rank, row.passage)))
