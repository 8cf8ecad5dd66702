"""The sentences of a paragraph as candidates, with the places where they begin, so that an answer's offset finds one.

    sentence_spans("One is here. Two was there.", "en")      # [(0, 13), (13, 27)]

Thai has no full stop: blanks part its clauses, and its dots belong to abbreviations. A splitter for sentences cuts
there, most often a year off its era. So a Thai candidate is a run of clauses of one line, of about the length that
sentences have in other languages.
"""

import re
from collections.abc import Iterator
from itertools import pairwise

from babelmix.corpus.sentences import split

# The mean sentence of the Arabic and Portuguese files has 177 and 178 characters.
THAI_CHARACTERS = 180
# A blank between two clauses, and not one beside a number or an abbreviation: dates and eras stay whole.
_THAI_GAP = re.compile(r"(?<=[^\s.\d]) +(?=[^\s\d])(?![^\s.]{1,3}\.)")


def sentence_spans(text: str, lang: str) -> list[tuple[int, int]]:
    """Return [start, end) of each sentence of a raw text, in characters; together they are the whole text.

    No sentence crosses the end of a line. The white space behind a sentence belongs to it. A piece without a letter or
    digit (a list's star, a lone bracket) belongs to the sentence before it, or to the next one if it is the first.
    """
    pieces = pairwise([*_starts(text, lang), len(text)])
    kept = [start for start, end in pieces if re.search(r"\w", text[start:end])]
    return list(pairwise([0, *kept[1:], len(text)]))


def _starts(text: str, lang: str) -> Iterator[int]:
    """Yield where each piece begins: `split` changes nothing but white space, so signs are counted."""
    at = 0
    for line in text.split("\n"):
        for piece in _clauses(line) if lang == "th" else split(line, lang):
            left = sum(not sign.isspace() for sign in piece)
            while text[at].isspace():
                at += 1
            yield at
            while left:
                left -= not text[at].isspace()
                at += 1


def _clauses(line: str) -> Iterator[str]:
    """Yield runs of clauses, none longer than `THAI_CHARACTERS` unless one clause is."""
    run = ""
    for clause in _THAI_GAP.split(line.strip()):
        if run and len(run) + 1 + len(clause) > THAI_CHARACTERS:
            yield run
            run = ""
        run = f"{run} {clause}" if run else clause
    if run:
        yield run
