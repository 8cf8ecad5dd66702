"""The idea of the project: a batch is monolingual with probability alpha, otherwise cross-lingual.

    units = index_units(pairs)
    for batch in islice(plan(units, alpha=0.5, batch_size=32, seed=13), 300):
        batch.rows          # ((unit, query language, passage language), ...)

alpha = 1 is standard contrastive training (X-X-mono: one language a batch, drawn uniformly), alpha = 0 is X-Y (in every
row the passage is in another language than the query; pairs of many languages share the batch), alpha = 0.5 is the
hybrid of Elmahdy et al. (arXiv 2408.10536, section 3). Nothing else differs between objectives.

No batch holds one unit twice, nor two units that share a query or a passage in any language: every other row of a batch
is then a true negative, and the loss needs no mask.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from babelmix.errors import UserError
from babelmix.records import Pair

Row = tuple[int, str, str]


@dataclass(frozen=True)
class Units:
    """The training data as the plan sees it: which unit exists in which language.

    `ids`: unit ids in ascending order. `texts`: by language, {unit number: its pair}. `groups`: int [units]; units with
    one number share a query or a passage in some language and never meet in a batch.
    """

    ids: tuple[str, ...]
    texts: dict[str, dict[int, Pair]]
    groups: NDArray[np.int64]

    @property
    def languages(self) -> tuple[str, ...]:
        """Languages in alphabetical order."""
        return tuple(self.texts)


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch: its kind, "monolingual" or "crosslingual", and rows of (unit number, query and passage language)."""

    kind: str
    rows: tuple[Row, ...]


def index_units(pairs: Sequence[Pair], languages: Sequence[str] | None = None) -> Units:
    """Gather pairs into units, and find the units that may not meet in a batch.

    `languages` keeps only these (None = all). Two units share a group when a query or a passage of theirs is the same
    text, white space and case aside, directly or through a third unit.
    """
    kept = [pair for pair in pairs if languages is None or pair.lang in languages]
    ids = tuple(sorted({pair.unit for pair in kept}))
    number = {unit: position for position, unit in enumerate(ids)}
    texts: dict[str, dict[int, Pair]] = {lang: {} for lang in sorted({pair.lang for pair in kept})}
    text_number: dict[str, int] = {}
    edges: list[tuple[int, int]] = []
    for pair in kept:
        texts[pair.lang][number[pair.unit]] = pair
        for text in (pair.query, pair.passage):
            key = " ".join(text.casefold().split())
            edges.append((number[pair.unit], len(ids) + text_number.setdefault(key, len(text_number))))
    nodes = len(ids) + len(text_number)
    rows, columns = np.array(edges, dtype=np.int64).reshape(-1, 2).T
    graph = coo_array((np.ones(len(edges), dtype=np.int8), (rows, columns)), shape=(nodes, nodes))
    groups = connected_components(graph, directed=False)[1][: len(ids)].astype(np.int64)
    return Units(ids, {lang: dict(sorted(units.items())) for lang, units in texts.items()}, groups)


def plan(units: Units, *, alpha: float, batch_size: int, seed: int) -> Iterator[Batch]:
    """Yield batches without end: epoch after epoch, the same ones for the same units, alpha, size and seed.

    Raises UserError where the data cannot fill a batch, or where cross-lingual batches are asked of one language.
    """
    for epoch in count():
        yield from plan_epoch(units, alpha=alpha, batch_size=batch_size, seed=seed, epoch=epoch)


def plan_epoch(units: Units, *, alpha: float, batch_size: int, seed: int, epoch: int) -> Iterator[Batch]:
    """Yield the batches of one epoch: as many rows as there are pairs, whatever alpha is.

    Each language (or ordered language pair) has a permutation of its own, drawn anew when it is used up, so
    translations of one unit come at different times. The generator is `numpy.random.default_rng([seed, epoch])`.
    """
    _check(units, alpha, batch_size)
    rng = np.random.default_rng([seed, epoch])
    decks: dict[tuple[str, str], _Deck] = {}
    languages = units.languages
    directions = [
        (a, b) for a in languages for b in languages if a != b and units.texts[a].keys() & units.texts[b].keys()
    ]
    for _ in range(max(1, sum(len(texts) for texts in units.texts.values()) // batch_size)):
        monolingual = bool(rng.random() < alpha)
        language = languages[rng.integers(len(languages))] if monolingual else ""
        rows: list[Row] = []
        taken: set[int] = set()
        while len(rows) < batch_size:
            query, passage = (language, language) if monolingual else directions[rng.integers(len(directions))]
            if (query, passage) not in decks:
                decks[query, passage] = _Deck(units, query, passage)
            unit = decks[query, passage].draw(taken, rng)
            if unit is not None:  # None: a rare language pair has nothing left that fits; another pair is drawn
                rows.append((unit, query, passage))
                taken.add(int(units.groups[unit]))
        yield Batch("monolingual" if monolingual else "crosslingual", tuple(rows))


class _Deck:
    """The units of one language pair in a random order; units passed over wait for a later batch."""

    def __init__(self, units: Units, query: str, passage: str) -> None:
        self._all = np.array(sorted(units.texts[query].keys() & units.texts[passage].keys()), dtype=np.int64)
        self._groups = units.groups
        self._order: list[int] = []

    def draw(self, taken: set[int], rng: np.random.Generator) -> int | None:
        """Return the next unit of a group not in `taken`, or None where every unit's group is taken."""
        for _ in range(2):  # what is left of this round, then a fresh round
            for position, unit in enumerate(self._order):
                if int(self._groups[unit]) not in taken:
                    return self._order.pop(position)
            waiting = set(self._order)
            self._order += [unit for unit in rng.permutation(self._all).tolist() if unit not in waiting]
        return None


def _check(units: Units, alpha: float, batch_size: int) -> None:
    def distinct(members: Sequence[int]) -> int:
        return len({int(units.groups[unit]) for unit in members})

    if not 0 <= alpha <= 1:
        raise UserError(f"alpha {alpha} is no probability", where="objective", how="give a number from 0 to 1")
    if alpha > 0:
        for language, texts in units.texts.items():
            number = distinct(list(texts))
            if number < batch_size:
                how = f"lower train.batch_size to {number} or leave the language out"
                what = f"a monolingual batch of {batch_size} in {language!r} has only {number} distinct units"
                raise UserError(what, where="train.batch_size", how=how)
    if alpha < 1:
        if len(units.texts) < 2:
            what = f"cross-lingual batches need two languages, there is {', '.join(units.texts) or 'none'}"
            raise UserError(what, where="objective", how="give it more languages, or alpha 1")
        several = [unit for unit in range(len(units.ids)) if sum(unit in texts for texts in units.texts.values()) > 1]
        if distinct(several) < batch_size:
            what = f"a cross-lingual batch of {batch_size} has only {distinct(several)} distinct units in two languages"
            raise UserError(what, where="train.batch_size", how=f"lower it to {distinct(several)} or add translations")


def describe(batch: Batch) -> str:
    """Return one line for people: the kind, then the languages with their counts, most frequent first."""
    names = [query if query == passage else f"{query}-{passage}" for _, query, passage in batch.rows]
    counted = sorted({name: names.count(name) for name in names}.items(), key=lambda item: (-item[1], item[0]))
    shown = ", ".join(f"{name} {number}" for name, number in counted[:8])
    more = f" and {len(counted) - 8} more" if len(counted) > 8 else ""
    return f"{batch.kind:12} {len(batch.rows)} units: {shown}{more}"
