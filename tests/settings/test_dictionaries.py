"""Dictionaries and objectives with words in params.yaml: what may be said, and what is refused."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from babelmix.common.errors import UserError
from babelmix.settings.params import Settings, parse_settings

ROOT = Path(__file__).parents[2]
OWN = {"my-words": {"dictionary": "data/own/words.tsv"}}
WORDS = ("lexical", "hybrid-then-lexical", "lexical-then-hybrid", "hybrid-lexical")


def with_settings(**more: Any) -> Settings:
    return parse_settings(json.dumps(yaml.safe_load((ROOT / "params.yaml").read_text()) | more), "params.yaml")


def test_the_arms_differ_in_their_words_alone() -> None:
    found = with_settings(objectives=["hybrid", *WORDS], sources=["libreoffice-help", "xling-train"])
    hybrid = found.objective("hybrid")
    asked = {name: found.objective(name).lexicon for name in WORDS}
    assert {name: (one.share, one.at) for name, one in asked.items() if one} == {
        "lexical": (1, "spread"), "hybrid-then-lexical": (0.25, "last"), "lexical-then-hybrid": (0.25, "first"),
        "hybrid-lexical": (0.25, "spread"),
    }  # fmt: skip
    for name in WORDS[1:]:
        assert found.objective(name).model_copy(update={"lexicon": None}) == hybrid
        assert found.objective(name).steps_of(240) == 240


def test_a_dictionary_of_one_s_own_may_have_any_language() -> None:
    found = with_settings(
        source=OWN, sources=["libreoffice-help", "my-words"], objectives=["mine"],
        objective={"mine": {"alpha": 0.5, "languages": ["en", "sw"], "lexicon": {"share": 0.5}}},
    )  # fmt: skip
    assert found.source["my-words"].dictionary == Path("data/own/words.tsv")


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (
            {"objectives": ["hybrid-lexical"]},
            "objective.hybrid-lexical.lexicon: no dictionary is among sources; add one",
        ),
        ({"sources": ["xling-train"]}, "sources: there are only dictionaries; add one of texts"),
        ({"source": {"mine": {"dictionary": "a.tsv", "language": "en"}}}, "names its languages: leave out language"),
        ({"source": {"mine": {"dictionary": "a.tsv", "path": "a.jsonl"}}}, "give `hub:`"),
        ({"source": {"mine": {"path": "a.jsonl"}}}, "give `language:`"),
        ({"source": {"xling": {"dictionary": "a.tsv"}}}, "'xling' is taken"),
    ],
)
def test_what_contradicts_itself_is_refused(more: dict[str, Any], told: str) -> None:
    with pytest.raises(UserError, match=told):
        with_settings(**more)
