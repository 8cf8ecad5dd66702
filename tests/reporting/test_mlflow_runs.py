import json
import math
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlparse

import pytest
import yaml
from small_project import make_project, write_history

from babelmix.common.errors import UserError
from babelmix.evaluation.measures import MEASURES
from babelmix.reporting.mlflow_entry import CONTENT
from babelmix.reporting.mlflow_runs import (
    EXPERIMENT,
    FINGERPRINT,
    OLD_FINGERPRINT,
    TrackResult,
    track,
)
from babelmix.reporting.mlflow_scores import HEADLINE
from babelmix.reporting.mlflow_view import VIEW_TAG, comparison_url, serve_ui
from babelmix.reporting.results import read_results
from babelmix.workspace import DEBIASINGS, Workspace

# mlflow 3.17.2 defines one relationship with a loader strategy that its SQLAlchemy announces the end of.
pytestmark = [
    pytest.mark.slow,  # a store and its server take seconds
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:sqlalchemy.exc.SADeprecationWarning"),
]


def small(root: Path, **options):
    settings = make_project(root, questions=8, **{"benchmarks": ("gnome-help",)} | options)
    (root / "reports" / "figures").mkdir(parents=True)
    (root / "reports" / "run.md").write_text("# report\n")
    (root / "reports" / "figures" / "scores.png").write_bytes(b"png")
    return settings


def git(root: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True, text=True).stdout.strip()


def client_of(store: Path):
    from mlflow.tracking import MlflowClient

    return MlflowClient(f"sqlite:///{store / 'mlflow.db'}")


def runs_of(store: Path):
    client = client_of(store)
    return client.search_runs([client.get_experiment_by_name(EXPERIMENT).experiment_id])


@pytest.fixture(scope="module")
def migrated(tmp_path_factory):
    """An empty database that mlflow has migrated: seconds that each test need not pay again."""
    folder = tmp_path_factory.mktemp("migrated")
    client_of(folder)
    return folder / "mlflow.db"


@pytest.fixture
def store(migrated, tmp_path):
    folder = tmp_path / "store"
    folder.mkdir()
    shutil.copy(migrated, folder)
    return folder


@pytest.fixture(scope="module")
def tracked(tmp_path_factory):
    root = tmp_path_factory.mktemp("project")
    settings = small(root)
    git(root, "init", "--quiet")
    git(root, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "--allow-empty", "-m", "first")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DVC_EXP_NAME", "brisk-emu")
        result = track(root, settings, root)
    return root, settings, result


@pytest.fixture(scope="module")
def hybrid(tracked):
    root, _, _ = tracked
    return next(run for run in runs_of(root) if run.info.run_name == "base/hybrid/s13")


def test_each_objective_and_each_baseline_has_one_finished_run_under_its_name(tracked):
    root, _, result = tracked
    assert (result.created, result.updated) == (4, 0)
    runs = runs_of(root)
    assert {run.info.run_name for run in runs} == {"base/contrastive/s13", "base/hybrid/s13", "base/untrained", "bm25"}
    assert {run.info.run_id for run in runs} == set(result.run_ids)
    assert {run.info.status for run in runs} == {"FINISHED"}


def test_the_metrics_are_the_evaluations_own_and_at_most_20(tracked, hybrid):
    root, settings, _ = tracked
    results = read_results(Workspace(root), settings)
    scopes = results.evaluations["hybrid"]["gnome-help"]["scopes"]
    metrics = hybrid.data.metrics
    for name, scope in ((HEADLINE, "multilingual"), ("cross", "crosslingual"), ("mono", "monolingual")):
        assert metrics[name] == scopes[scope]["map"]
    assert metrics["gap"] == pytest.approx(metrics["mono"] - metrics["cross"], abs=2e-6)
    assert metrics["debiased"] > metrics[HEADLINE] and hybrid.data.tags["debiasing"] == "+lir"
    assert metrics["dev_map"] == results.dev["hybrid"]["scopes"]["multilingual"]["map"]
    assert metrics["parameters_outside_embeddings"] == 16
    for run in runs_of(root):
        assert len(run.data.metrics) <= 20
        assert all(math.isfinite(value) for value in run.data.metrics.values())
        assert not [name for name in run.data.metrics if "gnome-help" in name or "bm25" in name]


