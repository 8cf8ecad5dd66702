"""The study in MLflow: a run for each encoder of each record, under one parent; the same records write nothing."""

import json
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from study_records import small_study, synthetic_records

from babelmix.reporting.mlflow_entry import Entry
from babelmix.reporting.mlflow_scores import HEADLINE, main_metrics, table
from babelmix.reporting.mlflow_store import all_runs
from babelmix.reporting.mlflow_study import PARENT, PARENT_ID, RATES, STUDY, StudyTracked, study_entries, track_study
from babelmix.reporting.mlflow_view import VIEW_TAG, comparison_url
from babelmix.settings.params import Settings, load_settings
from babelmix.study.record import read_records
from babelmix.study.settings import StudyAverages, StudySteps

# mlflow 3.17.2 defines one relationship with a loader strategy that its SQLAlchemy announces the end of.
pytestmark = [
    pytest.mark.slow,  # a store takes seconds
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:sqlalchemy.exc.SADeprecationWarning"),
]

ROOT = Path(__file__).parents[2]
SIZES = {"small": (3, 5_323_392), "base": (6, 10_646_784)}
OPTIONS: dict[str, Any] = {
    "sizes": SIZES,
    "objectives": ("contrastive", "hybrid"),
    "seeds": (13,),
    "steps": StudySteps(size="base", factors=(4.0,), seeds=(13,)),
    "averages": StudyAverages(names=("hybrid-start",), sizes=("base",), seeds=(13,)),
}
NAMES = {
    *("study", "learning rates", "bm25", "small/untrained", "base/untrained"),
    *(f"{size}/{name}/s13" for size in SIZES for name in ("contrastive", "hybrid")),
    *("base/contrastive/s13/x4", "base/hybrid/s13/x4", "base/hybrid-start/s13"),
    *(f"{size}/{name}/rate-x{x}" for size in SIZES for name in ("contrastive", "hybrid") for x in ("1", "0.5", "2")),
}


def write_study(root: Path, **options: Any) -> Settings:
    synthetic_records(root / "metrics/study", **OPTIONS | {"rate_score": lambda *_: 0.3} | options)
    return load_settings(ROOT / "params.yaml").model_copy(update={"study": small_study(**OPTIONS)})


def client_of(store: Path) -> Any:
    from mlflow.tracking import MlflowClient

    return MlflowClient(f"sqlite:///{store / 'mlflow.db'}")


def runs_of(store: Path) -> dict[str, Any]:
    client = client_of(store)
    runs = list(all_runs(client, client.get_experiment_by_name(STUDY).experiment_id))
    named = {run.info.run_name: run for run in runs}
    assert len(named) == len(runs), "a name is there twice"
    return named


@pytest.fixture(scope="module")
def tracked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Settings]:
    root = tmp_path_factory.mktemp("study")
    settings = write_study(root)
    assert track_study(root, settings, root) == StudyTracked(len(NAMES), 0)
    return root, settings


@pytest.fixture
def copied(tracked: tuple[Path, Settings], tmp_path: Path) -> tuple[Path, Settings]:
    shutil.copytree(tracked[0], tmp_path / "copy")
    return tmp_path / "copy", tracked[1]


def test_each_encoder_of_each_record_is_a_finished_run_and_baselines_are_there_once(tracked) -> None:
    runs = runs_of(tracked[0])
    assert runs.keys() == NAMES
    assert {run.info.status for run in runs.values()} == {"FINISHED"}


def test_runs_are_children_of_the_study_and_rates_of_a_parent_of_their_own(tracked) -> None:
    runs = runs_of(tracked[0])
    study, rates = (runs[name].info.run_id for name in (PARENT, RATES))
    for name, run in runs.items():
        expected = rates if "rate-x" in name else None if name == PARENT else study
        assert run.data.tags.get(PARENT_ID) == expected, name
    assert runs[PARENT].data.tags["mlflow.note.content"] == "15 of 15 runs of the study are finished."
    assert runs[PARENT].data.tags["runs"] == "15" and runs[PARENT].data.tags["left_out"] == "nothing"


