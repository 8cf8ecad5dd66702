"""Text as sentences: cleaned of invisible characters, split for a translator, cut to the sentences of an answer.

    split("Dr. Smith came. He saw J. R. R. Tolkien.", "en")      # ["Dr. Smith came.", "He saw J. R. R. Tolkien."]
    window(context, start=412, end=420, sentences=1)             # the sentence around the answer

sentencex (Wikimedia; rules for some 300 languages) finds the sentences; together they are the whole text.
"""

import re
import unicodedata
from collections.abc import Iterator

import sentencex

from babelmix.common.text import kept_form

# A neural engine truncates or repeats longer sentences; a token has 3 to 4 characters in most languages.
MAX_SENTENCE_CHARACTERS = 600
# Marks that turn the writing direction, byte-order marks and soft hyphens: invisible, and they upset engines. Joiners
# (U+200C, U+200D) stay: they are part of Persian and Hindi spelling.
_INVISIBLE = re.compile("[\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufffe\uffff]")
# sentencex (in Rust) fails on lone surrogates, and on white space of several bytes: U+00A0 after an initial.
_UNFIT = re.compile("[\ud800-\udfff]|[^\\S\x00-\x7f]")
# Where to cut a sentence that is too long, the best place first.
_CUTS = (re.compile(r"[;:—。]\s*"), re.compile(r"[,、،)\]]\s*"), re.compile(r"\s+"))


def clean(text: str) -> str:
    """Return the text in NFC, without control characters, direction marks and lone surrogates, white space as single
    spaces.

    Cut a text by its offsets first: they do not hold for the cleaned text.
    """
    text = _INVISIBLE.sub("", text)
    if not text.isascii() or not text.isprintable():
        text = "".join(" " if unicodedata.category(one) in ("Cc", "Cs") else one for one in text)
    return kept_form(" ".join(text.split()))


def split(text: str, lang: str) -> list[str]:
    """Return the sentences of a cleaned text, none longer than `MAX_SENTENCE_CHARACTERS`, none blank.

    `" ".join` of them differs from the text in white space alone.
    """
    stripped = (sentence.strip() for sentence in _segment(text, lang))
    return [piece for sentence in stripped for piece in _pieces(sentence)]


def window(context: str, *, start: int, end: int, sentences: int, lang: str = "en") -> str:
    """Return the sentences that hold context[start:end] and neighbours, `sentences` in all, cleaned.

    0 = the whole context. Neighbours come in turn, the sentence before first.
    """
    if sentences == 0:
        return clean(context)
    parts = _parts(context, lang)
    edges = [0]
    for part in parts:
        edges.append(edges[-1] + len(part))
    held = [at for at in range(len(parts)) if edges[at] < max(end, start + 1) and edges[at + 1] > start]
    first, last = held[0], held[-1]
    before = True
    while last - first + 1 < min(sentences, len(parts)):
        if (before and first > 0) or last == len(parts) - 1:
            first -= 1
        else:
            last += 1
        before = not before
    return clean("".join(parts[first : last + 1]))


def _segment(text: str, lang: str) -> list[str]:
    """Return sentencex's sentences; together they are the text, with a space for each unfit character."""
    return sentencex.segment(lang, _UNFIT.sub(" ", text))  # pyright: ignore[reportAttributeAccessIssue]


def _parts(context: str, lang: str) -> list[str]:
    """Return the sentences of the context, each with the blank lines behind it; together they are the context."""
    parts: list[str] = []
    for part in _segment(context, lang):
        if parts and not (clean(part) and clean(parts[-1])):
            parts[-1] += part
        else:
            parts.append(part)
    return parts


def _pieces(sentence: str) -> Iterator[str]:
    """Cut a long sentence at the last good place in its second half, or else anywhere."""
    while len(sentence) > MAX_SENTENCE_CHARACTERS:
        head = sentence[:MAX_SENTENCE_CHARACTERS]
        cuts = (
            match.end() for cut in _CUTS for match in reversed(list(cut.finditer(head))) if match.end() > len(head) // 2
        )
        at = next(cuts, len(head))
        yield sentence[:at].strip()
        sentence = sentence[at:].strip()
    if sentence:
        yield sentence