def test_all_other_scores_are_a_table_that_the_ui_finds(tracked, hybrid):
    root, settings, _ = tracked
    results = read_results(Workspace(root), settings)
    assert json.loads(hybrid.data.tags["mlflow.loggedArtifacts"]) == [{"path": "scores.json", "type": "table"}]
    table = json.loads((Path(hybrid.info.artifact_uri) / "scores.json").read_text())
    assert table["columns"] == ["system", "benchmark", "scope", "measure", "score"]
    rows = {tuple(row[:4]): row[4] for row in table["data"]}
    assert len(rows) == len(table["data"])
    assert {row[0] for row in rows} == {f"hybrid{form}" for form in ("", *DEBIASINGS)}
    for scope in ("monolingual", "crosslingual", "multilingual"):
        for measure in MEASURES:
            expected = results.evaluations["hybrid+lir"]["gnome-help"]["scopes"][scope][measure]
            assert rows["hybrid+lir", "gnome-help", scope, measure] == expected
    kept = json.loads((Path(hybrid.info.artifact_uri) / "settings.json").read_text())
    assert kept["benchmarks"] == ["gnome-help"] and kept["train"]["batch_size"] == 32


def test_every_trained_run_has_the_same_keys(tracked):
    first, second = (run for run in runs_of(tracked[0]) if run.info.run_name.endswith("s13"))
    assert first.data.metrics.keys() == second.data.metrics.keys()
    assert first.data.params.keys() == second.data.params.keys()
    assert first.data.tags.keys() == second.data.tags.keys()


def test_a_baseline_has_its_scores_once_and_no_training(tracked):
    root, settings, _ = tracked
    found = {run.data.params["system"]: run for run in runs_of(root)}
    bm25, untrained = found["bm25"], found["untrained"]
    results = read_results(Workspace(root), settings)
    expected = results.evaluations["bm25"]["gnome-help"]["scopes"]["multilingual"]["map"]
    assert bm25.data.metrics[HEADLINE] == expected
    assert bm25.data.params == {"system": "bm25"} and untrained.data.params["size"] == "base"
    assert not [name for run in (bm25, untrained) for name in run.data.metrics if name.startswith(("train/", "dev/"))]
    assert not (Path(bm25.info.artifact_uri) / "reports").exists()


def test_params_and_tags_say_what_was_trained_on_what(tracked, hybrid):
    params = {"size": "base", "layers": "6", "system": "hybrid", "alpha": "0.5", "seed": "13", "steps": "240"}
    params |= {"pretraining": "none"}
    assert params.items() <= hybrid.data.params.items()
    assert hybrid.data.tags["dvc.exp"] == "brisk-emu"
    assert hybrid.data.tags["dvc.rev"] == git(tracked[0], "rev-parse", "HEAD")
    assert hybrid.data.tags["dvc.md5.data/pairs/human"].endswith(".dir")
    assert {"dvc.md5.models/start", "dvc.md5.data/benchmarks/gnome-help"} <= hybrid.data.tags.keys()
    assert {entry.dataset.name for entry in hybrid.inputs.dataset_inputs} == {
        "data/pairs/human",
        "data/benchmarks/gnome-help",
    }


def test_a_benchmark_of_the_users_own_is_tracked_under_its_name(store, tmp_path):
    root = tmp_path / "own"
    (root / "data/own/häufig.v2").mkdir(parents=True)
    settings = small(root, benchmarks=("häufig.v2",))
    assert track(root, settings, store).created == 4
    run = next(run for run in runs_of(store) if run.data.params["system"] == "hybrid")
    assert HEADLINE in run.data.metrics and "dvc.md5.data/benchmarks/häufig.v2" in run.data.tags


def test_the_loss_is_logged_step_by_step(tracked, hybrid):
    history = client_of(tracked[0]).get_metric_history(hybrid.info.run_id, "train/loss")
    assert [point.step for point in history] == list(range(1, 301))
    dev = client_of(tracked[0]).get_metric_history(hybrid.info.run_id, "dev/crosslingual_loss")
    assert [point.step for point in dev] == [1, 100, 200, 300]


