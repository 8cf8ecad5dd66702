"""Dictionaries as pairs: what is kept and counted, no test word in training, and a user's own dictionary."""

import doctest
import os
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from babelmix.common.errors import UserError
from babelmix.common.text import compared_form
from babelmix.corpus import words as module
from babelmix.corpus.records import Pair, of_words
from babelmix.corpus.registry import PAIR_SOURCES, source_of
from babelmix.corpus.settings import Pairs, Table
from babelmix.corpus.sources import xling_train
from babelmix.corpus.words import word_pairs
from babelmix.lexicon import omw, xling

PAIRS = Pairs(
    languages=("en", "de", "it", "es"), passage_paragraphs=3, passage_sentences=1, mmarco_queries=1,
    min_passage_characters=40, dev_share=0.2, dev_questions=10,
)  # fmt: skip
letters = st.sampled_from(["ab", "AB", "cd", "ef", "gh", "ij"])
some_rows = st.lists(st.dictionaries(st.sampled_from(["de", "en", "fr"]), letters, min_size=2), max_size=12)


def test_the_examples_are_true() -> None:
    failed, run = doctest.testmod(module)
    assert run and not failed


@given(some_rows, st.dictionaries(st.sampled_from(["de", "en"]), st.sets(st.sampled_from(["ab", "cd"]))))
def test_every_word_is_kept_or_counted_and_none_that_is_reserved_is_kept(
    rows: list[dict[str, str]], reserved: dict[str, set[str]]
) -> None:
    pairs, counts = word_pairs("mine", rows, 0.4, reserved={"test-word": reserved}, left_out={"blank": 2})
    for language, count in counts.items():
        kept = sum(pair.lang == language for pair in pairs)
        assert kept == count["kept_train"] + count["kept_dev"]
        assert kept + sum(count["dropped"].values()) - 2 == sum(language in row for row in rows)
    assert not any(compared_form(pair.query) in reserved.get(pair.lang, ()) for pair in pairs)
    assert all(of_words(pair.parallel_id) and pair.query == pair.passage for pair in pairs)
    assert 1 not in Counter(pair.parallel_id for pair in pairs).values()
    trained, dev = (
        {(pair.lang, compared_form(pair.query)) for pair in pairs if pair.split == split} for split in ("train", "dev")
    )
    assert not trained & dev
    assert len({(pair.parallel_id, pair.split) for pair in pairs}) == len({pair.parallel_id for pair in pairs})


def test_a_word_of_two_rows_stays_in_both() -> None:
    pairs, _ = word_pairs("mine", [{"en": "of", "de": "von"}, {"en": "from", "de": "von"}], 1e-9)
    assert [pair.query for pair in pairs if pair.lang == "de"] == ["von", "von"]


def test_another_row_changes_no_split() -> None:
    rows = [{"en": f"word {n}", "de": f"Wort {n}"} for n in range(60)]
    split = {pair.query: pair.split for pair in word_pairs("mine", rows, 0.3)[0]}
    later = {pair.query: pair.split for pair in word_pairs("mine", [{"en": "new", "de": "neu"}, *rows], 0.3)[0]}
    assert later.items() >= split.items() and set(split.values()) == {"train", "dev"}


def write_lexicons(folder: Path) -> None:
    """XLING's 20 training words and 3 test words, and wordnets that have one synset in common."""
    (folder / "xling").mkdir(parents=True)
    for target in ("de", "fr", "it", "ru", "tr"):
        train = [f"w{n}\tHund" if n == 3 else f"w{n}\t{target}{n}" for n in range(20)]
        test = ["dog\tHUND" if target == "de" else f"dog\t{target}7", f"t1\t{target}x", f"t2\t{target}y"]
        for name, lines in (("train.freq.5k", train), ("test.freq.2k", test)):
            (folder / f"xling/yacle.{name}.en-{target}.tsv").write_text("\n".join(lines) + "\n")
    (folder / "omw").mkdir()
    for language, code in omw.CODES.items():
        lines = [f"00000001-n\t{code}:lemma\t{word}" for word in ("other", "w11" if language == "en" else "x")]
        (folder / "omw" / omw.file_of(language)).write_text("\n".join(lines) + "\n")


