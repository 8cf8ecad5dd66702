"""Identify the language of a text with py3langid.

    identify("我伲是上海人")               # "wuu"
    may_be("wuu", "zh")                    # True: a text identified as Wu may be Chinese

Some of the 130 languages that py3langid knows are varieties of one written language or look almost alike in writing. It
confuses them, most of all Chinese with Wu and Cantonese; such a result does not count against a text.
"""

# {identified language: the languages of the project that the text may be in as well}
_NAMES = {
    "an": "es",
    "ary": "ar",
    "arz": "ar",
    "bs": "hr sr",
    "ext": "es",
    "grc": "el",
    "hbo": "he",
    "hr": "sr",
    "ms": "id",
    "nn": "no",
    "sr": "hr",
    "wuu": "zh",
    "yue": "zh",
}


def identify(text: str) -> str:
    """Return the code of the text's most probable language."""
    import py3langid  # it imports numpy, which a command that identifies nothing need not wait for

    return py3langid.classify(text)[0]


def may_be(found: str, lang: str) -> bool:
    """Return whether a text that was identified as `found` may be in `lang`."""
    return found == lang or lang in _NAMES.get(found, "").split()
