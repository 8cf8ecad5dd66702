"""The driver of the study: order, what is skipped, failures, kills. A script stands in for dvc, records are made up."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from babelmix.common.errors import UserError
from babelmix.settings.params import load_settings, parse_settings
from babelmix.stages import study
from babelmix.stages.study import run_study
from babelmix.stages.study_experiments import check_settings
from babelmix.stages.study_run import StageClock, run_experiment
from babelmix.study.record import Facts, Scope, Scored, read_records, write_record
from babelmix.study.runs import Run
from babelmix.workspace import DEV, HERE, NATIVE_DEV

ROOT = Path(__file__).parents[2]
DVC = """#!/bin/sh
while [ "$1" != -n ]; do shift; done
echo "$2" >> journal
echo "run $@" > last
echo "Reproducing experiment '$2'"
echo "Stage 'pairs' didn't change, skipping"
echo "Running stage 'train@hybrid':"
case "$2" in
  study-$FAILS) echo "loss is nan" >&2; exit 3 ;;
  study-$HANGS)
    echo $$ > pid
    echo "babelmix: resuming after step 120, from here"
    for second in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do [ -e go ] || sleep 1; done ;;
esac
echo "Running stage 'evaluate@hybrid':"
echo "$2" >> experiments
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with params.yaml, a study of two sizes and two seeds, and a dvc that only says what it runs."""
    raw = yaml.safe_load((ROOT / "params.yaml").read_text())
    raw["study"] = {
        "sizes": ["small", "base"],
        "objectives": ["hybrid"],
        "seeds": [13, 14],
        "benchmarks": [NATIVE_DEV],
        "rate_factors": [1, 2],
    }
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(raw))
    binaries = tmp_path / "bin"
    binaries.mkdir()
    (binaries / "dvc").write_text(DVC)
    (binaries / "dvc").chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.setenv("PATH", f"{binaries}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(study, "head", lambda root: "0" * 40)
    monkeypatch.setattr(study, "find_experiment", find)
    monkeypatch.setattr(study, "check_settings", lambda *_: None)
    monkeypatch.setattr(study, "cache_folder", lambda root: Path("cache"))
    monkeypatch.setattr(study, "note_made", lambda *_: None)
    monkeypatch.setattr(study, "record_of", record)
    return tmp_path


def find(root: Path, name: str, revision: str) -> Any:
    made = root / "experiments"
    return SimpleNamespace(name=name) if made.exists() and name in made.read_text().split() else None


def record(opened: Any, run: Run, study: Any, measured: Any, revision: str, overrides: tuple[str, ...]) -> Any:
    return facts(run, seconds=dict(measured.seconds), peak_memory=measured.peak_memory, overrides=overrides), {}


def facts(run: Run, **changes: Any) -> Facts:
    """A record in which the larger learning rate wins."""
    score = 0.1 * (run.rate_factor or 1)
    scope = Scope(map=score, map_at_20=score, ndcg_at_10=score, recall_at_1=score, recall_at_10=score,
                  recall_at_100=score, queries=3)  # fmt: skip
    scored = Scored(main_score="map", scopes=dict.fromkeys(("multilingual",), scope), bias={})
    known: dict[str, Any] = {
        "settings": {}, "overrides": (), "revision": "0", "machine": "m", "device": "cpu", "layers": 3,
        "parameters": 2, "parameters_outside_embeddings": 1, "learning_rate": 1e-4, "steps": 240, "hashes": {},
        "seconds": {"train@hybrid": 60.0}, "peak_memory": 1, "losses": {}, "strengths": {}, "shares": {},
        "systems": {name: {DEV: scored, NATIVE_DEV: scored} for name in run.objectives},
    }  # fmt: skip
    return Facts(**known | changes)


def study_now(*names: str, into: Path = HERE.study, keep_weights: bool = False) -> str:
    return run_study(load_settings(), names, into, keep_weights=keep_weights)


def journal() -> list[str]:
    file = Path("journal")
    return [name.removeprefix("study-") for name in file.read_text().split()] if file.exists() else []


ORDER = ["small-rate-x1", "small-rate-x2", "base-rate-x1", "base-rate-x2", "bm25", "small-untrained", "base-untrained",
         "small-hybrid-s13", "base-hybrid-s13", "small-hybrid-s14", "base-hybrid-s14"]  # fmt: skip


def test_the_runs_come_in_order_and_the_next_call_has_nothing_to_do(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert study_now() == "study: 11 runs finished, 0 failed, 0 left"
    assert journal() == ORDER
    said = capsys.readouterr().err
    assert "babelmix: study: run 1 of 11, small learning rate x1 seed 13\n" in said
    assert "babelmix: study: run 11 of 11, base hybrid seed 14; 0.0 hours left\n" in said
    found = read_records(HERE.study)
    assert list(found) == sorted(ORDER)
    one = found["base-hybrid-s14"]
    assert "train.learning_rate=0.00025" in one.facts.overrides  # twice the preset's: dev chose it
    assert set(one.facts.seconds) == {"train@hybrid", "evaluate@hybrid"} and (one.facts.peak_memory or 0) > 100_000
    assert "-S seed=14" in Path("last").read_text() and Path("last").read_text().endswith(" scores\n")
    assert "Running stage 'train@hybrid':" in Path(".babelmix/study/base-hybrid-s14.log").read_text()
    assert study_now() == "study: 0 runs finished, 0 failed, 0 left"
    assert journal() == ORDER


def test_a_failed_run_is_said_and_the_others_go_on(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FAILS", "base-rate-x1")
    with pytest.raises(UserError) as error:
        study_now()
    assert str(error.value).startswith(
        "base-rate-x1: study: 8 runs finished, 1 failed, 2 left, 2 of them wait for learning rates, whose sweep is not "
        "finished (base); read "
    )
    said = capsys.readouterr().err
    assert "  loss is nan\n" in said
    assert ".babelmix/study/base-rate-x1.log: dvc ended with exit code 3; mend it, run `babelmix study` again" in said
    assert journal() == [name for name in ORDER if not name.startswith("base-hybrid")]
    monkeypatch.delenv("FAILS")
    assert study_now() == "study: 3 runs finished, 0 failed, 0 left"
    assert journal()[-3:] == ["base-rate-x1", "base-hybrid-s13", "base-hybrid-s14"]


def test_only_the_runs_named_in_their_order_and_elsewhere(project: Path) -> None:
    assert study_now("bm25", "small-rate-x2", "bm25", into=Path("gpu")).startswith("study: 2 runs finished")
    assert journal() == ["bm25", "small-rate-x2"]
    assert not HERE.study.exists() and len(read_records(Path("gpu"))) == 2
    with pytest.raises(UserError, match=r"^babelmix study: unknown run 'bm52'; did you mean 'bm25'\?"):
        study_now("bm52")
    assert study_now("small-hybrid-s13") == (
        "study: 0 runs finished, 0 failed, 1 left, 1 of them wait for learning rates, whose sweep is not finished "
        "(small)"
    )


def test_learning_rates_of_the_project_serve_records_elsewhere(project: Path) -> None:
    study_now("small-rate-x1", "small-rate-x2")
    study_now("small-hybrid-s13", into=Path("gpu"))
    assert list(read_records(Path("gpu"))) == ["small-hybrid-s13"]


def test_an_experiment_that_finished_without_its_record_is_collected(project: Path) -> None:
    Path("experiments").write_text("study-bm25\n")
    study_now("bm25")
    assert journal() == [] and read_records(HERE.study)["bm25"].facts.peak_memory is None


def test_records_of_runs_that_are_not_planned_stay(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = Run("old-hybrid-s1", "main", "small", ("hybrid",), 1, (NATIVE_DEV,), 1.0)
    write_record(HERE.study, old, facts(old), {})
    study_now("bm25")
    assert "1 records are of runs that are not planned, and stay: old-hybrid-s1" in capsys.readouterr().err
    assert "old-hybrid-s1" in read_records(HERE.study)


def test_no_study_and_a_recipe_that_fixes_what_it_varies(project: Path) -> None:
    raw = yaml.safe_load(Path("params.yaml").read_text())
    Path("params.yaml").write_text(yaml.safe_dump(raw | {"recipe": "paper"}))
    told = r"^params.yaml, recipe: the recipe paper fixes learning_rate, which the study varies; choose another"
    with pytest.raises(UserError, match=told):
        study_now()
    del raw["study"]
    Path("params.yaml").write_text(yaml.safe_dump(raw))
    with pytest.raises(UserError, match=r"^params.yaml, study: no study; write its sizes"):
        study_now()


def test_params_that_a_killed_dvc_left_changed_are_refused(project: Path) -> None:
    Path(".babelmix/study").mkdir(parents=True)
    guard, params = Path(".babelmix/study/params.yaml"), Path("params.yaml")
    guard.write_bytes(params.read_bytes())
    study_now("bm25")
    assert not guard.exists()
    guard.write_text("steps: 1")
    with pytest.raises(
        UserError, match=r"^params.yaml: DVC was killed while it had changed this file .*; cp .* params"
    ):
        study_now("bm25")


PROGRAM = """
import sys
sys.path.insert(0, {folder!r})
from babelmix.common.ending import run_and_exit
from test_study_driver import *
def main(names):
    for name, stub in (("head", lambda root: "0" * 40), ("find_experiment", find), ("record_of", record)):
        setattr(study, name, stub)
    for name, stub in (("check_settings", None), ("cache_folder", Path("cache")), ("note_made", None)):
        setattr(study, name, lambda *_, stub=stub: stub)
    print(study_now(*names), flush=True)
    return 0
