"""XLING's training words as pairs, in German, English, French, Italian, Russian and Turkish.

    fetch(Path("data/raw/xling-train"), settings.pairs)
    pairs, counts = build(Path("data/raw/xling-train"), settings.pairs)
    counts["de"]         # {"kept_train": 3167, "kept_dev": 131, "dropped": {"pool-word": 700, "test-word": 464, ...}}

Only the train-5k dictionaries are trained on: 5,000 English words, each with its translation in five languages. XLING
keeps the English words of train and test apart, but not the translations: "Kern" is that of "kernel" in train and of
"nuclei" in test. So a word that stands in the test rows of its language is left out, and so is every word of the
synsets that the word pool asks for. A score on either is of words that nobody trained on. So is every word of the rows
that choose the share of contextual vectors, see `held_out_rows`.
"""

from collections.abc import Sequence
from pathlib import Path

from babelmix.common.errors import UserError
from babelmix.common.files import new_folder
from babelmix.common.text import compared_form
from babelmix.corpus.collect import Counts
from babelmix.corpus.records import Pair
from babelmix.corpus.settings import Pairs
from babelmix.corpus.source import PairSource
from babelmix.corpus.words import word_pairs
from babelmix.lexicon import omw, xling

NAME = "xling-train"  # "xling" is the lexicon, test words and all
LEXICONS = (xling.SOURCE, omw.SOURCE)


def fetch(folder: Path, settings: Pairs) -> None:
    """Download the files of both lexicons, checked by sha256; the folder is replaced as a whole."""
    with new_folder(folder) as staging:
        for lexicon in LEXICONS:
            lexicon.fetch(staging / lexicon.name)


def build(folder: Path, settings: Pairs) -> tuple[list[Pair], dict[str, Counts]]:
    """Make pairs of the training words in the languages of `pairs.languages`, and count what was left out.

    The reasons are test-word, pool-word, held-out-word, and those of `word_pairs`. UserError: fewer than two of XLING's
    languages, or a file that is missing or was changed.
    """
    languages = [language for language in xling.LANGUAGES if language in settings.languages]
    if len(languages) < 2:
        how = f"add two of {', '.join(xling.LANGUAGES)}, or take {NAME} out of sources"
        raise UserError("fewer than two languages of XLING", where="params.yaml, pairs.languages", how=how)
    words, tested = (
        [{language: row[language] for language in languages} for row in xling.read_multiway(folder / xling.NAME, split)]
        for split in ("train-5k", "test")
    )
    held = xling.held_out_rows(len(words))
    reserved = {
        "test-word": {language: {compared_form(row[language]) for row in tested} for language in languages},
        "pool-word": _pool_words(folder / omw.SOURCE.name, languages),
        "held-out-word": {language: {compared_form(words[row][language]) for row in held} for language in languages},
    }
    return word_pairs(NAME, words, settings.dev_share, reserved=reserved)


def _pool_words(folder: Path, languages: Sequence[str]) -> dict[str, set[str]]:
    """Return all words of the synsets that every language has, in `compared_form`; the word pool asks for the first."""
    synsets = {language: omw.read_synsets(folder, language) for language in omw.LANGUAGES}
    common = set.intersection(*map(set, synsets.values()))
    return {
        language: {compared_form(word) for synset in common for word in synsets[language][synset]}
        for language in languages
    }


SOURCE = PairSource(name=NAME, licence=xling.SOURCE.licence, fetch=fetch, build=build, language=None)
