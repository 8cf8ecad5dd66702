"""The languages of the project as mteb writes them: an ISO 639-3 code and a script.

mteb_language("de")         # "deu-Latn"
"""

from collections.abc import Iterable

from babelmix.common.errors import UserError

# As mteb's own multilingual tasks (MLQA, MIRACL, Belebele) name them. A benchmark does not say its script: Serbian and
# Chinese have two, and mteb's most frequent one stands here.
_SCRIPTS = {
    "Arab": "ar:ara fa:fas ur:urd",
    "Beng": "bn:ben",
    "Cyrl": "bg:bul ru:rus sr:srp uk:ukr",
    "Deva": "hi:hin",
    "Grek": "el:ell",
    "Hans": "zh:zho",
    "Hebr": "he:heb",
    "Jpan": "ja:jpn",
    "Kore": "ko:kor",
    "Latn": (
        "ca:cat cs:ces da:dan de:deu en:eng es:spa et:est eu:eus fi:fin fr:fra gl:glg hr:hrv hu:hun id:ind is:isl "
        "it:ita lt:lit lv:lav nl:nld no:nor pl:pol pt:por ro:ron sk:slk sl:slv sv:swe sw:swa tr:tur vi:vie yo:yor"
    ),
    "Taml": "ta:tam",
    "Telu": "te:tel",
    "Thai": "th:tha",
}
CODES = {
    pair.partition(":")[0]: f"{pair.partition(':')[2]}-{script}"
    for script, pairs in _SCRIPTS.items()
    for pair in pairs.split()
}


def mteb_language(code: str) -> str:
    """Return mteb's name of a language of the project; UserError for one that has none here.

    >>> mteb_language("sw"), mteb_language("zh")
    ('swa-Latn', 'zho-Hans')
    """
    if code not in CODES:
        how = (
            "leave the texts in that language out, or add its ISO 639-3 code and script to exporting/mteb_languages.py"
        )
        raise UserError(f"no name of mteb's for the language {code!r}", where="benchmark, lang", how=how)
    return CODES[code]


def mteb_languages(codes: Iterable[str]) -> list[str]:
    """Return mteb's names of languages, in the order of the codes, each once.

    >>> mteb_languages(["en", "de", "en"])
    ['eng-Latn', 'deu-Latn']
    """
    return list(dict.fromkeys(map(mteb_language, codes)))
