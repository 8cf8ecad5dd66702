"""What the sources share: plain text, a check of the language, the split, and a check of every pair.

gathered = Gathered("de", min_characters=40)
gathered.add(Pair("apt:1", "de", "train", "Was ist APT?", "APT ist das ...", "human"))  # False if it is dropped
pairs, counts = gathered.close()
"""

import hashlib
from collections import Counter
from typing import Any, NotRequired, TypedDict

from babelmix.common.errors import UserError
from babelmix.common.identify import identify, may_be
from babelmix.common.text import compared_form, published_form, reading_length
from babelmix.corpus.records import Pair

# The identifier guesses on shorter texts, so these fail only as English, which means untranslated. The limit counts
# characters of every script alike. Eight Chinese or Japanese characters say as much as 60 letters; the identifier takes
# 3 to 25 % of such texts for another language, and none of 60 characters (dialects aside, see `may_be`). It takes
# none of them for English.
SHORT_CHARACTERS = 60


class Counts(TypedDict):
    """The pairs of one language that were kept, by split, and those dropped, by reason.

    `mended` counts by reason what the kept pairs have otherwise than the file, if anything.
    """

    kept_train: int
    kept_dev: int
    dropped: dict[str, int]
    mended: NotRequired[dict[str, int]]


def plain_text(element: Any) -> str:
    """Return the text of an lxml element and its descendants, in NFC, with single spaces."""
    return published_form(" ".join("".join(element.itertext()).split()))


def written_in(text: str, lang: str) -> bool:
    """Return whether py3langid, over all languages it knows, identifies the text as its own language.

    The page says `lang`; the check finds a text that is untranslated, or in another language by mistake. A text under
    60 characters passes unless it is identified as English.
    """
    found = identify(text)
    return may_be(found, lang) or (len(text) < SHORT_CHARACTERS and found != "en")


def has_word(text: str) -> bool:
    """Return whether the text has a letter; numbers and signs alone are not a question."""
    return any(character.isalpha() for character in text)


def split_of(page: str, dev_share: float) -> str:
    """Return "dev" for about `dev_share` of the pages, by sha256 of the page's path, id or text, else "train"."""
    share = int.from_bytes(hashlib.sha256(page.encode()).digest()[:8], "big") / 2**64
    return "dev" if share < dev_share else "train"


class Gathered:
    """The pairs of one language of one source; each is checked when it is added.

    The reasons to drop a pair, in this order: duplicate (its parallel_id was kept before), too-short (no word in the
    query, or a passage of a `reading_length` under `min_characters`), wrong-language (`written_in` over query and
    passage), duplicate (a query and passage of the same `compared_form` were kept before). `limit` is the largest
    number of pairs that are kept.
    """

    def __init__(self, lang: str, *, min_characters: int = 1, limit: int | None = None) -> None:
        self.lang = lang
        self.dropped: Counter[str] = Counter()
        self.mended: Counter[str] = Counter()
        self._min_characters, self._limit = min_characters, limit
        self._pairs: list[Pair] = []
        self._ids: set[str] = set()
        self._texts: set[bytes] = set()

    @property
    def full(self) -> bool:
        """Return whether there are as many pairs as the limit allows."""
        return self._limit is not None and len(self._pairs) >= self._limit

    def add(self, pair: Pair) -> bool:
        """Keep a pair of cleaned texts, or count the reason to drop it; return whether it was kept."""
        both = _key(f"{pair.query}\n{pair.passage}")
        if pair.parallel_id in self._ids:
            reason = "duplicate"
        elif not has_word(pair.query) or reading_length(pair.passage) < self._min_characters:
            reason = "too-short"
        elif not written_in(f"{pair.query} {pair.passage}", self.lang):
            reason = "wrong-language"
        elif both in self._texts:
            reason = "duplicate"
        else:
            self._ids.add(pair.parallel_id)
            self._texts.add(both)
            self._pairs.append(pair)
            return True
        self.dropped[reason] += 1
        return False

    def check(self, where: str, field: str) -> None:
        """Raise UserError if no pair was kept, or most were in another language than `field` of params.yaml says."""
        dropped = self.dropped["wrong-language"]
        rows = len(self._pairs) + self.dropped.total()
        if 2 * dropped > rows:
            what = f"{dropped} of {rows} rows are not in {self.lang!r}"
            raise UserError(what, where=where, how=f"`language:` of {field} is probably wrong: correct it")
        if not self._pairs:
            reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(self.dropped.items()))
            how = f"check the columns and `where:` of {field}"
            raise UserError(f"no pair is left ({reasons or 'no row'})", where=where, how=how)

    def close(self) -> tuple[list[Pair], Counts]:
        """Return the pairs, sorted by parallel_id, and the counts.

        It drops, as duplicates, dev pairs that share a query or passage with train.
        """
        train = {_key(text) for pair in self._pairs if pair.split == "train" for text in (pair.query, pair.passage)}
        pairs = [
            pair for pair in self._pairs if pair.split == "train" or not train & {_key(pair.query), _key(pair.passage)}
        ]
        dropped = self.dropped + Counter(duplicate=len(self._pairs) - len(pairs))
        splits = Counter(pair.split for pair in pairs)
        counts = Counts(kept_train=splits["train"], kept_dev=splits["dev"], dropped=dict(sorted(dropped.items())))
        if self.mended:
            counts["mended"] = dict(sorted(self.mended.items()))
        return sorted(pairs, key=lambda pair: pair.parallel_id), counts


def _key(text: str) -> bytes:
    return hashlib.sha256(compared_form(text).encode(errors="surrogatepass")).digest()[:16]
