"""What leaves DVC's cache and what stays: the rules, a small real DVC project, and a whole study of five runs there."""

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from small_project import make_project

from babelmix.settings.params import load_settings
from babelmix.stages.study import run_study
from babelmix.stages.study_experiments import find_experiment
from babelmix.stages.study_weights import (
    cache_folder,
    drop_weights,
    is_due,
    note_before,
    note_made,
    objects,
    weights_of,
)
from babelmix.study.record import read_records
from babelmix.study.runs import Run, planned
from babelmix.study.settings import Study
from babelmix.workspace import HERE, NATIVE_DEV

STUDY = {
    "sizes": ["small"],
    "objectives": ["hybrid"],
    "seeds": [13],
    "benchmarks": ["gnome-help", NATIVE_DEV],
    "rate_factors": [1, 2],
}
COPY = "mkdir -p metrics/evaluation metrics/debiasing && cp -r $DVC_ROOT/made/metrics/evaluation"
DVC_YAML = {
    "encoder": {
        "cmd": "mkdir -p models/untrained metrics && echo tokens > models/untrained/tokenizer"
        " && cp $DVC_ROOT/made/metrics/encoder.json metrics/",
        "deps": ["origin"],
        "params": ["model.size"],
        "outs": ["models/untrained", "metrics/encoder.json"],
    },
    "train": {
        "matrix": {"objective": "${objectives}"},
        "cmd": "mkdir -p metrics/history && cp -r models/untrained models/${item.objective} && "
        "echo weights ${seed} ${train.learning_rate} > models/${item.objective}/weights && "
        "cp $DVC_ROOT/made/metrics/history/${item.objective}.csv metrics/history/",
        "deps": ["models/untrained"],
        "params": ["seed", "train.learning_rate", "train.steps"],
        "outs": ["models/${item.objective}", "metrics/history/${item.objective}.csv"],
    },
    "evaluate": {
        "matrix": {"system": "${objectives}"},
        "cmd": f"{COPY}/${{item.system}} metrics/evaluation/ && echo '{{}}' > metrics/debiasing/${{item.system}}.json"
        " && mkdir -p data/embeddings/${item.system}"
        " && cat models/${item.system}/weights params.yaml > data/embeddings/${item.system}/vectors",
        "deps": ["models/${item.system}"],
        "params": ["benchmarks"],
        "outs": [
            "metrics/evaluation/${item.system}",
            "metrics/debiasing/${item.system}.json",
            "data/embeddings/${item.system}",
        ],
    },
    "evaluate-untrained": {
        "matrix": {"system": ["untrained"]},
        "cmd": f"{COPY}/untrained metrics/evaluation/ && echo '{{}}' > metrics/debiasing/untrained.json",
        "deps": ["models/untrained"],
        "outs": ["metrics/evaluation/untrained", "metrics/debiasing/untrained.json"],
    },
    "evaluate-bm25": {
        "cmd": f"{COPY}/bm25 metrics/evaluation/",
        "deps": ["models/untrained"],
        "outs": ["metrics/evaluation/bm25"],
    },
    "scores": {
        "cmd": "cat metrics/evaluation/*/*.json > metrics/scores.csv",
        "deps": ["metrics/evaluation"],
        "outs": ["metrics/scores.csv"],
    },
}


def run(*command: str) -> str:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert not done.returncode, done.stdout + done.stderr
    return done.stdout


def read(cache: Path, name: str) -> str:
    return (cache / name[:2] / name[2:]).read_text(encoding="utf-8", errors="replace")


