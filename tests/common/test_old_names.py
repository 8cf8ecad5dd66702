"""Arrays and keys that carry the name of the last release."""

from pathlib import Path

import numpy as np
import pytest

from babelmix.common import old_names
from babelmix.common.arrays import read_arrays
from babelmix.common.errors import UserError


def test_an_array_with_an_old_name_is_read_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(old_names, "_said", set())
    file = tmp_path / "scores.npz"
    np.savez(file, question=np.array(["a"]), value=np.array([1.0]))
    names = {"parallel_id": "question"}
    for _ in range(2):
        found, value = read_arrays(file, ("parallel_id", "value"), what="scores", how="make it", old_names=names)
        assert (found.tolist(), value.tolist()) == (["a"], [1.0])
    (line,) = capsys.readouterr().err.splitlines()
    assert "scores.npz: `question` is called `parallel_id` now" in line
    with pytest.raises(UserError, match=r"not a whole \.npz file of scores"):
        read_arrays(file, ("parallel_id",), what="scores", how="make it")
