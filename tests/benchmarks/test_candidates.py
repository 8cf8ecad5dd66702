import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from babelmix.benchmarks.sources.candidates import THAI_CHARACTERS, sentence_spans

PIECES = (
    *("One is here. ", "Two! ", "Dr. Smith came.", "3.5", " ", "\n", "\n\n", "\u3000", "\u00a0", "\t", "*", ")", "?"),
    *("入梅は目安である。", "「はい。」と述べた。", "หน้าที่ ", "เกิด 3 ธันวาคม พ.ศ. 2533 ", "توفي في نيويورك. ", "؟ "),
)


def cut(text: str, lang: str) -> list[str]:
    return [text[start:end] for start, end in sentence_spans(text, lang)]


@pytest.mark.parametrize(
    ("lang", "sentences"),
    [
        ("en", ["One is here. ", "Dr. Smith was there, too. ", "* Was he?"]),
        ("ar", ["توفي في نيويورك 10 ابريل 1931. ", "متى ولد؟ ", "ولد في الطائف."]),
        ("zh", ["天城文在何時成為標準？", "在歐洲，由德國學者開創。", "後來也要歸功於此！"]),
        ("ja", ["入梅は目安の時期である。", "梅雨明けの別名を出梅という。"]),
        ("pt", ["O que é a USP? ", "É uma universidade, fundada em 1934. "]),
        ("en", ["A heading\n", "Its first line. ", "Its second.\n\n", "Another."]),
    ],
)
def test_sentences_of_each_script_end_where_a_reader_ends_them(lang: str, sentences: list[str]):
    assert cut("".join(sentences), lang) == sentences


def test_thai_clauses_are_gathered_and_no_date_or_era_is_cut():
    clause = "เป็นนักแสดงหญิงชาวไทย"
    date = "(เกิด 3 ธันวาคม พ.ศ. 2533)"
    text = " ".join([*[clause] * 8, date, *[clause] * 3]) + "\n" + clause
    first, second, third = cut(text, "th")
    assert first + second + third == text and third == clause
    assert len(first.strip()) <= THAI_CHARACTERS < len(f"{first}{second.split(' ')[0]}")
    assert date in second
    dates = " ".join(["3 ธันวาคม พ.ศ. 2533"] * 20)
    assert cut(dates, "th") == [dates]  # no blank that parts clauses


def test_a_piece_without_a_letter_joins_its_neighbour():
    assert cut("* One is here.\n*\nTwo was there.", "en") == ["* One is here.\n*\n", "Two was there."]
    assert cut("*\nOne is here.", "en") == ["*\nOne is here."]
    assert cut("* (!)", "en") == ["* (!)"]


@given(text=st.lists(st.sampled_from(PIECES), max_size=30).map("".join), lang=st.sampled_from(("en", "ja", "th", "ar")))
def test_every_character_is_in_exactly_one_sentence_and_each_has_a_word(text: str, lang: str):
    spans = sentence_spans(text, lang)
    assert [at for start, end in spans for at in range(start, end)] == list(range(len(text)))
    assert len(spans) == 1 or all(re.search(r"\w", text[start:end]) for start, end in spans)
    for start, end in spans:
        lines = text[start:end].split("\n")
        assert sum(bool(re.search(r"\w", line)) for line in lines) <= 1