def contents(cache: Path) -> set[str]:
    """The first words of all objects, which say what they are."""
    return {" ".join(read(cache, name).split()[:3]) for name in objects(cache)}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A DVC project whose stages copy made-up scores; its own run has the weights of the preset's learning rate."""
    make_project(
        tmp_path / "made", size="small", objectives=("hybrid",), questions=8, benchmarks=("gnome-help", NATIVE_DEV)
    )
    raw = yaml.safe_load((tmp_path / "made/params.yaml").read_text())
    raw["train"]["learning_rate"], raw["train"]["steps"], raw["study"] = 0.001, 240, STUDY
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "a")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "a@example.org")
    Path("params.yaml").write_text(yaml.safe_dump(raw))
    Path("dvc.yaml").write_text(yaml.safe_dump({"stages": DVC_YAML}, sort_keys=False))
    Path("origin").write_text("a")
    Path(".gitignore").write_text("/made\n/.babelmix\n/elsewhere\n")
    run("git", "init", "--quiet")
    run("dvc", "init", "--quiet")
    run("dvc", "config", "core.analytics", "false")
    run("dvc", "config", "cache.dir", str(tmp_path / "elsewhere"))
    run("dvc", "repro", "--quiet", "evaluate")
    run("git", "add", "--all")
    run("git", "commit", "--quiet", "--message", "a")
    return tmp_path


