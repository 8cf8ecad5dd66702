"""The filter of machine translation: why it rejects a translated pair.

    rejection_reason(english, portuguese, thresholds)          # "lost-number", or None: good enough to train on

Engines fail in a few known ways, and each has a cheap sign. The rules, in the order in which they are asked:

    source-language     the source is not in its own language (mixed sources; 60 characters are needed to tell)
    empty               nothing came out
    untranslated        the query or the passage came back as it was
    repetition          one to five words three times in a row, which the source has not
    length              so much longer or shorter than the source that something was invented or lost
    source-words        too large a share of the source's words stands in the translation
    lost-number         too large a share of the source's numbers is missing
    wrong-language      the translation is in another language
    lost-answer         too large a share of the answer's words, translated alone, is missing from the passage
"""

import re
import unicodedata
from collections import Counter

from babelmix.common.identify import identify, may_be
from babelmix.common.text import compared_form
from babelmix.corpus.records import Pair
from babelmix.translate.settings import Filter

# Added to both lengths: "Play" may become "Reproduzir". The lengths are compared in characters of any script, for a
# Chinese text is a third of an English one and a Thai one as long; `reading_length`, generous to what is short, would
# make them three and five times as long.
_LENGTH_GRACE = 20
_LOOP = re.compile(r"(?<!\S)(\S+(?: \S+){0,4})(?: \1){2}(?!\S)")
# Words that are compared: shorter ones stand in several languages ("a", "no", "son").
_WORD = re.compile(r"[^\W\d_]{4,}")
_TOKEN = re.compile(r"\w+")
# Fewer words of the source than this say nothing about how many came back.
_MIN_WORDS = 4
_NUMBER = re.compile(r"\d+(?:[.,'\u00a0\u202f]\d+)*")
# Inflection changes the end of a word: so much of its beginning counts, at most.
_STEM = 5
_ROMAN = ((10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I"))


def rejection_reason(source: Pair, translation: Pair, thresholds: Filter) -> str | None:
    """Return the first rule that a translated pair breaks, None for a good one."""
    if wrong_language(source.passage, source.lang, thresholds):
        return "source-language"
    for before, after in ((source.query, translation.query), (source.passage, translation.passage)):
        reason = text_rejection_reason(before, after, thresholds)
        if reason:
            return reason
    if wrong_language(translation.passage, translation.lang, thresholds):
        return "wrong-language"
    if source.answer and lost_answer(translation.answer, translation.passage) > thresholds.max_lost_answer:
        return "lost-answer"
    return None


def text_rejection_reason(source: str, translation: str, thresholds: Filter) -> str | None:
    """Return the first rule that the translation of one text breaks, None for a good one; no rule on its language."""
    if not translation.strip():
        return "empty"
    if compared_form(translation) == compared_form(source):
        return "untranslated"
    if _LOOP.search(translation.casefold()) and not _LOOP.search(source.casefold()):
        return "repetition"
    ratio = (len(translation) + _LENGTH_GRACE) / (len(source) + _LENGTH_GRACE)
    if not 1 / thresholds.max_length_ratio <= ratio <= thresholds.max_length_ratio:
        return "length"
    if source_words(source, translation) > thresholds.max_source_words:
        return "source-words"
    if lost_numbers(source, translation) > thresholds.max_lost_numbers:
        return "lost-number"
    return None


def wrong_language(text: str, lang: str, thresholds: Filter) -> bool:
    """Whether a text long enough to tell is identified (py3langid) as another language than `lang`.

    Long enough is counted in characters of any script, as `parallel.SHORT_CHARACTERS` says why.
    """
    return len(text) >= thresholds.min_identified_characters and not may_be(identify(text), lang)


def source_words(source: str, translation: str) -> float:
    """Return the share of the source's words that stand in the translation, from 0 to 1.

    Counted are words of four letters and more in lower case, for names stay what they are; fewer than four of
    them give 0.
    """
    words = {word for word in _WORD.findall(source) if word.islower()}
    if len(words) < _MIN_WORDS:
        return 0.0
    return len(words & set(_WORD.findall(translation.casefold()))) / len(words)


def lost_numbers(source: str, translation: str) -> float:
    """Return the share of the source's numbers that the translation lacks, from 0 to 1.

    Numbers are compared as digits alone, so that 1,000.5 is 1.000,5; a number up to 39 may stand in Roman figures,
    as centuries do in Romance languages.
    """
    wanted, found = numbers(source), numbers(translation)
    missing = wanted - found
    words = set(_TOKEN.findall(translation))
    lost = sum(count for number, count in missing.items() if not (number and _roman(int(number)) in words))
    return lost / wanted.total() if wanted else 0.0


def numbers(text: str) -> Counter[str]:
    """Return the numbers of a text and how often each stands there, as ASCII digits without separators."""
    found = (
        "".join(str(unicodedata.digit(one)) for one in match if one.isdecimal()) for match in _NUMBER.findall(text)
    )
    return Counter(found)


def lost_answer(answer: str, passage: str) -> float:
    """Return the share of an answer's words that the passage lacks, from 0 to 1; 1 where the answer has no word.

    The first five letters of a word count, since an answer that is translated alone may be inflected otherwise. Text
    without spaces between words is compared by character.
    """
    wanted = _stems(answer)
    return len(wanted - _stems(passage)) / len(wanted) if wanted else 1.0


def _stems(text: str) -> set[str]:
    stems: set[str] = set()
    for token in _TOKEN.findall(text.casefold()):
        stems |= set(token) if unicodedata.category(token[0]) == "Lo" else {token[:_STEM]}
    return stems


def _roman(number: int) -> str:
    if not 0 < number < 40:
        return ""
    figures = ""
    for value, figure in _ROMAN:
        figures += figure * (number // value)
        number %= value
    return figures
