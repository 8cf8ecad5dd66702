"""Bilingual lexicon induction: is the translation of a word the nearest word of the other language?

    english, german = read_words(folder, "en"), read_words(folder, "de")
    task = make_task(read_xling(folder, "en", "de", "test"), english, german, limit=FAST)
    scores, right = induce(task, words, static, strings=True)
    scores["all"]["p_at_1_csls"], scores["outside"]["queries"], right.mean()

A query is a distinct source word, lower-cased, and every translation of it is right: P@1 says how often one is the
nearest candidate, MRR is the mean of 1 / rank of the best one. The measures that end in `_single` take each row of the
dictionary as a query of its own, with one right answer, as BabelBERT does (arXiv 2208.01018).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from babelmix.common.errors import UserError
from babelmix.lexicon.dictionary import Dictionary
from babelmix.probes.edit_distance import nearest_strings
from babelmix.probes.nearest import Gold, best_rank, mean_similarity, rank_gold
from babelmix.probes.words import Vectors

FAST = 20_000  # words of a list that are read in the fast form
BANDS = {"rank_0_5k": (0, 5_000), "rank_5k_20k": (5_000, 20_000), "rank_20k_100k": (20_000, 100_000)}  # of the source
OUTSIDE = "outside"  # the band of words that are not in the list

Scores = dict[str, dict[str, float | int]]  # part of the queries -> measure -> value
Encode = Callable[[Sequence[str]], Vectors]


@dataclass(frozen=True, slots=True)
class Task:
    """One direction: rows of (source word, translation), where to look, and the source words that CSLS compares with.

    All words are lower-cased. `place` has the place of source words in the list of their language, None if the list has
    no order. `left_out` counts what the dictionary has and the task has not; `about` counts what the lists lack.
    """

    source: str
    target: str
    rows: tuple[tuple[str, str], ...]
    candidates: tuple[str, ...]
    references: tuple[str, ...]
    place: Mapping[str, int] | None
    left_out: Mapping[str, int]
    about: Mapping[str, int]

    @property
    def name(self) -> str:
        """The direction, "en-de"."""
        return f"{self.source}-{self.target}"

    @property
    def queries(self) -> tuple[str, ...]:
        """The distinct source words, in the order of the rows."""
        return tuple(dict.fromkeys(source for source, _ in self.rows))


def make_task(
    dictionary: Dictionary,
    source_words: Sequence[str],
    target_words: Sequence[str],
    *,
    limit: int | None = None,
    ranked: bool = True,
) -> Task:
    """Return the task of a dictionary over the words of both languages.

    Without a limit a translation that is not among the target words can never be found: its row is left out and
    counted, as published protocols do.

    Args:
        dictionary: its rows are the questions.
        source_words: the words that CSLS compares candidates with.
        target_words: the candidates.
        limit: of both lists only the first so many; all translations are candidates then.
        ranked: whether the lists begin with the most frequent word, so that bands of frequency mean something.
    """
    rows = tuple((source.lower(), target.lower()) for source, target in dictionary.entries)
    place: dict[str, int] = {}
    for number, word in enumerate(source_words):
        place.setdefault(word.lower(), number)
    listed = dict.fromkeys(word.lower() for word in target_words)
    candidates = dict.fromkeys(word.lower() for word in target_words[:limit])
    if limit is not None:
        candidates |= dict.fromkeys(target for _, target in rows)
    kept = tuple(row for row in rows if row[1] in candidates)
    words = {source for source, _ in rows}
    left_out = {
        **dictionary.left_out,
        "rows with a translation that is no candidate": len(rows) - len(kept),
        "words without a translation among the candidates": len(words - {source for source, _ in kept}),
    }
    about = {
        "words outside the list": sum(word not in place for word in words),
        "translations outside the list": sum(word not in listed for word in {target for _, target in rows}),
    }
    references = tuple(dict.fromkeys(word.lower() for word in source_words[:limit]))
    found = {reason: number for reason, number in left_out.items() if number}
    bands = place if ranked else None
    return Task(dictionary.source, dictionary.target, kept, tuple(candidates), references, bands, found, about)


def induce(
    task: Task, encode: Mapping[str, Encode], static: Mapping[str, Encode], *, strings: bool
) -> tuple[Scores, NDArray[np.bool_]]:
    """Return the scores of a task, see the module's first lines, and which queries CSLS answers rightly at rank 1.

    The parts are `all`, `non_identical` (no translation is the source word itself), and for a list with an order a band
    of the source word's frequency each and `outside`. A part without queries is left out. `all` also has the floors:
    the same by static vectors, and P@1 of identical strings and, with `strings`, of the smallest edit distance.

    Args:
        task: the direction.
        encode: language -> the encoder's vectors of its words.
        static: language -> static vectors.
        strings: whether to compute the edit distance, which takes long over a full list.

    Raises:
        UserError: no translation is among the candidates.
    """
    queries = task.queries
    if not queries:
        lost = ", ".join(f"{number:,} {reason}" for reason, number in task.left_out.items())
        how = "give lists that hold the translations"
        raise UserError(f"no question is left ({lost})", where=f"probe, {task.name}", how=how)
    row_of = {word: row for row, word in enumerate(queries)}
    column_of = {word: row for row, word in enumerate(task.candidates)}
    gold = Gold(
        np.array([row_of[source] for source, _ in task.rows], dtype=np.int64),
        np.array([column_of[target] for _, target in task.rows], dtype=np.int64),
    )
    x, y = encode[task.source](queries), encode[task.target](task.candidates)
    close = mean_similarity(y, encode[task.source](task.references))
    ranks = {"": rank_gold(x, y, gold), "_csls": rank_gold(x, y, gold, closeness=close)}
    best = {name: best_rank(rank, gold, len(queries)) for name, rank in ranks.items()}
    found: Scores = {}
    for part, chosen in _parts(task, queries, row_of).items():
        if chosen.any():
            found[part] = {"queries": int(chosen.sum())} | _scores({name: rank[chosen] for name, rank in best.items()})
    found["all"] |= _scores({f"{name}_single": rank for name, rank in ranks.items()})
    low = best_rank(rank_gold(static[task.source](queries), static[task.target](task.candidates), gold), gold, len(x))
    found["all"] |= {"rows": len(task.rows), "candidates": len(task.candidates), "references": len(task.references)}
    found["all"] |= {f"static_{name}": value for name, value in _scores({"": low}).items()}
    right = set(task.rows)
    found["all"]["identical_p_at_1"] = float(np.mean([(word, word) in right for word in queries]))
    if strings:
        nearest = nearest_strings(queries, task.candidates)
        pairs = zip(queries, nearest.tolist(), strict=True)
        found["all"]["edit_p_at_1"] = float(np.mean([(word, task.candidates[row]) in right for word, row in pairs]))
    return found, best["_csls"] == 1


def _scores(ranks: Mapping[str, NDArray[np.integer | np.floating]]) -> dict[str, float | int]:
    """Return P@1 and MRR of each list of ranks; its name is the end of theirs."""
    found: dict[str, float | int] = {}
    for name, rank in ranks.items():
        found |= {f"p_at_1{name}": float((rank == 1).mean()), f"mrr{name}": float((1 / rank).mean())}
    return found


def _parts(task: Task, queries: Sequence[str], row_of: Mapping[str, int]) -> dict[str, NDArray[np.bool_]]:
    """Return which queries each part has."""
    other = np.ones(len(queries), dtype=np.bool_)
    for source, target in task.rows:
        other[row_of[source]] &= source != target
    found = {"all": np.ones(len(queries), dtype=np.bool_), "non_identical": other}
    if task.place is None:
        return found
    place = np.array([task.place.get(word, -1) for word in queries], dtype=np.int64)
    found |= {name: (place >= first) & (place < stop) for name, (first, stop) in BANDS.items()}
    return found | {OUTSIDE: place < 0}
