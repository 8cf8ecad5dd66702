"""One form of a text for keeping, one for comparing, and its length as a reader feels it.

    kept_form("Thu\u031b vie\u0323\u0302n")          # "Thư viện": NFC, and nothing else is changed
    compared_form("Hoch\u00adspannung")              # "hochspannung"
    reading_length("门票十五元。")                     # 41: a sentence, as one of 41 letters is

What is kept (texts of pairs, queries, passages) is in NFC. What is compared (duplicates, texts that may not meet in a
batch, the words of BM25) is in a form in which texts that look alike are equal.
"""

import re
import unicodedata

# Unicode's default ignorable code points: soft hyphens, joiners, direction marks, variation selectors, fillers, tags.
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
# But tabs, line ends and form feeds, which are white space.
_CONTROLS = re.compile("[\x00-\x08\x0e-\x1f\x7f]")
# Casefolding makes "i" and a dot above out of a dotted capital I, and leaves the small dotless one as it is.
_TURKISH = re.compile("i\u0307|\u0131")
# How many letters of an alphabet one character stands for. Generous: these decide what is too short to be a sentence,
# and a sentence of five Chinese characters is one.
_SYLLABLES = "\u1100-\u11ff\u3130-\u318f\uac00-\ud7af\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u0f00-\u0fff"
_SIGNS = (
    "\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3041-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\uff66-\uff9f\U00020000-\U0003ffff"
)
_WEIGHTS = ((re.compile(f"[{_SYLLABLES}]"), 5), (re.compile(f"[{_SIGNS}]"), 8))


def kept_form(text: str) -> str:
    """Return the text in NFC, the form in which every text is kept; a text looks the same before and after."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def published_form(text: str) -> str:
    """Return a text of a published data set as it is kept: control characters, which nobody can mend, as blanks."""
    return kept_form(text if text.isprintable() else _CONTROLS.sub(" ", text))


def spaced_form(text: str) -> str:
    """Return the text in NFC with single spaces: two texts with one such form are one text, set in two ways."""
    return " ".join(kept_form(text).split())


def compared_form(text: str) -> str:
    """Return the form in which texts are compared; two texts that a reader takes for one have the same.

    Compatibility forms are one (NFKC: full-width letters, ligatures), case is none (casefold: "Straße" is "STRASSE"),
    signs that nobody sees are gone, dotted and dotless i are one letter (a Turkish text in capitals has both), and
    white space is single spaces. The form of a form is itself.
    """
    if text.isascii():
        return " ".join(text.lower().split())
    while True:
        folded = unicodedata.normalize("NFKC", _INVISIBLE.sub("", text)).casefold()
        if "\u0307" in folded or "\u0131" in folded:
            folded = _TURKISH.sub("i", folded)
        folded = " ".join(folded.split())
        if folded == text:
            return folded
        text = folded


def reading_length(text: str) -> int:
    """Return the length of a text in letters of an alphabet: what a threshold in characters means in every script.

    A sign of Chinese or Japanese counts as eight letters, one of Thai, Lao, Khmer, Burmese, Tibetan or Korean as five,
    any other character as one.
    """
    if text.isascii():
        return len(text)
    return len(text) + sum((weight - 1) * len(signs.findall(text)) for signs, weight in _WEIGHTS)
