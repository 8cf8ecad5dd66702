"""What the speed tests share: XQuAD, and the table of `make speed`, printed at the end and kept in .benchmarks/."""

from pathlib import Path
from typing import Any

import pytest
from ratios import HEAD, Recorder, plain_table
from xquad import fetch_xquad

from babelmix.reporting.tables import table
from babelmix.settings.params import load_settings

ROOT = Path(__file__).parents[2]
KEPT = ROOT / ".benchmarks/speed.md"
recorder = Recorder()


@pytest.fixture(scope="session")
def ratio() -> Recorder:
    """Adds a row to the table: ratio("what was measured", "the opponent", ours=1.2, theirs=3.4, unit="s")."""
    return recorder


@pytest.fixture(scope="session")
def xquad(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The raw files of XQuAD-R."""
    return fetch_xquad(tmp_path_factory.mktemp("xquad") / "raw")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the table and the machine that it is of, and keep it in Markdown."""
    if not recorder.rows:
        return
    from babelmix.reporting.machine import describe_machine

    threads = load_settings(ROOT / "params.yaml").threads
    note = f"{describe_machine(threads)}. A ratio above 1 is in our favour."
    terminalreporter.section("speed: ours against others, in the same run")
    for line in (*plain_table(recorder.rows), "", note):
        terminalreporter.write_line(line)
    KEPT.parent.mkdir(exist_ok=True)
    KEPT.write_text(f"{table(HEAD, (row.cells() for row in recorder.rows))}\n\n{note}\n", encoding="utf-8")
    terminalreporter.write_line(f"also in {KEPT.relative_to(ROOT)}")
