"""The English names of languages, for readers and screen readers: a badge alone shows a code.

name_of("sw")            # "Swahili"
direction_of("ar")       # "rtl"
"""

import re

_NAMES = dict(
    re.findall(
        r"(\w+) (\w+)",
        "ar Arabic, bg Bulgarian, bn Bengali, ca Catalan, cs Czech, da Danish, de German, el Greek, en English, "
        "es Spanish, et Estonian, eu Basque, fa Persian, fi Finnish, fr French, gl Galician, he Hebrew, hi Hindi, "
        "hr Croatian, hu Hungarian, id Indonesian, is Icelandic, it Italian, ja Japanese, ko Korean, lt Lithuanian, "
        "lv Latvian, nl Dutch, no Norwegian, pl Polish, pt Portuguese, ro Romanian, ru Russian, sk Slovak, "
        "sl Slovenian, sr Serbian, sv Swedish, sw Swahili, ta Tamil, te Telugu, th Thai, tr Turkish, uk Ukrainian, "
        "ur Urdu, vi Vietnamese, yo Yoruba, zh Chinese",
    )
)
_RIGHT_TO_LEFT = frozenset(("ar", "dv", "fa", "he", "ps", "sd", "ug", "ur", "yi"))


def name_of(code: str | None) -> str:
    """Return the English name of a language, its code if the name is not known here, or that there is no language."""
    return "in no known language" if code is None else _NAMES.get(code, code)


def direction_of(code: str | None) -> str:
    """Return the value of HTML's `dir`: "rtl" for languages written from the right, else as the text itself says."""
    return "rtl" if code in _RIGHT_TO_LEFT else "auto"
