"""What decides a piece of the project: its own files, and those that it imports at their top."""

import re
from pathlib import Path

import yaml

from babelmix.common.imports import PACKAGE, source_files
from babelmix.training.loop import CODE

ROOT = Path(__file__).parents[2]


def names(*modules: str) -> set[str]:
    return {str(file.relative_to(PACKAGE.parents[0])) for file in source_files(*modules)}


def test_a_module_comes_with_what_it_imports_and_the_packages_around_it() -> None:
    assert names("common.errors") >= {"babelmix/__init__.py", "babelmix/common/errors.py"}
    assert names("translate.filter") >= {"babelmix/translate/__init__.py", "babelmix/translate/hops.py"}
    assert names("nowhere") == {"babelmix/__init__.py"}
    assert source_files("training.loop") == sorted(source_files("training.loop"))


def test_a_checkpoint_is_named_by_all_code_that_decides_a_training() -> None:
    """The rooms of the train stage count as a whole, but for what reads batches or writes after the training."""
    stage = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]["train"]
    rooms = {dep for dep in stage["deps"] if dep.startswith("src/babelmix/")}
    known = names(*CODE)
    decisive = {"src/babelmix/batches", "src/babelmix/encoder", "src/babelmix/training"}
    assert decisive <= rooms
    files = {str(file.relative_to(ROOT / "src")) for room in decisive for file in (ROOT / room).glob("*.py")}
    assert files - known == {"babelmix/batches/audit.py", "babelmix/training/model_card.py"}
    assert not any(re.search(r"/(sources|translate|reporting|stages|cli)/", name) for name in known)
