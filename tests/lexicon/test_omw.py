"""Wordnets of Wiktionary: small files made here, and the published ones with their counts."""

import doctest
import os
from collections import Counter
from pathlib import Path

import pytest

from babelmix.common.errors import UserError
from babelmix.common.languages import LANGUAGES as KNOWN
from babelmix.lexicon import omw
from babelmix.lexicon.omw import LANGUAGES, monosemous_pairs, read_synsets
from babelmix.lexicon.pinned import checksums

HEADER = "# Wiktionary\tdeu\thttp://wiktionary.org/\tCC BY-SA"


def put(folder: Path, *lines: str, header: str = HEADER, code: str = "deu") -> Path:
    (folder / f"wn-wikt-{code}.tab").write_text("".join(f"{line}\n" for line in (header, *lines)), encoding="utf-8")
    return folder


def test_words_are_read_in_the_order_of_the_file_each_once_and_in_nfc(tmp_path: Path) -> None:
    put(
        tmp_path,
        "02084071-n\tdeu:lemma\tHund",
        "00004171-a\tdeu:lemma\ttodkrank",
        "02084071-n\tdeu:lemma\t Hu\u0308ndin ",
        "02084071-n\tdeu:lemma\tHund",
        "02084071-n\tdeu:lemma\thund",
        "07614500-n\tdeu:lemma\tEis am Stiel",
    )
    found = read_synsets(tmp_path, "de")
    assert list(found) == ["02084071-n", "00004171-a", "07614500-n"]
    assert found["02084071-n"] == ("Hund", "H\u00fcndin", "hund")
    assert found["07614500-n"] == ("Eis am Stiel",)


def test_lines_without_a_word_are_passed_over(tmp_path: Path) -> None:
    put(tmp_path, "02084071-n\tdeu:lemma\t", "", "02084071-n\tdeu:lemma\tHund", "00004171-a\tdeu:lemma\t ")
    assert read_synsets(tmp_path, "de") == {"02084071-n": ("Hund",)}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("02084071-n\tdeu:lemma", "line 3: 2 columns, expected 3, with tabs between them"),
        ("02084071-n\tdeu:lemma\tHund\t1", "line 3: 4 columns"),
        ("02084071-n deu:lemma Hund", "line 3: 1 columns"),
        ("2084071-n\tdeu:lemma\tHund", "line 3: '2084071-n' is not a synset such as 02084071-n"),
        ("02084071-s\tdeu:lemma\tHund", "line 3: '02084071-s' is not a synset"),
        ("eng-30-02084071-n\tdeu:lemma\tHund", "line 3: 'eng-30-02084071-n' is not a synset"),
        ("02084071-n\teng:lemma\tdog", "line 3: 'eng:lemma', expected 'deu:lemma'"),
        ("02084071-n\tdeu:def\tein Tier", "line 3: 'deu:def', expected 'deu:lemma'"),
        ("02084071-n\tdeu:lemma\tHu\x00nd", r"line 3, character 3: a control character \(U\+0000\)"),
    ],
)
def test_a_malformed_line_names_file_and_line(tmp_path: Path, line: str, message: str) -> None:
    put(tmp_path, "00004171-a\tdeu:lemma\ttodkrank", line)
    with pytest.raises(UserError, match=rf"wn-wikt-deu.tab, {message}"):
        read_synsets(tmp_path, "de")


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "wn-wikt-deu.tab").write_bytes(b"# Wiktionary\n02084071-n\tdeu:lemma\tH\xfcndin\n")
    with pytest.raises(UserError, match=r"wn-wikt-deu.tab, line 2: not UTF-8"):
        read_synsets(tmp_path, "de")


@pytest.mark.parametrize(
    ("lang", "message"), [("sw", "unknown language 'sw'"), ("ar", "wn-wikt-arb.tab: no such file")]
)
def test_languages_without_a_file(tmp_path: Path, lang: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_synsets(tmp_path, lang)


def test_every_file_is_pinned() -> None:
    assert set(LANGUAGES) <= KNOWN and len(LANGUAGES) == 17
    assert checksums(omw.NAME).keys() == {omw.file_of(lang) for lang in LANGUAGES}


def test_a_mirror_without_the_files_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_network(*_: object, **__: object) -> None:
        raise OSError("no network")

    monkeypatch.setenv("BABELMIX_MIRROR", str(tmp_path))
    monkeypatch.setattr("babelmix.download.https.urlopen", no_network)
    with pytest.raises(UserError, match=r"wn-wikt-arb.tab: no answer \(no network\); .*BABELMIX_MIRROR"):
        omw.SOURCE.fetch(tmp_path / "raw")
    assert not (tmp_path / "raw").exists()


def test_examples() -> None:
    assert doctest.testmod(omw) == (0, 2)


def test_translations_of_ambiguous_and_of_long_words_are_no_pairs() -> None:
    english = {"1-n": ("Turkey",), "2-n": ("turkey", "gobbler"), "3-n": ("gobbler",), "4-n": ("ice cream", "glace")}
    other = {"1-n": ("Türkei",), "2-n": ("Pute", "Truthahn"), "3-n": ("Fresser",), "4-n": ("Eis", "Eis am Stiel")}
    expected = (("Turkey", "Türkei"), ("turkey", "Pute"), ("turkey", "Truthahn"), ("glace", "Eis"))
    assert monosemous_pairs(english, other) == expected
    assert monosemous_pairs(english, {}) == ()


@pytest.fixture(scope="module")
def wordnets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, tuple[str, ...]]]:
    if not os.environ.get("BABELMIX_MIRROR"):
        pytest.skip("BABELMIX_MIRROR names no folder with the files of the lexicons")
    folder = tmp_path_factory.mktemp("lexicons") / "omw"
    omw.SOURCE.fetch(folder)
    return {lang: read_synsets(folder, lang) for lang in LANGUAGES}


SYNSETS = {
    **{"ar": 6892, "de": 19675, "el": 10308, "en": 35400, "es": 18281, "fr": 20449, "hi": 3301, "it": 14605},
    **{"ja": 12685, "ko": 6287, "nl": 13741, "pt": 12331, "ru": 19983, "th": 2560, "tr": 7713, "vi": 3627},
    **{"zh": 12130},
}


@pytest.mark.network
def test_published_synsets(wordnets: dict[str, dict[str, tuple[str, ...]]]) -> None:
    assert {lang: len(found) for lang, found in wordnets.items()} == SYNSETS
    common = set.intersection(*map(set, wordnets.values()))
    assert Counter(synset[-1] for synset in common) == {"n": 1027, "v": 81, "a": 61, "r": 19}
    several = set.intersection(*(set(found) for lang, found in wordnets.items() if lang not in ("th", "hi", "vi")))
    assert len(several) == 2129
    uses = Counter(word for words in wordnets["en"].values() for word in words)
    assert sum(any(uses[word] == 1 for word in wordnets["en"][synset]) for synset in common) == 734


@pytest.mark.network
def test_published_pairs(wordnets: dict[str, dict[str, tuple[str, ...]]]) -> None:
    """The number of synsets that have a pair, with English; the fewest are Vietnamese and the most French."""
    synset = {word: name for name, words in wordnets["en"].items() for word in words}
    found = {
        lang: len({synset[word] for word, _ in monosemous_pairs(wordnets["en"], wordnet)})
        for lang, wordnet in wordnets.items()
        if lang != "en"
    }
    assert min(found.items(), key=lambda one: one[1]) == ("vi", 917)
    assert max(found.items(), key=lambda one: one[1]) == ("fr", 10_829)
    assert len(monosemous_pairs(wordnets["en"], wordnets["de"])) == 21_607
