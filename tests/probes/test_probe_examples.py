"""The examples in the docstrings of the room are what Python prints."""

import doctest
from importlib import import_module

import pytest


@pytest.mark.parametrize("module", ["edit_distance", "graded", "published", "vocabulary"])
def test_the_examples_of_a_module(module: str) -> None:
    failed, run = doctest.testmod(import_module(f"babelmix.probes.{module}"))
    assert failed == 0 and run > 0
