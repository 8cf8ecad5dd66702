"""MLflow's store of a project: a database and a folder of artifacts, in a folder of any name.

    with locked(root), refused(root):
        client = open_client(root)              # root/mlflow.db, made whole or not at all
    serve(root, "http://127.0.0.1:5000/...", port=5000)     # until interrupted

A store that is damaged, of another version or in use, and a full disk, raise UserError.
"""

import errno
import logging
import os
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from filelock import FileLock, Timeout

from babelmix.common.errors import UserError
from babelmix.common.one_line import first_line
from babelmix.common.os_errors import system_error

if TYPE_CHECKING:  # mlflow takes two seconds to import
    from mlflow.tracking import MlflowClient

LOOPBACK = "127.0.0.1"
# mlflow reads these when it is imported: it sends nothing, and does not show the log of its migrations.
QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true", "MLFLOW_LOGGING_LEVEL": "WARNING"}
SILENT = QUIET | {"MLFLOW_LOGGING_LEVEL": "CRITICAL"}  # MLflow would log a traceback beside the exception
# MLflow's place for artifacts of its own experiment: beside the database, not in the current folder. MLflow writes the
# place into SQL without quoting, so it must be a URI, in which quotes are escaped.
_ARTIFACT_ROOT = "_MLFLOW_SERVER_ARTIFACT_ROOT"
_PATIENCE = 10  # seconds for the server to end
TRAINING = {"mlflow.experimentKind": "custom_model_development"}  # the UI shows training runs, not chat traces


def database(store_root: Path) -> Path:
    """Return the database of a project's store."""
    return store_root / "mlflow.db"


def artifacts(store_root: Path) -> str:
    """Return the place of artifacts: a path, or a URI if MLflow would misread characters of the path."""
    folder = _meant(store_root) / "mlruns"
    return str(folder) if quote(str(folder)) == str(folder) else folder.as_uri()


@contextmanager
def locked(store_root: Path) -> Generator[None]:
    """Hold the store's lock: MLflow migrates a new database on first use, which two processes must not do at once."""
    file = store_root / "mlflow.db.lock"
    try:
        store_root.mkdir(parents=True, exist_ok=True)
        lock = FileLock(file)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            print(f"babelmix: waiting for another program that holds {file}", file=sys.stderr)
            lock.acquire()
    except (OSError, NotImplementedError) as error:
        how = "choose a project folder on a disk that can be written and knows locks"
        raise system_error(error, str(file)) or UserError("cannot be locked", where=str(file), how=how) from error
    try:
        yield
    finally:
        lock.release()


@contextmanager
def refused(store_root: Path) -> Generator[None]:
    """Turn errors of MLflow, of its database and of the disk into a UserError."""
    where, again = str(database(store_root)), "move it away, and `babelmix track` makes it again"
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        text = str(error)
        first = first_line(error)
        if "database is locked" in text:
            how = "end the other one (`babelmix ui`?) and run the same command again"
            raise UserError("in use by another program", where=where, how=how) from error
        if "out-of-date database schema" in text:
            how = f"run `mlflow db upgrade sqlite:///{database(store_root).name}` in its folder, or {again}"
            raise UserError("made by another version of MLflow", where=where, how=how) from error
        if mended := system_error(error, where):
            raise mended from error
        if isinstance(error, sqlite3.Error):
            raise UserError(f"not a whole store of MLflow ({first})", where=where, how=again) from error
        if type(error).__module__.partition(".")[0] in ("mlflow", "sqlalchemy", "alembic"):
            raise UserError(f"MLflow refuses ({first})", where=where, how=f"if it is damaged, {again}") from error
        raise


def open_client(store_root: Path) -> "MlflowClient":
    """Return MLflow's client for the store; a missing store is created, whole or not at all.

    Call it within `locked` and `refused`.
    """
    file = _meant(database(store_root))
    if not file.exists() or (file.is_file() and not file.stat().st_size):
        fresh = file.with_name(f"{file.name}.new")  # MLflow cannot repair a half-made database
        _clear(fresh)  # left by a killed process
        try:
            _client(fresh, store_root)
            fresh.replace(file)
        finally:
            _clear(fresh)
    with closing(sqlite3.connect(file, timeout=20)) as connection:  # MLflow would retry for minutes
        connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return _client(file, store_root)


def tagged(store_root: Path, experiment: str, tag: str, other: str) -> dict[str, tuple[str, str]]:
    """Return {value of `tag`: (run id, value of `other`)} of an experiment's runs that have both, without MLflow.

    To import MLflow and open its store takes two seconds, this a millisecond. Empty for a store that MLflow has to
    open: it is missing, damaged, being written, or was moved; or the experiment is deleted. Deleted runs are left out;
    of several runs with one value, the last to start counts, as in MLflow's own search.
    """
    query = """
        SELECT one.value, runs.run_uuid, two.value FROM runs
        JOIN experiments USING (experiment_id)
        JOIN tags one ON one.run_uuid = runs.run_uuid AND one.key = ?
        JOIN tags two ON two.run_uuid = runs.run_uuid AND two.key = ?
        WHERE experiments.name = ? AND experiments.artifact_location = ?
        AND experiments.lifecycle_stage = 'active' AND runs.lifecycle_stage = 'active'
        ORDER BY runs.start_time, runs.run_uuid DESC
    """
    with suppress(sqlite3.Error, OSError):
        address = f"file:{quote(str(_meant(database(store_root))))}?mode=ro"
        with closing(sqlite3.connect(address, timeout=0, uri=True)) as connection:
            rows = connection.execute(query, (tag, other, experiment, artifacts(store_root))).fetchall()
        return {value: (run_id, second) for value, run_id, second in rows}
    return {}


