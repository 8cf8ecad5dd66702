"""The same for 11 languages that XLING lacks, from Wiktionary's words linked to WordNet: English to them and back.

The English word has one meaning in WordNet. There are no lists of frequent words for these languages, so the candidates
are all words of the target language's wordnet, and CSLS compares with all words of the source language's. Every word
is read in its file's order, which says nothing of frequency. The form `fast` asks for 1,000 words of a direction, drawn
by hash, and compares with 20,000 words, drawn by hash.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from babelmix.common.hashing import hash_order
from babelmix.lexicon.dictionary import Dictionary
from babelmix.lexicon.omw import LANGUAGES, monosemous_pairs, read_synsets
from babelmix.lexicon.xling import LANGUAGES as XLING
from babelmix.probes.induction import FAST, Task, make_task
from babelmix.probes.induction_probe import run_tasks
from babelmix.probes.probe import Asked, Found, Probe

NAME = "omw"
OTHERS = tuple(lang for lang in LANGUAGES if lang not in XLING)
QUERIES = 1_000  # of a direction in the fast form


def run(folder: Path, asked: Asked) -> Found:
    """Probe English into each of the languages that are asked for, and back."""
    english, fast = read_synsets(folder, "en"), asked.form == "fast"
    tasks: list[Task] = []
    for lang in asked.some(OTHERS, what=NAME):
        other = read_synsets(folder, lang)
        there = Dictionary("en", lang, monosemous_pairs(english, other), {})
        words = {"en": _words(english), lang: _words(other)}
        for one in (there, there.reversed()):
            references = words[one.source] if not fast else _drawn(words[one.source], FAST)
            tasks.append(make_task(_asked(one) if fast else one, references, words[one.target], ranked=False))
    return run_tasks(tasks, asked, NAME, units=_english)


def _english(task: Task) -> list[str]:
    """Return the English word of each query: the query itself, or the first of its translations."""
    if task.source == "en":
        return list(task.queries)
    first: dict[str, str] = {}
    for source, target in task.rows:
        first.setdefault(source, target)
    return list(first.values())


def _words(synsets: Mapping[str, Sequence[str]]) -> list[str]:
    return list(dict.fromkeys(word for words in synsets.values() for word in words))


def _drawn(words: Sequence[str], number: int) -> list[str]:
    return sorted(words, key=hash_order)[:number]


def _asked(dictionary: Dictionary) -> Dictionary:
    """Return the rows of some source words, drawn by hash; the others are no loss, so they are not counted as one."""
    drawn = frozenset(_drawn(list(dict.fromkeys(source for source, _ in dictionary.entries)), QUERIES))
    rows = tuple(row for row in dictionary.entries if row[0] in drawn)
    return Dictionary(dictionary.source, dictionary.target, rows, dictionary.left_out)


PROBE = Probe(name=NAME, lexicon=NAME, run=run)
