"""Names of countries, languages, scripts and currencies: is the English name nearest among all English names?

The candidates are the English names of all kinds that any language translates, each once. Names that are spelt alike in
both languages are no question: they are counted and not scored. It is no entity linking: a name stands alone.
"""

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from babelmix.lexicon.iso_codes import LANGUAGES, STANDARDS, Name, Names, read_names
from babelmix.probes.nearest import Gold, best_rank, rank_gold
from babelmix.probes.probe import Asked, Found, Probe, Table
from babelmix.probes.vocabulary import Vocabulary

NAME = "iso-codes"
KINDS = tuple(STANDARDS)


def run(folder: Path, asked: Asked) -> Found:
    """Probe the languages that are asked for."""
    names = read_names(folder)
    chosen = asked.some(LANGUAGES, what=NAME)
    english = _english(names)
    words = list(dict.fromkeys((*english, *(name.local for lang in chosen for name in names.local[lang]))))
    encoded = Vocabulary(words, asked.encode(words))
    asked_names = {lang: _score(names.local[lang], english, encoded) for lang in chosen}
    scores = {lang: found for lang, (found, _, _) in asked_names.items()}
    for lang in chosen:
        scores[lang]["identical"] = len(names.identical[lang])
    headline = {"p_at_1": fmean(found["p_at_1"] for found in scores.values())}
    headline |= {
        f"{kind}_p_at_1": fmean(values)
        for kind in KINDS
        if (values := [found[f"{kind}_p_at_1"] for found in scores.values() if f"{kind}_p_at_1" in found])
    }
    left_out = {
        "names spelt as in English": sum(len(names.identical[lang]) for lang in chosen),
        "names without a translation": sum(sum(names.untranslated[lang].values()) for lang in chosen),
    }
    return Found(
        headline=headline,
        scores={"by_language": scores},
        table=_table(scores),
        left_out={reason: number for reason, number in left_out.items() if number},
        about={"candidates": len(english)},
        right={lang: right for lang, (_, right, _) in asked_names.items()},
        units={lang: units for lang, (_, _, units) in asked_names.items()},
    )


def _english(names: Names) -> list[str]:
    """Return the English names of all kinds, each once, in the order of the package."""
    every = (name for kind in (names.local, names.identical) for lang in LANGUAGES for name in kind[lang])
    return list(dict.fromkeys(name.english for name in every))


def _score(
    names: Sequence[Name], english: Sequence[str], encoded: Vocabulary
) -> tuple[dict[str, float | int], NDArray[np.bool_], list[str]]:
    """Return P@1 and MRR over distinct names, of all kinds and of each, which names are right, and what each asks for.

    Two things of one name share their answers; the first is what it asks for.
    """
    queries = list(dict.fromkeys((name.kind, name.local) for name in names))
    row_of, column_of = ({one: row for row, one in enumerate(many)} for many in (queries, english))
    pairs = list(dict.fromkeys((row_of[name.kind, name.local], column_of[name.english]) for name in names))
    gold = Gold(*np.array(pairs, dtype=np.int64).T)
    rank = best_rank(rank_gold(encoded([local for _, local in queries]), encoded(english), gold), gold, len(queries))
    found: dict[str, float | int] = {
        "names": len(queries), "p_at_1": float((rank == 1).mean()), "mrr": float((1 / rank).mean())
    }  # fmt: skip
    for kind in KINDS:
        own = np.array([one == kind for one, _ in queries])
        if own.any():
            found |= {f"{kind}_names": int(own.sum()), f"{kind}_p_at_1": float((rank[own] == 1).mean())}
    english_of: dict[tuple[str, str], str] = {}
    for name in names:
        english_of.setdefault((name.kind, name.local), name.english)
    return found, rank == 1, [f"{kind} {english_of[kind, local]}" for kind, local in queries]


def _table(scores: dict[str, dict[str, float | int]]) -> Table:
    rows = [
        [lang, f"{found['names']:,}", f"{100 * found['p_at_1']:.1f}", f"{found['mrr']:.3f}"]
        + [f"{100 * found[f'{kind}_p_at_1']:.1f}" if f"{kind}_p_at_1" in found else "-" for kind in KINDS]
        + [f"{found['identical']:,}"]
        for lang, found in scores.items()
    ]
    head = ["", "names", "P@1", "MRR", *KINDS, "spelt alike"]
    return Table(f"{NAME}: a name and its English name", head, rows, "P@1 in percent, of all and of each kind.")


PROBE = Probe(name=NAME, lexicon=NAME, run=run)