def test_the_report_is_an_artifact_at_an_absolute_place(tracked, hybrid):
    root, _, _ = tracked
    assert Path(hybrid.info.artifact_uri).is_relative_to(root / "mlruns")
    assert (Path(hybrid.info.artifact_uri) / "reports" / "figures" / "scores.png").read_bytes() == b"png"


def test_tracking_again_adds_and_changes_nothing(tracked):
    root, settings, result = tracked
    before = [(run.data.to_dictionary(), run.info.end_time) for run in runs_of(root)]
    assert track(root, settings, root) == TrackResult(0, 0, result.run_ids)
    assert [(run.data.to_dictionary(), run.info.end_time) for run in runs_of(root)] == before


def test_tracking_again_imports_no_mlflow(tracked):
    root, _, result = tracked
    program = (
        "import sys; from pathlib import Path; from babelmix.reporting.mlflow_runs import track\n"
        "from babelmix.settings.params import load_settings\n"
        f"root = Path({str(root)!r}); print(*track(root, load_settings(root / 'params.yaml'), root).run_ids)\n"
        "print(sorted({'mlflow', 'torch', 'pandas', 'scipy', 'sqlalchemy'} & sys.modules.keys()))"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=root)
    assert found.stdout.splitlines() == [" ".join(result.run_ids), "[]"]


def test_sizes_times_objectives_in_one_store_are_six_runs_with_four_baselines_and_stay_so(tmp_path, store):
    copies = {size: small(tmp_path / size, size=size) for size in ("small", "base", "large")}
    for _ in range(2):
        for size, settings in copies.items():
            track(tmp_path / size, settings, store)
    runs = runs_of(store)
    expected = {f"{size}/{objective}/s13" for size in copies for objective in ("contrastive", "hybrid")}
    expected |= {"bm25", *(f"{size}/untrained" for size in copies)}
    assert {run.info.run_name for run in runs} == expected
    assert len(runs) == 10
    assert len({run.data.tags[FINGERPRINT] for run in runs}) == 10


def as_an_older_release(store: Path) -> None:
    """Give every trained run the tag by which the older release knew it, made from other commands and files."""
    client = client_of(store)
    for run in runs_of(store):
        if run.info.run_name in ("bm25", "base/untrained"):
            continue
        client.delete_tag(run.info.run_id, FINGERPRINT)
        client.set_tag(run.info.run_id, OLD_FINGERPRINT, run.info.run_id)


def test_runs_of_an_older_release_are_renewed_and_not_doubled(tmp_path, store, capsys):
    settings = small(tmp_path)
    first = track(tmp_path, settings, store)
    as_an_older_release(store)
    lock = yaml.safe_load((tmp_path / "dvc.lock").read_text())
    for name, stage in lock["stages"].items():
        stage["cmd"] += " --as-of-today" if name.startswith("train") else ""
    (tmp_path / "dvc.lock").write_text(yaml.safe_dump(lock))
    capsys.readouterr()
    assert track(tmp_path, settings, store) == TrackResult(0, 0, first.run_ids)
    assert track(tmp_path, settings, store) == TrackResult(0, 0, first.run_ids)
    assert len(runs_of(store)) == 4 and capsys.readouterr().err == ""
    assert len(client_of(store).get_metric_history(first.run_ids[0], "train/loss")) == 300


def test_a_run_of_an_older_release_with_other_losses_stays_and_is_named(tmp_path, store, capsys):
    settings = small(tmp_path, objectives=("hybrid",))
    first = track(tmp_path, settings, store)
    as_an_older_release(store)
    write_history(tmp_path / "metrics/history/hybrid.csv", slope=9)
    again = track(tmp_path, settings, store)
    assert again.created == 1 and {run.info.run_id for run in runs_of(store)} == {*first.run_ids, *again.run_ids}
    message = capsys.readouterr().err
    assert "1 run(s) base/hybrid/s13 of an older release with other losses; delete it in `babelmix ui`" in message
    assert track(tmp_path, settings, store) == TrackResult(0, 0, again.run_ids)


