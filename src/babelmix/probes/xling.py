"""XLING: does an encoder find the translation of a word among all words of a language? 30 directions.

The form `fast` looks among the first 20,000 words of a language and all translations, `full` among its 100,000 words.
CSLS compares with as many words of the source language: its first 20,000, or all 100,000.

The probe `xling-train` does the same with the training dictionaries of two directions. `xling-mixed` asks what `xling`
asks of contextual and static vectors, mixed (interpolation.py): the map and the share come from the training rows.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from babelmix.lexicon.word_lists import read_words
from babelmix.lexicon.xling import LANGUAGES, NAME, held_out_rows, read_multiway, read_xling
from babelmix.probes.induction import FAST, Encode, Task, make_task
from babelmix.probes.induction_probe import run_tasks
from babelmix.probes.interpolation import Interpolation, Words, interpolate
from babelmix.probes.probe import Asked, Found, Probe
from babelmix.probes.words import Vectors

TRAIN_DIRECTIONS = (("en", "de"), ("en", "ru"))


def run(folder: Path, asked: Asked) -> Found:
    """Probe the test dictionaries of every direction between two of the languages that are asked for."""
    return _run(folder, asked, _directions(), "test", NAME)


def run_train(folder: Path, asked: Asked) -> Found:
    """Probe the training dictionaries, 5,000 rows each, from English into German and Russian."""
    return _run(folder, asked, list(TRAIN_DIRECTIONS), "train-5k", f"{NAME}-train")


def run_mixed(folder: Path, asked: Asked) -> Found:
    """Probe the test dictionaries with mixed vectors; the share of the contextual ones and its choice are in the table.

    Every row of the training dictionaries is words of all languages asked for. One row in HELD_OUT chooses the share,
    the others fit the map. `xling-train` trains on no word of the former.
    """
    languages = asked.some(LANGUAGES, what=f"{NAME}-mixed")
    found = _interpolation(folder, asked, languages)

    def encode(words: Sequence[str]) -> Vectors:
        return found.vectors(asked.encode.static(words), asked.encode(words))

    scored = _run(folder, asked, _directions(), "test", f"{NAME}-mixed", encode=encode)
    by_share = ", ".join(f"{score.share:g}: {score.mrr:.3f}" for score in found.scores)
    chosen = f"Share of the contextual vectors: {found.share:g}, by MRR on training words held out ({by_share})."
    shares = [{"share": score.share, "p_at_1": score.p_at_1, "mrr": score.mrr} for score in found.scores]
    return replace(
        scored,
        headline={**scored.headline, "share": found.share},
        scores={**scored.scores, "shares": shares},
        table=replace(scored.table, about=f"{scored.table.about} {chosen}"),
    )


def _interpolation(folder: Path, asked: Asked, languages: Sequence[str]) -> Interpolation:
    rows = read_multiway(folder, "train-5k")
    words = [(lang, unit, row[lang].lower()) for unit, row in enumerate(rows) for lang in languages]
    names = [word for _, _, word in words]
    units = np.array([unit for _, unit, _ in words], dtype=np.int64)
    held = sorted(held_out_rows(len(rows)))
    static, contextual = asked.encode.static(names), asked.encode(names)
    return interpolate(Words(names, [lang for lang, _, _ in words], units, static, contextual), np.isin(units, held))


def _directions() -> list[tuple[str, str]]:
    return [(one, other) for one in LANGUAGES for other in LANGUAGES if one != other]


def _run(
    folder: Path,
    asked: Asked,
    pairs: list[tuple[str, str]],
    split: str,
    name: str,
    *,
    encode: Encode | None = None,
) -> Found:
    chosen = [(one, other) for one, other in pairs if asked.has(one) and asked.has(other)]
    if not chosen:
        raise asked.none_of(name, LANGUAGES)
    limit = FAST if asked.form == "fast" else None
    lists = {lang: read_words(folder, lang) for lang in sorted({lang for pair in chosen for lang in pair})}

    read = {pair: read_xling(folder, *pair, split) for pair in chosen}
    tasks = [make_task(read[pair], lists[pair[0]], lists[pair[1]], limit=limit) for pair in chosen]

    def rows(task: Task) -> list[str]:
        """Return the row of each query, which is one in all directions: the first that has the word."""
        row_of: dict[str, int] = {}
        for number, (source, _) in enumerate(read[task.source, task.target].entries):
            row_of.setdefault(source.lower(), number)
        return [str(row_of[word]) for word in task.queries]

    return run_tasks(tasks, asked, name, units=rows, encode=encode)


PROBE = (
    Probe(name=NAME, lexicon=NAME, run=run),
    Probe(name=f"{NAME}-train", lexicon=NAME, run=run_train),
    Probe(name=f"{NAME}-mixed", lexicon=NAME, run=run_mixed),
)
