"""What the page answers: the fields of a request, known questions, shares, ranks, and the texts of both sides."""

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from served_page import EVIL, StandIn, encode, known_questions, one_index

from babelmix.searching.page.answers import Page, Share
from babelmix.searching.page.asking import Ask, parse
from babelmix.searching.page.language_names import direction_of, name_of
from babelmix.searching.page.limits import Refused
from babelmix.searching.page.rendering import COLUMNS, Template, columns, in_words

LANGUAGES = ("ar", "de", "en", "zh")


def read(**given: list[str]) -> Ask:
    return parse(given, languages=LANGUAGES, query_bytes=100, debias=1.0)


def test_the_fields_of_a_request() -> None:
    assert read() == Ask("", (), 1.0, False)
    asked = read(q=["  how\tdo \n I?  "], lang=["en", "de", "en"], strength=["0.25"], equal=["1"])
    assert asked == Ask("how do I?", ("en", "de"), 0.25, True)
    assert read(q=["a\ud800b\x00c"]).query == "a?b c"
    assert read(equal=["0"]).equal_share is read(equal=[]).equal_share is False


@pytest.mark.parametrize(
    ("given", "status", "reason"),
    [
        pytest.param({"q": ["a" * 101]}, 413, "longer than 100 bytes", id="long"),
        pytest.param({"q": ["ä" * 51]}, 413, "longer than 100 bytes", id="long-in-bytes"),
        pytest.param({"lang": ["xx"]}, 400, "ar, de, en, zh", id="language"),
        pytest.param({"strength": ["nan"]}, 400, "0 to 1", id="nan"),
        pytest.param({"strength": ["1.01"]}, 400, "0 to 1", id="too-strong"),
        pytest.param({"strength": ["strong"]}, 400, "0 to 1", id="no-number"),
        pytest.param({"index": ["/etc/passwd"]}, 400, "no field 'index'", id="path"),
    ],
)
def test_what_is_refused(given: dict[str, list[str]], status: int, reason: str) -> None:
    with pytest.raises(Refused, match=reason) as refused:
        read(**given)
    assert refused.value.status == status


@given(st.dictionaries(st.sampled_from(["q", "lang", "strength", "equal", "x"]), st.lists(st.text(), max_size=3)))
def test_any_fields_give_a_search_or_a_refusal(given: dict[str, list[str]]) -> None:
    try:
        ask = read(**given)
    except Refused as refusal:
        assert refusal.status in (400, 413)
    else:
        assert len(ask.query.encode()) <= 100 and set(ask.languages) <= set(LANGUAGES) and 0 <= ask.strength <= 1
        assert ask.query == " ".join(ask.query.split())


def test_a_known_question_is_found_by_its_text_in_any_language(tmp_path: Path) -> None:
    known = known_questions(tmp_path)
    found = known.find("  PRINT a page ")
    assert found and found.lang == "en" and found.answers == {f"{lang}0": lang for lang in LANGUAGES}
    assert found.translations.keys() == {"ar", "de", "zh"}
    assert known.find("print a pag") is None
    assert known.examples["de"] == ("Seite drucken",)
    assert known.passages() == {f"{lang}0" for lang in LANGUAGES}


def test_one_index_is_shown_as_it_is_and_debiased(tmp_path: Path) -> None:
    page = one_index(known_questions(tmp_path))
    left, right = page.answer(Ask("print a page", (), 1.0, True)).sides
    assert (left.note, right.note) == ("not debiased", "debiased, strength 1, an equal share for each language")
    assert [hit.language for hit in left.hits][:2] == ["en", "en"]
    assert sorted(hit.language for hit in right.hits[:4]) == sorted(LANGUAGES)
    expected = StandIn().ranks(encode(["print a page"])[0], ["ar0", "de0", "en0", "zh0"])
    assert [(row.language, row.rank) for row in left.ranks] == [(name[:2], rank) for name, rank in expected.items()]
    assert left.shares[0] == Share("ar", 0.25, sum(hit.language == "ar" for hit in left.hits))


