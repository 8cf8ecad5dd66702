"""Units: which unit exists in which language, which rows an objective draws from, and which units share no batch.

rows = training_rows(index, objective)
units = index_units(index, rows)
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from babelmix.batches.objective import Objective
from babelmix.common.errors import UserError
from babelmix.corpus.index import PairIndex, shadowed
from babelmix.corpus.records import of_words


@dataclass(frozen=True)
class Units:
    """The training data as the plan sees it: which unit exists in which language.

    `ids`: the unit ids of the index, ascending. `rows`: by language, int32 [units], the row of the index with that
    unit's pair, -1 if there is none. `groups`: int64 [units]; units of one group share a query or a passage in some
    language, and no batch holds two of them.
    """

    ids: tuple[str, ...]
    rows: dict[str, NDArray[np.int32]]
    groups: NDArray[np.int64]

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages that have at least one pair, in alphabetical order."""
        return tuple(self.rows)

    def within(self, *languages: str) -> NDArray[np.bool_]:
        """Return bool [units]: which units exist in all these languages."""
        return np.logical_and.reduce([self.rows[language] >= 0 for language in languages])

    def only(self, *, words: bool) -> "Units":
        """Return the units of words of a dictionary, or those of texts, with the same numbers and groups."""
        chosen = np.array([of_words(name) == words for name in self.ids], dtype=np.bool_)
        rows = {language: np.where(chosen, found, np.int32(-1)) for language, found in self.rows.items()}
        return replace(self, rows={language: found for language, found in rows.items() if (found >= 0).any()})

    def distinct(self, among: NDArray[np.bool_]) -> int:
        """Return how many of the units in `among`, bool [units], one batch can hold: the number of their groups."""
        return int(np.count_nonzero(np.bincount(self.groups[among])))


def training_rows(index: PairIndex, objective: Objective) -> NDArray[np.int64]:
    """Return the rows of the train split that an objective draws from.

    Words of a dictionary are among them only if the objective has a `lexicon`, and texts only if it has other batches
    too. The rows are all human pairs, and the machine-translated pairs of a unit and language without a human one. An
    objective with an `origin` draws only from units that have both a human and a machine translation in every one of
    its `languages` that a machine translated into; `origin` chooses the text, so "human" and "machine" train on the
    same units. In all other languages, the source's among them, both use the human text. Raises UserError if no unit is
    left.
    """
    train = ~index.dev
    if not objective.reads(words=True):
        train &= ~index.words
    if not objective.reads(words=False):
        train &= index.words
    if objective.languages:
        train &= np.isin(
            index.lang, [index.languages.index(lang) for lang in objective.languages if lang in index.languages]
        )
    if objective.origin is None:
        return np.flatnonzero(train & ~shadowed(index))
    targets = np.unique(index.lang[train & index.machine])
    unit_lang = index.unit.astype(np.int64) * len(index.languages) + index.lang
    twice = np.intersect1d(unit_lang[train & index.machine], unit_lang[train & ~index.machine])
    number = np.bincount(twice // len(index.languages), minlength=len(index.units))  # of targets that both have
    both = (number == len(targets)) & bool(len(targets))
    of_machine = np.isin(index.lang, targets) & (objective.origin == "machine")
    chosen = np.flatnonzero(train & both[index.unit] & (index.machine == of_machine))
    if not len(chosen):
        names = ", ".join(sorted(objective.languages or ()))
        how = f"put its languages ({names}), but the source's, into pairs.languages and translate.languages"
        raise UserError("no unit has both human and machine translations", where="objective, origin", how=how)
    return chosen


def index_units(index: PairIndex, rows: NDArray[np.int64]) -> Units:
    """Gather rows of the index (`training_rows`) into units, and group the units that no batch may hold together.

    Two units share a group if a query or passage of one and of the other are the same text apart from white space and
    case, directly or through a third unit; only the given rows count. A word of a dictionary and a text share no group,
    for no batch mixes the two. A unit's number is its position in `index.units`.
    """
    unit = index.unit[rows]
    by_language: dict[str, NDArray[np.int32]] = {}
    for number in np.unique(index.lang[rows]).tolist():
        of_language = index.lang[rows] == number
        by_language[index.languages[number]] = np.full(len(index.units), -1, dtype=np.int32)
        by_language[index.languages[number]][unit[of_language]] = rows[of_language]
    keys, owner = (index.keys[rows] ^ index.words[rows, None]).ravel(), unit.repeat(2)  # other keys for words
    order = np.argsort(keys)
    keys, owner = keys[order], owner[order]
    same = (keys[1:] == keys[:-1]) & (owner[1:] != owner[:-1])  # links the units of one text in a chain
    one, other = owner[:-1][same], owner[1:][same]
    graph = coo_array((np.ones(len(one), dtype=np.int8), (one, other)), shape=(len(index.units),) * 2)
    return Units(index.units, by_language, connected_components(graph, directed=False)[1].astype(np.int64))
