"""What made a folder of vectors."""

from pathlib import Path

import pytest

from babelmix.encoder.settings import Embed
from babelmix.retrieval import vector_record
from babelmix.retrieval.vector_record import made_of

ASKED = Embed(max_tokens=64, precision="bfloat16", context=False)


def test_vectors_of_another_precision_are_made_of_something_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What counts is what the machine computed in, not what was asked for."""
    monkeypatch.setattr(vector_record, "usable_precision", lambda asked, device: (asked, None))
    able = made_of(tmp_path, tmp_path, ASKED, (None, None))
    other = made_of(tmp_path, tmp_path, ASKED.model_copy(update={"precision": "float32"}), (None, None))
    assert able["precision"] == "bfloat16" and able != other
    monkeypatch.setattr(vector_record, "usable_precision", lambda asked, device: ("float32", "no bfloat16"))
    assert made_of(tmp_path, tmp_path, ASKED, (None, None)) == other
