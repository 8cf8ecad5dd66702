"""What makes two folders of models the same model."""

import shutil
from pathlib import Path

from babelmix.encoder.fingerprint import hash_model


def test_a_card_and_measured_speeds_make_no_other_model(tiny_encoder: Path, tmp_path: Path) -> None:
    model = shutil.copytree(tiny_encoder, tmp_path / "model")
    for name in ("README.md", "export.json"):
        (model / name).write_text("another run")
    assert hash_model(model) == hash_model(tiny_encoder)
    (model / "modules.json").write_text("[]")
    assert hash_model(model) != hash_model(tiny_encoder)
