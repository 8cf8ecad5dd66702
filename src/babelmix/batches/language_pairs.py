"""Which language pairs a batch draws its rows from, and how often each.

    languages = BatchLanguages(units, objective, batch_size=32)    # UserError if the data cannot fill a batch
    languages.monolingual(rng).draw(rng)                           # ("de", "de"): one language for the whole batch
    languages.other(rng).draw(rng)                                 # ("de", "fr"): one language pair for each row

X-Y rows, X-X rows, weights of languages and a limit on the languages of a batch are decided here.
"""

from bisect import bisect
from collections.abc import Callable, Mapping, Set
from itertools import product

import numpy as np

from babelmix.batches.objective import Objective
from babelmix.batches.units import Units
from babelmix.common.errors import UserError

LanguagePair = tuple[str, str]  # the languages of a row's query and passage


class LanguagePairs:
    """Language pairs to draw from, with equal probability or with one that grows with the number of units."""

    def __init__(self, sizes: Mapping[LanguagePair, int], weights: str | float) -> None:
        """`sizes`: units of each language pair, at least 1. `weights`: see `Objective`."""
        self.sizes, self._weights, self._pairs = sizes, weights, tuple(sizes)
        self._cumulative: list[float] | None = None
        if weights != "uniform":
            powers = np.log(list(sizes.values())) / (1 if isinstance(weights, str) else weights)
            self._cumulative = np.cumsum(np.exp(powers - powers.max(initial=0))).tolist()

    def draw(self, rng: np.random.Generator, without: Set[LanguagePair] = frozenset()) -> LanguagePair:
        """Draw one language pair; with uniform weights a pair in `without` may be drawn again."""
        if self._cumulative is None:
            return self._pairs[rng.integers(len(self._pairs))]
        if without:
            return self.only(lambda pair: pair not in without).draw(rng)
        return self._pairs[min(bisect(self._cumulative, rng.random() * self._cumulative[-1]), len(self._pairs) - 1)]

    def only(self, keep: Callable[[LanguagePair], bool]) -> "LanguagePairs":
        """Return the language pairs for which `keep` is true."""
        return LanguagePairs({pair: size for pair, size in self.sizes.items() if keep(pair)}, self._weights)


class BatchLanguages:
    """The language pairs that each kind of batch of an objective draws from."""

    def __init__(self, units: Units, objective: Objective, batch_size: int) -> None:
        """Raise UserError if the units cannot fill a batch of every kind that the objective has."""
        alphas = [alpha for _, alpha in objective.points]
        of_batch = objective.per == "batch"
        other = objective.other if min(alphas) < 1 else None if of_batch else "X-X"  # what fits X-Y rows fits X-X rows
        _check(units, batch_size, monolingual=of_batch and max(alphas) > 0, other=other)
        sizes = {pair: int(np.count_nonzero(units.within(*pair))) for pair in product(units.rows, units.rows)}
        every = LanguagePairs({pair: size for pair, size in sizes.items() if size}, objective.weights)
        self._same = every.only(lambda pair: pair[0] == pair[1])
        self._cross = every.only(lambda pair: pair[0] != pair[1])
        self._other = self._cross if objective.other == "X-Y" else self._same
        self._limit = objective.batch_languages if objective.other == "X-Y" and min(alphas) < 1 else None
        self._first = self._first_pairs(units, self._limit, batch_size) if self._limit else self._cross

    def monolingual(self, rng: np.random.Generator) -> LanguagePairs:
        """Draw the language of a monolingual batch."""
        return self._same.only({self._same.draw(rng)}.__contains__)

    def other(self, rng: np.random.Generator) -> LanguagePairs:
        """Return the language pairs of an X-Y or X-X batch: all, or those between `batch_languages` drawn languages.

        The first two languages can fill a batch alone; each further one shares units with one drawn before.
        """
        if not self._limit:
            return self._other
        drawn = set(self._first.draw(rng))
        while len(drawn) < self._limit:
            near = {(language, language) for language in self._neighbours(drawn)}
            drawn.add(self._same.only(near.__contains__).draw(rng)[0])
        return self._cross.only(drawn.issuperset)

    def of_row(self, *, monolingual: bool) -> LanguagePairs:
        """Return the language pairs of one X-X or X-Y row of a batch whose rows each flip a coin (`per: row`)."""
        return self._same if monolingual else self._cross

    def _neighbours(self, languages: Set[str]) -> set[str]:
        """Return the other languages that share units with one of these."""
        return {b for a, b in self._cross.sizes if a in languages} - languages

    def _first_pairs(self, units: Units, limit: int, batch_size: int) -> LanguagePairs:
        """Return the language pairs that fill a batch alone and from which `limit` languages can be reached."""
        reach: dict[str, set[str]] = {language: {language} for language in units.rows}
        for reached in reach.values():
            while near := self._neighbours(reached):
                reached |= near
        first = self._cross.only(
            lambda pair: (
                pair[0] < pair[1] and len(reach[pair[0]]) >= limit and units.distinct(units.within(*pair)) >= batch_size
            )
        )
        if not first.sizes:
            what = f"no {limit} languages of {len(units.rows)} share units, two of them {batch_size} distinct ones"
            how = "lower it or train.batch_size, or add translations"
            raise UserError(what, where="objective, batch_languages", how=how)
        return first


def _check(units: Units, batch_size: int, *, monolingual: bool, other: str | None) -> None:
    """Raise UserError if the units cannot fill one batch of each kind; `other` None: there are no other batches."""
    if not units.rows:
        how = "make pairs of its languages (pairs.languages, translate.languages), or name others"
        raise UserError("there are no pairs to train on", where="objective", how=how)
    for language in units.rows if monolingual else ():
        number = units.distinct(units.within(language))
        if number < batch_size:
            how = f"lower train.batch_size to {number} or leave the language out"
            what = f"a monolingual batch of {batch_size} in {language!r} has only {number} distinct units"
            raise UserError(what, where="train.batch_size", how=how)
    if other == "X-Y" and len(units.rows) < 2:
        what = f"cross-lingual batches need two languages, there is {units.languages[0]}"
        raise UserError(what, where="objective", how="give it more languages, or alpha 1")
    languages = np.add.reduce([rows >= 0 for rows in units.rows.values()], dtype=np.int16)  # of each unit
    number = units.distinct(languages > (1 if other == "X-Y" else 0))
    if other and number < batch_size:
        kind, where = ("cross-lingual", " in two languages") if other == "X-Y" else ("mixed", "")
        what = f"a {kind} batch of {batch_size} has only {number} distinct units{where}"
        raise UserError(what, where="train.batch_size", how=f"lower it to {number} or add translations")