def test_metrics_are_the_records_own_few_and_finite(tracked) -> None:
    root, _ = tracked
    runs = runs_of(root)
    record = json.loads((root / "metrics/study/base-hybrid-s13.json").read_text())["facts"]
    scores = record["systems"]["hybrid"]
    metrics = runs["base/hybrid/s13"].data.metrics
    assert metrics[HEADLINE] == scores["xquad-r"]["scopes"]["multilingual"]["map"]
    assert metrics["native"] == scores["native"]["scopes"]["multilingual"]["map"]
    assert metrics["beir"] == scores["nfcorpus"]["scopes"]["multilingual"]["ndcg_at_10"]
    assert metrics["dev_entropy"] == round(scores["dev"]["contrastive_entropy"]["pooled"], 6)
    assert metrics["train/loss"] == record["losses"]["hybrid"]["loss"]
    assert metrics["dev/pooled_loss"] == record["losses"]["hybrid"]["dev_pooled"]
    assert metrics["train_seconds"] == record["seconds"]["train@hybrid"]
    assert metrics["parameters_outside_embeddings"] == SIZES["base"][1]
    for name, run in runs.items():
        assert len(run.data.metrics) <= 20
        assert all(math.isfinite(value) for value in run.data.metrics.values())
        assert len(run.data.params) <= 12, name
    assert HEADLINE not in runs["base/hybrid/rate-x2"].data.metrics  # a sweep is scored on dev alone
    assert runs["base/hybrid/rate-x2"].data.metrics["dev_map"] == 0.3


def test_params_tell_the_runs_apart_and_a_group_holds_the_seeds(tracked) -> None:
    runs = runs_of(tracked[0])
    groups = {name: run.data.params.get("group") for name, run in runs.items()}
    assert groups["base/hybrid/s13"] == "base/hybrid" and groups["base/hybrid/s13/x4"] == "base/hybrid/x4"
    assert groups["bm25"] == "bm25" and groups["base/hybrid/rate-x2"] == "base/hybrid/rate-x2"
    parts = {name: run.data.params.get("part") for name, run in runs.items()}
    assert [name for name, part in parts.items() if part == "averages"] == ["base/hybrid-start/s13"]
    assert sum(part == "sizes" for part in parts.values()) == 7
    assert runs["base/hybrid-start/s13"].data.params["share"] == "0.5"
    assert runs["base/hybrid/s13/x4"].data.params["steps"] == "960"
    assert runs["bm25"].data.params.keys() == {"part", "system", "group", "device"}


def test_the_table_has_every_score_of_the_encoder_and_its_forms(tracked) -> None:
    root, _ = tracked
    run = runs_of(root)["base/hybrid/s13"]
    found = json.loads((Path(run.info.artifact_uri) / "scores.json").read_text())
    systems = {row[0] for row in found["data"]}
    assert systems == {"hybrid", "hybrid+centre", "hybrid+shift-index", "hybrid+centre-asked"}
    assert {row[1] for row in found["data"]} == {"xquad-r", "native", "native-dev", "nfcorpus", "dev"}
    assert all(math.isfinite(row[4]) for row in found["data"])


def test_the_same_records_write_nothing_and_import_no_mlflow(tracked) -> None:
    root, _ = tracked
    before = (root / "mlflow.db").read_bytes()
    program = (
        "import sys; from pathlib import Path; from test_mlflow_study import *\n"
        f"root = Path({str(root)!r}); settings = load_settings(Path({str(ROOT / 'params.yaml')!r}))\n"
        "settings = settings.model_copy(update={'study': small_study(**OPTIONS)})\n"
        "print(track_study(root, settings, root), 'mlflow' in sys.modules)"
    )
    folders = (ROOT / "src", ROOT / "tests/support", ROOT / "tests/reporting", os.environ.get("PYTHONPATH", ""))
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, folders))}
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment)
    assert found.stdout == "StudyTracked(created=0, renewed=0) False\n"
    assert (root / "mlflow.db").read_bytes() == before


def test_a_changed_record_makes_its_run_again_and_one_that_is_gone_leaves_it(copied) -> None:
    root, settings = copied
    first = runs_of(root)
    folder = root / "metrics/study"
    file = folder / "base-hybrid-s13.json"
    value = json.loads(file.read_text())
    value["facts"]["peak_memory"] = 2**33
    file.write_text(json.dumps(value))
    (folder / "bm25.json").unlink()
    assert track_study(root, settings, root) == StudyTracked(0, 2)  # with the parent, which counts records
    second = runs_of(root)
    assert second.keys() == NAMES
    assert second["base/hybrid/s13"].data.metrics["peak_memory_gb"] == 8
    assert second["base/hybrid/s13"].info.run_id != first["base/hybrid/s13"].info.run_id
    assert second[PARENT].info.run_id == first[PARENT].info.run_id and second[PARENT].data.tags["runs"] == "14"
    assert track_study(root, settings, root) == StudyTracked(0, 0)


