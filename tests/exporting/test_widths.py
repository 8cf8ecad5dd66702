"""A width is the first dimensions of a vector with unit length, for plain sentence-transformers."""

from pathlib import Path

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

from babelmix.common.errors import UserError
from babelmix.encoder.load import load_encoder, save_encoder
from babelmix.exporting.widths import set_width

TEXTS = ["w1 w2", "w3"]


@pytest.mark.parametrize("width", [1, 8, 31])
def test_the_first_dimensions_as_unit_vectors(width: int, tiny_encoder: Path, tmp_path: Path) -> None:
    model = load_encoder(tiny_encoder)
    whole = model.encode_query(TEXTS)
    set_width(model, width, trained=(width,))
    (tmp_path / "out").mkdir()
    save_encoder(model, tmp_path / "out", "# A model")
    plain = SentenceTransformer(str(tmp_path / "out"), local_files_only=True)
    cut = whole[:, :width] / np.linalg.norm(whole[:, :width], axis=1, keepdims=True)
    assert plain.get_embedding_dimension() == width
    assert np.abs(plain.encode_query(TEXTS) - cut).max() < 1e-6


def test_the_models_own_width_changes_nothing(tiny_encoder: Path) -> None:
    model = load_encoder(tiny_encoder)
    modules = list(model)
    set_width(model, 32)
    assert list(model) == modules


@pytest.mark.parametrize("width", [-1, 0, 33])
def test_a_width_that_does_not_exist(width: int, tiny_encoder: Path) -> None:
    with pytest.raises(UserError, match=f"no width of {width}; choose from 1 to 32"):
        set_width(load_encoder(tiny_encoder), width)


def test_a_width_without_training_is_said(tiny_encoder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    set_width(load_encoder(tiny_encoder), 8, trained=(16,))
    assert "was not trained at 8 dimensions (it was trained with 16)" in capsys.readouterr().err
