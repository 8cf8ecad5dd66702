import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from babelmix.common.text import compared_form, kept_form, reading_length


@given(st.text())
def test_the_form_of_a_form_is_itself(text: str) -> None:
    assert compared_form(compared_form(text)) == compared_form(text)
    assert kept_form(kept_form(text)) == kept_form(text)


@given(st.text())
def test_composed_and_decomposed_texts_are_one(text: str) -> None:
    decomposed = unicodedata.normalize("NFD", text)
    assert kept_form(decomposed) == kept_form(text)
    assert compared_form(decomposed) == compared_form(text)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Hoch\u00adspannungs\u00adnetz", "Hochspannungsnetz"),
        ("auf\u200clage", "Auflage"),
        ("zero\u200bwidth\u2060joined\ufeff", "zerowidthjoined"),
        ("e\u200d\u0301", "é"),
        ("ＦＵＬＬ ｗｉｄｔｈ", "full width"),
        ("ﬁnd", "find"),
        ("STRASSE", "straße"),
        ("ISPARTA", "ısparta"),
        ("İSTANBUL", "istanbul"),
        ("KIRMIZI KALEM", "kırmızı kalem"),
        ("ΟΔΟΣ", "οδος"),
        ("a \t b\n", "A b"),
    ],
)
def test_texts_that_look_alike_are_one(one: str, other: str) -> None:
    assert compared_form(one) == compared_form(other)


@pytest.mark.parametrize(
    "text", ["门票十五元。", "星期天全天休息。", "日曜日は休みです。", "หยุดวันอาทิตย์", "입장료는 무료입니다."]
)
def test_a_sentence_is_one_in_every_script(text: str) -> None:
    assert reading_length(text) >= 40


def test_letters_count_one_each() -> None:
    assert reading_length("Καλημέρα κόσμε") == len("Καλημέρα κόσμε")
    assert reading_length("ist zu kurz") == 11
