"""The idea of the project: a batch is monolingual with probability alpha, otherwise cross-lingual.

    units = index_units(index, training_rows(index, objective))
    for batch in plan(units, objective, batch_size=32, seed=13, steps=240):
        batch.rows          # ((unit, query language, passage language), ...)

alpha = 1 is standard contrastive training (X-X-mono: one language a batch, drawn uniformly), alpha = 0 is X-Y (in every
row the passage is in another language than the query; pairs of many languages share the batch), alpha = 0.5 is the
hybrid of Elmahdy et al. (arXiv 2408.10536, section 3). The two lines that do it stand in `plan_epoch`, under the
comment "the hybrid batch". What else an objective may ask, X-X rows, weights of languages, few languages a batch, is
in `_Languages`.

No batch holds one unit twice, nor two units that share a query or a passage in any language: every other row of a batch
is then a true negative, and the loss needs no mask.
"""

from array import array
from bisect import bisect
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from itertools import islice, product

import numpy as np

from babelmix.batches.objective import Objective
from babelmix.batches.units import Units
from babelmix.common.errors import UserError

Row = tuple[int, str, str]
Cell = tuple[str, str]  # the languages of a row's query and passage


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch: its kind, and rows of (unit number, query language, passage language).

    The kind is "monolingual", "crosslingual" (X-Y) or "mixed" (X-X). `passed`: how often a unit was next in turn and
    passed over, because it or one that shares a text with it was in the batch.
    """

    kind: str
    rows: tuple[Row, ...]
    passed: int = field(default=0, compare=False)


def plan(
    units: Units, objective: Objective, *, batch_size: int, seed: int, steps: int, start: int = 0
) -> Iterator[Batch]:
    """Yield the batches number `start` to `steps` - 1, epoch after epoch; equal arguments give equal batches.

    A training that goes on from `start` gets what it would have got: whole epochs before it are skipped, the one that
    it falls into is drawn again. UserError, before the first batch, where the data cannot fill a batch of a kind that
    the objective has: too few distinct units, one language for X-Y, or fewer than `batch_languages` that share units.
    """
    length = _epoch_length(units, batch_size)
    for epoch in range(start // length, -(-steps // length)):
        batches = plan_epoch(units, objective, batch_size=batch_size, seed=seed, epoch=epoch, steps=steps)
        yield from islice(batches, max(0, start - epoch * length), steps - epoch * length)


def plan_epoch(
    units: Units, objective: Objective, *, batch_size: int, seed: int, epoch: int, steps: int
) -> Iterator[Batch]:
    """Yield the batches of one whole epoch: as many rows as there are pairs, whatever alpha is.

    Each language (or ordered language pair) has a permutation of its own, drawn anew when it is used up, so
    translations of one unit come at different times. A schedule of alpha runs over `steps` batches, across epochs. The
    generator is `numpy.random.default_rng([seed, epoch])`. UserError as `plan` has it.
    """
    languages = _Languages(units, objective, batch_size)
    rng = np.random.default_rng([seed, epoch])
    decks: dict[Cell, _Deck] = {}
    length = _epoch_length(units, batch_size)
    for number in range(epoch * length, (epoch + 1) * length):
        # The hybrid batch.
        monolingual = bool(rng.random() < objective.alpha_at(number / max(1, steps - 1)))
        cells = languages.one(rng) if monolingual else languages.several(rng)
        rows: list[Row] = []
        taken: set[int] = set()
        empty: set[Cell] = set()
        while len(rows) < batch_size:
            cell = cells.draw(rng, empty)
            if cell not in decks:
                decks[cell] = _Deck(units, cell)
            unit = decks[cell].draw(taken, number, rng)
            if unit is None:  # a rare language pair has nothing left that fits; another pair is drawn
                empty.add(cell)
            else:
                rows.append((unit, *cell))
                taken.add(units.groups.item(unit))
        kind = "monolingual" if monolingual else "crosslingual" if objective.other == "X-Y" else "mixed"
        yield Batch(kind, tuple(rows), sum(deck.passed(number) for deck in decks.values()))


def describe(batch: Batch) -> str:
    """Return one line for people: the kind, then the languages with their counts, most frequent first."""
    names = Counter(query if query == passage else f"{query}-{passage}" for _, query, passage in batch.rows)
    counted = sorted(names.items(), key=lambda item: (-item[1], item[0]))
    shown = ", ".join(f"{name} {number}" for name, number in counted[:8])
    more = f" and {len(counted) - 8} more" if len(counted) > 8 else ""
    return f"{batch.kind:12} {len(batch.rows)} units: {shown}{more}"


def _epoch_length(units: Units, batch_size: int) -> int:
    return max(1, sum(int(np.count_nonzero(rows >= 0)) for rows in units.rows.values()) // batch_size)


class _Deck:
    """The units of one language pair in a random order; units passed over wait, and are first in a later batch."""

    def __init__(self, units: Units, cell: Cell) -> None:
        self._units, self._cell = units, cell
        self._order, self._next = np.empty(0, dtype=np.int32), 0
        self._waiting = array("i")
        self._batch, self._looked = -1, 0  # so many of those waiting do not fit this batch

    def draw(self, taken: set[int], batch: int, rng: np.random.Generator) -> int | None:
        """Return the next unit of a group not in `taken`, or None where every unit's group is taken.

        `taken` only grows while `batch`, its number, is the same.
        """
        if batch != self._batch:
            self._batch, self._looked = batch, 0
        for _ in range(2):  # what is left of this round, then a fresh round
            unit = self._first_fit(taken)
            if unit is not None:
                return unit
            fresh = rng.permutation(np.flatnonzero(self._units.within(*self._cell)).astype(np.int32))
            self._order, self._next = fresh[~np.isin(fresh, np.array(self._waiting, dtype=np.int32))], 0
        return None

    def passed(self, batch: int) -> int:
        """Return how many units were passed over for the batch of that number."""
        return self._looked if batch == self._batch else 0

    def _first_fit(self, taken: set[int]) -> int | None:
        groups, waiting = self._units.groups, self._waiting
        while self._looked < len(waiting):
            if groups.item(waiting[self._looked]) not in taken:
                return waiting.pop(self._looked)
            self._looked += 1
        while self._next < len(self._order):
            unit = self._order.item(self._next)
            self._next += 1
            if groups.item(unit) not in taken:
                return unit
            waiting.append(unit)
            self._looked += 1
        return None


class _Cells:
    """Languages of a row to draw from: all alike, or with a probability that grows with the number of pairs."""

    def __init__(self, sizes: Mapping[Cell, int], weights: str | float) -> None:
        self.sizes, self._weights, self._cells = sizes, weights, tuple(sizes)
        self._sums: list[float] | None = None
        if weights != "uniform":
            powers = np.log(list(sizes.values())) / (1 if isinstance(weights, str) else weights)
            self._sums = np.cumsum(np.exp(powers - powers.max(initial=0))).tolist()

    def draw(self, rng: np.random.Generator, without: Set[Cell] = frozenset()) -> Cell:
        """Draw one; those in `without` come again only where all are drawn alike."""
        if self._sums is None:
            return self._cells[rng.integers(len(self._cells))]
        if without:
            return self.only(lambda cell: cell not in without).draw(rng)
        return self._cells[min(bisect(self._sums, rng.random() * self._sums[-1]), len(self._cells) - 1)]

    def only(self, keep: Callable[[Cell], bool]) -> "_Cells":
        """Return the ones that `keep` is true of."""
        return _Cells({cell: size for cell, size in self.sizes.items() if keep(cell)}, self._weights)


class _Languages:
    """What the rows of a batch are drawn from; made only where every kind of batch of the objective can be filled."""

    def __init__(self, units: Units, objective: Objective, batch_size: int) -> None:
        alphas = [alpha for _, alpha in objective.points]
        _check(units, batch_size, monolingual=max(alphas) > 0, other=objective.other if min(alphas) < 1 else None)
        sizes = {cell: int(np.count_nonzero(units.within(*cell))) for cell in product(units.rows, units.rows)}
        every = _Cells({cell: size for cell, size in sizes.items() if size}, objective.weights)
        self._same = every.only(lambda cell: cell[0] == cell[1])
        self._cross = every.only(lambda cell: cell[0] != cell[1])
        self._other = self._cross if objective.other == "X-Y" else self._same
        self._few = objective.batch_languages if objective.other == "X-Y" and min(alphas) < 1 else None
        self._wide = self._wide_pairs(units, self._few, batch_size) if self._few else self._cross

    def one(self, rng: np.random.Generator) -> _Cells:
        """Draw the language of a monolingual batch."""
        return self._same.only({self._same.draw(rng)}.__contains__)

    def several(self, rng: np.random.Generator) -> _Cells:
        """Draw what another batch is filled from: everything, or the directions between `batch_languages`.

        Of those, two that fill a batch alone are drawn first; each further one shares units with one drawn before.
        """
        if not self._few:
            return self._other
        drawn = set(self._wide.draw(rng))
        while len(drawn) < self._few:
            near = {(language, language) for language in self._near(drawn)}
            drawn.add(self._same.only(near.__contains__).draw(rng)[0])
        return self._cross.only(drawn.issuperset)

    def _near(self, languages: Set[str]) -> set[str]:
        """Return the other languages that share units with one of these."""
        return {b for a, b in self._cross.sizes if a in languages} - languages

    def _wide_pairs(self, units: Units, few: int, batch_size: int) -> _Cells:
        """Return pairs of languages that fill a batch alone, and from which `few` languages are reached."""
        reach: dict[str, set[str]] = {language: {language} for language in units.rows}
        for reached in reach.values():
            while near := self._near(reached):
                reached |= near
        wide = self._cross.only(
            lambda cell: (
                cell[0] < cell[1] and len(reach[cell[0]]) >= few and units.distinct(units.within(*cell)) >= batch_size
            )
        )
        if not wide.sizes:
            what = f"no {few} languages of {len(units.rows)} share units, two of them {batch_size} distinct ones"
            how = "lower it or train.batch_size, or add translations"
            raise UserError(what, where="objective, batch_languages", how=how)
        return wide


def _check(units: Units, batch_size: int, *, monolingual: bool, other: str | None) -> None:
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
    times = np.add.reduce([rows >= 0 for rows in units.rows.values()], dtype=np.int16)
    number = units.distinct(times > (1 if other == "X-Y" else 0))
    if other and number < batch_size:
        kind, where = ("cross-lingual", " in two languages") if other == "X-Y" else ("mixed", "")
        what = f"a {kind} batch of {batch_size} has only {number} distinct units{where}"
        raise UserError(what, where="train.batch_size", how=f"lower it to {number} or add translations")