def relocate(store_root: Path, old: str) -> None:
    """Correct the places of artifacts in a store that was moved or copied with its project.

    `old` is the place that its experiment has.
    """
    new = artifacts(store_root)
    with closing(sqlite3.connect(_meant(database(store_root)), timeout=20)) as connection, connection:
        for table, column in (("experiments", "artifact_location"), ("runs", "artifact_uri")):
            connection.execute(
                f"UPDATE {table} SET {column} = ? || substr({column}, ?) "  # noqa: S608 -- the names are constants above
                f"WHERE {column} = ? OR substr({column}, 1, ?) = ?",
                (new, len(old) + 1, old, len(old) + 1, f"{old}/"),
            )


def experiment_id(client: "MlflowClient", store_root: Path, name: str) -> str:
    """Return the id of an experiment, which is created, or restored if it was deleted."""
    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        return client.create_experiment(name, artifact_location=artifacts(store_root), tags=TRAINING)
    if experiment.artifact_location != artifacts(store_root):
        relocate(store_root, experiment.artifact_location)
    if experiment.lifecycle_stage == "deleted":
        client.restore_experiment(experiment.experiment_id)
    return experiment.experiment_id


def all_runs(client: "MlflowClient", experiment: str, condition: str = "") -> Iterator[Any]:
    """Yield the runs of an experiment that are not deleted and fulfil a condition, as MLflow writes it."""
    token = None
    while True:
        page = client.search_runs([experiment], condition, page_token=token)
        yield from page
        if not (token := page.token):
            return


def serve(store_root: Path, address: str, port: int) -> None:
    """Print the address and serve MLflow's UI on loopback until interrupted.

    UserError if the port is taken or not permitted, or if MLflow ends by itself.
    """
    _check_port(port)
    print(f"Comparison of all runs (Ctrl-C ends the server):\n{address}", flush=True)
    command = [sys.executable, "-m", "mlflow", "server", "--host", LOOPBACK, "--port", str(port)]
    # Below "critical" it would log the end that `_end` asks for as an error, with a traceback.
    command += ["--uvicorn-opts", "--log-level critical"]
    command += ["--workers", "1", "--backend-store-uri", _uri(database(store_root))]
    command += ["--no-serve-artifacts", "--default-artifact-root", artifacts(store_root)]
    environment = os.environ | QUIET | {"PYTHONWARNINGS": "ignore"}
    environment["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"  # no workers for chat jobs
    with subprocess.Popen(command, env=environment, start_new_session=True) as server:
        try:
            code = server.wait()
        except BaseException as error:  # Ctrl-C, SIGTERM: its processes must end too
            _end(server)
            if isinstance(error, KeyboardInterrupt):
                return
            raise
    if code:
        raise UserError(f"MLflow ended with code {code}", where=address, how="see its message above")


def _end(server: "subprocess.Popen[bytes]") -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(server.pid, number)
            server.wait(_PATIENCE)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            continue


def _check_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except PermissionError as error:
            raise UserError(f"port {port} is not permitted", where=LOOPBACK, how="choose one above 1023") from error
        except OSError as error:
            how = f"choose another one: `babelmix ui --port {port + 1 if port < 65535 else port - 1}`"
            raise UserError(f"port {port} is taken", where=LOOPBACK, how=how) from error


def _client(file: Path, store_root: Path) -> "MlflowClient":
    os.environ.update(SILENT | {_ARTIFACT_ROOT: artifacts(store_root)})
    try:
        from mlflow.tracking import MlflowClient

        logging.getLogger("mlflow").setLevel(SILENT["MLFLOW_LOGGING_LEVEL"])  # another library may have imported it
        return MlflowClient(_uri(file))
    finally:
        del os.environ[_ARTIFACT_ROOT]


def _clear(file: Path) -> None:
    for left in file.parent.glob(f"{file.name}*"):
        left.unlink()


def _uri(file: Path) -> str:
    """Return the URI of an SQLite database in a folder of any name.

    SQLAlchemy reads `%20` and `?` as escapes, so they are escaped. The driver's name in the URI keeps MLflow from
    creating a folder with the escaped name.
    """
    return f"sqlite+pysqlite:///{quote(str(_meant(file)))}"


def _meant(path: Path) -> Path:
    """Return a path with its links followed; an error for a circle of links, or a name that is not in UTF-8."""
    meant = Path(os.path.realpath(path))
    if meant.is_symlink():
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
    try:
        str(meant).encode()
    except UnicodeEncodeError as error:
        how = "rename the folder: MLflow finds no other"
        raise UserError("the folder's name is not in UTF-8", where=str(path), how=how) from error
    return meant
