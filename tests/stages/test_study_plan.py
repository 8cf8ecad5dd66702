"""The table of the study and the hours that it says are left."""

import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console
from test_study_driver import facts

from babelmix.settings.params import Settings, load_settings
from babelmix.stages.study_plan import Plan, describe, read_plan, render, study_of
from babelmix.study.record import Record, write_record
from babelmix.study.runs import Run

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def settings() -> Settings:
    return load_settings(ROOT / "params.yaml")


@pytest.fixture
def empty(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    monkeypatch.chdir(tmp_path)  # away from the project's own records, whose sweeps would choose learning rates
    return read_plan(settings, study_of(settings), tmp_path)


def known(plan: Plan, seconds: dict[str, dict[str, float]]) -> Plan:
    """The plan with records that took so many seconds."""
    runs = {run.name: run for run in plan.runs}
    records = {name: Record(runs[name], facts(runs[name], seconds=own), Path("none")) for name, own in seconds.items()}
    return replace(plan, records=records)


def shown(plan: Plan, runs: tuple[Run, ...]) -> list[str]:
    out = io.StringIO()
    render(plan, runs, Console(file=out, width=80))
    return out.getvalue().splitlines()


def test_the_table_fits_100_columns_and_says_what_waits(empty: Plan) -> None:
    plan = known(empty, {"bm25": {"evaluate-bm25": 90.0}})
    lines = shown(plan, plan.runs)
    assert max(map(len, lines)) <= 100
    assert [" ".join(line.split()) for line in lines[-1:]] == [
        f"{len(plan.runs)} runs: 1 done in 0.0 hours, 24 ready, {len(plan.runs) - 25} wait for learning rates"
    ]
    table = {line.split()[0]: line.split()[1:] for line in lines if line.strip()}
    assert table["bm25"] == ["done", "1.5"]
    assert table["base-rate-x0.5"] == ["ready", "240", "6.25e-05"]
    assert table["base-hybrid-s14-x4"] == ["waits", "for", "rates", "960"]
    assert table["layers-9-untrained"] == ["ready"]
    assert {run.name for run in plan.runs} <= table.keys()  # each in one line


def test_the_learning_rate_is_that_which_dev_chose(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    study = study_of(settings)
    for run in read_plan(settings, study, tmp_path).runs[:3]:
        write_record(tmp_path, run, facts(run), {})
    plan = read_plan(settings, study, tmp_path)
    (line,) = (line for line in shown(plan, plan.named(["layers-2-hybrid-s13"])) if "s13" in line)
    assert line.split() == ["layers-2-hybrid-s13", "ready", "240", "0.0007"]


def test_hours_come_from_like_runs_then_from_other_sizes_by_layers(empty: Plan) -> None:
    runs = {run.name: run for run in empty.runs}
    plan = known(empty, {
        "small-hybrid-s13": {"train@hybrid": 20.0, "evaluate@hybrid": 10.0},
        "small-hybrid-s14": {"train@hybrid": 40.0, "evaluate@hybrid": 20.0},
        "base-contrastive-s13": {"train@contrastive": 120.0},
        "bm25": {},
    })  # fmt: skip
    assert plan.seconds(runs["small-contrastive-s15"]) == 45.0
    by_layer = (30 / 3 + 60 / 3 + 120 / 6) / 3
    assert plan.seconds(runs["large-hybrid-s13"]) == pytest.approx(12 * by_layer)
    assert plan.seconds(runs["base-hybrid-s13-x0.25"]) == pytest.approx(30.0)
    assert plan.seconds(runs["bm25"]) is None and plan.seconds(runs["small-rate-x1"]) is None
    assert plan.time_left([runs["bm25"]]) == ""
    assert plan.time_left([runs["small-hybrid-s15"]] * 80) == "1.0 hours left"
    assert plan.time_left([*[runs["small-hybrid-s15"]] * 80, runs["bm25"]]) == "over 1.0 hours left"


def test_a_training_that_the_sweep_did_keeps_its_seconds(empty: Plan) -> None:
    plan = known(empty, {
        "small-rate-x1": {"train@hybrid": 50.0, "evaluate@hybrid": 3.0},
        "small-rate-x2": {"train@hybrid": 70.0, "train@contrastive": 30.0},
        "base-rate-x1": {"train@hybrid": 90.0},
    })  # fmt: skip
    by_name = {run.name: run for run in plan.runs}

    def taken(name: str, factor: float) -> dict[str, float]:
        return plan.taken_over(replace(by_name[name], rate_factor=factor))

    assert taken("small-hybrid-s13", 1) == {"train@hybrid": 50.0}
    assert taken("small-hybrid-s13", 2) == {"train@hybrid": 70.0}
    assert taken("small-contrastive-s13", 1) == {} and taken("small-contrastive-s13", 2) == {"train@contrastive": 30.0}
    assert taken("small-hybrid-s14", 1) == {} and taken("base-hybrid-s13-x0.25", 1) == {}


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("bm25", "bm25"),
        ("base-untrained", "base untrained"),
        ("small-rate-x0.5", "small learning rate x0.5 seed 13"),
        ("base-hybrid-s13", "base hybrid seed 13"),
        ("base-hybrid-s13-x4", "base hybrid seed 13 steps x4"),
    ],
)
def test_a_run_for_the_reader(empty: Plan, name: str, told: str) -> None:
    (run,) = empty.named([name])
    assert describe(run) == told
