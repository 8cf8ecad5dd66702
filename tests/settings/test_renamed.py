"""Old names of settings are read for one release, with a line that says so."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from babelmix.common.errors import UserError
from babelmix.settings.params import parse_settings
from babelmix.settings.renamed import with_new_names

PARAMS = Path(__file__).parents[2] / "params.yaml"
OLD = {
    ("train", "warmup_ratio"): "warmup_share",
    ("train", "eval_steps"): "look_steps",
    ("train", "select_by"): "keep",
    ("translate", "filter"): "gate",
    ("translate", "max_pairs"): "units",
    ("evaluate", "lir_rank"): "debias_rank",
    ("evaluate", "lir_passages"): "debias_units",
}


def old_params() -> dict[str, Any]:
    raw = yaml.safe_load(PARAMS.read_text())
    for (section, new), old in OLD.items():
        raw[section][old] = raw[section].pop(new)
    raw["train"]["keep"] = "pooled"
    raw["recipes"]["paper"]["keep"] = raw["recipes"]["paper"].pop("select_by").removeprefix("dev_")
    raw["source"] = {"mine": {"path": "data/own/mine.jsonl", "language": "en", "unit": "id"}}
    return raw


def test_an_old_file_of_settings_is_read_as_the_new_one(capsys: pytest.CaptureFixture[str]) -> None:
    settings = parse_settings(yaml.safe_dump(old_params()), "params.yaml")
    line = capsys.readouterr().err
    assert line.count("\n") == 1 and "translate.gate is filter" in line and "train.keep is select_by" in line
    new = parse_settings(PARAMS.read_text(), "params.yaml")
    assert capsys.readouterr().err == ""
    assert settings.train == new.train.model_copy(update={"select_by": "dev_pooled"})
    assert settings.evaluate == new.evaluate and settings.translate == new.translate
    assert settings.recipes == new.recipes and settings.source["mine"].parallel_id == "id"


def test_both_names_are_one_too_many() -> None:
    raw = {"train": {"look_steps": 1, "eval_steps": 2}}
    with pytest.raises(UserError, match=r"params.yaml, train.look_steps: look_steps is the old name of eval_steps"):
        with_new_names(raw, "params.yaml")


def test_a_setting_that_is_gone_is_left_out_with_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    raw = {"evaluate": {"resamples": 2000, "lir_rank": 1}, "train": {"resamples": 3}}
    assert with_new_names(raw, "params.yaml") == {"evaluate": {"lir_rank": 1}, "train": {"resamples": 3}}
    assert raw["evaluate"] == {"resamples": 2000, "lir_rank": 1}
    assert capsys.readouterr().err == (
        "babelmix: params.yaml: evaluate.resamples has no effect, intervals are no longer drawn at random; delete it, "
        "the next release refuses it\n"
    )


def test_what_is_not_a_mapping_is_left_to_the_validation() -> None:
    raw = {"train": None, "recipes": {"paper": 3}, "source": [], "translate": {"gate": 1}}
    assert with_new_names(raw, "p") == raw | {"translate": {"filter": 1}}
    assert raw["translate"] == {"gate": 1}


@pytest.mark.parametrize(
    ("old", "new"), [("true", "bfloat16"), ("false", "float32"), ("yes", "bfloat16"), ("no", "float32")]
)
def test_the_old_switch_of_bfloat16_is_a_precision(old: str, new: str, capsys: pytest.CaptureFixture[str]) -> None:
    settings = parse_settings(PARAMS.read_text().replace("precision: bfloat16 ", f"bfloat16: {old} "), "params.yaml")
    assert settings.embed.precision == new
    assert "embed.bfloat16 is precision" in capsys.readouterr().err
