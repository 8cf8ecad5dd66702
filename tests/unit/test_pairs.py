"""Which pairs an objective trains on: people's first, and the two arms that hold human against machine translation."""

from dataclasses import replace

import pytest

from babelmix.batching import index_units, plan_epoch
from babelmix.config import Objective
from babelmix.errors import UserError
from babelmix.pairs import training_pairs
from babelmix.records import Pair

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


def arm(origin: str | None) -> list[Pair]:
    return training_pairs(
        HUMAN, MACHINE, Objective.model_validate({"alpha": 0.5, "languages": LANGUAGES, "origin": origin})
    )


def test_people_come_first_and_a_machine_fills_the_gaps():
    found = {(pair.unit, pair.lang): pair for pair in training_pairs(HUMAN, MACHINE)}
    assert len(found) == 20 * 4 and found == {(pair.unit, pair.lang): pair for pair in arm(None)}
    assert found["u03", "es"].origin == "human" and found["u16", "es"].origin == "engine 1"


def test_both_arms_have_the_same_units_and_differ_in_the_translations_alone():
    people, engine = arm("human"), arm("machine")
    train = [{(pair.unit, pair.lang): pair for pair in one if pair.split == "train"} for one in (people, engine)]
    assert train[0].keys() == train[1].keys()
    assert {unit for unit, _ in train[0]} == {"u03", "u04", "u06", "u07", "u08", "u09"}
    assert {lang for _, lang in train[0]} == set(LANGUAGES)
    for key in train[0]:
        assert train[0][key].origin == "human"
        assert train[1][key].origin == ("human" if key[1] == "en" else "engine 1")
    assert [pair for pair in people if pair.split == "dev"] == [pair for pair in engine if pair.split == "dev"]
    plans = [
        list(
            plan_epoch(
                index_units([pair for pair in one if pair.split == "train"], LANGUAGES),
                alpha=0.5,
                batch_size=3,
                seed=1,
                epoch=0,
            )
        )
        for one in (people, engine)
    ]
    assert plans[0] == plans[1]


def test_an_arm_without_units_says_what_is_missing():
    with pytest.raises(UserError, match=r"no unit has both.*\(en, es, pt\).*translate.languages"):
        training_pairs(HUMAN, [], Objective(alpha=0.5, languages=LANGUAGES, origin="machine"))
