"""Tatoeba: is the English translation of a sentence the nearest of the 1,000 English sentences of its file?

The same with the model's query prompt and without any, whatever prompt is asked for: published scores do not say which
they have. The protocol is MTEB's (a sentence to English, cosine, accuracy). Of equal cosines the first row counts.
"""

from pathlib import Path
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from babelmix.lexicon.tatoeba import LANGUAGES, NAME, read_tatoeba
from babelmix.probes.nearest import Gold, rank_gold
from babelmix.probes.probe import Asked, Found, Probe, Table
from babelmix.probes.published import TATOEBA
from babelmix.probes.settings import Prompt
from babelmix.probes.vocabulary import Vocabulary

PROMPTS: tuple[Prompt, ...] = ("query", "none")
BESIDE = "multilingual-e5-small"  # the model that the packaged encoder is made of


def run(folder: Path, asked: Asked) -> Found:
    """Probe the languages that are asked for, after both prompts."""
    pairs = {lang: read_tatoeba(folder, lang) for lang in asked.some(LANGUAGES, what=NAME)}
    sentences = list(dict.fromkeys(text for rows in pairs.values() for row in rows for text in row))
    scores: dict[str, dict[str, float | int]] = {lang: {"sentences": len(rows)} for lang, rows in pairs.items()}
    right: dict[str, NDArray[np.bool_]] = {}
    for prompt in PROMPTS:
        encoded = Vocabulary(sentences, asked.encode.after(prompt)(sentences))
        for lang, rows in pairs.items():
            foreign, english = (encoded([row[side] for row in rows]) for side in (0, 1))
            same = np.arange(len(rows))
            rank = rank_gold(foreign, english, Gold(same, same))
            right[lang] = rank == 1  # in the end without a prompt, as published scores are best met
            scores[lang][f"accuracy_{prompt}"] = float(right[lang].mean())
    headline = {
        f"accuracy_{prompt}": fmean(found[f"accuracy_{prompt}"] for found in scores.values()) for prompt in PROMPTS
    }
    return Found(
        headline=headline,
        scores={"by_language": scores},
        table=_table(scores, headline),
        right=right,
        units={lang: [english for _, english in rows] for lang, rows in pairs.items()},
    )


def _table(scores: dict[str, dict[str, float | int]], headline: dict[str, float]) -> Table:
    published = TATOEBA[BESIDE]
    rows = [
        [lang, f"{found['sentences']:,}", *(f"{100 * found[f'accuracy_{prompt}']:.1f}" for prompt in PROMPTS),
         f"{published[lang]:.1f}"]
        for lang, found in scores.items()
    ]  # fmt: skip
    means = [f"{100 * headline[f'accuracy_{prompt}']:.2f}" for prompt in PROMPTS]
    rows.append(["mean", "", *means, f"{fmean(published[lang] for lang in scores):.2f}"])
    head = ["", "sentences", "query prompt", "no prompt", "published"]
    return Table(f"{NAME}: accuracy, a sentence to English", head, rows, f"Published: {BESIDE}, by MTEB.")


PROBE = Probe(name=NAME, lexicon=NAME, run=run)
