"""OpenVINO and NNCF ask nobody and write nothing into the home."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from babelmix.common.errors import UserError
from babelmix.exporting import no_telemetry

CODE = """
import socket, sys
def refuse(*given, **named):
    sys.stderr.write("SOCKET")
    raise OSError("no network")
socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
from babelmix.exporting.no_telemetry import import_nncf, import_openvino
openvino, nncf = import_openvino(), import_nncf()
assert sys.modules["openvino_telemetry"] is None
from nncf.telemetry.wrapper import NNCFTelemetryStub, telemetry
assert isinstance(telemetry, NNCFTelemetryStub)
"""


@pytest.mark.slow
def test_no_request_and_no_file(tmp_path: Path) -> None:
    blank = {name: value for name, value in os.environ.items() if not name.startswith(("CI", "GITHUB", "NNCF"))}
    environment = blank | {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache"), "TMPDIR": "/tmp"}
    done = subprocess.run([sys.executable, "-c", CODE], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "SOCKET" not in done.stderr
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == []


def test_a_missing_library_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(UserError, match=r"openvino is not installed; pip install 'babelmix\[\w+\]'"):
        no_telemetry.import_openvino()
