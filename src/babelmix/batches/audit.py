"""Count what planned batches hold: kinds, languages, repeats, and false negatives beside those of a blind draw.

    found = audit(index, units, plan(units, objective, batch_size=32, seed=13, steps=240), seed=13)
    render(found, Console())

A false negative is another row of the batch whose unit shares a text with the query's unit: its passage answers the
query too, and the loss would push it away. The audit compares the texts' keys and does not trust the groups that the
plan uses, so it would find a plan with false negatives.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from babelmix.batches.language_pairs import LanguagePair
from babelmix.batches.lexicon import LEXICAL
from babelmix.batches.sampler import Batch
from babelmix.batches.units import Units
from babelmix.corpus.index import PairIndex

if TYPE_CHECKING:
    from rich.console import Console

SHOWN = 10  # most frequent language pairs


@dataclass(frozen=True)
class Audit:
    """Counts over the batches of a plan.

    Attributes:
        batches: number of batches by kind.
        negatives: (query, other passage) pairs in one batch, by kind.
        own_language: those of them whose passage is in the query's language, by kind.
        language_pairs: rows by (query language, passage language).
        seen: distinct units drawn.
        units: distinct units that could be drawn.
        most: (unit id, number of draws) of the most frequent unit.
        passed: units skipped because one of their texts was already in the batch.
        false_negatives: of the plan.
        false_negatives_blind: of a draw with the same kinds and languages that ignores texts.
    """

    batches: dict[str, int]
    negatives: dict[str, int]
    own_language: dict[str, int]
    language_pairs: dict[LanguagePair, int]
    seen: int
    units: int
    most: tuple[str, int]
    passed: int
    false_negatives: int
    false_negatives_blind: int

    def languages(self, side: int) -> Counter[str]:
        """Return rows by language of the query (side 0) or passage (side 1)."""
        counted: Counter[str] = Counter()
        for pair, number in self.language_pairs.items():
            counted[pair[side]] += number
        return counted


def audit(index: PairIndex, units: Units, batches: Iterable[Batch], *, seed: int) -> Audit:
    """Count what the batches hold, one batch in memory at a time.

    The blind draw keeps each batch's kind and languages and draws the units of each language pair, of words or of
    texts, at random without replacement, as a sampler that looks at one language pair at a time does; its generator is
    `default_rng(seed)`.
    """
    kinds, negatives, own, pairs = Counter[str](), Counter[str](), Counter[str](), Counter[LanguagePair]()
    times = np.zeros(len(units.ids), dtype=np.int64)
    passed = false = false_blind = 0
    rng = np.random.default_rng(seed)
    of_kind = {lexical: units.only(words=lexical) for lexical in (False, True)}
    pools: dict[tuple[bool, LanguagePair], NDArray[np.int32]] = {}
    for batch in batches:
        drawn: defaultdict[LanguagePair, list[int]] = defaultdict(list)
        for unit, query, passage in batch.rows:
            drawn[query, passage].append(unit)
        counted = {pair: len(members) for pair, members in drawn.items()}
        kinds[batch.kind] += 1
        negatives[batch.kind] += len(batch.rows) * (len(batch.rows) - 1)
        own[batch.kind] += _in_own_language(counted)
        pairs.update(counted)
        passed += batch.passed
        members = np.array([unit for unit, _, _ in batch.rows], dtype=np.int64)
        np.add.at(times, members, 1)
        false += false_negatives(index, units, members)
        lexical = batch.kind == LEXICAL
        for pair in counted:
            if (lexical, pair) not in pools:
                pools[lexical, pair] = np.flatnonzero(of_kind[lexical].within(*pair)).astype(np.int32)
        blind = [rng.choice(pools[lexical, pair], number, replace=False) for pair, number in counted.items()]
        false_blind += false_negatives(index, units, np.concatenate(blind))
    most = int(times.argmax()) if len(times) else 0
    return Audit(
        batches=dict(kinds),
        negatives=dict(negatives),
        own_language=dict(own),
        language_pairs=dict(pairs),
        seen=int(np.count_nonzero(times)),
        units=int(np.count_nonzero(np.logical_or.reduce([rows >= 0 for rows in units.rows.values()]))),
        most=(units.ids[most], int(times[most])) if len(times) else ("", 0),
        passed=passed,
        false_negatives=false,
        false_negatives_blind=false_blind,
    )


def false_negatives(index: PairIndex, units: Units, members: NDArray[np.integer]) -> int:
    """Return how many (query, other passage) pairs of a batch are of one unit, or of two units with a common text.

    `members`: int [batch], the unit of each row. Every query and passage of a unit counts, in any language.
    """
    rows = np.stack([of_language[members] for of_language in units.rows.values()])  # [languages, batch]
    exists = rows >= 0
    member = np.broadcast_to(np.arange(len(members)), rows.shape)[exists].repeat(2)
    _, text, count = np.unique(index.keys[rows[exists]].ravel(), return_inverse=True, return_counts=True)
    several = count[text] > 1
    shape = (len(members), len(count))
    holds = csr_array((np.ones(int(several.sum()), dtype=np.int64), (member[several], text[several])), shape=shape)
    common = (holds @ holds.T).tocoo()
    return int(np.count_nonzero(common.row != common.col))


def _in_own_language(counted: dict[LanguagePair, int]) -> int:
    """Return how many (query, other passage) pairs of a batch are in one language; `counted`: rows by language pair."""
    queries, passages = Counter[str](), Counter[str]()
    for (query, passage), number in counted.items():
        queries[query] += number
        passages[passage] += number
    same_row = sum(number for (query, passage), number in counted.items() if query == passage)
    return sum(number * passages[lang] for lang, number in queries.items()) - same_row


def render(found: Audit, console: "Console") -> None:
    """Print an audit as three tables of at most 80 columns."""
    from rich.table import Table

    total, negatives = sum(found.language_pairs.values()), sum(found.negatives.values())
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
    pairs = sorted(found.language_pairs.items(), key=lambda item: (-item[1], item[0]))[:SHOWN]
    left = [
        (lang, *(text for side in (queries, passages) for text in (f"{side[lang]:,}", f"{side[lang] / total:.1%}")))
        for lang in sorted(queries.keys() | passages.keys())
    ]
    right = [(f"{query}-{passage}", f"{number:,}", f"{number / total:.1%}") for (query, passage), number in pairs]
    for one, other in zip_longest(left, right):
        languages.add_row(*(one or ("",) * 5), *(other or ()))
    rows = Table(show_header=False, title="Rows and negatives", title_justify="left")
    rows.add_column(no_wrap=True)
    rows.add_column(justify="right", overflow="fold")
    rows.add_row("rows drawn", f"{total:,}")
    same = sum(number for (query, passage), number in found.language_pairs.items() if query == passage)
    rows.add_row("rows in one language", f"{same:,} ({same / max(1, total):.1%})")
    rows.add_row("distinct units drawn", f"{found.seen:,} of {found.units:,}")
    rows.add_row("most often drawn", f"{found.most[1]:,} x {found.most[0]}")
    rows.add_row("skipped, text in the batch", f"{found.passed:,}")
    rows.add_row("negatives", f"{negatives:,}")
    for name, false in (
        ("false negatives", found.false_negatives),
        ("false negatives, blind draw", found.false_negatives_blind),
    ):
        rows.add_row(name, f"{false:,} ({false / max(1, negatives):.4%})")
    for table in (kinds, languages, rows):
        console.print(table)
