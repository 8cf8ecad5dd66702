"""XLING and the word lists: small files made here, and the published ones with their counts."""

from collections.abc import Mapping
from itertools import permutations
from pathlib import Path

import pytest

from babelmix.common.errors import UserError
from babelmix.lexicon.word_lists import LANGUAGES as LISTED
from babelmix.lexicon.word_lists import read_words
from babelmix.lexicon.xling import LANGUAGES, PAIRS, SPLITS, read_multiway, read_xling

ROWS = (
    {"en": "dog", "de": "Hund", "fr": "chien", "it": "cane", "ru": "собака", "tr": "köpek"},
    {"en": "hound", "de": "Hund", "fr": "chien", "it": "segugio", "ru": "собака", "tr": "tazı"},
)


def put(folder: Path, first: str, second: str, text: str, split: str = "test") -> None:
    (folder / f"yacle.{SPLITS[split]}.{first}-{second}.tsv").write_text(text, encoding="utf-8")


@pytest.fixture
def small(tmp_path: Path) -> Path:
    for first, second in PAIRS:
        put(tmp_path, first, second, "".join(f"{row[first]}\t{row[second]}\n" for row in ROWS))
    return tmp_path


def test_there_is_a_file_for_each_pair() -> None:
    assert len(PAIRS) == 15
    assert {frozenset(pair) for pair in PAIRS} == {frozenset(pair) for pair in permutations(LANGUAGES, 2)}


@pytest.mark.parametrize(("source", "target"), list(permutations(LANGUAGES, 2)))
def test_each_of_30_directions_keeps_the_rows_as_published(small: Path, source: str, target: str) -> None:
    found = read_xling(small, source, target, "test")
    assert (found.source, found.target, found.left_out) == (source, target, {})
    assert found.entries == tuple((row[source], row[target]) for row in ROWS)


def test_duplicates_stay_and_are_counted(small: Path) -> None:
    assert read_xling(small, "de", "fr", "test").duplicates == read_xling(small, "fr", "de", "test").duplicates == 1
    assert read_xling(small, "en", "fr", "test").duplicates == 0


def test_the_rows_join_to_one_lexicon_of_six_languages(small: Path) -> None:
    assert read_multiway(small, "test") == ROWS


def test_files_whose_english_words_differ_are_not_joined(small: Path) -> None:
    put(small, "en", "it", "dog\tcane\n")
    with pytest.raises(UserError, match=r"en-it.tsv: other English words than in the other files; .*fetch xling"):
        read_multiway(small, "test")


@pytest.mark.parametrize(
    ("source", "target", "split", "message"),
    [
        ("en", "es", "test", "unknown language 'es'"),
        ("ko", "en", "test", "unknown language 'ko'"),
        ("en", "en", "test", "both languages are 'en'"),
        ("en", "de", "train", "unknown split 'train'; did you mean 'train-"),
        ("en", "de", "train-5k", r"train.freq.5k.en-de.tsv: no such file; run `babelmix fetch xling`"),
    ],
)
def test_what_xling_does_not_have(small: Path, source: str, target: str, split: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_xling(small, source, target, split)


@pytest.mark.parametrize("line", ["dog", "dog\t", "dog\t \n", "\tHund", "dog\tHund\tm", "", "dog\tHu\x00nd"])
def test_a_changed_row_is_named(small: Path, line: str) -> None:
    put(small, "en", "de", f"cat\tKatze\n{line}\n")
    with pytest.raises(UserError, match=r"en-de.tsv, line 2"):
        read_xling(small, "de", "en", "test")


def test_words_keep_their_order_and_blanks_their_rank(tmp_path: Path) -> None:
    (tmp_path / "de_vocab.txt").write_text(".\n\u3000\nder\n\u2028\nab\u00a0\n\ndie\n", encoding="utf-8")
    assert read_words(tmp_path, "de") == (".", "\u3000", "der", "\u2028", "ab\u00a0", "", "die")


def test_a_list_with_duplicates_is_refused_and_they_are_counted(tmp_path: Path) -> None:
    (tmp_path / "de_vocab.txt").write_text("der\ndie\ndie\ndie\nder\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"de_vocab.txt, line 3: 3 duplicates, the first 'die', as in line 2"):
        read_words(tmp_path, "de")


def test_a_language_without_a_list_and_a_missing_list_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="unknown language 'es'"):
        read_words(tmp_path, "es")
    with pytest.raises(UserError, match=r"ko_vocab.txt: no such file; run `babelmix fetch xling`"):
        read_words(tmp_path, "ko")


@pytest.mark.network
@pytest.mark.parametrize(
    ("split", "number"), [("test", 2000), ("train-1k", 1000), pytest.param("train-5k", 5000, marks=pytest.mark.slow)]
)
def test_all_15_published_files_are_one_lexicon(published: Path, split: str, number: int) -> None:
    rows = read_multiway(published / "xling", split)
    assert len(rows) == number and len({row["en"] for row in rows}) == number
    for source, target in PAIRS:
        found = read_xling(published / "xling", source, target, split)
        assert found.entries == tuple((row[source], row[target]) for row in rows)
        assert found.phrases == 0


@pytest.mark.network
def test_published_splits(published: Path) -> None:
    def read(split: str, source: str = "en", target: str = "de") -> list[tuple[str, str]]:
        return list(read_xling(published / "xling", source, target, split).entries)

    assert read("train-5k")[:1000] == read("train-1k")
    assert not {english for english, _ in read("test")} & {english for english, _ in read("train-5k")}
    same = {target: sum(a == b for a, b in read("test", "en", target)) for target in LANGUAGES if target != "en"}
    assert same == {"de": 77, "fr": 347, "it": 142, "ru": 0, "tr": 109}
    twice = {pair: read_xling(published / "xling", *pair, "test").duplicates for pair in PAIRS}
    assert {pair: count for pair, count in twice.items() if "en" in pair and count} == {}
    assert (twice["de", "fr"], twice["it", "fr"], twice["tr", "ru"]) == (23, 30, 34)


INSIDE = {  # gold translations in the list, and in its first 20,000 words, compared in lower case
    "de": (1918, 1124),
    "fr": (1982, 1456),
    "it": (1982, 1304),
    "ru": (1740, 723),
    "tr": (1904, 996),
}


@pytest.mark.network
@pytest.mark.parametrize("lang", LISTED)
def test_published_word_lists(published: Path, lang: str) -> None:
    words = read_words(published / "xling", lang)
    assert len(words) == len({word.lower() for word in words}) == 100_000
    assert all(word == word.lower() for word in words if lang != "tr")
    if lang in INSIDE:
        gold = [word.lower() for _, word in read_xling(published / "xling", "en", lang, "test").entries]
        inside: Mapping[int, frozenset[str]] = {size: frozenset(words[:size]) for size in (100_000, 20_000)}
        assert tuple(sum(word in inside[size] for word in gold) for size in inside) == INSIDE[lang]
