"""params.yaml: a typo names the file, the field and the valid choices."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from babelmix.common.errors import UserError
from babelmix.common.yaml_core import parse_yaml
from babelmix.corpus.settings import Table
from babelmix.settings.checks import check_study_names
from babelmix.settings.params import Settings, load_settings, parse_settings

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
    assert packaged == {"small": 3, "base": 6, "large": 12, "layers-2": 2, "layers-4": 4, "layers-9": 9}
    assert all(preset.folder is None for preset in presets.values())
    assert {"xlmr-base", "labse", "e5-small", "mmbert-base", "eurobert-210m"} < presets.keys() - packaged.keys()
    assert settings.learning_rate() == settings.preset().learning_rate
    alphas = {name: objective.alpha for name, objective in settings.objective_presets.items()}
    assert alphas.items() >= {
        "contrastive": 1.0, "hybrid": 0.5, "crosslingual": 0.0, "english": 1.0, "mixed": 0.0,
        "hybrid-human": 0.5, "hybrid-machine": 0.5, "scheduled": ((0, 0), (1, 1)),
    }.items()  # fmt: skip
    assert settings.objective("mixed").other == "X-X" and settings.objective("distilled").teacher == "large"


ARM: dict[str, Any] = {"objectives": ["hybrid"], "seeds": {"base": [13]}}


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        (
            "study.arms",
            {"msm": ARM | {"objectives": ["hybird"], "rate_of": "hybrid"}},
            r"study.arms.msm.objectives: unknown objective 'hybird'; did you mean 'hybrid'\?",
        ),
        ("study.sizes", ["larg"], r"study.sizes: unknown size 'larg'; did you mean 'large'\?"),
        ("study.objectives", ["hybird"], r"study.objectives: unknown objective 'hybird'; did you mean 'hybrid'\?"),
        ("study.averages.names", ["start"], "study.averages.names: unknown average 'start'; valid: contrastive-cross"),
        (
            "study.averages.names",
            ["contrastive-crosslingual"],
            "study.averages.names: 'contrastive-crosslingual' needs 'crosslingual', which a run of contrastive does "
            "not train; take an average of contrastive and untrained$",
        ),
        (
            "study.objectives",
            ["contrastive"],
            "study.averages.names: 'crosslingual-start' does not begin with an objective of the study; call it after "
            "its objective, such as contrastive-crosslingual-start$",
        ),
    ],
)
def test_names_of_the_study_are_checked_where_it_is_run(tmp_path: Path, field: str, value: Any, told: str) -> None:
    """Not before: whoever replaces all objectives for a run of his own has no study in mind."""
    raw = yaml.safe_load(changed(tmp_path, field, value).read_text())
    if field in ("study.sizes", "study.objectives"):
        del raw["study"]["arms"]
    if field == "study.sizes":
        del raw["study"]["steps"], raw["study"]["averages"]
    settings = parse_settings(yaml.safe_dump(raw), "params.yaml")
    assert settings.study
    with pytest.raises(UserError, match=f"^params.yaml, {told}"):
        check_study_names(settings, settings.study, "params.yaml")


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        (
            "model.size",
            "larg",
            r"model.size: unknown size 'larg'; did you mean 'large'\? valid: base, .*large, .*small",
        ),
        ("objectives", ["hybird"], "objectives: unknown objective 'hybird'; did you mean 'hybrid'"),
        ("objectives", ["hybrid", "hybrid"], "objective 'hybrid' comes twice"),
        ("objectives", [], "objectives: empty"),
        ("benchmarks", ["xquad"], "benchmarks: unknown benchmark 'xquad'; did you mean 'xquad-r'"),
        ("benchmarks", ["faq"], "benchmarks: unknown benchmark 'faq'; valid: .*; or put its files into .*data/own/faq"),
        ("benchmarks", ["data/own/faq"], "benchmarks: 'data/own/faq' is a path; write its name, faq"),
        ("benchmarks", ["dev"], "benchmarks: 'dev' is taken"),
        ("benchmarks", ["tatoeba"], "benchmarks: 'tatoeba' is taken"),
        ("probes", ["tatoba"], r"probes: unknown lexicon 'tatoba'; did you mean 'tatoeba'\?"),
        ("probes", ["xling", "xling"], "probes: lexicon 'xling' comes twice; name it once"),
        ("source", {"xling": {"path": "data/own/x.jsonl", "language": "en"}}, "source: 'xling' is taken"),
        ("benchmarks", ["libreoffice-help"], "benchmarks: 'libreoffice-help' is taken"),
        ("benchmarks", ["-faq"], "benchmarks: '-faq' is not a valid name"),
        ("benchmark.splits", {"xquad-r": "dev"}, "benchmark.splits: xquad-r has only one split"),
        ("benchmark.splits", {"faq": "../dev"}, "benchmark.splits.faq: '../dev' is not a valid name"),
        ("benchmark.splits", {"arguana": "dev"}, "benchmark.splits: arguana has only one split; take arguana out"),
        ("benchmark.translated", ["faq"], "benchmark.translated: unknown benchmark 'faq'; .*data/own/faq"),
        ("benchmark.translated", ["../faq"], "benchmark.translated: '../faq' is not a valid name"),
        ("benchmark.translated", ["xquad-r"], "benchmark.translated: xquad-r is not a benchmark of your own; take"),
        ("source", {"nq": {"hub": "a/b", "language": "en"}}, "source: 'nq' is taken"),
        ("objective.bm25", {"alpha": 1}, "objective: 'bm25' is taken"),
        ("objective.a/b", {"alpha": 1}, "objective: 'a/b' is not a valid name"),
        ("model.presets.\n", {"layers": 1, "learning_rate": 0.1}, r"model.presets: '\\n' is not a valid name"),
        ("study.sized", ["base"], "study.sized: unknown setting 'sized'; did you mean 'sizes'"),
        ("study.steps.seed", [13], "study.steps.seed: unknown setting 'seed'; did you mean 'seeds'"),
        ("study.objectives", ["hybrid", "hybrid"], "study.objectives: objective 'hybrid' comes twice; name it once"),
        ("study.seeds", [13, 13], "study.seeds: seed 13 comes twice; name it once"),
        ("study.benchmarks", ["xquad-r"], "study.benchmarks: native-dev is missing; add native-dev: learning rates"),
        ("study.benchmarks", ["native-dev", "faq"], "study.benchmarks: unknown benchmark 'faq'; .*data/own/faq"),
        ("study.rate_factors", [1, 0], "study.rate_factors: 0 is not above 0; write a factor such as 0.5 or 2"),
        ("study.rate_factors", [1, 1.0], "study.rate_factors: factor 1 comes twice"),
        ("study.forms", ["centre"], r"study.forms: unknown debiasing 'centre'; did you mean '\+centre'"),
        ("study.steps.size", "xlmr-l6", "study.steps.size: unknown size 'xlmr-l6'; valid: base, large, layers-2"),
        ("study.steps.factors", [-1], "study.steps.factors: -1 is not above 0"),
        ("study.averages.seeds", [20], "study.averages.seeds: unknown seed '20'; valid: 13, 14, 15, 16, 17"),
        ("study.arms", {"x2": ARM}, "study.arms.x2: 'x2' is a number of steps; call it something else, such as twice"),
        ("study.arms", {"a/b": ARM}, "study.arms: 'a/b' is not a valid name"),
        ("study.arms", {"msm": ARM | {"seeds": {"base": [13, 13]}}}, "study.arms.msm.seeds.base: seed 13 comes twice"),
        (
            "study.arms",
            {"msm": ARM | {"seeds": {"larg": [13]}}},
            "study.arms.msm.seeds: unknown size 'larg'; did you mean",
        ),
        (
            "study.arms",
            {"twice": {"objectives": ["hybrid"], "seeds": {"base": [13, 15]}, "steps": 2}},
            "study.arms.twice.seeds.base: base, hybrid, seed 13 with 2 times the steps is of study.steps too; name the",
        ),
        ("study.arms", {"msm": ARM | {"change": ["msm"]}}, "study.arms.msm.change: 'msm' changes nothing; write NAME="),
        ("study.arms", {"msm": ARM | {"objectives": ["within"]}}, "study.arms.msm.rate_of: unknown objective 'within'"),
        ("probe.systems", ["hybird"], r"probe.systems: unknown encoder 'hybird'; did you mean 'hybrid'\?"),
        ("averages", ["hybrid-strat"], "averages: unknown average 'hybrid-strat'; did you mean 'hybrid-start'"),
        ("averages", ["hybrid-start", "hybrid-start"], "averages: average 'hybrid-start' comes twice"),
        (
            "averages",
            ["crosslingual-start"],
            r"average.crosslingual-start: 'crosslingual' is not among objectives; "
            r"add it: -S 'objectives=\[contrastive,hybrid,crosslingual\]'",
        ),
        ("average.hybrid-start", ["hybrid", "hybrid"], "average.hybrid-start: encoder 'hybrid' comes twice"),
        ("average.hybrid-start", ["hybrid"], "average.hybrid-start: not a list of two encoders; it says"),
        ("average.hybrid-start", "hybrid", "average.hybrid-start: not a list of two encoders; it says 'hybrid'"),
        ("average.hybrid-start", [1, "hybrid"], "average.hybrid-start: .*not a text"),
        ("average.hybrid", ["hybrid", "untrained"], "average: 'hybrid' is taken"),
        ("average.untrained", ["hybrid", "untrained"], "average: 'untrained' is taken"),
        ("average.a/b", ["hybrid", "untrained"], "average: 'a/b' is not a valid name"),
        ("recipe", [1], "recipe: not a text"),
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
        ("recipes.default", {"stpes": 3}, "train.stpes: unknown setting 'stpes'; did you mean 'steps'"),
        ("recipes.default", {"steps": -1}, "train.steps: below 1; it says -1"),
        ("recipes.default", [3], "recipes.default: not a mapping"),
        ("objective.hybrid.alpha", 1.5, "objective.hybrid: .*alpha is a probability"),
        ("objective.hybrid.alpha", [[0, 1], [1, -0.1]], "objective.hybrid: .*alpha is a probability"),
        ("objective.hybrid.alpha", [[0, 1], [0.9, 0]], "objective.hybrid: .*a schedule of alpha is a list"),
        ("objective.hybrid.alpha", [[0.1, 1], [1, 0]], "objective.hybrid: .*a schedule of alpha is a list"),
        ("objective.hybrid.alpha", [[0, 1], [0.5, 0], [0.5, 1], [1, 0]], "shares rising from 0 to 1"),
        ("objective.hybrid.alpha", [[0, 1]], "objective.hybrid: .*a schedule of alpha is a list"),
        ("objective.hybrid.alpha", [], "objective.hybrid: .*a schedule of alpha is a list"),
        ("objective.hybrid.alpha", "half", "objective.hybrid.alpha: not a number and not a list"),
        ("objective.hybrid.weights", "big", "objective.hybrid.weights: not 'uniform' or 'size' and not a number"),
        ("objective.hybrid.weights", "nan", "objective.hybrid.weights: .*not a finite number"),
        ("objective.hybrid.weights", 0, "objective.hybrid: .*the temperature of `weights` is above 0"),
        ("objective.hybrid.batch_languages", 1, "objective.hybrid.batch_languages"),
        ("objective.hybrid.other", "X-Z", "objective.hybrid.other: not 'X-Y' or 'X-X'; it says 'X-Z'"),
        ("objective.hybrid.teacher_weight", 0, "objective.hybrid.teacher_weight"),
        ("objective.hybrid.per", "unit", "objective.hybrid.per: not 'batch' or 'row'; it says 'unit'"),
        (
            "objective.mixed.per",
            "row",
            "objective.mixed: .*`per: row` mixes X-X rows with X-Y rows: leave `other:` out",
        ),
        ("objective.two-languages.per", "row", "`per: row` has no cross-lingual batches: leave `batch_languages:` out"),
        ("objective.hybrid.steps", 0, "objective.hybrid.steps: not above 0.0; it says 0"),
        ("objective.hybrid.distil", "same", "objective.hybrid: .*`distil` needs a `teacher:`"),
        ("objective.hybrid.distil_first", 0.5, "objective.hybrid: .*`distil_first` needs a `teacher:`"),
        ("objective.distilled.distil_first", 1, "objective.distilled.distil_first: not below 1.0; it says 1"),
        ("objective.hybrid.contrast_weight", 0.5, "objective.hybrid: .*`contrast_weight` needs a `teacher:`"),
        ("objective.hybrid.kl_weight", -1, "objective.hybrid.kl_weight: below 0.0; it says -1"),
        ("objective.hybrid.average_from", 1, "objective.hybrid.average_from: not below 1.0; it says 1"),
        ("objective.hybrid.teacher", "large", r"objective.hybrid.teacher: 'large' is not among model.teachers; add it"),
        ("train.select_by", "best", "train.select_by: not 'last', 'dev_english', .* or 'dev_pooled'; it says 'best'"),
        ("train.eval_steps", 0, "train.eval_steps"),
        ("train.learning_rate", 1, "train.learning_rate"),
        ("train.steps", 0, "train.steps: below 1; it says 0"),
        ("train.temprature", 0.1, "train.temprature: unknown setting 'temprature'; did you mean 'temperature'"),
        ("train.bfloat16", "perhaps", "train.bfloat16: not true or false; it says 'perhaps'"),
    ],
)
def test_a_faulty_setting_is_told(field: str, value: Any, told: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=told):
        load_settings(changed(tmp_path, field, value))


def test_an_average_in_use_is_of_known_encoders_and_any_other_may_wait_for_its_objectives(tmp_path: Path) -> None:
    file = changed(tmp_path, "average.hybrid-start", ["hybird", "untrained"])
    assert load_settings(file).average["hybrid-start"].first == "hybird"
    file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text()) | {"averages": ["hybrid-start"]}))
    with pytest.raises(UserError, match=r"average.hybrid-start: unknown encoder 'hybird'; did you mean 'hybrid'"):
        load_settings(file)


def test_broken_yaml_and_no_file_are_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no parameter file; run the command in the project's folder"):
        load_settings(tmp_path / "params.yaml")
    (tmp_path / "params.yaml").write_text("seed: 1\n  threads: [\n")
    with pytest.raises(UserError, match="line 2: not valid YAML"):
        load_settings(tmp_path / "params.yaml")


def test_a_recipe_is_put_over_the_training_settings(tmp_path: Path) -> None:
    paper = load_settings(changed(tmp_path, "recipe", "paper"))
    assert paper.train.batch_size == 100 and paper.learning_rate() == 3e-5
    assert paper.train.select_by == "dev_english" and not paper.train.freeze_word_embeddings
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


def parsed(**changes: Any) -> Settings:
    """The project's settings with these sections changed, as their text is parsed."""
    raw = yaml.safe_load((ROOT / "params.yaml").read_text())
    for name, value in changes.items():
        raw[name] = raw[name] | value if isinstance(value, dict) else value
    return parse_settings(json.dumps(raw), "params.yaml")