def test_two_indexes_are_searched_in_their_own_languages(tmp_path: Path) -> None:
    german = StandIn({"de": ("eine Seite drucken", "die Farbe")})
    page = Page.models([("all", StandIn(), encode), ("german", german, encode)], None)
    assert page.languages == LANGUAGES and page.sizes == "12 and 2" and one_index().sizes == "12"
    left, right = page.answer(Ask("Seite", ("zh",), 0.0, False)).sides
    assert {hit.language for hit in left.hits} == {"zh"} and right.hits == () and right.shares == ()
    left, right = page.answer(Ask("Seite", ("zh", "de"), 0.5, False)).sides
    assert {hit.language for hit in left.hits} == {"zh", "de"} and len(right.hits) == 2
    assert left.note == right.note == "debiased, strength 0.5"


def test_a_query_is_encoded_once() -> None:
    asked: list[str] = []

    def counted(texts: list[str]) -> object:
        asked.extend(texts)
        return encode(texts)

    page = Page.debiasing("small", [StandIn(), StandIn()], counted, None)
    for strength in (0.0, 0.5, 1.0):
        page.answer(Ask("print", (), strength, False))
    assert asked == ["print"]


def test_the_chart_has_a_column_for_each_language_and_says_it_in_words() -> None:
    shares = (Share("en", 0.5, 4), Share("de", 0.25, 1), Share("fr", 0.25, 0))
    first, second, third = columns(shares)
    assert (first.code, second.code, third.code) == ("de", "en", "fr") and (first.x, second.x) == (0, 40)
    assert second.hits_height == 64 and second.pool_height == 40 and third.hits_height == 0
    words = "Languages of the hits: English 4 of 5 (passages: 50%), German 1 of 5 (passages: 25%); no hit in French"
    assert in_words(shares) == words
    many = tuple(Share(f"x{n:02}", 0.01, int(n == 40)) for n in range(50))
    assert len(columns(many)) == COLUMNS and "x40" in {column.code for column in columns(many)}
    assert columns(()) == []


def test_languages_have_names_and_directions() -> None:
    assert (name_of("sw"), name_of("xx"), name_of(None)) == ("Swahili", "xx", "in no known language")
    assert (direction_of("ar"), direction_of("fa"), direction_of("de"), direction_of(None)) == (
        "rtl",
        "rtl",
        "auto",
        "auto",
    )


def test_markup_in_passages_and_queries_is_text(tmp_path: Path) -> None:
    page = one_index(known_questions(tmp_path))
    ask = Ask(f'"{EVIL}', (), 1.0, False)
    html = Template(page).render(ask, page.answer(ask), EVIL)
    assert EVIL not in html and "<script>alert" not in html and html.count("&lt;script&gt;alert(1)") >= 3
    html = Template(page).render(ask, page.answer(ask), None)
    assert "a page with markup &lt;script&gt;" in html and ' style="' not in html and "onclick" not in html


def test_a_hit_in_no_known_language_and_a_long_passage_are_shown() -> None:
    page = one_index()
    answer = page.answer(Ask("print", (), 1.0, False))
    left = answer.sides[0]
    odd = dataclasses.replace(left.hits[0], language=None, text="wort " * 5000, score=-0.0001, standing=-0.04)
    answer = dataclasses.replace(answer, sides=(dataclasses.replace(left, hits=(odd,)), answer.sides[1]))
    html = Template(page).render(answer.ask, answer, None)
    assert 'lang="und"' in html and "in no known language" in html and "wort…" in html and len(html) < 20_000
    assert '<span class="score">0.000</span>' in html and "standing 0.0" in html


def test_the_same_answer_is_the_same_page(tmp_path: Path) -> None:
    page = one_index(known_questions(tmp_path))
    answer = page.answer(Ask("print a page", ("de", "en"), 0.3, True))
    assert Template(page).render(answer.ask, answer, None) == Template(page).render(answer.ask, answer, None)
