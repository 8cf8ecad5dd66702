"""The doctor: each fact has its verdict and remedy, no check ends the others, and nothing is written."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from urllib.error import URLError
from urllib.request import Request

import pytest
from filelock import FileLock

from babelmix.reporting.doctor import facts, hardware, project, software, sources
from babelmix.reporting.doctor.check import Check, failing, run_checks
from babelmix.reporting.doctor.table import WIDTH, as_dict, as_text
from babelmix.stages.machine import examine

GB = 10**9


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that is no project, without a mirror."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    for name in ("BABELMIX_MIRROR", "DVC_ROOT", "HF_ENDPOINT", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)


def check(what: str = "memory", **changed: object) -> Check:
    given = {"group": "machine", "found": "8 GB", "verdict": "ok", "purpose": "runs", **changed}
    return Check(what=what, **given)  # type: ignore[arg-type]


def test_a_check_that_raises_is_a_line_of_its_own() -> None:
    def wrong_sensor() -> Check:
        raise ValueError("no such sensor\nat line 3")

    def two_disks() -> Iterator[Check]:
        yield check("first disk")
        raise OSError("gone")

    found = run_checks([("machine", wrong_sensor), ("machine", check), ("machine", two_disks)])
    assert [one.what for one in found] == ["wrong sensor", "memory", "first disk", "two disks"]
    assert found[0].verdict == "unknown" and found[0].found == "the check failed: ValueError, no such sensor"


def test_the_table_fits_a_terminal_and_ends_with_the_verdict() -> None:
    checks = [
        check(),
        check("a long name of it", found="x" * 300, purpose="y " * 90, verdict="slow", remedy="buy " * 60),
        check("dpkg-deb", group="downloads", verdict="missing", needed=True, remedy="install dpkg"),
        check("hub", group="downloads", verdict="missing"),
    ]
    text = as_text(checks)
    assert max(map(len, text.splitlines())) <= WIDTH
    assert text.splitlines()[-1] == "`dvc repro` cannot run here: dpkg-deb"
    assert "-> install dpkg" in text and "\ndownloads\n" in text
    assert as_dict(checks)["ready"] is False and json.dumps(as_dict(checks))
    assert as_text(checks[:2]).splitlines()[-1] == "`dvc repro` can run here; not at its best: a long name of it"
    assert failing(checks[:2]) == []


@pytest.mark.parametrize(
    ("version", "verdict"), [((3, 10, 9), "missing"), ((3, 11, 0), "ok"), ((3, 13, 2), "ok"), ((3, 14, 0), "missing")],
    ids=["3.10", "3.11", "3.13", "3.14"],
)  # fmt: skip
def test_python(version: tuple[int, int, int], verdict: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facts, "python_version", lambda: version)
    first = next(software.python_checks())
    assert (first.what, first.verdict, bool(first.remedy)) == ("Python", verdict, verdict != "ok")


def test_libraries_of_each_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = ["numpy~=2.4", 'torch~=2.13; extra == "encoder"', 'mlflow~=3.17; extra == "mlflow"']
    there = {"numpy": "2.4.1", "mlflow": "2.9.0"}
    monkeypatch.setattr(facts, "requirements", lambda: [*wanted, 'babelmix[data]; extra == "all"'])
    monkeypatch.setattr(facts, "installed", there.get)
    found = {one.what: one for one in software.python_checks()}
    assert found["babelmix"].found == "1 library, all there"
    assert (found["encoder"].verdict, found["encoder"].found) == ("missing", "no torch")
    assert found["encoder"].remedy.startswith("pip install 'babelmix[encoder]'") and found["encoder"].needed
    assert found["mlflow"].verdict == "slow" and "mlflow 2.9.0" in found["mlflow"].found
    assert found["export"].verdict == "unknown" and not found["export"].needed
    monkeypatch.setattr(facts, "requirements", list)
    assert [one.verdict for one in software.python_checks()][-1] == "unknown"


@pytest.mark.parametrize(
    ("version", "asked", "fits"),
    [("3.17", "~=3.17", True), ("3.18.1", "~=3.17", True), ("4.0", "~=3.17", False), ("1.0.31", "~=1.0.32", False),
     ("2.13.0+cpu", "~=2.13", True), ("0.3.0", "==0.3.0", True), ("0.3.1", "==0.3.0", False), ("9", ">=1", True)],
    ids=str,
)  # fmt: skip
def test_versions_as_pip_compares_them(version: str, asked: str, fits: bool) -> None:
    from packaging.specifiers import SpecifierSet

    assert software.fits(version, asked) is fits is SpecifierSet(asked).contains(version)


@pytest.mark.parametrize(
    ("found", "verdict"),
    [(facts.Memory(8 * GB, 6 * GB, None), "ok"), (facts.Memory(8 * GB, GB, None), "slow"),
     (facts.Memory(64 * GB, 60 * GB, GB), "missing"), (facts.Memory(None, None, None), "unknown")],
    ids=["enough", "little-free", "small-container", "not-known"],
)  # fmt: skip
def test_memory(found: facts.Memory, verdict: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facts, "memory", lambda: found)
    assert hardware.memory().verdict == verdict


def test_one_core_and_a_full_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(facts, "threads", lambda: (8, 1.0))
    assert hardware.threads().verdict == "slow" and "a quota of 1" in hardware.threads().found
    monkeypatch.setattr(facts, "disks", lambda: {"project": (tmp_path, GB), "TMPDIR": (tmp_path, 9 * GB)})
    full, enough = hardware.disks()
    assert (full.verdict, full.needed, full.remedy) == ("missing", True, "free some space")
    assert enough.verdict == "ok"


@pytest.mark.parametrize(
    ("flags", "slow"),
    [("avx2 avx512f avx512_bf16 avx512_vnni amx_tile", []), ("avx2", ["AVX-512", "bfloat16", "int8 (VNNI)", "AMX"])],
    ids=["new", "old"],
)
def test_instructions(flags: str, slow: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facts, "cpu_flags", lambda: frozenset(flags.split()))
    assert [one.what for one in hardware.instructions() if one.verdict == "slow"] == slow
    monkeypatch.setattr(facts, "cpu_flags", lambda: None)
    assert {one.verdict for one in hardware.instructions()} == {"unknown"}


def test_no_compiler_and_no_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facts, "program", lambda name: None)
    monkeypatch.setattr(facts, "installed", lambda name: None)
    assert hardware.compiler().verdict == "slow" and "apt-get install g++" in hardware.compiler().remedy
    assert hardware.gpu().verdict == "unknown"
    monkeypatch.setattr(facts, "program", lambda name: "/bin/c++")
    monkeypatch.setattr(facts, "output_of", lambda *command, **more: (1, "fatal error: omp.h\nmore"))
    assert hardware.compiler().found == "/bin/c++ fails: fatal error: omp.h"


def test_apt_dpkg_and_a_mirror(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(facts, "program", lambda name: None)
    assert failing([sources.apt(), sources.dpkg(), sources.mirror()]) == [sources.apt(), sources.dpkg()]
    (tmp_path / "mirror/deb").mkdir(parents=True)
    (tmp_path / "mirror/example.org").mkdir()
    (tmp_path / "mirror/deb/gnome-user-docs_1_all.deb").touch()
    monkeypatch.setenv("BABELMIX_MIRROR", str(tmp_path / "mirror"))
    assert sources.apt().found == "not on PATH, but in the mirror: 1 .deb" and sources.apt().verdict == "ok"
    assert "1 .deb, files of example.org" in sources.mirror().found
    monkeypatch.setenv("BABELMIX_MIRROR", str(tmp_path / "nowhere"))
    assert sources.mirror().verdict == "missing" and failing([sources.mirror()])


def test_the_hub_is_asked_only_online(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, float]] = []

    def refuse(request: Request, timeout: float) -> None:
        asked.append((request.full_url, timeout))
        raise URLError("no route")

    monkeypatch.setattr(sources, "urlopen", refuse)
    assert (sources.hub(online=False).verdict, asked) == ("unknown", [])
    monkeypatch.setenv("HF_ENDPOINT", "https://hub.example.org:8443/x")
    found = sources.hub(online=True)
    assert (found.verdict, asked) == ("missing", [("https://hub.example.org:8443/x", sources.SECONDS)])
    assert "does not answer (no route)" in found.found
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert sources.hub(online=True).found == "switched off by HF_HUB_OFFLINE" and len(asked) == 1
    monkeypatch.setenv("BABELMIX_HUB_OFF", "1")  # our own switch is none of the user's
    assert sources.hub(online=True).verdict == "missing" and len(asked) == 2
    monkeypatch.setenv("HF_ENDPOINT", "file:///etc/hostname")
    assert "not an address of the web" in sources.hub(online=True).found and len(asked) == 2


def test_any_answer_of_a_server_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:  # it answers 501 to everything
        thread = Thread(target=server.handle_request)
        thread.start()
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setattr(BaseHTTPRequestHandler, "log_message", lambda *_: None)
        assert sources.hub(online=True).verdict == "ok"
        thread.join()


def store(file: Path, schema: str) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("CREATE TABLE alembic_version (version_num TEXT)")
        connection.execute("INSERT INTO alembic_version VALUES (?)", (schema,))


def test_the_store_of_mlflow() -> None:
    head = project.schema_of_mlflow()
    file = Path("mlflow.db")
    found = {one.what: one for one in project.mlflow()}
    assert head and found["MLflow store"].found.startswith("none yet")
    store(file, head)
    assert list(project.mlflow())[1].verdict == "ok"
    with FileLock("mlflow.db.lock", thread_local=False):
        held = list(project.mlflow())[1]
        assert held.verdict == "slow" and "held by another program" in held.found
    file.unlink()
    store(file, "0123456789ab")
    other = list(project.mlflow())[1]
    assert other.verdict == "missing" and other.remedy.startswith("mlflow db upgrade sqlite:///mlflow.db")
    file.write_bytes(b"SQLite format 3\0 cut")
    assert "cannot be read" in list(project.mlflow())[1].found


@pytest.mark.slow
def test_the_schema_that_mlflow_knows_is_mlflows_own() -> None:
    from alembic.script import ScriptDirectory
    from mlflow.store.db.utils import _get_alembic_config

    assert project.schema_of_mlflow() == ScriptDirectory.from_config(_get_alembic_config("")).get_current_head()


def test_dvc_and_its_lock() -> None:
    assert [one.verdict for one in project.dvc()][1] == "unknown" and project.lock().verdict == "unknown"
    Path(".dvc").mkdir()
    Path(".dvc/config").write_text('[cache]\n    type = "hardlink,copy"\n[\'remote "shared"\']\n    url = /srv\n')
    remote, cache = list(project.dvc())[1:]
    assert (remote.found, remote.verdict, cache.verdict) == ("shared", "ok", "ok")
    Path("dvc.lock").write_text("schema: '2.0'\nstages:\n  dev:\n    cmd: x\n    outs:\n    - {path: a, md5: b}\n")
    assert project.lock().found == "1 stages; 0 of 1 outputs are here"
    Path("dvc.lock").write_text("stages: [")
    assert project.lock().verdict == "missing" and failing([project.lock()])


def test_facts_of_control_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    proc, groups = tmp_path / "proc", tmp_path / "cgroup"
    (proc / "self").mkdir(parents=True)
    (groups / "job").mkdir(parents=True)
    (groups / "memory/job").mkdir(parents=True)
    monkeypatch.setattr(facts, "PROC", proc)
    monkeypatch.setattr(facts, "CGROUP", groups)
    (proc / "self/cgroup").write_text("0::/job\n4:memory:/job\n")
    (proc / "meminfo").write_text("MemTotal:       16000 kB\nMemAvailable:    8000 kB\n")
    (proc / "cpuinfo").write_text("model name\t: Some CPU\nflags\t\t: fpu avx2\n")
    (groups / "cpu.max").write_text("max 100000\n")
    (groups / "job/cpu.max").write_text("150000 100000\n")
    (groups / "memory/job/memory.limit_in_bytes").write_text("4096000\n")
    (groups / "memory/memory.limit_in_bytes").write_text("9223372036854771712\n")
    assert facts.threads()[1] == 1.5
    assert facts.memory() == facts.Memory(16_384_000, 8_192_000, 4_096_000)
    assert facts.cpu_flags() == {"fpu", "avx2"} and facts.processor() == "Some CPU"
    monkeypatch.setattr(facts, "PROC", tmp_path / "none")
    assert facts.memory().total is None and facts.cpu_flags() is None


@pytest.mark.slow
def test_all_checks_of_this_machine_write_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    from babelmix.cli import run

    found = examine()
    assert not [one for one in found if one.found.startswith("the check failed")]
    assert {"Python", "threads", "memory", "AMX", "bfloat16", "GPU", "apt-get", "dpkg-deb", "hub", "mirror", "dvc"} <= {
        one.what for one in found
    }
    assert {"disk: project", "dvc remote", "MLflow store", "mlflow", "dvc.lock"} <= {one.what for one in found}
    import torch

    from babelmix.encoder.precision import has_bfloat16, has_int8

    verdicts, cpu = {one.what: one.verdict for one in found}, torch.device("cpu")
    if facts.cpu_flags() is not None:  # Linux and torch agree on what this processor has
        assert (verdicts["bfloat16"] == "ok") is has_bfloat16(cpu)
        assert (verdicts["int8 (VNNI)"] == "ok") is has_int8(cpu)
    code = run(["doctor", "--json"])
    printed = json.loads(capsys.readouterr().out)
    assert (code == 0) is printed["ready"] and len(printed["checks"]) == len(found)
    assert not list(Path.cwd().iterdir())


def test_exit_code_1_where_repro_cannot_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from babelmix.cli import run
    from babelmix.stages import machine

    def instead(checks: list[Check]) -> Callable[..., list[Check]]:
        return lambda online: checks

    monkeypatch.setattr(machine, "examine", instead([check("dpkg-deb", verdict="missing", needed=True)]))
    assert run(["doctor"]) == 1
    monkeypatch.setattr(machine, "examine", instead([check(verdict="slow")]))
    assert run(["doctor"]) == 0
    assert "can run here; not at its best: memory" in capsys.readouterr().out
