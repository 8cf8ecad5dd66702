"""What made a folder of vectors."""

import json
from pathlib import Path

import pytest

from babelmix.common.errors import UserError
from babelmix.encoder.settings import Embed
from babelmix.retrieval import vector_record
from babelmix.retrieval.vector_record import FILE, made_of, read_record

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


@pytest.mark.parametrize("made", [[1], "x", None])
def test_a_record_that_says_nothing_of_its_making_is_refused(tmp_path: Path, made: object) -> None:
    record = {"made_of": made, "similarity": "cosine", "prompts": {}, "max_tokens": 1, "texts": {}, "cut": {}}
    (tmp_path / FILE).write_text(json.dumps(record))
    with pytest.raises(UserError, match="not a record of `babelmix embed`"):
        read_record(tmp_path)
