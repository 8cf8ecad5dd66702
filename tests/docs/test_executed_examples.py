"""The Python examples in docs/measures.md, executed."""

import doctest
from pathlib import Path


def test_the_examples_of_the_measures_are_what_python_prints() -> None:
    failed, run = doctest.testfile(str(Path(__file__).parents[2] / "docs/measures.md"), module_relative=False)
    assert (failed, run) == (0, 4)
