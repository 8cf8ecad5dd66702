"""The filter: each rule finds its fault and leaves good translations alone."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from babelmix.corpus.records import Pair
from babelmix.translate.filter import (
    lost_answer,
    lost_numbers,
    numbers,
    rejection_reason,
    source_words,
    text_rejection_reason,
    wrong_language,
)
from babelmix.translate.settings import Filter

FILTER = Filter(
    min_identified_characters=60, max_length_ratio=4, max_source_words=0.35, max_lost_numbers=0, max_lost_answer=0.5
)
GERMAN = "Diese Datei enthält eine Tabelle, die Sie mit dem Menü öffnen und drucken können."
SOURCE = Pair(
    "p#1",
    "en",
    "train",
    "When did the duke die?",
    "The duke died in 1,027 in the town of Falaise, a few months after his brother had been buried there.",
    "human",
    "in 1,027",
)
GOOD = replace(
    SOURCE,
    lang="es",
    query="¿Cuándo murió el duque?",
    passage="El duque murió en 1.027 en la ciudad de Falaise, meses después de que su hermano fuera enterrado allí.",
    origin="engine",
    answer="en 1.027",
)


def test_a_good_translation_passes():
    assert rejection_reason(SOURCE, GOOD, FILTER) is None


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"query": " "}, "empty"),
        ({"passage": ""}, "empty"),
        ({"query": "WHEN did the duke die?"}, "untranslated"),
        ({"query": "Ｗhen did  the\u00ad duke die?"}, "untranslated"),
        ({"passage": "el duque " * 5 + "murió en 1027"}, "repetition"),
        ({"passage": GOOD.passage * 5}, "length"),
        ({"passage": "El duque died en 1.027 few months after his brother had been buried ahí."}, "source-words"),
        ({"passage": GOOD.passage.replace("1.027", "1.028")}, "lost-number"),
        ({"passage": f"{GERMAN} 1.027"}, "wrong-language"),
        ({"answer": "cerca de Rouen, tarde"}, "lost-answer"),
        ({"answer": ""}, "lost-answer"),
    ],
)
def test_each_fault_is_found_and_named(changed: dict[str, str], reason: str):
    assert rejection_reason(SOURCE, replace(GOOD, **changed), FILTER) == reason


def test_a_source_in_another_language_is_no_fault_of_the_engine():
    assert rejection_reason(replace(SOURCE, passage=GERMAN), GOOD, FILTER) == "source-language"


def test_a_pair_without_an_answer_has_none_to_lose():
    assert rejection_reason(replace(SOURCE, answer=""), replace(GOOD, answer=""), FILTER) is None


def test_thresholds_decide():
    without = replace(GOOD, passage=GOOD.passage.replace("1.027", "el año"), answer="")
    assert rejection_reason(replace(SOURCE, answer=""), without, FILTER) == "lost-number"
    assert (
        rejection_reason(replace(SOURCE, answer=""), without, FILTER.model_copy(update={"max_lost_numbers": 1.0}))
        is None
    )


@given(st.text(min_size=1))
def test_a_text_that_comes_back_as_it_was_is_never_kept(text: str):
    assert text_rejection_reason(text, text, FILTER) in ("untranslated", "empty")


@given(st.text(), st.text())
def test_shares_are_shares(one: str, two: str):
    for share in (source_words(one, two), lost_numbers(one, two), lost_answer(one, two)):
        assert 0 <= share <= 1
    assert lost_numbers(one, one) == 0


@given(st.lists(st.integers(0, 10**9)))
def test_numbers_are_the_same_however_they_are_written(values: list[int]):
    english = " and ".join(f"{value:,}" for value in values)
    german = " und ".join(f"{value:,}".replace(",", ".") for value in values)
    assert numbers(english) == numbers(german) and lost_numbers(english, german) == 0


def test_centuries_may_be_roman_and_digits_of_any_script():
    assert lost_numbers("in the 19th century", "en el siglo XIX") == 0
    assert lost_numbers("in the 19th century", "en el siglo XX") == 1
    assert lost_numbers("in the 09th century", "en el siglo IX") == 0
    assert lost_numbers("in 1984", "في ١٩٨٤") == 0
    assert lost_numbers("9" * 4301, "nada") == 1  # Python reads no whole number of so many digits
    assert numbers("x² and ½") == {}


def test_a_repetition_that_the_source_has_as_well_is_no_fault():
    assert text_rejection_reason("Press 0 0 0 to reset", "Prima 0 0 0 para repor", FILTER) is None
    assert text_rejection_reason("Press the key to reset", "Prima prima prima para repor", FILTER) == "repetition"


def test_names_and_short_words_may_stay_as_they_are():
    assert source_words("Use the Formula of Microsoft Excel", "Usa la Formula de Microsoft Excel") == 0
    assert source_words("insert the hospital chart above figure", "insert the hospital chart above figure") == 1


def test_an_answer_may_be_inflected_and_chinese_is_compared_by_character():
    assert lost_answer("las aldeas normandas", "en la aldea normanda") < 0.5
    assert lost_answer("五个人", "房间里有五个人") == 0
    assert lost_answer("七座城", "房间里有五个人") == 1


def test_the_language_of_a_short_text_is_not_judged():
    assert not wrong_language("Tabelle", "pt", FILTER)
    assert wrong_language(GERMAN, "pt", FILTER)
