"""Multi-SimLex: does the cosine of two words of two languages order pairs as people do?

>>> low, high = interval(0.5, 103)
>>> round(low, 3), round(high, 3)
(0.329, 0.639)
"""

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from babelmix.lexicon.simlex import NAME, PAIRS, PARTS_OF_SPEECH, Graded, read_simlex, unscored
from babelmix.probes.probe import Asked, Found, Probe, Table
from babelmix.probes.vocabulary import Vocabulary
from babelmix.probes.words import Vectors

FEWEST = 4  # pairs: fewer have no interval


def run(folder: Path, asked: Asked) -> Found:
    """Probe every pair of two languages that are asked for."""
    chosen = [pair for pair in PAIRS if all(map(asked.has, pair))]
    if not chosen:
        raise asked.none_of(NAME, (lang for pair in PAIRS for lang in pair))
    graded = {f"{one}-{other}": read_simlex(folder, one, other) for one, other in chosen}
    words = list(dict.fromkeys(word for rows in graded.values() for row in rows for word in (row.one, row.other)))
    encoded = Vocabulary(words, asked.encode(words))
    scores = {
        name: correlations(rows, encoded([row.one for row in rows]), encoded([row.other for row in rows]))
        for name, rows in graded.items()
    }
    headline = {key: fmean(found[key] for found in scores.values()) for key in ("spearman", "within_parts_of_speech")}
    unjudged = sum(unscored(folder, *pair) for pair in chosen)
    left_out = {"rows without a score": unjudged} if unjudged else {}
    return Found(headline=headline, scores={"by_pair": scores}, table=_table(scores), left_out=left_out)


def correlations(rows: Sequence[Graded], one: Vectors, other: Vectors) -> dict[str, float]:
    """Return Spearman's correlation of cosines with scores, its 95 % interval, and that within parts of speech.

    Nouns may be judged higher than verbs as a whole, and an encoder may know just that. So `within_parts_of_speech` is
    the mean of the correlations of each part of speech alone.

    Args:
        rows: the pairs.
        one: [rows, d] unit vectors of the first words.
        other: [rows, d] unit vectors of the second words.
    """
    cosine, score = np.einsum("nd,nd->n", one, other), np.array([row.score for row in rows])
    found: dict[str, float] = {"pairs": len(rows), "spearman": spearman(cosine, score)}
    found["low"], found["high"] = interval(found["spearman"], len(rows))
    for part in PARTS_OF_SPEECH:
        own = np.array([row.part_of_speech == part for row in rows])
        if own.sum() >= FEWEST:
            found[part] = spearman(cosine[own], score[own])
    found["within_parts_of_speech"] = fmean(found[part] for part in PARTS_OF_SPEECH if part in found)
    return found


def spearman(one: NDArray[np.floating], other: NDArray[np.floating]) -> float:
    """Return Spearman's rank correlation; 0 if one side has a single value, which orders nothing."""
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return 0.0
    found: Any = spearmanr(one, other)
    return float(found.statistic)


def interval(correlation: float, pairs: int) -> tuple[float, float]:
    """Return the 95 % interval of a Spearman correlation of `pairs` pairs, at least four.

    Fisher's z with the standard error sqrt((1 + r^2/2) / (n - 3)) of Bonett and Wright (2000), Psychometrika 65, 23-28.
    It is over pairs of words and takes them as independent, though one word may be in several.
    """
    if abs(correlation) >= 1:
        return correlation, correlation
    middle, half = np.arctanh(correlation), 1.959964 * np.sqrt((1 + correlation**2 / 2) / (pairs - 3))
    return float(np.tanh(middle - half)), float(np.tanh(middle + half))


def _table(scores: dict[str, dict[str, float]]) -> Table:
    rows = [
        [name, f"{found['pairs']:,}", f"{found['spearman']:.3f}", f"{found['low']:.3f} to {found['high']:.3f}"]
        + [f"{found[part]:.3f}" if part in found else "-" for part in (*PARTS_OF_SPEECH, "within_parts_of_speech")]
        for name, found in scores.items()
    ]
    head = ["", "pairs", "Spearman", "95 % interval", *PARTS_OF_SPEECH, "their mean"]
    return Table(f"{NAME}: cosine and human judgement", head, rows)


PROBE = Probe(name=NAME, lexicon=NAME, run=run)
