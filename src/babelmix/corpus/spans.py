"""The span of an answer in a text, though its letters or its offset may differ.

    find_span("Café  Central", context, 17)      # (19, 31): the occurrence nearest to 17
    find_span("art", "The cart. Art!")           # (10, 13): without an offset, whole words before parts of words

Published answers differ from their texts in Unicode's normal form, white space, case and invisible characters. Their
offsets are off by a few characters, count bytes, or belong to the text before its translation.
"""

import re
import unicodedata
from bisect import bisect_left
from functools import lru_cache

from babelmix.common.text import compared_form

# Vowels and final consonants of Korean: letters that form one sign with the letter before them.
_JAMO = re.compile("[\u1160-\u11ff\ud7b0-\ud7ff]")


def find_span(answer: str, text: str, start: int | None = None) -> tuple[int, int] | None:
    """Return [start, end) of the answer's occurrence nearest to `start`, None if the text lacks it.

    An exact occurrence comes before one that only has the same `compared_form`. Without a `start`, or with one below 0,
    the first occurrence counts, whole words before parts of words. The span never separates a letter from its marks.
    """
    found = _find(answer, text, start)
    return uncut(*found, text) if found else None


def _find(answer: str, text: str, start: int | None) -> tuple[int, int] | None:
    words = answer.strip()
    if not words:
        return None
    if start is not None and start < 0:
        start = None
    if start is None:
        spans = (_whole_words(words, text), _alike(words, text, None, whole=True), _nearest(words, text, 0))
    elif text.startswith(answer, start):
        return start, start + len(answer)
    else:
        spans = (_nearest(words, text, min(start, len(text))),)
    return next(filter(None, spans), None) or _alike(words, text, start)


def uncut(start: int, end: int, text: str) -> tuple[int, int]:
    """Return the span widened to whole letters with all their marks."""
    while start and _joins(text[start]):
        start -= 1
    while end < len(text) and _joins(text[end]):
        end += 1
    return start, end


def _whole_words(words: str, text: str) -> tuple[int, int] | None:
    if words not in text:
        return None
    found = re.search(rf"(?<!\w){re.escape(words)}(?!\w)", text)
    return found.span() if found else None


def _nearest(words: str, text: str, start: int) -> tuple[int, int] | None:
    before, after = text.rfind(words, 0, start + len(words)), text.find(words, start)
    at = min((at for at in (before, after) if at >= 0), key=lambda at: abs(at - start), default=None)
    return None if at is None else (at, at + len(words))


def _alike(words: str, text: str, start: int | None, *, whole: bool = False) -> tuple[int, int] | None:
    """Find the `compared_form` of the answer, and return its span in the text itself."""
    wanted = _folded(words)[0].strip()
    folded, starts, ends = _folded(text)
    if not wanted:
        return None
    if whole:
        found = _whole_words(wanted, folded)
    else:
        found = _nearest(wanted, folded, 0 if start is None else bisect_left(starts, start))
    return None if found is None else (starts[found[0]], ends[found[1] - 1])


@lru_cache(maxsize=8)  # the questions of one paragraph follow one another
def _folded(text: str) -> tuple[str, list[int], list[int]]:
    """Return the `compared_form` of a text, and the start and end in the text of each of its characters."""
    signs: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for start, end in _clusters(text):
        form = compared_form(text[start:end])
        if not form and text[start].isspace() and signs and signs[-1] != " ":
            form = " "
        signs += form
        starts += [start] * len(form)
        ends += [end] * len(form)
    return "".join(signs), starts, ends


def _clusters(text: str) -> list[tuple[int, int]]:
    """Return [start, end) of each letter with its marks."""
    if text.isascii():
        return [(at, at + 1) for at in range(len(text))]
    edges = [at for at, sign in enumerate(text) if at == 0 or not _joins(sign)]
    return list(zip(edges, [*edges[1:], len(text)], strict=True))


def _joins(sign: str) -> bool:
    """Return whether a character belongs to the letter before it."""
    return not sign.isascii() and (unicodedata.category(sign).startswith("M") or bool(_JAMO.match(sign)))
