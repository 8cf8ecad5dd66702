"""Dictionaries as pairs: a word is its own query and passage, and its translations are the same unit.

>>> rows = [{"en": "dog", "de": "Hund"}, {"en": "hound", "de": "Hund"}, {"en": "cat", "de": "Katze"}]
>>> pairs, counts = word_pairs("mine", rows, 0.01, reserved={"test-word": {"de": {"katze"}}})
>>> [(pair.parallel_id, pair.lang, pair.query) for pair in pairs[1:3]]
[('words/mine:00001', 'de', 'Hund'), ('words/mine:00000', 'en', 'dog')]
>>> counts["de"], counts["en"]["dropped"]
({'kept_train': 2, 'kept_dev': 0, 'dropped': {'test-word': 1}}, {'no-translation': 1})
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence, Set

from babelmix.common.text import compared_form
from babelmix.corpus.collect import Counts, split_of
from babelmix.corpus.records import WORDS, Pair
from babelmix.lexicon.dictionary import DUPLICATE, NO_TRANSLATION


def word_pairs(
    source: str,
    rows: Sequence[Mapping[str, str]],
    dev_share: float,
    *,
    reserved: Mapping[str, Mapping[str, Set[str]]] | None = None,
    left_out: Mapping[str, int] | None = None,
) -> tuple[list[Pair], dict[str, Counts]]:
    """Return a pair for each word of the rows, origin "human", by language; and the words kept and dropped.

    The parallel_id is `words/<source>:<number of the row>`. The sha256 of a row's words and `dev_share` decide its
    split. A word that comes in several rows stays in each: no batch holds two of them. The reasons to drop a word, in
    this order: those of `reserved`, duplicate (a word of dev that train has too), no-translation (no other word of its
    row is left).

    Args:
        source: name of the source.
        rows: language -> word; each has two languages or more.
        dev_share: of the rows.
        reserved: reason -> language -> words that must not be trained on, in `compared_form`.
        left_out: rows that the reader left out, by reason; each counts as a dropped word of every language.
    """
    languages = sorted({language for row in rows for language in row})
    dropped = {language: Counter(left_out) for language in languages}
    splits = [split_of("\n".join(row[language] for language in sorted(row)), dev_share) for row in rows]
    kept = [dict(row) for row in rows]
    for row in kept:
        for reason, words in (reserved or {}).items():
            _drop(row, words, dropped, reason)
    trained: defaultdict[str, set[str]] = defaultdict(set)
    for row, split in zip(kept, splits, strict=True):
        for language, word in row.items() if split == "train" and len(row) > 1 else ():
            trained[language].add(compared_form(word))
    pairs: list[Pair] = []
    for number, (row, split) in enumerate(zip(kept, splits, strict=True)):
        if split == "dev":
            _drop(row, trained, dropped, DUPLICATE)
        if len(row) < 2:
            for language in row:
                dropped[language][NO_TRANSLATION] += 1
            continue
        name = f"{WORDS}{source}:{number:05}"
        pairs += [Pair(name, language, split, word, word, "human") for language, word in row.items()]
    pairs.sort(key=lambda pair: (pair.lang, pair.parallel_id))
    splits_of = Counter((pair.lang, pair.split) for pair in pairs)
    return pairs, {
        language: Counts(
            kept_train=splits_of[language, "train"],
            kept_dev=splits_of[language, "dev"],
            dropped=dict(sorted(dropped[language].items())),
        )
        for language in languages
    }


def _drop(row: dict[str, str], words: Mapping[str, Set[str]], dropped: Mapping[str, Counter[str]], reason: str) -> None:
    """Take the words of a row out that are among `words` of their language, and count them."""
    for language in [language for language, word in row.items() if compared_form(word) in words.get(language, ())]:
        del row[language]
        dropped[language][reason] += 1