def test_a_changed_evaluation_updates_the_run_and_doubles_no_curve(tmp_path, store):
    settings = small(tmp_path)
    first = track(tmp_path, settings, store)
    file = tmp_path / "metrics/evaluation/hybrid/gnome-help.json"
    file.write_text(file.read_text().replace('"map": 0.', '"map": 0.0'))
    second = track(tmp_path, settings, store)
    assert second == TrackResult(0, 1, first.run_ids)
    run = client_of(store).get_run(first.run_ids[1])
    expected = read_results(Workspace(tmp_path), settings).evaluations["hybrid"]["gnome-help"]["scopes"]["multilingual"]
    assert run.data.metrics[HEADLINE] == pytest.approx(expected["map"], abs=1e-6)
    assert len(client_of(store).get_metric_history(run.info.run_id, "train/loss")) == 300


def test_a_scope_outside_of_the_training_may_change_without_a_new_run(tmp_path, store):
    settings = small(tmp_path)
    first = track(tmp_path, settings, store)
    changed = settings.model_copy(update={"pairs": settings.pairs.model_copy(update={"passage_paragraphs": 9})})
    assert track(tmp_path, changed, store) == TrackResult(0, 2, first.run_ids)
    assert len(runs_of(store)) == 4


def test_a_baseline_of_other_vectors_is_another_run_and_one_of_other_code_is_not(tmp_path, store):
    settings = small(tmp_path, objectives=("hybrid",))
    track(tmp_path, settings, store)
    lock = yaml.safe_load((tmp_path / "dvc.lock").read_text())
    for row, created in ((1, 0), (2, 1)):  # src/babelmix/evaluation, data/embeddings/untrained
        lock["stages"]["evaluate-untrained@untrained"]["deps"][row]["md5"] = "0" * 32
        (tmp_path / "dvc.lock").write_text(yaml.safe_dump(lock))
        assert track(tmp_path, settings, store).created == created


def test_a_run_that_keeps_metrics_of_an_older_release_is_named(tmp_path, store, capsys):
    settings = small(tmp_path, objectives=("hybrid",))
    first = track(tmp_path, settings, store)
    client_of(store).log_metric(first.run_ids[0], "bm25/gnome-help/multilingual/map", 0.1)
    client_of(store).delete_tag(first.run_ids[0], CONTENT)
    capsys.readouterr()
    assert track(tmp_path, settings, store).run_ids == first.run_ids
    line = f"MLflow has 1 run(s) that keep metrics of an older release; to start afresh, move {store}/mlflow.db away"
    assert capsys.readouterr().err == f"babelmix: {line} and run `babelmix track`\n"
    assert track(tmp_path, settings, store).updated == 0 and capsys.readouterr().err == ""


def test_another_command_dependency_or_param_of_the_training_is_another_run(tmp_path, store):
    settings = small(tmp_path, objectives=("hybrid",))
    lock = yaml.safe_load((tmp_path / "dvc.lock").read_text())
    track(tmp_path, settings, store)
    stage = lock["stages"]["train@hybrid"]
    for part, field, value in (
        (stage, "cmd", "babelmix train --again"),
        (stage["deps"][0], "md5", "0" * 32 + ".dir"),
        (stage["params"]["params.yaml"], "seed", 14),
    ):
        part[field] = value
        (tmp_path / "dvc.lock").write_text(yaml.safe_dump(lock))
        assert track(tmp_path, settings, store).created == 1
    assert len(runs_of(store)) == 6


def test_an_experiment_or_a_run_deleted_by_hand_comes_back(tmp_path, store):
    settings = small(tmp_path, objectives=("hybrid",))
    first = track(tmp_path, settings, store)
    client = client_of(store)
    client.delete_experiment(client.get_experiment_by_name(EXPERIMENT).experiment_id)
    assert track(tmp_path, settings, store).run_ids == first.run_ids
    client.delete_run(first.run_ids[0])
    assert track(tmp_path, settings, store).created == 1
    assert len(runs_of(store)) == 3


