"""The published lexicons, fetched once from a mirror."""

import os
from pathlib import Path

import pytest

from babelmix.lexicon.registry import LEXICONS


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the folders of XLING, Tatoeba and Multi-SimLex."""
    if not os.environ.get("BABELMIX_MIRROR"):
        pytest.skip("BABELMIX_MIRROR names no folder with the files of the lexicons")
    folder = tmp_path_factory.mktemp("lexicons")
    for name in ("simlex", "tatoeba", "xling"):
        LEXICONS[name].fetch(folder / name)
    return folder