run_and_exit(main, ["bm25", "small-untrained"])
"""


@pytest.fixture
def driver(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator["subprocess.Popen[str]"]:
    """A study in a process of its own, in the middle of its second run."""
    monkeypatch.setenv("HANGS", "small-untrained")
    program = PROGRAM.format(folder=str(Path(__file__).parent))
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", program], **pipes) as process:  # pyright: ignore
        try:
            until(lambda: process.poll() is not None or "resuming" in log_of("small-untrained"))
            assert process.poll() is None, process.communicate()
            yield process
        finally:
            process.kill()


def log_of(name: str) -> str:
    file = Path(f".babelmix/study/{name}.log")
    return file.read_text() if file.exists() else ""


def until(condition: Any, seconds: float = 300) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_stopped_study_ends_its_run_and_a_second_one_is_refused(driver: "subprocess.Popen[str]") -> None:
    with pytest.raises(UserError, match=rf"^babelmix study: a study runs already \(process {driver.pid} on "):
        study_now("bm25")
    driver.send_signal(signal.SIGTERM)
    _, said = driver.communicate(timeout=60)
    assert driver.returncode == 128 + signal.SIGTERM and "was stopped (SIGTERM)" in said
    assert not alive(int(Path("pid").read_text()))
    assert list(read_records(HERE.study)) == ["bm25"]
    os.environ.pop("HANGS")
    assert study_now("bm25", "small-untrained").startswith("study: 1 runs finished")


def test_a_killed_study_leaves_its_run_to_itself_and_the_next_collects_it(
    driver: "subprocess.Popen[str]", capsys: pytest.CaptureFixture[str]
) -> None:
    driver.kill()
    driver.wait()
    assert alive(int(Path("pid").read_text()))
    threading.Timer(0.5, Path("go").touch).start()
    assert study_now("small-untrained").startswith("study: 1 runs finished")
    assert "waiting for small-untrained, which a killed study left running" in capsys.readouterr().err
    assert journal() == ["bm25", "small-untrained"]
    assert sorted(read_records(HERE.study)) == ["bm25", "small-untrained"]


def test_seconds_are_those_of_whole_stages() -> None:
    clock = StageClock()
    for now, line in enumerate((
        "Stage 'a' didn't change, skipping", "Running stage 'b':", "> b", "Running stage 'c@x-y':",
        "Stage 'd' is cached - skipping run, checking out outputs", "Updating lock file 'dvc.lock'",
        "Running stage 'e':", "babelmix: resuming after step 120, from here", "Running stage 'f':",
    )):  # fmt: skip
        clock.read(line, 10.0 * now)
    clock.end(100.0)
    assert clock.seconds == {"b": 20.0, "c@x-y": 10.0, "f": 20.0}


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^no-dvc: not on PATH; run `make study`, or put the folder of babelmix's own"):
        run_experiment(["no-dvc"], tmp_path / "log", lambda line: None)


def test_an_experiment_of_other_settings_is_refused() -> None:
    raw = yaml.safe_load((ROOT / "params.yaml").read_text())
    now = parse_settings(yaml.safe_dump(raw), "params.yaml")
    overrides = Run("a", "main", "small", ("hybrid",), 14, (NATIVE_DEV,), 0.2).overrides(4e-5, 100)
    assert "train.learning_rate=8e-06" in overrides
    raw["model"]["size"], raw["seed"], raw["objectives"], raw["benchmarks"] = "small", 14, ["hybrid"], [NATIVE_DEV]
    raw["train"] |= {"learning_rate": 8e-6, "steps": 100}
    del raw["study"]
    opened: Any = SimpleNamespace(name="study-a", settings=parse_settings(yaml.safe_dump(raw), "params.yaml"))
    check_settings(opened, now, overrides)
    raw["train"]["steps"] = 99
    opened.settings = parse_settings(yaml.safe_dump(raw), "params.yaml")
    told = r"^experiment study-a: it has other settings \(train\); `dvc exp remove study-a`, then run `babelmix study` "
    with pytest.raises(UserError, match=told):
        check_settings(opened, now, overrides)