def test_words_of_the_test_dictionary_and_of_the_word_pool_are_left_out(tmp_path: Path) -> None:
    write_lexicons(tmp_path)
    pairs, counts = xling_train.build(tmp_path, PAIRS)
    assert set(counts) == {"de", "en", "it"}  # of pairs.languages; Spanish is none of XLING's
    words = {(pair.lang, pair.query) for pair in pairs}
    assert ("de", "Hund") not in words and ("de", "HUND") not in words and ("it", "it7") not in words
    assert ("en", "w11") not in words and ("de", "de11") in words
    assert counts["de"]["dropped"]["test-word"] == counts["it"]["dropped"]["test-word"] == 1
    held = xling.held_out_rows(20)
    assert len(held) == 2 and not {("en", f"w{row}") for row in held} & words
    assert counts["en"]["dropped"] == {"pool-word": 1, "held-out-word": 2}
    assert {(pair.lang, pair.query) for pair in pairs if pair.parallel_id == "words/xling-train:00007"} == {
        ("de", "de7"), ("en", "w7"),
    }  # fmt: skip


def test_one_language_of_xling_is_too_few(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"pairs.languages: fewer than two languages of XLING; add two of de, en"):
        xling_train.build(tmp_path, PAIRS.model_copy(update={"languages": ("en", "es")}))


@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get("BABELMIX_MIRROR"), reason="BABELMIX_MIRROR names no folder with XLING")
def test_no_published_test_word_is_trained_on(tmp_path: Path) -> None:
    source = PAIR_SOURCES["xling-train"]
    everything = PAIRS.model_copy(update={"languages": xling.LANGUAGES, "dev_share": 0.05})
    source.fetch(tmp_path / "raw", everything)
    pairs, counts = source.build(tmp_path / "raw", everything)
    tested = {
        (language, compared_form(word))
        for row in xling.read_multiway(tmp_path / "raw/xling", "test")
        for language, word in row.items()
    }
    assert not tested & {(pair.lang, compared_form(pair.query)) for pair in pairs}
    rows = xling.read_multiway(tmp_path / "raw/xling", "train-5k")
    held = {(lang, compared_form(word)) for row in xling.held_out_rows(len(rows)) for lang, word in rows[row].items()}
    assert len(held) > 2900 and not held & {(pair.lang, compared_form(pair.query)) for pair in pairs}
    assert len({pair.parallel_id for pair in pairs}) == 3942
    test_words = {language: count["dropped"].get("test-word", 0) for language, count in counts.items()}
    assert test_words == {"de": 464, "en": 0, "fr": 420, "it": 392, "ru": 415, "tr": 579}
    assert all(
        sum(count["dropped"].values()) + count["kept_train"] + count["kept_dev"] == 5000 for count in counts.values()
    )


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's dictionary, seen from the project's folder."""
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "data/own/words.tsv"
    file.parent.mkdir(parents=True)
    return file


def build(path: str = "data/own/words.tsv") -> tuple[list[Pair], dict[str, object]]:
    source = source_of("my-words", {"my-words": Table(dictionary=Path(path))})
    assert source.language is None and not source.hub
    source.fetch(Path("data/raw/my-words"), PAIRS)
    pairs, counts = source.build(Path("data/raw/my-words"), PAIRS)
    return pairs, dict(counts)


def test_a_dictionary_of_one_s_own_is_a_source(own: Path) -> None:
    own.write_text("en\tde\ttr\nfile\tDatei\tdosya\nmenu\t\tMenü\nfile\tDatei\tdosya\nalone\t\t\n", encoding="utf-8")
    pairs, counts = build()
    assert {(pair.parallel_id, pair.lang, pair.query) for pair in pairs} == {
        ("words/my-words:00000", "en", "file"), ("words/my-words:00000", "de", "Datei"),
        ("words/my-words:00000", "tr", "dosya"), ("words/my-words:00001", "en", "menu"),
        ("words/my-words:00001", "tr", "Menü"),
    }  # fmt: skip
    assert counts["de"]["dropped"] == {"duplicate": 1, "no-translation": 1}  # type: ignore[index]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("en\nfile\n", "one language"),
        ("en\ten\nfile\tDatei\n", "language 'en' comes twice"),
        ("en\txx\nfile\tDatei\n", "unknown language"),
        ("en\tde\nfile\t\n\t\n", "no row with two words"),
        ("", "empty file"),
    ],
)
def test_a_dictionary_that_is_none_is_refused(own: Path, text: str, message: str) -> None:
    own.write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=message):
        build()


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("words.tsv", "is not below data/own"),
        ("data/own/other.tsv", "no such file"),
        ("data/own/words.csv", "one that ends in .tsv"),
    ],
)
def test_a_dictionary_elsewhere_is_refused(own: Path, path: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        build(path)
