"""A project of one's own: its settings load, its stages are babelmix's own, nothing is overwritten, it can be run."""

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from babelmix.api import audit
from babelmix.benchmarks.folder import read_folder
from babelmix.cli import app
from babelmix.common.errors import UserError
from babelmix.corpus.registry import source_of
from babelmix.settings.params import load_settings
from babelmix.stages import starting
from babelmix.stages.starting import DEFAULT, TEMPLATES, VALID, own_pipeline, project_files, start_project

ROOT = Path(__file__).parents[2]
PIPELINE = ROOT / "dvc.yaml"


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without Git and DVC: the files alone."""
    monkeypatch.setattr(starting.shutil, "which", lambda name, path=None: None)


@pytest.mark.usefixtures("alone")
def test_the_project_is_whole_and_its_settings_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "mine"
    assert start_project(folder, []) == f"wrote {len(project_files(DEFAULT))} files to {folder}"
    assert {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()} == {
        *("README.md", "params.yaml", "dvc.yaml", ".gitignore", ".dvcignore", "data/own/pairs.jsonl"),
        *(f"data/own/my-benchmark/{name}.jsonl" for name in ("queries", "passages", "qrels")),
        *(f"data/{name}/README.md" for name in ("lexicons", "negatives", "teacher")),
    }
    monkeypatch.chdir(folder)
    settings = load_settings()
    benchmark, about = read_folder(Path("data/own/my-benchmark"), name="my-benchmark", split=None)
    assert benchmark.languages == tuple(sorted(DEFAULT)) and not any(about.left_out.values())
    pairs, counts = source_of("my-pairs", settings.source).build(Path("data/raw"), settings.pairs)
    assert len(pairs) == len(Path("data/own/pairs.jsonl").read_text(encoding="utf-8").splitlines())
    assert counts["en"]["kept_train"] >= 2 * settings.train.batch_size and counts["en"]["kept_dev"] >= 4
    found = audit(pairs, settings.objective("contrastive"), steps=20, batch_size=settings.train.batch_size)
    assert found.false_negatives == 0
    page = (ROOT / "docs/own-project.md").read_text(encoding="utf-8")
    assert f"{len(pairs)} questions with answers" in page and f"{len(starting.EXAMPLES)} questions in each" in page


def test_the_stages_are_those_of_babelmix(tmp_path: Path) -> None:
    theirs, text = yaml.safe_load(PIPELINE.read_text(encoding="utf-8")), PIPELINE.read_text(encoding="utf-8")
    assert (TEMPLATES / "pipeline.yaml").read_text(encoding="utf-8") == text
    ours = yaml.safe_load(own_pipeline(text))
    assert ours["stages"].keys() == theirs["stages"].keys() - {"answer"}
    for name, stage in ours["stages"].items():
        other = theirs["stages"][name]
        assert stage["cmd"] == other["cmd"].removeprefix("PYTHONPATH=src "), name
        assert stage.get("deps", []) == [dep for dep in other["deps"] if not dep.startswith("src/")], name
        assert {key: stage[key] for key in stage if key not in ("cmd", "deps")} == {
            key: other[key] for key in other if key not in ("cmd", "deps")
        }, name
    assert ours["artifacts"] == theirs["artifacts"]
    assert [plot for plot in theirs["plots"] if "metrics/scores.csv" not in plot] == ours["plots"]
    assert "src/" not in own_pipeline(text) and "PYTHONPATH" not in own_pipeline(text)


def test_its_settings_are_those_of_babelmix_but_for_the_small_ones() -> None:
    ours = yaml.safe_load(project_files(DEFAULT)["params.yaml"])
    theirs = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    assert ours.keys() == theirs.keys() - {"study"}
    small = {"train": {"steps", "batch_size", "eval_steps"}, "pairs": {"languages", "dev_share"}}
    for section in ("train", "pairs", "embed", "evaluate", "probe"):
        assert {name for name, value in ours[section].items() if value != theirs[section][name]} == small.get(
            section, set()
        ), section
        assert ours[section].keys() == theirs[section].keys()
    for name, route in ours["translate"]["routes"].items():
        assert route == theirs["translate"]["routes"][name]
    assert ours["translate"]["filter"] == theirs["translate"]["filter"]
    sizes = {"tiny": "layers-2", "small": "small", "base": "base", "large": "large"}
    assert ours["model"]["presets"] == {name: theirs["model"]["presets"][other] for name, other in sizes.items()}
    text = project_files(DEFAULT)["params.yaml"]
    for name in ("steps", "batch_size", "eval_steps", "dev_share"):
        told = re.search(rf"^  {name}: \S+ +# small; (\S+)$", text, re.MULTILINE)
        assert told and yaml.safe_load(told[1]) == (theirs["train"] | theirs["pairs"])[name]


def test_its_readme_is_true() -> None:
    text = project_files(DEFAULT)["README.md"]
    program: Any = typer.main.get_command(app)
    lines = re.findall(r"`(babelmix [^`\n]+)`", text) + re.findall(r"^(babelmix .*)$", text, re.MULTILINE)
    assert len(lines) >= 3
    for words in (shlex.split(line, comments=True) for line in lines):
        command = program.commands[words[1]]
        command.make_context(words[1], words[2:], resilient_parsing=len(words) == 2).close()
    for name in re.findall(r"`((?:data/own|params|dvc)[\w./-]*\.\w+)`", text):
        assert name in project_files(DEFAULT), name
    ignored = project_files(DEFAULT)[".gitignore"]
    made = set(re.findall(r"\"?(?:outs|metrics): \[([^]]+)\]", own_pipeline(PIPELINE.read_text(encoding="utf-8"))))
    for path in (path.strip('" ') for line in made for path in line.split(",")):
        assert any(f"/{path}/".startswith(rule.rstrip("*")) for rule in ignored.splitlines() if rule[:1] == "/"), path


def test_git_ignores_in_a_project_what_it_ignores_in_a_clone() -> None:
    here, there = (ROOT / ".gitignore").read_text(encoding="utf-8"), project_files(DEFAULT)[".gitignore"]
    kept, theirs = (
        {rule for rule in text.splitlines() if rule.lstrip("!").startswith(("/data/", "/metrics/", "/models/"))}
        for text in (here, there)
    )
    assert kept == theirs


@pytest.mark.usefixtures("alone")
def test_nothing_is_overwritten_and_a_kill_is_mended(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    start_project(folder, [])
    (folder / "params.yaml").rename(folder / ".params.yaml.babelmix-abc.tmp")  # as a kill in the middle leaves it
    assert start_project(folder, []).startswith("wrote 1 files")
    assert not list(folder.glob(".params*"))
    before = (folder / "params.yaml").read_text(encoding="utf-8")
    (folder / "params.yaml").write_text(f"{before}\n# mine", encoding="utf-8")
    with pytest.raises(UserError, match=r"mine: the folder holds 'params.yaml'; choose a new or an empty folder"):
        start_project(folder, [])
    assert (folder / "params.yaml").read_text(encoding="utf-8").endswith("# mine")
    other = tmp_path / "other"
    (other / "data").mkdir(parents=True)
    (other / "data/thesis.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(UserError, match=r"the folder holds 'data/thesis\.txt'"):
        start_project(other, [])
    assert [file for file in other.rglob("*") if file.is_file()] == [other / "data/thesis.txt"]
    with pytest.raises(UserError, match="a file, but must be a folder"):
        start_project(other / "data/thesis.txt", [])
    linked = tmp_path / "linked"
    linked.mkdir()
    (linked / "data").symlink_to(other / "data")
    with pytest.raises(UserError, match="the folder holds 'data'"):
        start_project(linked, [])


@pytest.mark.usefixtures("alone")
def test_languages_of_the_example(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    start_project(tmp_path / "mine", ["fr", "es", "fr"])
    said = capsys.readouterr().err
    assert "git is not here" in said and "dvc is not here: pip install 'babelmix[all]'" in said
    rows = (tmp_path / "mine/data/own/my-benchmark/queries.jsonl").read_text(encoding="utf-8").splitlines()
    assert {json.loads(row)["lang"] for row in rows} == {"fr", "es"} and len(rows) == 2 * len(starting.EXAMPLES)
    with pytest.raises(UserError, match=r"unknown language of the examples 'xx'; valid: de, en, es, fr, pt"):
        start_project(tmp_path / "new", ["xx"])
    assert not (tmp_path / "new").exists()
    assert all(sorted(texts) == VALID for texts in starting.EXAMPLES.values())


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("git") is None, reason="git is not here")
@pytest.mark.parametrize("inside", [False, True], ids=["alone", "in-a-repository"])
def test_git_and_dvc_begin(tmp_path: Path, inside: bool, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("dvc")
    if inside:
        subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    folder = tmp_path / "mine"
    start_project(folder, [])
    assert "failed" not in capsys.readouterr().err
    assert (folder / ".git").exists() is not inside
    config = (folder / ".dvc/config").read_text(encoding="utf-8")
    assert "analytics = false" in config and "check_update = false" in config and "hardlink" in config
    stages = subprocess.run(
        ["dvc", "stage", "list", "--name-only"], cwd=folder, capture_output=True, text=True, check=True
    )
    assert {"fetch@my-pairs", "translate@my-pairs-pt", "train@hybrid", "track"} <= set(stages.stdout.split())
    (folder / ".dvc/config").write_text("", encoding="utf-8")  # as a kill after `dvc init` leaves it
    assert start_project(folder, []) == f"wrote 0 files to {folder}"
    assert (folder / ".dvc/config").read_text(encoding="utf-8") == config
