"""Where an answer stands in a text."""

import unicodedata
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from babelmix.common.text import compared_form
from babelmix.corpus.spans import find_span

# Whole letters, as one sign or several, and what is no letter.
SIGNS = (
    "a",
    "b",
    "A",
    " ",
    "\n",
    ".",
    "é",
    "e\u0301",
    "\u00ad",
    "\u200f",
    "ﬁ",
    "１",
    "ự",
    "각",
    "\u1100\u1161\u11a8",
    "字",
)
texts = st.lists(st.sampled_from(SIGNS), max_size=25).map("".join)
starts = st.none() | st.integers(-2, 60)


@pytest.mark.parametrize(
    ("answer", "text", "start", "found"),
    [
        ("art", "The cart. Art!", None, "Art"),
        ("art", "The cart. Art!", -1, "Art"),
        ("art", "The carts.", None, "art"),
        ("two", "Two, two", None, "two"),
        ("two", "One two two", 4, "two"),
        ("Café\u2003central", "Im CAFE\u0301  Central da", 0, "CAFE\u0301  Central"),
        ("İstanbul", "bu ISTANBUL'da", 0, "ISTANBUL"),
        ("아홉", unicodedata.normalize("NFD", "도서관은 아홉 시"), 0, unicodedata.normalize("NFD", "아홉")),
        ("cafe", "cafe\u0301 x", 0, "cafe\u0301"),
        ("九点", "早上九点开门", 0, "九点"),
    ],
)
def test_an_answer_is_found(answer: str, text: str, start: int | None, found: str):
    span = find_span(answer, text, start)
    assert span is not None and text[slice(*span)] == found


def test_the_nearest_place_counts_and_nothing_is_in_nothing():
    assert find_span("ab", "ab ab ab", 4) == (3, 5)
    assert find_span("ab", "ab ab ab", 5) == (6, 8)
    assert find_span("ab", "ab ab ab", 10**30) == (6, 8)
    assert find_span("ab", "AB ab AB", 7) == (3, 5), "letter for letter before alike"
    assert find_span("ab", "AB AB AB", 4) == (3, 5)
    for answer, text in (("", "a"), (" ", "a b"), ("\u200f", "a b"), ("x", ""), ("x", "y")):
        assert find_span(answer, text, 0) is find_span(answer, text) is None


@given(texts, texts, texts, starts, st.sampled_from(["NFC", "NFD"]))
def test_what_stands_in_a_text_is_found_in_any_form(
    before: str, answer: str, after: str, start: int | None, form: Literal["NFC", "NFD"]
):
    text = before + answer + after
    span = find_span(unicodedata.normalize(form, answer), text, start)
    if span is None:
        assert not compared_form(answer)
    else:
        assert 0 <= span[0] < span[1] <= len(text)


@given(texts, texts, starts)
def test_what_is_found_is_the_answer_to_a_reader(answer: str, text: str, start: int | None):
    answer, text = unicodedata.normalize("NFC", answer), unicodedata.normalize("NFC", text)
    if span := find_span(answer, text, start):
        assert compared_form(text[slice(*span)]) == compared_form(answer)
