"""The language that a text is written in, as py3langid identifies it.

    identify("我伲是上海人")               # "wuu"
    stands_for("wuu", "zh")                # True: what is found is a name for Chinese, too

Of the 130 languages that the identifier knows some are varieties of one written language, or written all but alike. It
takes each for the others, a text in Chinese for Wu or Cantonese most of all: that says nothing against the text.
"""

import py3langid

# {what is identified: the languages of the project that the text may as well be in}
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
    """Return the code of the language that the text is most probably in."""
    return py3langid.classify(text)[0]


def stands_for(found: str, lang: str) -> bool:
    """Whether a text in which `found` was identified may be one in `lang`."""
    return found == lang or lang in _NAMES.get(found, "").split()
