"""What a plan of batches does, counted: kinds, languages, repeats, and wrong negatives beside those of a blind draw.

    found = audit(index, units, plan(units, objective, batch_size=32, seed=13, steps=240), seed=13)
    render(found, Console())

A false negative is another row of the batch whose unit holds a text of the query's own unit: its passage answers the
query too, and the loss would push it away. It is counted from the texts' keys, not from the groups that the plan goes
by: the plan has none, or the plan is wrong.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from babelmix.batches.sampler import Batch, Cell
from babelmix.batches.units import Units
from babelmix.corpus.index import PairIndex

if TYPE_CHECKING:
    from rich.console import Console

SHOWN = 10  # of the most frequent language pairs


@dataclass(frozen=True)
class Audit:
    """Counts over the batches of a plan.

    `batches`, `negatives` and `own_language` by kind: batches; (query, other passage) pairs in one batch; those of them
    whose passage stands in the query's language. `cells`: rows by (query, passage language). `seen`: distinct units
    drawn, of `units` that could be; `most`: (unit id, how often) of the one drawn most. `passed`: units passed over,
    because a text of theirs was in the batch. `wrong`, `wrong_blind`: false negatives of the plan, and of a draw of
    the same kinds and languages that does not look at texts.
    """

    batches: dict[str, int]
    negatives: dict[str, int]
    own_language: dict[str, int]
    cells: dict[Cell, int]
    seen: int
    units: int
    most: tuple[str, int]
    passed: int
    wrong: int
    wrong_blind: int

    def languages(self, side: int) -> Counter[str]:
        """Return rows by language of the query (side 0) or passage (side 1)."""
        counted: Counter[str] = Counter()
        for cell, number in self.cells.items():
            counted[cell[side]] += number
        return counted


def audit(index: PairIndex, units: Units, batches: Iterable[Batch], *, seed: int) -> Audit:
    """Count what the batches hold, one at a time: a plan of any length takes the memory of one batch.

    The blind draw has each batch's kind and languages, and takes the units of each language pair at random, none twice,
    as a sampler does that looks at one language pair at a time; its generator is `default_rng(seed)`.
    """
    kinds, negatives, own, cells = Counter[str](), Counter[str](), Counter[str](), Counter[Cell]()
    times = np.zeros(len(units.ids), dtype=np.int64)
    passed = wrong = wrong_blind = 0
    rng = np.random.default_rng(seed)
    pools: dict[Cell, NDArray[np.int32]] = {}
    for batch in batches:
        drawn: defaultdict[Cell, list[int]] = defaultdict(list)
        for unit, query, passage in batch.rows:
            drawn[query, passage].append(unit)
        counted = {cell: len(members) for cell, members in drawn.items()}
        kinds[batch.kind] += 1
        negatives[batch.kind] += len(batch.rows) * (len(batch.rows) - 1)
        own[batch.kind] += _in_own_language(counted)
        cells.update(counted)
        passed += batch.passed
        members = np.array([unit for unit, _, _ in batch.rows], dtype=np.int64)
        np.add.at(times, members, 1)
        wrong += false_negatives(index, units, members)
        for cell in drawn.keys() - pools.keys():
            pools[cell] = np.flatnonzero(units.within(*cell)).astype(np.int32)
        blind = [rng.choice(pools[cell], number, replace=False) for cell, number in counted.items()]
        wrong_blind += false_negatives(index, units, np.concatenate(blind))
    most = int(times.argmax()) if len(times) else 0
    return Audit(
        batches=dict(kinds),
        negatives=dict(negatives),
        own_language=dict(own),
        cells=dict(cells),
        seen=int(np.count_nonzero(times)),
        units=int(np.count_nonzero(np.logical_or.reduce([rows >= 0 for rows in units.rows.values()]))),
        most=(units.ids[most], int(times[most])) if len(times) else ("", 0),
        passed=passed,
        wrong=wrong,
        wrong_blind=wrong_blind,
    )


def false_negatives(index: PairIndex, units: Units, members: NDArray[np.integer]) -> int:
    """Return how many (query, other passage) pairs of a batch are of one unit, or of two with a text in common.

    `members`: int [batch], the unit of each row. Any query or passage of the two units counts, in any language.
    """
    rows = np.stack([of_language[members] for of_language in units.rows.values()])  # [languages, batch]
    exists = rows >= 0
    place = np.broadcast_to(np.arange(len(members)), rows.shape)[exists].repeat(2)
    _, text, count = np.unique(index.keys[rows[exists]].ravel(), return_inverse=True, return_counts=True)
    several = count[text] > 1
    shape = (len(members), len(count))
    holds = csr_array((np.ones(int(several.sum()), dtype=np.int64), (place[several], text[several])), shape=shape)
    common = (holds @ holds.T).tocoo()
    return int(np.count_nonzero(common.row != common.col))


def _in_own_language(counted: dict[Cell, int]) -> int:
    """Return how many (query, other passage) pairs of a batch are in one language, from its rows by language pair."""
    queries, passages = Counter[str](), Counter[str]()
    for (query, passage), number in counted.items():
        queries[query] += number
        passages[passage] += number
    alike = sum(number for (query, passage), number in counted.items() if query == passage)
    return sum(number * passages[lang] for lang, number in queries.items()) - alike


def render(found: Audit, console: "Console") -> None:
    """Print an audit as three tables that fit 80 columns."""
    from rich.table import Table

    total, negatives = sum(found.cells.values()), sum(found.negatives.values())
    kinds = Table("kind", title="Batches", title_justify="left")
    for name in ("batches", "share", "negatives in the query's language"):
        kinds.add_column(name, justify="right")
    for kind, number in sorted(found.batches.items()):
        own = found.own_language[kind] / max(1, found.negatives[kind])
        kinds.add_row(kind, f"{number:,}", f"{number / sum(found.batches.values()):.1%}", f"{own:.1%}")
    languages = Table("language", title="Rows by language, and the most frequent pairs", title_justify="left")
    for name in ("queries", "share", "passages", "share", "pair", "rows", "share"):
        languages.add_column(name, justify="left" if name == "pair" else "right")
    queries, passages = found.languages(0), found.languages(1)
    pairs = sorted(found.cells.items(), key=lambda item: (-item[1], item[0]))[:SHOWN]
    left = [
        (lang, *(text for side in (queries, passages) for text in (f"{side[lang]:,}", f"{side[lang] / total:.1%}")))
        for lang in sorted(queries.keys() | passages.keys())
    ]
    right = [(f"{query}-{passage}", f"{number:,}", f"{number / total:.1%}") for (query, passage), number in pairs]
    for one, other in zip_longest(left, right):
        languages.add_row(*(one or ("",) * 5), *(other or ()))
    rows = Table(show_header=False, title="Rows and what they are held against", title_justify="left")
    rows.add_column(no_wrap=True)
    rows.add_column(justify="right", overflow="fold")
    rows.add_row("rows drawn", f"{total:,}")
    rows.add_row("distinct units drawn", f"{found.seen:,} of {found.units:,}")
    rows.add_row("most often drawn", f"{found.most[1]:,} x {found.most[0]}")
    rows.add_row("passed over, text in the batch", f"{found.passed:,}")
    rows.add_row("negatives", f"{negatives:,}")
    for name, wrong in (("false, of this plan", found.wrong), ("false, drawn blindly", found.wrong_blind)):
        rows.add_row(name, f"{wrong:,} ({wrong / max(1, negatives):.4%})")
    for table in (kinds, languages, rows):
        console.print(table)