def test_norwegian_is_a_language_and_yes_and_no_are_texts() -> None:
    """The words of the case `05-norwegian`."""
    text = (ROOT / "params.yaml").read_text()
    for old, new in (
        ("languages: all ", "languages: [en, no] "),
        ("source: {}", "source: {faq: {path: data/own/faq.jsonl, language: no, where: {right: yes, kept: true}}}"),
        ("bfloat16: true", "bfloat16: yes"),
    ):
        assert old in text
        text = text.replace(old, new, 1)
    settings = parse_settings(text, "params.yaml")
    assert settings.benchmark.languages == ("en", "no") and settings.source["faq"].language == "no"
    assert settings.source["faq"].where == {"right": "yes", "kept": True} and settings.train.bfloat16 is True


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("benchmark.languages=[en,no]", lambda settings: settings.benchmark.languages == ("en", "no")),
        ("benchmark.languages=['no','on']", "benchmark.languages: unknown language 'on'"),
        ("train.bfloat16=no", lambda settings: settings.train.bfloat16 is False),
        ("seed=0x10", "seed: not a whole number; it says '0x10'"),
        ("translate.languages=[]", lambda settings: settings.translate.languages == ()),
        ("+benchmark.splits.faq=dev", lambda settings: settings.benchmark.splits == {"faq": "dev"}),
        (
            "+source.faq={path: data/own/faq.jsonl, language: no, where: {right: yes, on: off}}",
            lambda settings: settings.source["faq"].where == {"right": "yes", "on": "off"},
        ),
        (
            "+translate.routes.no=en transformers:a/b no",
            lambda settings: settings.translate.hops("en", "no")[0].target == "no",
        ),
    ],
)
def test_words_survive_a_round_trip_through_dvc(change: str, told: Any, tmp_path: Path) -> None:
    """`dvc exp run -S` writes params.yaml anew, with YAML 1.2's rules, where `no` needs no quotes."""
    from dvc.utils.hydra import apply_overrides

    (tmp_path / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    before = load_settings(tmp_path / "params.yaml")
    apply_overrides(tmp_path / "params.yaml", ["seed=13"])
    assert load_settings(tmp_path / "params.yaml") == before
    for _ in range(2):  # the second -S reads what the first has written
        apply_overrides(tmp_path / "params.yaml", [change])
        if isinstance(told, str):
            with pytest.raises(UserError, match=told):
                load_settings(tmp_path / "params.yaml")
        else:
            assert told(load_settings(tmp_path / "params.yaml"))
        change = "seed=13" if "seed" not in change else change


@pytest.mark.parametrize(
    ("filled", "emptied"),
    [
        ("translate.languages=[pt,es]", "translate.languages=[]"),
        ("benchmark.query_languages=[pt]", "benchmark.query_languages=[]"),
        ("train.matryoshka=[64]", "train.matryoshka=[]"),
        ("model.teachers=[large]", "model.teachers=[]"),
        ("+benchmark.splits.nfcorpus=dev", "~benchmark.splits.nfcorpus"),
        ("+source.faq={path: data/own/faq.jsonl, language: no}", "~source.faq"),
        ("benchmark.languages=[en,no]", "benchmark.languages=all"),
    ],
)
def test_a_list_that_dvc_empties_leaves_a_file_that_is_read(filled: str, emptied: str, tmp_path: Path) -> None:
    """DVC moves a comment behind an emptied list so that the next line is lost: there is none in params.yaml."""
    from dvc.utils.hydra import apply_overrides

    (tmp_path / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    for change in (filled, emptied, "seed=14"):
        apply_overrides(tmp_path / "params.yaml", [change])
        load_settings(tmp_path / "params.yaml")


def test_dvc_reads_the_settings_as_we_do() -> None:
    from dvc.utils.serialize import parse_yaml as dvc_reads

    text = (ROOT / "params.yaml").read_text()
    assert dvc_reads(text, "params.yaml") == parse_yaml(text, "params.yaml")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "params.yaml: empty"),
        (b"- a", "params.yaml: not a mapping of settings"),
        (b"seed: 1\nseed: 2", "params.yaml, line 2, seed: duplicate key 'seed', first in line 1"),
        ("seed: 1".encode("utf-16"), "params.yaml, line 1: not UTF-8 text; save the file as UTF-8"),
        ("# größer\nlaunch: größer".encode("latin-1"), "params.yaml, line 1: not UTF-8 text"),
        (b"seed: 99999999999999999999", "params.yaml, line 1, seed: a number beyond 64 bits"),
        (b"train: {temperature: .inf}", "params.yaml, line 1, train.temperature: not a finite number"),
    ],
)
def test_a_file_that_holds_no_settings_is_told(content: bytes, told: str, tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_bytes(content)
    with pytest.raises(UserError) as caught:
        load_settings(tmp_path / "params.yaml")
    assert told in str(caught.value) and "\n" not in str(caught.value)
    whole = (ROOT / "params.yaml").read_bytes()
    (tmp_path / "params.yaml").write_bytes(b"\xef\xbb\xbf" + whole.replace(b"\n", b"\r\n"))
    assert load_settings(tmp_path / "params.yaml") == load_settings(ROOT / "params.yaml")


def test_a_folder_is_no_parameter_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        load_settings(tmp_path)


def test_a_german_source_needs_neither_english_nor_a_translation() -> None:
    german = {"mine": {"path": "data/own/x.jsonl", "language": "de"}}
    settings = parsed(source=german, sources=["mine"], pairs={"languages": ["de"]}, translate={"languages": []})
    assert settings.source_language("mine") == "de" and settings.translate.languages == ()
    settings = parsed(source=german, sources=["mine"], pairs={"languages": []})
    assert settings.route("mine", "pt") == () and settings.untranslated("mine", "pt") == "no route from de to pt"
    with pytest.raises(UserError, match=r"English is missing; add en: .* libreoffice-help are aligned to it"):
        parsed(source=german, sources=["mine", "libreoffice-help"], pairs={"languages": ["de"]})


def test_a_row_is_wanted_by_its_value_and_by_yaml_s_words_for_it() -> None:
    def wanted(value: Any, *found: Any) -> list[bool]:
        table = Table(path=Path("data/own/x.jsonl"), language="en", where={"x": value})
        return [table.wants("x", one) for one in found]

    assert wanted("yes", "yes", "no", True, False, 1, None) == [True, False, True, False, False, False]
    assert wanted("no", "no", False, True, 0, "") == [True, True, False, False, False]
    assert wanted(True, True, "true", 1, False, None) == [True, False, False, False, False]
    assert wanted(False, False, 0, None, "") == [True, False, False, False]
    assert wanted(1, 1, 1.0, True, "1") == [True, True, False, False]
    assert wanted("1", "1", 1, True) == [True, True, False]


def test_the_file_of_a_benchmark_of_the_users_own_is_looked_for_beside_the_settings(tmp_path: Path) -> None:
    path = changed(tmp_path, "benchmarks", ["gnome-help", "faq"])
    (tmp_path / "data/own").mkdir(parents=True)
    with pytest.raises(UserError, match="unknown benchmark 'faq'"):
        load_settings(path)
    (tmp_path / "data/own/faq.de.json").write_text("{}")
    assert load_settings(path).benchmarks == ("gnome-help", "faq")
    changed(tmp_path, "benchmarks", ["faqs"])
    with pytest.raises(UserError, match="unknown benchmark 'faqs'; did you mean 'faq'"):
        load_settings(path)


def test_files_under_the_name_of_a_known_benchmark_are_not_passed_over(tmp_path: Path) -> None:
    path = changed(tmp_path, "benchmarks", ["gnome-help", "scifact"])
    assert load_settings(path).benchmarks == ("gnome-help", "scifact")
    (tmp_path / "data/own/scifact").mkdir(parents=True)
    with pytest.raises(UserError) as caught:
        load_settings(path)
    assert str(caught.value) == (
        f"{tmp_path}/data/own/scifact: 'scifact' is a known benchmark, and has files of yours too; call yours "
        "something else, such as my-scifact"
    )


# What hypothesis makes of the project's own file: lines left out, repeated, moved, and bits of YAML between.
LINES = (ROOT / "params.yaml").read_text().splitlines(keepends=True)
BITS = st.sampled_from(
    [
        *(
            "no",
            "yes",
            "~",
            ".nan",
            ".inf",
            "1e999",
            "9" * 30,
            "0x1F",
            "2020-01-01",
            "&a",
            "*a",
            "<<: *a",
            "!!str",
            "!x",
        ),
        *("[", "]", "{", "}", ":", ": ", ",", "- ", "? ", "|", ">", '"', "'", "#", "%", "@", "`", "---", "...", "\t"),
        *('"\\ud800"', '"\\x00"', "\x00", "\x85", "\u2028", "\ufeff", "\ud800", "e\u0301", "seed", "train", "alpha"),
    ]
)


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """The project's own params.yaml, changed in a few places."""
    lines = list(LINES)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(lines) - 1))
        line = lines[at]
        place = draw(st.integers(0, len(line)))
        match draw(st.integers(0, 4)):
            case 0:
                del lines[at]
            case 1:
                lines.insert(at, lines[draw(st.integers(0, len(lines) - 1))])
            case 2:
                lines[at] = line[:place] + draw(BITS) + line[place:]
            case 3:
                lines[at] = line[:place] + draw(BITS) + "\n"
            case _:
                lines[at] = line.partition(":")[0] + ": " + draw(st.text(max_size=8) | BITS) + "\n"
    return "".join(lines)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8) | st.integers(), inner, max_size=4),
    max_leaves=20,
)


@st.composite
def replaced(draw: st.DrawFn) -> str:
    """The project's own settings as YAML, one or two of them anything."""
    raw = yaml.safe_load((ROOT / "params.yaml").read_text())
    for _ in range(draw(st.integers(1, 2))):
        inner = raw
        while True:
            key = draw(st.sampled_from(sorted(inner, key=str)))
            if not isinstance(inner[key], dict) or not inner[key] or draw(st.booleans()):
                break
            inner = inner[key]
        inner[key] = draw(VALUES)
    return yaml.dump(raw, allow_unicode=draw(st.booleans()))


@given(mutated() | replaced() | st.text() | st.lists(BITS, max_size=30).map(" ".join))
@settings(max_examples=150, deadline=None)
def test_any_text_is_settings_or_one_line(text: str) -> None:
    try:
        parse_settings(text, "params.yaml")
    except UserError as error:
        told = str(error)
        assert told.startswith("params.yaml") and told.isprintable() and len(told) < 5000, told