def test_a_run_cut_short_or_deleted_is_made_again(copied, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlflow.tracking import MlflowClient

    root, settings = copied
    client = client_of(root)
    client.delete_run(runs_of(root)["bm25"].info.run_id)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(MlflowClient, "log_batch", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        track_study(root, settings, root)
    assert track_study(root, settings, root) == StudyTracked(0, 1)
    assert runs_of(root).keys() == NAMES


def test_runs_of_another_device_have_names_and_groups_of_their_own(tmp_path: Path) -> None:
    settings = write_study(tmp_path, device="NVIDIA H100", rate_score=None)
    assert settings.study is not None
    entries = study_entries(read_records(tmp_path / "metrics/study"), settings.study)
    _, entry = entries["base-hybrid-s13|hybrid"]
    assert entry.name == "base/hybrid/s13/NVIDIA H100" and entry.params["group"] == "base/hybrid/NVIDIA H100"


def test_any_prefix_of_the_study_has_its_runs_and_says_what_is_left_out(tmp_path: Path) -> None:
    settings = write_study(tmp_path)
    assert settings.study is not None
    first = {"small-rate-x1": read_records(tmp_path / "metrics/study")["small-rate-x1"]}
    entries = study_entries(first, settings.study)
    assert entries.keys() == {PARENT, RATES, "small-rate-x1|contrastive", "small-rate-x1|hybrid"}
    _, parent = entries[PARENT]
    assert parent.tags["mlflow.note.content"].startswith("1 of 15 runs of the study are finished.\n- ")
    assert "6 of 6 planned trainings are not finished" in parent.tags["left_out"]


def test_runs_on_different_data_are_left_out_with_a_line_and_no_store(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = write_study(tmp_path)
    file = tmp_path / "metrics/study/base-hybrid-s13.json"
    file.write_text(file.read_text().replace('"xquad-r.dir"', '"other.dir"'))
    assert track_study(tmp_path, settings, tmp_path) == StudyTracked(0, 0)
    line = capsys.readouterr().err
    assert line.startswith("babelmix: the study is not in MLflow: ") and "other.dir" in line and line.count("\n") == 1
    assert not (tmp_path / "mlflow.db").exists()


def test_without_records_nothing_is_written(tmp_path: Path) -> None:
    assert track_study(tmp_path, load_settings(ROOT / "params.yaml"), tmp_path) == StudyTracked(0, 0)
    assert not list(tmp_path.iterdir())


def test_the_ui_opens_at_the_means_over_seeds_of_the_studys_question(tracked) -> None:
    root, _ = tracked
    experiment = client_of(root).get_experiment_by_name(STUDY)
    assert f"#/experiments/{experiment.experiment_id}/runs?viewStateShareKey=babelmix" in comparison_url(root)
    view = json.loads(client_of(root).get_experiment_by_name(STUDY).tags[VIEW_TAG])
    client = client_of(root)
    shown = client.search_runs([experiment.experiment_id], view["searchFilter"])
    assert len(shown) == 7 and {run.data.params["part"] for run in shown} == {"sizes"}
    (key,) = view["groupBy"]["groupByKeys"]
    closed = {f"{key['mode']}.{key['groupByData']}.{run.data.params['group']}" for run in shown}
    assert closed <= view["groupsExpanded"].keys() and not any(view["groupsExpanded"].values())


def test_a_run_never_has_more_than_20_metrics() -> None:
    with pytest.raises(ValueError, match="x: 21 metrics, 20 at most"):
        Entry("x", {}, {f"m{n}": 1.0 for n in range(20)}, curves=(("loss", 1, 2.0),))


def test_what_was_not_measured_has_no_metric_and_no_row() -> None:
    none: dict[str, Any] = dict.fromkeys(
        ("map", "map_at_20", "ndcg_at_10", "recall_at_1", "recall_at_10", "recall_at_100")
    )
    scopes = {scope: dict(none) for scope in ("monolingual", "crosslingual", "multilingual")}
    scopes["multilingual"]["map"], scopes["monolingual"]["map"] = 0.5, math.nan
    evaluations = {"hybrid": {"native": {"main_score": "map", "scopes": scopes, "bias": {"lpr": None}}}}
    assert main_metrics(evaluations, "hybrid", None) == {"pool": 0.5, "native": 0.5}
    assert table(evaluations, ["hybrid"])["data"] == [["hybrid", "native", "multilingual", "map", 0.5]]


def test_all_runs_have_the_metrics_of_the_same_names(tmp_path: Path) -> None:
    settings = write_study(tmp_path)
    assert settings.study is not None
    entries = study_entries(read_records(tmp_path / "metrics/study"), settings.study)
    trained = [entry for _, entry in entries.values() if entry.params.get("part") in ("sizes", "steps")]
    names = {entry.name: frozenset(entry.metric_names()) for entry in trained if "/s13" in entry.name}
    assert len(set(names.values())) == 1 and len(names) == 6
