"""XLING: does an encoder find the translation of a word among all words of a language? 30 directions.

The form `fast` looks among the first 20,000 words of a language and all translations, `full` among its 100,000 words.
CSLS compares with as many words of the source language: its first 20,000, or all 100,000.

The probe `xling-train` does the same with the training dictionaries of two directions. The prompt was chosen on it.
"""

from pathlib import Path

from babelmix.lexicon.word_lists import read_words
from babelmix.lexicon.xling import LANGUAGES, NAME, read_xling
from babelmix.probes.induction import FAST, Task, make_task
from babelmix.probes.induction_probe import run_tasks
from babelmix.probes.probe import Asked, Found, Probe

TRAIN_DIRECTIONS = (("en", "de"), ("en", "ru"))


def run(folder: Path, asked: Asked) -> Found:
    """Probe the test dictionaries of every direction between two of the languages that are asked for."""
    pairs = [(one, other) for one in LANGUAGES for other in LANGUAGES if one != other]
    return _run(folder, asked, pairs, "test", NAME)


def run_train(folder: Path, asked: Asked) -> Found:
    """Probe the training dictionaries, 5,000 rows each, from English into German and Russian."""
    return _run(folder, asked, list(TRAIN_DIRECTIONS), "train-5k", f"{NAME}-train")


def _run(folder: Path, asked: Asked, pairs: list[tuple[str, str]], split: str, name: str) -> Found:
    chosen = [(one, other) for one, other in pairs if asked.has(one) and asked.has(other)]
    if not chosen:
        raise asked.none_of(name, LANGUAGES)
    limit = FAST if asked.form == "fast" else None
    lists = {lang: read_words(folder, lang) for lang in sorted({lang for pair in chosen for lang in pair})}

    def task(one: str, other: str) -> Task:
        return make_task(read_xling(folder, one, other, split), lists[one], lists[other], limit=limit)

    return run_tasks([task(*pair) for pair in chosen], asked, name)


PROBE = (Probe(name=NAME, lexicon=NAME, run=run), Probe(name=f"{NAME}-train", lexicon=NAME, run=run_train))
