"""`make setup` installs from where pip's configuration says, with hashes, and with pip where uv fails."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
LISTED = """\
:env:.find-links='/here /nowhere https://example.org/wheels'
download.index-url='https://example.org/download'
global.cert='/etc/certificates.crt'
global.extra-index-url='\\nhttps://example.org/one\\nhttps://example.org/two'
global.find-links='/overruled'
global.index-url='https://example.org/all'
install.index-url='https://example.org/install'
global.no-index='false'
install.trusted-host='example.org'
global.timeout='60'
"""


@pytest.fixture
def install() -> Any:
    specification = importlib.util.spec_from_file_location("install", ROOT / "scripts/install.py")
    assert specification and specification.loader
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_pips_configuration_becomes_options_of_uv(install: Any, tmp_path: Path) -> None:
    settings = install.read_configuration(LISTED.replace("/here", str(tmp_path)))
    assert install.options(settings) == [
        "--index-strategy", "unsafe-best-match", "--default-index", "https://example.org/install",
        "--extra-index-url", "https://example.org/one", "--extra-index-url", "https://example.org/two",
        "--find-links", str(tmp_path), "--find-links", "https://example.org/wheels",
        "--allow-insecure-host", "example.org",
    ]  # fmt: skip
    assert install.variables(settings) == {"SSL_CERT_FILE": "/etc/certificates.crt", "UV_HTTP_TIMEOUT": "60"}


def test_without_configuration_uv_gets_none(install: Any) -> None:
    assert install.options(install.read_configuration("")) == ["--index-strategy", "unsafe-best-match"]
    assert install.variables({}) == {}
    assert install.options({"no-index": "1"})[2:] == ["--no-index"]


def test_uv_is_installed_by_its_hash(install: Any) -> None:
    lines = install.block_of("uv", (ROOT / "requirements.txt").read_text()).splitlines()
    assert lines[0].startswith("uv==") and all("--hash=sha256:" in line for line in lines[1:])
    assert len(lines) > 1 and not lines[-1].endswith("\\")


@pytest.mark.parametrize(
    ("uv_works", "installers"), [(True, ["pip", "uv", "uv", "uv"]), (False, ["pip", "uv", *["pip"] * 3])]
)
def test_every_step_is_of_uv_or_if_it_fails_of_pip_and_all_but_torch_is_hashed(
    install: Any, uv_works: bool, installers: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    commands: list[list[str]] = []

    def run(command: list[str], **_: Any) -> Any:
        if "config" not in command:
            commands.append(command)
        return subprocess.CompletedProcess(command, 0 if "config" in command or uv_works else 2, stdout="")

    monkeypatch.setattr(install.subprocess, "run", run)
    monkeypatch.setattr(install, "pip", lambda *arguments: commands.append(["pip", *arguments]) or 0)
    monkeypatch.setattr(install.sys, "prefix", str(tmp_path))
    assert install.main() == 0
    assert [Path(command[0]).name for command in commands] == installers
    assert list(tmp_path.iterdir()) == []
    for number, command in enumerate(commands[-3:]):
        assert ("--require-hashes" in command) == (number == 0)
        assert ("requirements-torch.txt" in command) == (number == 1)


def test_pips_noise_is_left_out_and_its_errors_are_shown(
    install: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    noise = "WARNING: Location 'file:///x/uv/' is ignored: it is neither a file nor a directory."
    older = "WARNING: Location '/x' is ignored: it is either a non-existing path or lacks a specific scheme."
    program = f"import sys; print({noise!r}, {older!r}, 'ERROR: no space', sep='\\n', file=sys.stderr); sys.exit(3)"
    right = subprocess.Popen
    monkeypatch.setattr(install.subprocess, "Popen", lambda _, **rest: right([sys.executable, "-c", program], **rest))
    assert install.pip("anything") == 3
    assert capsys.readouterr().err == "ERROR: no space\n"