def test_a_run_cut_short_is_completed_next_time(tmp_path, store, monkeypatch):
    from mlflow.tracking import MlflowClient

    settings = small(tmp_path, objectives=("hybrid",))
    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, "log_artifacts", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            track(tmp_path, settings, store)
    assert track(tmp_path, settings, store).updated == 1
    (run,) = (run for run in runs_of(store) if run.info.run_name == "base/hybrid/s13")
    assert len(runs_of(store)) == 3 and run.info.status == "FINISHED"
    assert len(client_of(store).get_metric_history(run.info.run_id, "train/loss")) == 300


def track_in_process(python: Path, root: Path, store: Path) -> subprocess.Popen[bytes]:
    command = "import sys; from pathlib import Path; from babelmix.settings.params import load_settings; "
    command += "from babelmix.reporting.mlflow_runs import track; root = Path(sys.argv[1]); "
    command += "track(root, load_settings(root / 'params.yaml'), Path(sys.argv[2]))"
    return subprocess.Popen([python, "-c", command, str(root), str(store)], stderr=subprocess.PIPE)


@pytest.mark.slow
def test_processes_that_start_together_in_a_fresh_store_make_each_run_once(python, tmp_path):
    for size in ("small", "large"):
        small(tmp_path / size, size=size)
    started = [track_in_process(python, tmp_path / size, tmp_path / "store") for size in ("small", "large")]
    for process in started:
        _, errors = process.communicate(timeout=600)
        assert process.returncode == 0, errors.decode()
    assert sorted(run.info.run_name for run in runs_of(tmp_path / "store")) == [
        "bm25",
        *("large/contrastive/s13", "large/hybrid/s13", "large/untrained"),
        *("small/contrastive/s13", "small/hybrid/s13", "small/untrained"),
    ]


def test_nothing_is_reported_home(tracked):
    from mlflow.telemetry.utils import is_telemetry_disabled

    assert is_telemetry_disabled()


def test_the_comparison_opens_at_charts_in_a_view_that_a_tag_of_the_experiment_holds(tracked):
    root, _, _ = tracked
    address = urlparse(comparison_url(root, port=5001))
    experiment = client_of(root).get_experiment_by_name(EXPERIMENT)
    assert address.netloc == "127.0.0.1:5001"
    page, query = address.fragment.split("?")
    assert page == f"/experiments/{experiment.experiment_id}/runs"
    asked = parse_qs(query)
    assert asked["compareRunsMode"] == ["CHART"]
    assert f"mlflow.sharedViewState.{asked['viewStateShareKey'][0]}" == VIEW_TAG
    view = json.loads(experiment.tags[VIEW_TAG])
    assert view["columnOrder"][1] == f"metrics.`{HEADLINE}`" == view["orderByKey"] and "groupBy" not in view
    logged = {f"metrics.`{name}`" for run in runs_of(root) for name in run.data.metrics}
    assert {"metrics.`pool`", "metrics.`gap`", "metrics.`debiased`"} <= logged & set(view["selectedColumns"])


def test_without_runs_there_is_nothing_to_compare(tmp_path):
    with pytest.raises(UserError, match="make repro"):
        comparison_url(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_taken_port_is_reported_with_another_one(tracked):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=f"port {port} is taken.*--port {port + 1}"):
            serve_ui(tracked[0], port)


@pytest.mark.parametrize("missing", ["whole file", "train@hybrid", "benchmark@gnome-help", "evaluate-bm25"])
def test_a_lock_that_lacks_a_stage_is_reported_and_makes_no_store(tmp_path, missing):
    settings = small(tmp_path)
    lock = yaml.safe_load((tmp_path / "dvc.lock").read_text())
    lock["stages"].pop(missing, None)
    (tmp_path / "dvc.lock").write_text(yaml.safe_dump(lock))
    if missing == "whole file":
        (tmp_path / "dvc.lock").unlink()
    with pytest.raises(UserError, match=r"dvc\.lock.*dvc repro"):
        track(tmp_path, settings, tmp_path)
    assert not (tmp_path / "mlflow.db").exists()
