"""Checks of the project in the current folder: Git, DVC, its lock file, and the MLflow store. Nothing is written."""

import fcntl
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

from babelmix.common.errors import UserError
from babelmix.common.files import project_root
from babelmix.reporting.doctor import facts
from babelmix.reporting.doctor.check import Check, Verdict, program_check
from babelmix.reporting.lock import hashes, parse_lock
from babelmix.reporting.mlflow_store import database
from babelmix.workspace import HERE

GROUP = "project"
_REMOTE = re.compile(r"""^\[['"]?remote "([^"]+)"['"]?\]""", re.MULTILINE)


def git() -> Check:
    """Check for Git, which experiments of DVC need."""
    purpose = "dvc exp run, study, compare, verify"
    return program_check(GROUP, "git", facts.program("git"), purpose=purpose, remedy="apt-get install git")


def dvc() -> Iterator[Check]:
    """Check for DVC, whether the folder is a project of it, and its remote."""
    found, path = facts.installed("dvc"), facts.program("dvc")
    there = bool(found and path)
    yield Check(
        group=GROUP,
        what="dvc",
        found=f"{found or 'not installed'}" + ("" if path else ", no `dvc` on PATH"),
        verdict="ok" if there else "missing",
        purpose="it runs the stages: make repro, dvc exp run",
        remedy="" if there else "pip install 'babelmix[all]', or make setup in a clone",
        needed=True,
    )
    if not (project_root() / ".dvc").is_dir():
        text, remedy = f"{project_root()} is no project of DVC", "go to the project's folder, or babelmix init FOLDER"
        yield Check(
            group=GROUP, what="dvc remote", found=text, verdict="unknown", purpose="dvc pull, push", remedy=remedy
        )
        return
    remotes = _REMOTE.findall(_config())
    yield Check(
        group=GROUP,
        what="dvc remote",
        found=", ".join(remotes) or "none",
        verdict="ok" if remotes else "unknown",
        purpose="dvc pull, push: bytes of runs, shared",
        remedy="" if remotes else "none is needed: dvc repro makes everything; to share: dvc remote add -d NAME PLACE",
    )
    yield _links()


def lock() -> Check:
    """Check that dvc.lock can be read, and how many of its outputs are here."""
    file = project_root() / HERE.lock
    verdict: Verdict = "unknown"
    found, remedy = "none here: nothing was run yet", "dvc repro"
    if file.exists():
        try:
            stages = parse_lock(file.read_text(encoding="utf-8"), str(file))
            outputs = [path for stage in stages.values() for path in hashes(stage, "outs")]
            here = sum((project_root() / path).exists() for path in outputs)
            found, verdict = f"{len(stages)} stages; {here} of {len(outputs)} outputs are here", "ok"
            remedy = "" if here == len(outputs) else "dvc repro makes the others"
        except (UserError, OSError, UnicodeDecodeError) as error:
            found, verdict = f"cannot be read: {error}", "missing"
            remedy = "git checkout dvc.lock, or move it away and run dvc repro"
    return Check(
        group=GROUP,
        what="dvc.lock",
        found=found,
        verdict=verdict,
        purpose="which bytes each stage read and wrote",
        remedy=remedy,
        needed=file.exists(),
    )


def mlflow() -> Iterator[Check]:
    """Check the version of MLflow, the project's store, the store's schema, and whether another process holds it."""
    store = database(project_root())
    head = schema_of_mlflow()
    yield Check(
        group=GROUP,
        what="mlflow",
        found=facts.installed("mlflow") or "not installed",
        verdict="ok" if facts.installed("mlflow") else "missing",
        purpose="track, ui, study",
        remedy="" if facts.installed("mlflow") else "pip install 'babelmix[mlflow]'",
        needed=True,
    )
    if not store.exists():
        text = "none yet: `babelmix track` makes it"
        yield Check(group=GROUP, what="MLflow store", found=text, verdict="ok", purpose="all runs side by side")
        return
    again = f"move {store.name} away, and `babelmix track` makes it again"
    verdict: Verdict = "ok"
    remedy = ""
    try:
        schema = schema_of_store(store)
        found = f"{store.name}, schema {schema}"
        if head and schema != head:
            found += f"; mlflow {facts.installed('mlflow')} has {head}"
            verdict, remedy = "missing", f"mlflow db upgrade sqlite:///{store.name}, or {again}"
    except sqlite3.Error as error:
        found, verdict, remedy = f"{store.name} cannot be read: {error}", "missing", again
        if "locked" in str(error):
            found, remedy = f"{store.name} is in use", "end the other program (babelmix ui?)"
    if verdict == "ok" and _held(store.with_name(f"{store.name}.lock")):
        found, verdict, remedy = (
            f"{found}, held by another program",
            "slow",
            "wait, or end it: babelmix track waits too",
        )
    yield Check(
        group=GROUP,
        what="MLflow store",
        found=found,
        verdict=verdict,
        purpose="track, ui: all runs side by side",
        remedy=remedy,
        needed=True,
    )


def schema_of_store(file: Path) -> str:
    """Return the version of the schema of a store; sqlite3.Error for a file that is no whole store, or is in use."""
    with closing(sqlite3.connect(f"file:{quote(str(file))}?mode=ro", timeout=0, uri=True)) as connection:
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    if row is None:
        raise sqlite3.DatabaseError("it has no version")
    return str(row[0])


def schema_of_mlflow() -> str | None:
    """Return the newest schema that the installed MLflow knows, from its migrations, without importing it."""
    spec = find_spec("mlflow")
    if spec is None or spec.origin is None:
        return None
    made: set[str] = set()
    replaced: set[str] = set()
    for file in (Path(spec.origin).parent / "store" / "db_migrations" / "versions").glob("*.py"):
        text = file.read_text(encoding="utf-8")
        made |= set(re.findall(r"""^revision = ["'](\w+)["']""", text, re.MULTILINE))
        replaced |= set(re.findall(r"""^down_revision = ["'](\w+)["']""", text, re.MULTILINE))
    heads = made - replaced
    return heads.pop() if len(heads) == 1 else None


def _links() -> Check:
    """Check whether the cache is on the project's disk: else every output is copied, and there twice."""
    root = project_root()
    place = re.search(r"^\s*dir\s*=\s*(.+)$", _config(), re.MULTILINE)
    cache = (root / ".dvc" / place[1].strip().strip("\"'")) if place else root / ".dvc" / "cache"
    near = facts.existing(cache)
    same = near.stat().st_dev == root.stat().st_dev
    kind = re.search(r"^\s*type\s*=\s*(.+)$", _config(), re.MULTILINE)
    verdict: Verdict = "ok" if same and kind else "slow"
    words = kind[1].strip().strip("\"'") if kind else "DVC's default: reflink,copy"
    return Check(
        group=GROUP,
        what="dvc cache",
        found=f"{words}; on " + ("the project's disk" if same else "another disk than the project's"),
        verdict=verdict,
        purpose="outputs are linked to the cache, not copied",
        remedy=""
        if verdict == "ok"
        else "dvc config cache.type reflink,hardlink,copy, and a cache on the project's disk",
    )


def _config() -> str:
    """Return the configuration of DVC in the project, the local one behind the shared one."""
    files = [project_root() / ".dvc" / name for name in ("config", "config.local")]
    return "\n".join(file.read_text(encoding="utf-8", errors="replace") for file in files if file.is_file())


def _held(lock: Path) -> bool:
    """Return whether another process holds a lock file; False for one that is not there, or cannot be opened."""
    try:
        handle = os.open(lock, os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(handle)
    return False
