"""The idea of the project: a batch is monolingual with probability alpha, otherwise cross-lingual.

    units = index_units(index, training_rows(index, objective))
    for batch in plan(units, objective, batch_size=32, seed=13, steps=240):
        batch.rows          # ((unit, query language, passage language), ...)

alpha = 1 is standard contrastive training (X-X-mono: each batch has one language, drawn uniformly). alpha = 0 is X-Y:
in every row the passage is in another language than the query, and a batch mixes many language pairs. alpha = 0.5 is
the hybrid of Elmahdy et al. (arXiv 2408.10536, section 3). The two lines under the comment "the hybrid batch" in
`plan_epoch` are all of it; `language_pairs` has the rest of what an objective may ask. With `per: row` each row flips
the coin, so that every batch mixes the two. With a `lexicon` some of the batches hold words of dictionaries (X-Y); the
others are those of the objective without it, one after the other.

No batch holds one unit twice, nor two units that share a query or a passage in any language. So every other row of a
batch is a true negative, and the loss needs no mask.
"""

from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import islice

import numpy as np

from babelmix.batches.language_pairs import BatchLanguages, LanguagePair
from babelmix.batches.lexicon import LEXICAL, Lexicon
from babelmix.batches.objective import Objective
from babelmix.batches.units import Units
from babelmix.common.errors import UserError

