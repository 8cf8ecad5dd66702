"""params.yaml: a typo names the file, the field and the valid choices."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from babelmix.config import load_settings
from babelmix.errors import UserError

ROOT = Path(__file__).parents[2]


def changed(tmp_path: Path, field: str, value: Any) -> Path:
    raw = yaml.safe_load((ROOT / "params.yaml").read_text())
    *path, last = field.split(".")
    inner = raw
    for part in path:
        inner = inner[part]
    inner[last] = value
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(raw))
    return tmp_path / "params.yaml"


def test_the_project_s_own_settings_are_valid() -> None:
    settings = load_settings(ROOT / "params.yaml")
    assert {name: preset.layers for name, preset in settings.model.presets.items()} == {
        "small": 3,
        "base": 6,
        "large": 12,
    }
    assert {name: settings.objective(name).alpha for name in settings.objective_presets} == {
        "contrastive": 1.0, "hybrid": 0.5, "crosslingual": 0.0, "english": 1.0,
        "hybrid-human": 0.5, "hybrid-machine": 0.5,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        (
            "model.size",
            "larg",
            "model.size: unknown size 'larg'; did you mean 'large'\\? valid: base, large, small",
        ),
        ("objectives", ["hybird"], "objectives: unknown objective 'hybird'; did you mean 'hybrid'"),
        ("objectives", ["hybrid", "hybrid"], "objective 'hybrid' stands twice"),
        ("objectives", [], "objectives: "),
        ("benchmarks", ["xquad"], "benchmarks: unknown benchmark 'xquad'; did you mean 'xquad-r'"),
        ("pairs.languages", ["en", "dee"], "pairs.languages: unknown language 'dee'; did you mean 'de'"),
        ("pairs.languages", ["de", "fr"], "English is missing"),
        ("translate.languages", ["de"], "translate.languages: unknown language 'de'"),
        ("sources", ["squad"], "sources: unknown source 'squad'; did you mean 'squadshifts'"),
        ("source", {"nfcorpus": {"hub": "a/b", "language": "en"}}, "source: 'nfcorpus' is taken"),
        ("source", {"mine": {"language": "en"}}, "source.mine: .*give `hub:`"),
        ("source", {"mine": {"hub": "a/b", "language": "xy"}}, "source.mine.language: unknown language 'xy'"),
        ("objective.hybrid.origin", "machine", "objective.hybrid: .*`origin` needs `languages:`"),
        (
            "translate.routes.pt",
            "en slow-translate pt",
            "translate.routes.pt: unknown engine 'slow-translate'; did you mean",
        ),
        ("objective.english.languages", ["e"], "objective.english.languages: unknown language 'e'"),
        ("train.steps", 0, "train.steps: input should be greater than or equal to 1"),
        ("train.temprature", 0.1, "train.temprature: extra inputs are not permitted"),
        ("train.bfloat16", "perhaps", "train.bfloat16"),
    ],
)
def test_a_faulty_setting_is_told(field: str, value: Any, told: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=told):
        load_settings(changed(tmp_path, field, value))


def test_broken_yaml_and_no_file_are_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no parameter file; run the command in the project's folder"):
        load_settings(tmp_path / "params.yaml")
    (tmp_path / "params.yaml").write_text("seed: 1\n  threads: [\n")
    with pytest.raises(UserError, match="line 2: not valid YAML"):
        load_settings(tmp_path / "params.yaml")
