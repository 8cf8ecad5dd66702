"""MLflow's store in a folder of any name, damaged, in use, on a bad disk: whole or not at all; errors are one line."""

import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_project import make_project

from babelmix.common.errors import UserError
from babelmix.reporting import mlflow_runs as tracking
from babelmix.reporting import mlflow_store
from babelmix.reporting.mlflow_entry import key_of
from babelmix.reporting.mlflow_runs import track
from babelmix.reporting.mlflow_store import locked, open_client, refused
from babelmix.reporting.mlflow_view import comparison_url, serve_ui

# mlflow 3.17.2 defines one relationship with a loader strategy that its SQLAlchemy announces the end of.
pytestmark = [
    pytest.mark.slow,  # a store and its server take seconds
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:sqlalchemy.exc.SADeprecationWarning"),
]

ROOT = Path(__file__).parents[2]
NAME = "-a b#c%20d?é;'\"\n&x:y*[z]"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project in a folder of a bad name, tracked."""
    root = tmp_path_factory.mktemp("names") / NAME
    settings = make_project(root, questions=8, benchmarks=("gnome-help",), objectives=("hybrid",))
    (root / "reports" / "figures").mkdir(parents=True)
    (root / "reports" / "report 1.md").write_text("# report\n")
    before = sorted(root.parent.iterdir())
    assert track(root, settings, root).created == 3
    assert track(root, settings, root).updated == 0
    assert sorted(root.parent.iterdir()) == before, "nothing is written beside the folder"
    return root


@pytest.fixture
def copied(store: Path, tmp_path: Path) -> tuple[Path, Any]:
    """A copy of the project and its store in a folder of its own, and its settings."""
    from babelmix.settings.params import load_settings

    shutil.copytree(store, tmp_path / "copy")
    return tmp_path / "copy", load_settings(store / "params.yaml")


def test_a_folder_of_any_name_holds_its_store_and_artifacts(store: Path) -> None:
    assert {path.name for path in store.iterdir()} == {
        *("data", "dvc.lock", "metrics", "mlflow.db", "mlflow.db.lock", "mlruns", "params.yaml", "reports"),
    }
    with locked(store), refused(store):
        client = open_client(store)
        experiment = client.get_experiment_by_name(tracking.EXPERIMENT).experiment_id
        (run,) = client.search_runs([experiment], "attributes.run_name = 'base/hybrid/s13'")
        kept = Path(client.download_artifacts(run.info.run_id, "reports/report 1.md"))
    assert kept.read_text() == "# report\n"
    assert [path.name for path in (store / "mlruns").rglob("*.md")] == ["report 1.md"]
    assert "viewStateShareKey=babelmix" in comparison_url(store)
    with closing(sqlite3.connect(store / "mlflow.db")) as connection:
        places = [place for (place,) in connection.execute("SELECT artifact_location FROM experiments")]
    assert len(places) == 2 and all(place.startswith(f"{mlflow_store.artifacts(store)}") for place in places)


@given(st.lists(st.sampled_from(["a", " ", "#", "%", "%20", "?", ";", "'", "é", "&", ":", "\n", "+", "@"]), min_size=1))
def test_the_database_of_any_folder_is_where_the_folder_is(signs: list[str]) -> None:
    from sqlalchemy import make_url

    file = Path("/somewhere") / "".join(signs) / "mlflow.db"
    url = make_url(mlflow_store._uri(file))
    assert (url.database, dict(url.query), url.get_backend_name()) == (str(file), {}, "sqlite")


def test_a_folder_whose_name_is_no_utf_8_is_reported(tmp_path: Path) -> None:
    root = tmp_path / os.fsdecode(b"\xff")
    with pytest.raises(UserError, match="not in UTF-8"), locked(root), refused(root):
        open_client(root)


def test_a_plain_folder_keeps_a_plain_path(tmp_path: Path) -> None:
    assert mlflow_store.artifacts(tmp_path) == str(tmp_path.resolve() / "mlruns")


# ----------------------------------------------------------------------------------------------------- damaged, in use


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda file: file.write_bytes(b"no database" * 1000), "not a whole store of MLflow (file is not a database)"),
        (lambda file: file.write_bytes(file.read_bytes()[:5000]), "not a whole store of MLflow (database disk image"),
        (lambda file: (file.unlink(), file.mkdir()), "not a whole store of MLflow (unable to open database file)"),
        (
            lambda file: (file.unlink(), change(file, "CREATE TABLE own (a)")),
            "not a whole store of MLflow (no such table: alembic_version)",
        ),
        (lambda file: change(file, "UPDATE alembic_version SET version_num = 'abc'"), "another version of MLflow"),
        (lambda file: change(file, "DROP TABLE tags; CREATE TABLE tags (a)"), "MLflow refuses ("),
        (lambda file: (file.unlink(), file.symlink_to(file.name)), "a link that leads back to itself"),
    ],
    ids=["no database", "cut short", "a folder", "another's database", "version", "table", "loop"],
)
def test_a_damaged_store_is_one_line_at_once_and_is_left_alone(
    copied: tuple[Path, Any], damage: Any, message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    root, settings = copied
    file = root / "mlflow.db"
    damage(file)
    before = file.read_bytes() if file.is_file() else None
    with pytest.raises(UserError) as caught:
        track(root, settings, root)
    assert message in str(caught.value) and str(file) in str(caught.value)
    assert capfd.readouterr().err == "", "MLflow's own traceback is not shown"
    if before and "table" not in message and "refuses" not in message:
        assert file.read_bytes() == before
    if file.exists() and "refuses" not in message:
        with pytest.raises(UserError):
            comparison_url(root)


def change(file: Path, statement: str) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.executescript(statement)


def test_an_empty_file_is_a_store_that_is_not_there_yet(copied: tuple[Path, Any]) -> None:
    root, settings = copied
    shutil.rmtree(root / "mlruns")
    (root / "mlflow.db").write_bytes(b"")
    assert track(root, settings, root).created == 3


def test_a_link_is_followed_to_the_database_that_it_means(copied: tuple[Path, Any], tmp_path: Path) -> None:
    root, settings = copied
    (tmp_path / "disk").mkdir()
    (root / "mlflow.db").unlink()
    (root / "mlflow.db").symlink_to(tmp_path / "disk" / "runs.db")
    assert track(root, settings, root).created == 3
    assert (root / "mlflow.db").is_symlink() and [path.name for path in (tmp_path / "disk").iterdir()] == ["runs.db"]


def test_a_first_use_that_was_killed_is_made_anew(copied: tuple[Path, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    root, settings = copied
    (root / "mlflow.db").unlink()
    for name in ("mlflow.db.new", "mlflow.db.new-journal"):  # as a kill leaves them
        (root / name).write_bytes(b"half")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("babelmix.reporting.mlflow_store._client", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        track(root, settings, root)
    assert not list(root.glob("mlflow.db*new*")) and not (root / "mlflow.db").exists()
    assert track(root, settings, root).created == 3


def test_a_database_that_another_holds_is_reported(copied: tuple[Path, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    root, settings = copied
    right = sqlite3.connect
    monkeypatch.setattr("sqlite3.connect", lambda file, **options: right(file, **options | {"timeout": 0.1}))
    with closing(right(root / "mlflow.db")) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        with pytest.raises(UserError, match=r"in use by another program; end the other one"):
            track(root, settings, root)


@pytest.mark.slow
def test_a_full_disk_is_named(copied: tuple[Path, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    from mlflow.exceptions import MlflowException
    from mlflow.tracking import MlflowClient

    root, settings = copied
    (root / "mlflow.db").unlink()
    for error in (
        OSError(28, "No space left on device", str(root / "mlruns/x")),
        MlflowException("(sqlite3.OperationalError) database or disk is full\n[SQL: INSERT ...]"),
    ):
        with monkeypatch.context() as patch, pytest.raises(UserError, match="no space left on the disk"):
            patch.setattr(MlflowClient, "log_artifacts", lambda *_, error=error: (_ for _ in ()).throw(error))
            track(root, settings, root)
    assert track(root, settings, root).updated == 1
    (root / "reports" / "run.md").write_text("# changed\n")
    with monkeypatch.context() as patch, pytest.raises(ZeroDivisionError):  # a fault of babelmix stays one
        patch.setattr(tracking, "experiment_id", lambda *_: 1 // 0)
        track(root, settings, root)


def test_a_lock_that_cannot_be_made_is_reported(copied: tuple[Path, Any], tmp_path: Path) -> None:
    root, settings = copied
    (root / "mlflow.db.lock").unlink()
    (root / "mlflow.db.lock").mkdir()
    with pytest.raises(UserError, match=r"mlflow\.db\.lock: a folder, but must be a file"):
        track(root, settings, root)
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"a file, but must be a folder|the path exists"):
        track(root, settings, tmp_path / "file" / "store")


def test_who_waits_for_another_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    holds, go, order = threading.Event(), threading.Event(), []

    def hold() -> None:
        with locked(tmp_path):
            holds.set()
            go.wait(60)
            order.append("first")

    thread = threading.Thread(target=hold)
    thread.start()
    assert holds.wait(60)
    threading.Timer(0.2, go.set).start()
    with locked(tmp_path):
        order.append("second")
    thread.join()
    assert order == ["first", "second"]
    assert capsys.readouterr().err == f"babelmix: waiting for another program that holds {tmp_path}/mlflow.db.lock\n"


def test_a_project_that_was_copied_leaves_the_artifacts_of_the_first_alone(
    store: Path, copied: tuple[Path, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    root, settings = copied
    monkeypatch.setattr("mlflow.tracking._tracking_service.utils._artifact_repos_cache", {})
    first = sorted((file, file.read_bytes()) for file in (store / "mlruns").rglob("*.md"))
    (root / "reports" / "report 1.md").write_text("# changed\n")
    assert track(root, settings, root).updated == 1
    assert sorted((file, file.read_bytes()) for file in (store / "mlruns").rglob("*.md")) == first
    assert [file.read_text() for file in (root / "mlruns").rglob("*.md")] == ["# changed\n"]
    with closing(sqlite3.connect(root / "mlflow.db")) as connection:
        for query in ("SELECT artifact_location FROM experiments", "SELECT artifact_uri FROM runs"):
            assert all(place.startswith(str(root / "mlruns")) for (place,) in connection.execute(query))


# ----------------------------------------------------------------------------------------------------- dvc.lock, names


@pytest.mark.parametrize(
    "text",
    ["", "stages:\n", "[1]", "stages: [a]", "stages: {a: 1}", "stages: {a: {deps: [1]}}",
     "stages: {a: {deps: [{md5: x}]}}", "stages: {a: {deps: {path: x}}}"],
)  # fmt: skip
def test_a_dvc_lock_that_is_not_whole_is_reported(tmp_path: Path, text: str) -> None:
    settings = make_project(tmp_path, questions=8, benchmarks=("gnome-help",), objectives=("hybrid",))
    (tmp_path / "dvc.lock").write_text(text)
    with pytest.raises(UserError, match=r"dvc\.lock: not a whole dvc\.lock; restore it"):
        track(tmp_path, settings, tmp_path)
    (tmp_path / "dvc.lock").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match=r"dvc\.lock"):
        track(tmp_path, settings, tmp_path)


@given(st.text(min_size=1, max_size=400))
def test_any_name_is_one_that_mlflow_takes(name: str) -> None:
    from mlflow.utils.validation import _validate_metric_name, _validate_tag_name

    _validate_metric_name(key_of(name))
    _validate_tag_name(key_of(name))
    assert len(key_of(name)) <= 250


@pytest.mark.parametrize("name", ["gnome-help/multilingual/map", "dev/de-en", "dvc.md5.data/pairs/human", "train/loss"])
def test_a_usual_name_stays_as_it_is(name: str) -> None:
    assert key_of(name) == name
    assert key_of(f"{name}#1") != key_of(f"{name}#2")


def test_without_git_a_run_is_unversioned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert tracking._origin(tmp_path)["dvc.rev"] == "unversioned"


# ----------------------------------------------------------------------------------------------------------- the server


@pytest.fixture
def port() -> Iterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number = probe.getsockname()[1]
    yield number


@pytest.mark.slow
def test_the_server_serves_a_store_of_any_name_and_ends_with_us(store: Path, port: int) -> None:
    command = [sys.executable, "-m", "babelmix", "ui", "--port", str(port)]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src"), "DVC_ROOT": str(store), "HOME": "/dev/null"}
    with subprocess.Popen(
        command, cwd=store, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as program:
        try:
            for _ in range(1200):
                with suppress(OSError), urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
                    assert answer.read() == b"OK"
                    break
                assert program.poll() is None, program.stderr and program.stderr.read()
                time.sleep(0.1)
            with closing(sqlite3.connect(store / "mlflow.db")) as connection:
                ((run,),) = connection.execute("SELECT run_uuid FROM runs WHERE name = 'base/hybrid/s13'")
            address = f"http://127.0.0.1:{port}/get-artifact?run_id={run}&path=reports%2Freport%201.md"
            with urlopen(address, timeout=60) as answer:
                assert answer.read() == b"# report\n"
        finally:
            program.send_signal(signal.SIGTERM)
            message = program.communicate(timeout=120)[1].decode()
    assert program.returncode == 143
    assert "babelmix: ui was stopped (SIGTERM)\n" in message and "Traceback" not in message and "Warning" not in message
    with pytest.raises(OSError), urlopen(f"http://127.0.0.1:{port}/health", timeout=5):
        pass


def test_ctrl_c_ends_the_server_and_is_no_error(store: Path, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[int] = []

    class Server:
        pid = 1 << 30

        def __init__(self, *_: object, **__: object) -> None: ...
        def __enter__(self) -> "Server":
            return self

        def __exit__(self, *_: object) -> None: ...
        def wait(self, timeout: float | None = None) -> int:
            if timeout is None:
                raise KeyboardInterrupt
            return 0

    monkeypatch.setattr("subprocess.Popen", Server)
    monkeypatch.setattr("os.killpg", lambda _, number: ended.append(number))
    serve_ui(store, port)
    assert ended[0] == signal.SIGTERM


def test_a_server_that_ends_by_itself_is_reported(store: Path, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", shutil.which("false"))
    with pytest.raises(UserError, match="MLflow ended with code 1"):
        serve_ui(store, port)


def test_a_port_that_is_not_permitted_is_reported(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.socket.bind", lambda *_: (_ for _ in ()).throw(PermissionError(13, "denied")))
    with pytest.raises(UserError, match="port 80 is not permitted; choose one above 1023"):
        serve_ui(store, 80)
