"""Fixtures that several rooms share: parallel pairs, a tiny encoder on disk, a warm Python."""

import same_everywhere  # noqa: F401 -- before any library that reads the environment

# isort: split
from collections.abc import Iterator
from pathlib import Path

import pytest
import tiny_encoder as tiny
from hypothesis import HealthCheck, settings
from small_pairs import small_pairs
from warm import warm_python

from babelmix.corpus.records import Pair

# The same examples every time, and as long for each as it takes; `make fuzz` looks for new ones.
settings.register_profile("gate", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("gate")

LONGEST = ("pipeline", "drills", "training")  # folders, the longest first


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest: of two workers none then waits long for the other."""
    order = {folder: number for number, folder in enumerate(LONGEST)}
    items.sort(key=lambda item: order.get(item.path.parent.name, len(order)))


@pytest.fixture(scope="session")
def parallel_pairs() -> list[Pair]:
    """60 units in three languages, 45 of them for training."""
    return small_pairs()


@pytest.fixture(scope="session")
def tiny_transformer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BertModel of two layers and a tokenizer of whole words, saved in transformers form."""
    folder = tmp_path_factory.mktemp("tiny") / "transformer"
    tiny.write_transformer(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_encoder(tiny_transformer: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same as a SentenceTransformer folder, built by the project."""
    folder = tmp_path_factory.mktemp("tiny") / "encoder"
    tiny.write_encoder(folder, tiny_transformer)
    return folder


@pytest.fixture(scope="session")
def python() -> Iterator[Path]:
    """A program in place of `sys.executable` that has imported torch and the like; `babelmix` is beside it."""
    with warm_python() as python:
        yield python
