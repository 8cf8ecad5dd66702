"""The quality gate of machine translation: why a translation is thrown away.

    rejection("Insert a sheet.", "Insert a sheet.")                     # "untranslated"
    rejection("Insert a sheet.", "Insira uma folha.")                   # None: good enough to train on

Neural engines fail in a few known ways, and each has a cheap sign: nothing came out, the source came back, a
phrase goes round in a loop, the length is absurd, the language is another one.
"""

import re

import py3langid

# A translation this many times as long as its source, or as short, lost or invented something. Chinese is
# about a third of English in characters, so the bounds are wide.
MAX_LENGTH_RATIO = 4.0
# Added to both lengths: "Play" may become "Reproduzir".
_LENGTH_GRACE = 20
# Below this the language identifier guesses.
MIN_IDENTIFIED_CHARACTERS = 60
# One to five words that stand three times in a row.
_LOOP = re.compile(r"(?<!\S)(\S+(?: \S+){0,4})(?: \1){2}(?!\S)")


def rejection(source: str, translation: str) -> str | None:
    """Return why the translation of one text is bad, or None if it shows no sign of a fault.

    The signs: "empty", "untranslated" (the source again, whatever its case), "repetition" (a loop that the
    source has not) and "length". The language is `wrong_language`'s, since it takes a longer text to tell.
    """
    if not translation.strip():
        return "empty"
    if translation.casefold() == source.casefold():
        return "untranslated"
    if _LOOP.search(translation.casefold()) and not _LOOP.search(source.casefold()):
        return "repetition"
    ratio = (len(translation) + _LENGTH_GRACE) / (len(source) + _LENGTH_GRACE)
    if not 1 / MAX_LENGTH_RATIO <= ratio <= MAX_LENGTH_RATIO:
        return "length"
    return None


def wrong_language(text: str, lang: str) -> bool:
    """Whether a text of at least 60 characters is identified (py3langid) as another language than `lang`."""
    return len(text) >= MIN_IDENTIFIED_CHARACTERS and py3langid.classify(text)[0] != lang
