"""The filter of machine translation, and its reasons to reject a translated pair.

    rejection_reason(english, portuguese, thresholds)          # "lost-number", or None for a good pair

Engines fail in a few known ways, and each has a cheap sign. The rules, in their order:

    source-language     the source is not in its own language (mixed sources; 60 characters are needed to tell)
    empty               there is no translation
    untranslated        the query or the passage equals its source
    repetition          one to five words three times in a row, unlike the source
    length              so much longer or shorter than the source that something was invented or lost
    source-words        the translation has too large a share of the source's words
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

# The filter adds this to both lengths: "Play" may become "Reproduzir". It compares lengths in characters of any script:
# a Chinese text has a third of the characters of an English one, a Thai one as many; by `reading_length` they would be
# three and five times as long.
_LENGTH_GRACE = 20
_LOOP = re.compile(r"(?<!\S)(\S+(?: \S+){0,4})(?: \1){2}(?!\S)")
# Words to compare: several languages share shorter ones ("a", "no", "son").
_WORD = re.compile(r"[^\W\d_]{4,}")
_TOKEN = re.compile(r"\w+")
# Fewer words of the source than this give no meaningful share.
_MIN_WORDS = 4
_NUMBER = re.compile(r"\d+(?:[.,'\u00a0\u202f]\d+)*")
# Inflection changes the end of a word, so at most this much of its beginning counts.
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
    """Return the first rule that the translation of one text breaks, None for a good one; it ignores the language."""
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
    """Return whether py3langid identifies a text of enough characters as another language than `lang`.

    It counts characters of any script; the comment at `collect.SHORT_CHARACTERS` says why.
    """
    return len(text) >= thresholds.min_identified_characters and not may_be(identify(text), lang)


def source_words(source: str, translation: str) -> float:
    """Return the share of the source's words that the translation has, from 0 to 1.

    It counts words of four letters and more in lower case, because names stay the same; fewer than four of them
    give 0.
    """
    words = {word for word in _WORD.findall(source) if word.islower()}
    if len(words) < _MIN_WORDS:
        return 0.0
    return len(words & set(_WORD.findall(translation.casefold()))) / len(words)


def lost_numbers(source: str, translation: str) -> float:
    """Return the share of the source's numbers that the translation lacks, from 0 to 1.

    It compares digits alone, so 1,000.5 is 1.000,5; a number up to 39 may have Roman numerals, as centuries do in
    Romance languages.
    """
    wanted, found = numbers(source), numbers(translation)
    missing = wanted - found
    words = set(_TOKEN.findall(translation))
    lost = sum(count for number, count in missing.items() if _roman(number) not in words)
    return lost / wanted.total() if wanted else 0.0


def numbers(text: str) -> Counter[str]:
    """Return the numbers of a text and their counts, as ASCII digits without separators."""
    found = (
        "".join(str(unicodedata.digit(one)) for one in match if one.isdecimal()) for match in _NUMBER.findall(text)
    )
    return Counter(found)


def lost_answer(answer: str, passage: str) -> float:
    """Return the share of an answer's words that the passage lacks, from 0 to 1; 1 for an answer without words.

    The first five letters of a word count, because an answer that is translated alone may have other inflections. In
    scripts without spaces, characters count as words.
    """
    wanted = _stems(answer)
    return len(wanted - _stems(passage)) / len(wanted) if wanted else 1.0


def _stems(text: str) -> set[str]:
    stems: set[str] = set()
    for token in _TOKEN.findall(text.casefold()):
        stems |= set(token) if unicodedata.category(token[0]) == "Lo" else {token[:_STEM]}
    return stems


def _roman(digits: str) -> str:
    """Return a number from 1 to 39 in Roman numerals, "" for any other; Python reads no number of 4,301 digits."""
    digits = digits.lstrip("0")
    number = int(digits) if 0 < len(digits) <= 2 else 0
    if not 0 < number < 40:
        return ""
    figures = ""
    for value, figure in _ROMAN:
        figures += figure * (number // value)
        number %= value
    return figures