Row = tuple[int, str, str]
WORDS = Objective(alpha=0.0)  # of lexical batches: X-Y


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch: its kind, and rows of (unit number, query language, passage language).

    The kind is "monolingual", "crosslingual" (X-Y), "mixed" (X-X), "within" (X-X rows and X-Y rows) or "lexical" (X-Y
    rows of words). `passed` counts the units that were skipped because they, or a unit that shares a text with them,
    were already in the batch.
    """

    kind: str
    rows: tuple[Row, ...]
    passed: int = field(default=0, compare=False)


def plan(
    units: Units, objective: Objective, *, batch_size: int, seed: int, steps: int, start: int = 0
) -> Iterator[Batch]:
    """Yield the batches number `start` to `steps` - 1, epoch after epoch; equal arguments give equal batches.

    Resuming at `start` yields the same batches as an uninterrupted run: `plan` skips whole epochs before `start` and
    draws the epoch of `start` again. Raises UserError, before the first batch, if the data cannot fill a batch of a
    kind that the objective has: too few distinct units, one language for X-Y, or fewer than `batch_languages` that
    share units. Also if the objective has a `lexicon` and no unit holds words.
    """
    if objective.lexicon:
        yield from _with_lexicon(units, objective, objective.lexicon, batch_size, seed, steps, start)
        return
    length = _epoch_length(units, batch_size)
    for epoch in range(start // length, -(-steps // length)):
        batches = plan_epoch(units, objective, batch_size=batch_size, seed=seed, epoch=epoch, steps=steps)
        yield from islice(batches, max(0, start - epoch * length), steps - epoch * length)


def plan_epoch(
    units: Units, objective: Objective, *, batch_size: int, seed: int, epoch: int, steps: int
) -> Iterator[Batch]:
    """Yield the batches of one whole epoch: as many rows as there are pairs, whatever alpha is.

    Each language (or ordered language pair) has its own permutation of units, and a new one when the old is used up. So
    the translations of a unit come at different times. A schedule of alpha runs over `steps` batches, across epochs.
    The generator is `numpy.random.default_rng([seed, epoch])`. Raises UserError as `plan` does.
    """
    languages = BatchLanguages(units, objective, batch_size)
    rng = np.random.default_rng([seed, epoch])
    queues: dict[LanguagePair, UnitQueue] = {}
    length = _epoch_length(units, batch_size)
    for number in range(epoch * length, (epoch + 1) * length):
        alpha = objective.alpha_at(number / max(1, steps - 1))
        if objective.per == "row":
            kind, pairs = "within", None
        else:
            # The hybrid batch.
            monolingual = bool(rng.random() < alpha)
            pairs = languages.monolingual(rng) if monolingual else languages.other(rng)
            kind = "monolingual" if monolingual else "crosslingual" if objective.other == "X-Y" else "mixed"
        rows: list[Row] = []
        taken: set[int] = set()
        empty: set[LanguagePair] = set()
        for _ in range(batch_size):
            of_row = pairs or languages.of_row(monolingual=bool(rng.random() < alpha))
            unit = None
            while unit is None:
                pair = of_row.draw(rng, empty)
                if pair not in queues:
                    queues[pair] = UnitQueue(units, pair)
                unit = queues[pair].draw(taken, number, rng)
                if unit is None:  # no unit of a rare language pair fits any more: draw another pair
                    empty.add(pair)
                else:
                    rows.append((unit, *pair))
                    taken.add(units.groups.item(unit))
        yield Batch(kind, tuple(rows), sum(queue.passed(number) for queue in queues.values()))


def _with_lexicon(
    units: Units, objective: Objective, lexicon: Lexicon, batch_size: int, seed: int, steps: int, start: int
) -> Iterator[Batch]:
    """Yield two plans woven into one: of words (X-Y) at the steps of the lexicon, of texts at the others.

    A schedule of alpha runs over the batches of texts.
    """
    number, done = lexicon.before(steps, steps), lexicon.before(start, steps)
    of_words, of_texts = units.only(words=True), units.only(words=False)
    texts = objective.model_copy(update={"lexicon": None})
    if not of_words.rows:
        how = "add a dictionary, such as -S 'sources=[libreoffice-help,xling-train]', or leave `lexicon:` out"
        raise UserError("there are no word pairs to train on", where="objective, lexicon", how=how)
    for kind, asked, planned in ((of_words, WORDS, number), (of_texts, texts, steps - number)):
        if planned:  # refused before the first batch, not where the first of its kind would come
            BatchLanguages(kind, asked, batch_size)
    lexical = plan(of_words, WORDS, batch_size=batch_size, seed=seed, steps=number, start=done)
    others = plan(of_texts, texts, batch_size=batch_size, seed=seed, steps=steps - number, start=start - done)
    for step in range(start, steps):
        if lexicon.before(step + 1, steps) > lexicon.before(step, steps):
            yield replace(next(lexical), kind=LEXICAL)
        else:
            yield next(others)


def describe(batch: Batch) -> str:
    """Return one line for people: the kind, then the languages with their counts, most frequent first."""
    names = Counter(query if query == passage else f"{query}-{passage}" for _, query, passage in batch.rows)
    counted = sorted(names.items(), key=lambda item: (-item[1], item[0]))
    shown = ", ".join(f"{name} {number}" for name, number in counted[:8])
    more = f" and {len(counted) - 8} more" if len(counted) > 8 else ""
    return f"{batch.kind:12} {len(batch.rows)} units: {shown}{more}"


def _epoch_length(units: Units, batch_size: int) -> int:
    return max(1, sum(int(np.count_nonzero(rows >= 0)) for rows in units.rows.values()) // batch_size)


class UnitQueue:
    """The units of one language pair in random order; a skipped unit comes first in a later batch."""

    def __init__(self, units: Units, pair: LanguagePair) -> None:
        """`units`: all units; the queue holds those that exist in both languages of `pair`."""
        self._units, self._pair = units, pair
        self._order, self._next = np.empty(0, dtype=np.int32), 0
        self._skipped = array("i")
        self._batch, self._checked = -1, 0  # the first `_checked` skipped units do not fit this batch

    def draw(self, taken: set[int], batch: int, rng: np.random.Generator) -> int | None:
        """Return the next unit whose group is not in `taken`, or None if the groups of all units are.

        `batch` is the number of the batch; while it is the same, `taken` must only grow.
        """
        if batch != self._batch:
            self._batch, self._checked = batch, 0
        for _ in range(2):  # the rest of this permutation, then a new one
            unit = self._first_fit(taken)
            if unit is not None:
                return unit
            fresh = rng.permutation(np.flatnonzero(self._units.within(*self._pair)).astype(np.int32))
            self._order, self._next = fresh[~np.isin(fresh, np.array(self._skipped, dtype=np.int32))], 0
        return None

    def passed(self, batch: int) -> int:
        """Return how many units were skipped for the batch of that number."""
        return self._checked if batch == self._batch else 0

    def _first_fit(self, taken: set[int]) -> int | None:
        groups, skipped = self._units.groups, self._skipped
        while self._checked < len(skipped):
            if groups.item(skipped[self._checked]) not in taken:
                return skipped.pop(self._checked)
            self._checked += 1
        while self._next < len(self._order):
            unit = self._order.item(self._next)
            self._next += 1
            if groups.item(unit) not in taken:
                return unit
            skipped.append(unit)
            self._checked += 1
        return None
