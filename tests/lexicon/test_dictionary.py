"""Dictionaries of two and of several languages."""

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from babelmix.common.errors import UserError
from babelmix.lexicon import codes, dictionary
from babelmix.lexicon.dictionary import Dictionary, MultiwayDictionary

words = st.sampled_from(["a", "b", "c d"])
entries = st.lists(st.tuples(words, words), max_size=8)
rows = st.lists(st.dictionaries(st.sampled_from(["de", "en", "fr"]), words, min_size=2), max_size=8)


@pytest.mark.parametrize("module", [codes, dictionary])
def test_the_examples_are_true(module: object) -> None:
    failed, run = doctest.testmod(module)  # type: ignore[arg-type]
    assert run and not failed


@given(entries)
def test_reversed_twice_is_the_same(found: list[tuple[str, str]]) -> None:
    one = Dictionary("en", "de", tuple(found), {"blank": 2})
    other = one.reversed()
    assert (other.source, other.target, other.left_out) == ("de", "en", {"blank": 2})
    assert other.entries == tuple((b, a) for a, b in found)
    assert other.reversed() == one
    assert (one.duplicates, one.phrases) == (other.duplicates, other.phrases)


@given(entries)
def test_duplicates_and_phrases_are_counted(found: list[tuple[str, str]]) -> None:
    one = Dictionary("en", "de", tuple(found), {})
    assert one.duplicates == sum(entry in found[:place] for place, entry in enumerate(found))
    assert one.phrases == sum("c d" in entry for entry in found)


@given(rows)
def test_every_row_is_an_entry_or_counted(found: list[dict[str, str]]) -> None:
    whole = MultiwayDictionary(("de", "en", "fr"), tuple(found), {})
    pairs = whole.pairs("fr", "de")
    assert len(pairs.entries) + sum(pairs.left_out.values()) == len(found)
    assert all(pairs.left_out.values()) and pairs.duplicates == 0
    assert set(pairs.entries) == {(row["fr"], row["de"]) for row in found if {"fr", "de"} <= row.keys()}
    assert whole.empty_cells == sum(lang not in row for row in found for lang in ("de", "en", "fr"))


def test_a_dictionary_says_which_languages_it_has() -> None:
    whole = MultiwayDictionary(("de", "en"), ({"de": "Hund", "en": "dog"},), {})
    with pytest.raises(UserError, match="unknown language 'tr'; valid: de, en"):
        whole.pairs("de", "tr")