@pytest.mark.pipeline
@pytest.mark.slow
def test_a_whole_study_leaves_its_records_and_no_weights(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cache = cache_folder(Path())
    assert cache.is_relative_to(project / "elsewhere")
    before = objects(cache)
    assert contents(cache) >= {"weights 13 0.001", "tokens"}
    line = run_study(load_settings(), (), HERE.study, keep_weights=False)
    assert line.startswith("study: 5 runs finished, 0 failed, 0 left, dropped 0.0 GB of their weights and vectors ")
    assert before <= objects(cache)
    trained = {one for one in contents(cache) if one.startswith("weights")}
    assert trained == {"weights 13 0.001"}  # that of the workspace: no learning rate of the sweep
    records = read_records(HERE.study)
    assert sorted(records) == sorted(["bm25", "small-untrained", "small-rate-x1", "small-rate-x2", "small-hybrid-s13"])
    main = records["small-hybrid-s13"]
    assert main.run.rate_factor == 1 and main.facts.learning_rate == 2.5e-4 and main.facts.revision == head()
    assert set(main.facts.seconds) == {"train@hybrid", "evaluate@hybrid", "scores"}
    # The sweep had trained it: DVC took the weights.
    assert main.facts.seconds["train@hybrid"] == records["small-rate-x1"].facts.seconds["train@hybrid"]
    assert set(records["small-rate-x1"].facts.seconds) == {"train@hybrid", "evaluate@hybrid"}
    assert main.values("hybrid", "gnome-help", "multilingual").mean() == pytest.approx(
        main.score("hybrid", "gnome-help", "multilingual"), abs=1e-4
    )
    assert not list(Path(".babelmix/study").glob("*.json")) and run("git", "status", "--short") == "?? metrics/study/\n"
    shutil.rmtree("metrics/study")
    capsys.readouterr()
    assert run_study(load_settings(), ("bm25",), HERE.study, keep_weights=False).startswith("study: 1 runs finished")
    run("dvc", "exp", "remove", "study-small-hybrid-s13")
    name = "small-rate-x2"
    assert run_study(load_settings(), (name,), HERE.study, keep_weights=True).startswith("study: 1 runs finished")
    assert read_records(HERE.study)[name].facts.seconds == {}  # collected: its experiment is there


def head() -> str:
    return run("git", "rev-parse", "HEAD").strip()


@pytest.mark.slow
def test_dvc_runs_a_stage_again_whose_weights_are_gone(project: Path) -> None:
    """DVC's run cache has the stage; without its objects it must not restore half of it."""
    cache, state = cache_folder(Path()), Path(".babelmix/study")
    state.mkdir(parents=True)
    kept = objects(cache)
    one = Run("small-hybrid-s14", "main", "small", ("hybrid",), 14, ("gnome-help",), 1.0)
    note_before(state, one.name, kept)
    note_before(state, one.name, frozenset())  # a run that begins again
    command = ("dvc", "exp", "run", "--temp", "-n", "a", "-S", "seed=14", "evaluate@hybrid")
    run(*command)
    opened = find_experiment(Path(), "a", head())
    assert opened is not None and find_experiment(Path(), "b", head()) is None
    assert opened.settings.seed == 14
    note_made(state, one, opened, cache)
    assert "weights 14 0.001" in contents(cache)
    assert drop_weights(state, cache, kept, lambda name, path: path == "data/embeddings/hybrid") > 1000
    assert "weights 14 0.001" in contents(cache)
    assert drop_weights(state, cache, kept, lambda name, path: name == one.name) == len("weights 14 0.001\n")
    assert kept <= objects(cache) and "weights 14 0.001" not in contents(cache)
    assert not list(state.iterdir())
    run("dvc", "exp", "remove", "a")
    assert "Running stage 'train@hybrid'" in run(*command) and "weights 14 0.001" in contents(cache)


def test_what_is_there_before_or_in_the_workspace_stays(tmp_path: Path) -> None:
    cache, state = tmp_path / "cache", tmp_path / "state"
    names = [f"{number:032x}" for number in range(4)]
    for name in names:
        (cache / name[:2]).mkdir(parents=True, exist_ok=True)
        (cache / name[:2] / name[2:]).write_text(name)
    (cache / "runs").mkdir()
    assert objects(cache) == set(names)
    note_before(state, "a", frozenset())
    (state / "a.made.json").write_text(f'{{"models/hybrid": ["{names[0]}", "{names[1]}", "../../x", "{7:032x}"]}}')
    assert drop_weights(state, cache, frozenset((names[1],)), lambda *_: False) == 0
    assert drop_weights(state, cache, frozenset((names[1],)), lambda *_: True) == 32
    assert objects(cache) == set(names[1:])
    assert [file.name for file in state.iterdir()] == ["a.before.json"]


def test_weights_of_a_sweep_wait_for_its_choice_and_its_heir() -> None:
    study = Study.model_validate(
        STUDY | {"sizes": ["small", "base"], "objectives": ["hybrid", "contrastive"], "seeds": [13, 14]}
    )
    runs = {one.name: one for one in planned(study, {})}
    sweep = frozenset(("small-rate-x1", "small-rate-x2"))
    rates = {("small", "hybrid"): 2.0, ("small", "contrastive"): 1.0}

    def due(name: str, path: str, *done: str, chosen: dict[tuple[str, str], float] = rates) -> bool:
        return is_due(name, path, runs, sweep | {*done}, chosen)

    assert due("small-rate-x1", "data/embeddings/hybrid", chosen={})
    assert not due("small-rate-x1", "models/hybrid", chosen={})
    assert due("small-rate-x1", "models/hybrid") and not due("small-rate-x1", "models/contrastive")
    assert not due("small-rate-x2", "models/hybrid", "small-hybrid-s14", "base-hybrid-s13")
    assert due("small-rate-x2", "models/hybrid", "small-hybrid-s13")
    assert not due("small-hybrid-s13", "models/hybrid") and due("small-hybrid-s13", "models/hybrid", "small-hybrid-s13")
    assert not due("of-yesterday", "models/hybrid", "of-yesterday")


def test_the_start_of_an_arm_waits_for_its_last_objective() -> None:
    arm = {"objectives": ["contrastive", "hybrid"], "seeds": {"small": [13, 14]}, "change": ["pretrain.objective=msm"]}
    study = Study.model_validate(STUDY | {"objectives": ["contrastive", "hybrid"], "arms": {"msm": arm}})
    runs = {one.name: one for one in planned(study, {})}

    def due(*done: str) -> bool:
        return is_due("small-hybrid-s13-msm", "models/start", runs, frozenset(done), {})

    assert not due("small-hybrid-s13-msm", "small-contrastive-s14-msm", "small-contrastive-s13")
    assert due("small-hybrid-s13-msm", "small-contrastive-s13-msm")
    assert "models/start" in weights_of(runs["small-hybrid-s13-msm"])
    assert "models/start" not in weights_of(runs["small-hybrid-s13"])


def test_a_run_has_the_weights_that_it_trained() -> None:
    main = Run("a", "main", "small", ("hybrid",), 13, (), 1.0, averages=("hybrid-start",))
    assert weights_of(main) == [
        "models/hybrid", "models/hybrid-start", "data/embeddings/hybrid", "data/embeddings/hybrid-start",
    ]  # fmt: skip
    assert weights_of(Run("a", "untrained", "small", ("hybrid",), 13, (), 1.0)) == []
    assert weights_of(Run("bm25", "bm25", "small", ("hybrid",), 13, (), 1.0)) == []
