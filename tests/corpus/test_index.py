"""Pairs as numbers, and which an objective trains on: people's first; human against machine translation."""

import unicodedata
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from babelmix.batches.objective import Objective
from babelmix.batches.sampler import plan_epoch
from babelmix.batches.units import index_units, training_rows
from babelmix.common.errors import UserError
from babelmix.corpus.index import PairIndex, dev_rows, index_pairs, text_key, train_rows
from babelmix.corpus.records import Pair

LANGUAGES = ("en", "es", "pt")


def human(unit: int, lang: str) -> Pair:
    return Pair(
        f"u{unit:02}", lang, "dev" if unit % 5 == 0 else "train", f"q {unit} {lang}", f"p {unit} {lang}", "human"
    )


def machine(unit: int, lang: str) -> Pair:
    return replace(human(unit, lang), query=f"mq {unit} {lang}", passage=f"mp {unit} {lang}", origin="engine 1")


# People wrote English for all, Spanish for 0 to 14 and Portuguese for 0 to 9; the machine failed on units 1 and 2.
HUMAN = [human(unit, "en") for unit in range(20)] + [human(unit, "es") for unit in range(15)]
HUMAN += [human(unit, "pt") for unit in range(10)] + [human(unit, "de") for unit in range(20)]
MACHINE = [machine(unit, lang) for lang in ("es", "pt") for unit in range(20) if unit not in (1, 2)]
ALL = HUMAN + MACHINE
INDEX = index_pairs((pair, pair.origin != "human") for pair in ALL)


def arm(origin: str | None, languages: Sequence[str] | None = LANGUAGES) -> Objective:
    return Objective.model_validate({"alpha": 0.5, "languages": languages, "origin": origin})


def by_cell(rows: NDArray[np.int64]) -> dict[tuple[str, str], Pair]:
    found = {(ALL[row].parallel_id, ALL[row].lang): ALL[row] for row in rows.tolist()}
    assert len(found) == len(rows)
    return found


def test_a_row_holds_the_number_of_its_unit_language_and_split_in_the_order_given():
    assert INDEX.units == tuple(f"u{unit:02}" for unit in range(20)) and INDEX.languages == ("de", "en", "es", "pt")
    backward = index_pairs((pair, pair.origin != "human") for pair in ALL[::-1])
    for index, pairs in ((INDEX, ALL), (backward, ALL[::-1])):
        assert [index.units[unit] for unit in index.unit] == [pair.parallel_id for pair in pairs]
        assert [index.languages[lang] for lang in index.lang] == [pair.lang for pair in pairs]
        assert index.dev.tolist() == [pair.split == "dev" for pair in pairs]
        assert index.machine.tolist() == [pair.origin != "human" for pair in pairs]
    np.testing.assert_array_equal(INDEX.keys, backward.keys[::-1])
    assert len(np.unique(INDEX.keys)) == 2 * len(ALL)
    assert (INDEX.unit.dtype, INDEX.lang.dtype, INDEX.keys.dtype) == (np.int32, np.int16, np.uint64)


def test_keys_look_past_case_white_space_normal_forms_and_invisible_signs_alone():
    assert text_key("Print  a\npage ") == text_key("print a page") != text_key("print a page.")
    for one, other in (
        ("Thư viện", unicodedata.normalize("NFD", "Thư viện")),
        ("門票１５元", "門票15元"),
        ("Hoch\u00adspannung", "Hochspannung"),
        ("İSTANBUL ISPARTA", "istanbul ısparta"),
    ):
        assert text_key(one) == text_key(other)
    assert text_key("Schön") != text_key("Schon")
    index = index_pairs((replace(human(1, lang), query=" SAME", passage="same"), False) for lang in ("en", "de"))
    assert len(np.unique(index.keys)) == 1


def test_no_pairs_are_an_index_too():
    empty = index_pairs([])
    assert empty.units == () and empty.keys.shape == (0, 2)
    assert not len(train_rows(empty)) and not len(dev_rows(empty))


def test_people_come_first_and_a_machine_fills_the_gaps():
    train, dev = by_cell(train_rows(INDEX)), by_cell(dev_rows(INDEX))
    assert not train.keys() & dev.keys() and len(train) + len(dev) == 20 * 4
    assert {pair.split for pair in train.values()} == {"train"} and {pair.split for pair in dev.values()} == {"dev"}
    assert train == by_cell(training_rows(INDEX, arm(None, None)))
    assert train["u03", "es"].origin == "human" and train["u16", "es"].origin == "engine 1"
    assert dev["u05", "pt"].origin == "human" and dev["u10", "pt"].origin == "engine 1"


def test_an_objective_keeps_its_languages():
    kept = by_cell(training_rows(INDEX, arm(None, ("en", "pt", "ja"))))
    assert kept == {cell: pair for cell, pair in by_cell(train_rows(INDEX)).items() if cell[1] in ("en", "pt")}


def test_both_arms_have_the_same_units_and_differ_in_the_translations_alone():
    people, engine = (by_cell(training_rows(INDEX, arm(origin))) for origin in ("human", "machine"))
    assert people.keys() == engine.keys()
    assert {unit for unit, _ in people} == {"u03", "u04", "u06", "u07", "u08", "u09"}
    assert {lang for _, lang in people} == set(LANGUAGES)
    for key in people:
        assert people[key].origin == "human"
        assert engine[key].origin == ("human" if key[1] == "en" else "engine 1")
    plans = [
        list(plan_epoch(index_units(INDEX, training_rows(INDEX, one)), one, batch_size=3, seed=1, epoch=0, steps=6))
        for one in (arm("human"), arm("machine"))
    ]
    assert plans[0] == plans[1]


@pytest.mark.parametrize("index", [index_pairs((pair, False) for pair in HUMAN), index_pairs([])])
def test_an_arm_without_units_says_what_is_missing(index: PairIndex):
    with pytest.raises(UserError, match=r"no unit has both.*\(en, es, pt\).*translate.languages"):
        training_rows(index, arm("machine"))


def test_a_duplicate_pair_is_refused():
    with pytest.raises(UserError, match=r"duplicate parallel_id 'u03' in es"):
        index_pairs((pair, pair.origin != "human") for pair in [*ALL, machine(3, "es")])
