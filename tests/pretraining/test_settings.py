"""The section `pretrain` of params.yaml: no pre-training is the word none, and an empty value is an error."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from babelmix.common.errors import UserError
from babelmix.pretraining.settings import Pretrain, PretrainObjective
from babelmix.settings.params import parse_settings

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("objective", "described"),
    [
        ("none", "none"),
        ("msm", "msm, 240 steps of 8 blocks of 8 texts"),
        ("bitext", "bitext, 240 steps of 32 pairs of texts"),
        ("msm-x", "msm-x, 240 steps of 4 blocks of 8 texts and as many targets"),
    ],
)
def test_a_batch_is_described(objective: PretrainObjective, described: str) -> None:
    assert Pretrain(objective=objective).describe() == described


def test_a_batch_of_msm_x_has_two_blocks_at_least() -> None:
    assert Pretrain(objective="msm-x", blocks=4).batch_blocks == 2
    for blocks in (2, 5):
        with pytest.raises(ValidationError, match="msm-x takes half of `blocks`"):
            Pretrain(objective="msm-x", blocks=blocks)


def test_a_batch_of_bitext_has_as_many_texts_as_the_others() -> None:
    assert 2 * Pretrain(objective="bitext", blocks=3, sentences=4).batch_pairs == 3 * 4
    with pytest.raises(ValidationError, match="bitext takes half of"):
        Pretrain(objective="bitext", blocks=3, sentences=3)


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("", "pretrain.objective: empty: write none for no pre-training"),
        ("null", "pretrain.objective: empty: write none for no pre-training"),
        ("masked", "not 'none', 'msm', 'ccp', 'msm-shuffled', 'bitext' or 'msm-x'; it says 'masked'"),
    ],
)
def test_none_is_a_word_and_nothing_is_an_error(written: str, message: str) -> None:
    text = (ROOT / "params.yaml").read_text(encoding="utf-8")
    assert text.count("  objective: none ") == 1
    assert parse_settings(text, "params.yaml").pretrain.objective == "none"
    assert parse_settings(text.replace("objective: none ", "objective: 'none' "), "p").pretrain.objective == "none"
    with pytest.raises(UserError) as caught:
        parse_settings(text.replace("objective: none ", f"objective: {written} "), "params.yaml")
    assert message in str(caught.value)
