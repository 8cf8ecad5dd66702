"""A project that has its parameters alone: for commands that bring a benchmark and a model of their own."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
from small_training import ROOT, one_thread


@contextmanager
def project_of_params(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Make a folder with small parameters alone, and go there for the block, on one thread."""
    raw = yaml.safe_load((ROOT / "params.yaml").read_text())
    raw |= {"threads": 1, "embed": {"max_tokens": 64, "precision": "float32", "context": False}}
    folder.mkdir()
    (folder / "params.yaml").write_text(yaml.safe_dump(raw))
    monkeypatch.chdir(folder)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    with one_thread():
        yield folder
