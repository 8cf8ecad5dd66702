"""Normal forms of a text, one for storing and one for comparing, and a length that fits all scripts.

    kept_form("Thu\u031b vie\u0323\u0302n")          # "Thư viện": NFC, and nothing else is changed
    compared_form("Hoch\u00adspannung")              # "hochspannung"
    reading_length("门票十五元。")                     # 41: counts as 41 letters, so it can be a sentence

Stored texts (of pairs, queries, passages) are in NFC. For comparison (duplicates, texts that must not share a batch,
the words of BM25) texts are brought into a form in which texts that look alike are equal.
"""

import re
import unicodedata

# Unicode's default ignorable code points: soft hyphens, joiners, direction marks, variation selectors, fillers, tags.
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
# All but tabs, line ends and form feeds, which are white space.
_CONTROLS = re.compile("[\x00-\x08\x0e-\x1f\x7f]")
# Casefolding turns a dotted capital I into "i" and a dot above, and leaves the small dotless i unchanged.
_TURKISH = re.compile("i\u0307|\u0131")
# How many letters of an alphabet one character counts for. The factors are generous: they decide which text is too
# short to be a sentence, and five Chinese characters can be a sentence.
_SYLLABLES = "\u1100-\u11ff\u3130-\u318f\uac00-\ud7af\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u0f00-\u0fff"
_IDEOGRAPHS = (
    "\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3041-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\uff66-\uff9f\U00020000-\U0003ffff"
)
_WEIGHTS = ((re.compile(f"[{_SYLLABLES}]"), 5), (re.compile(f"[{_IDEOGRAPHS}]"), 8))


def kept_form(text: str) -> str:
    """Return the text in NFC, the form in which texts are stored; it looks the same as before."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def published_form(text: str) -> str:
    """Return a text of a published data set for storing: in NFC, control characters replaced by blanks."""
    return kept_form(text if text.isprintable() else _CONTROLS.sub(" ", text))


def spaced_form(text: str) -> str:
    """Return the text in NFC with single spaces: texts with equal forms differ in white space only."""
    return " ".join(kept_form(text).split())


def compared_form(text: str) -> str:
    """Return the form for comparison: texts that look the same to a reader have equal forms.

    It applies NFKC (full-width letters, ligatures) and casefold ("Straße" equals "STRASSE"), drops invisible
    characters, maps dotless to dotted i (a Turkish text in capitals has both), and reduces white space to single
    spaces. Applying it twice changes nothing.
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
    """Return the length of a text in letters of an alphabet, so that one threshold fits every script.

    A Chinese or Japanese character counts as eight letters, a Thai, Lao, Khmer, Burmese, Tibetan or Korean one as five,
    any other character as one.
    """
    if text.isascii():
        return len(text)
    return len(text) + sum((weight - 1) * len(script.findall(text)) for script, weight in _WEIGHTS)
