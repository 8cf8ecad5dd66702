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
    presets = settings.model.presets
    packaged = {name: preset.layers for name, preset in presets.items() if preset.hub is None}
    assert packaged == {"small": 3, "base": 6, "large": 12}
    assert all(preset.folder is None for preset in presets.values())
    assert {"xlmr-base", "labse", "e5-small", "mmbert-base", "eurobert-210m"} < presets.keys() - packaged.keys()
    assert settings.learning_rate() == settings.preset().learning_rate
    alphas = {name: objective.alpha for name, objective in settings.objective_presets.items()}
    assert alphas.items() >= {
        "contrastive": 1.0, "hybrid": 0.5, "crosslingual": 0.0, "english": 1.0, "mixed": 0.0,
        "hybrid-human": 0.5, "hybrid-machine": 0.5, "scheduled": ((0, 0), (1, 1)),
    }.items()  # fmt: skip
    assert settings.objective("mixed").other == "X-X" and settings.objective("distilled").teacher == "large"


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        (
            "model.size",
            "larg",
            r"model.size: unknown size 'larg'; did you mean 'large'\? valid: base, .*large, .*small",
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
        ("model.teachers", ["huge"], "model.teachers: unknown size 'huge'"),
        ("model.presets.base", {"learning_rate": 1e-4}, "model.presets.base: .*give `layers:`"),
        (
            "model.presets.base",
            {"learning_rate": 1e-4, "hub": "a/b", "folder": "c"},
            "model.presets.base: .*`folder:` or `hub:`, not both",
        ),
        ("recipe", "papre", "recipe: unknown recipe 'papre'; did you mean 'paper'\\? valid: default, paper"),
        ("recipes.default", {"stpes": 3}, "train.stpes: extra inputs are not permitted"),
        ("recipes.default", {"steps": -1}, "train.steps: input should be greater"),
        ("recipes.default", [3], "recipes.default: input should be a valid dictionary"),
        ("objective.hybrid.alpha", 1.5, "objective.hybrid: .*alpha is a probability"),
        ("objective.hybrid.alpha", [[0, 1], [1, -0.1]], "objective.hybrid: .*alpha is a probability"),
        ("objective.hybrid.alpha", [[0, 1], [0.9, 0]], "objective.hybrid: .*a schedule of alpha is a list"),
        ("objective.hybrid.alpha", [[0.1, 1], [1, 0]], "objective.hybrid: .*a schedule of alpha is a list"),
        ("objective.hybrid.alpha", [[0, 1], [0.5, 0], [0.5, 1], [1, 0]], "shares rising from 0 to 1"),
        ("objective.hybrid.alpha", [[0, 1]], "objective.hybrid: .*a schedule of alpha is a list"),
        ("objective.hybrid.alpha", [], "objective.hybrid: .*a schedule of alpha is a list"),
        ("objective.hybrid.alpha", "half", "objective.hybrid.alpha"),
        ("objective.hybrid.weights", "big", "objective.hybrid.weights"),
        ("objective.hybrid.weights", 0, "objective.hybrid: .*the temperature of `weights` is above 0"),
        ("objective.hybrid.batch_languages", 1, "objective.hybrid.batch_languages"),
        ("objective.hybrid.other", "X-Z", "objective.hybrid.other"),
        ("objective.hybrid.teacher_weight", 0, "objective.hybrid.teacher_weight"),
        ("objective.hybrid.teacher", "large", r"objective.hybrid.teacher: 'large' is not among model.teachers; add it"),
        ("train.keep", "best", "train.keep"),
        ("train.look_steps", 0, "train.look_steps"),
        ("train.learning_rate", 1, "train.learning_rate"),
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


def test_a_recipe_is_put_over_the_training_settings(tmp_path: Path) -> None:
    paper = load_settings(changed(tmp_path, "recipe", "paper"))
    assert paper.train.batch_size == 100 and paper.learning_rate() == 3e-5
    assert paper.train.keep == "english" and not paper.train.freeze_word_embeddings
    plain = load_settings(ROOT / "params.yaml")
    differs = {name for name, value in paper.train.model_dump().items() if value != getattr(plain.train, name)}
    assert differs <= paper.recipes["paper"].keys()
    assert plain.train.model_dump() == yaml.safe_load((ROOT / "params.yaml").read_text())["train"] | {"matryoshka": ()}


def test_a_schedule_of_alpha_runs_in_straight_lines(tmp_path: Path) -> None:
    path = changed(tmp_path, "objective.hybrid.alpha", [[0, 1], [0.5, 0.5], [1, 0.75]])
    hybrid = load_settings(path).objective("hybrid")
    assert [hybrid.alpha_at(share) for share in (0, 0.25, 0.5, 0.75, 1)] == [1, 0.75, 0.5, 0.625, 0.75]
    assert hybrid.describe() == "a batch is monolingual with probability 1 to 0.5 to 0.75, otherwise cross-lingual"
    assert load_settings(ROOT / "params.yaml").objective("hybrid").alpha_at(0.3) == 0.5


def test_a_teacher_is_one_of_the_presets_that_teach(tmp_path: Path) -> None:
    path = changed(tmp_path, "objective.hybrid.teacher", "large")
    raw = yaml.safe_load(path.read_text())
    raw["model"]["teachers"] = ["large"]
    path.write_text(yaml.safe_dump(raw))
    assert load_settings(path).objective("hybrid").teacher == "large"
    raw["objectives"] = ["contrastive"]  # then nobody asks for the teacher of another
    raw["model"]["teachers"] = []
    path.write_text(yaml.safe_dump(raw))
    assert load_settings(path).objective("hybrid").teacher == "large"
