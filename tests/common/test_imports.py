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
    assert names("errors") >= {"babelmix/__init__.py", "babelmix/common/errors.py"}
    assert names("translate.gate") >= {"babelmix/translate/__init__.py", "babelmix/settings/params.py"}
    assert names("nowhere") == {"babelmix/__init__.py"}
    assert source_files("train") == sorted(source_files("train"))


def test_a_kept_state_is_known_by_all_code_that_its_stage_depends_on() -> None:
    stage = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]["train"]
    needed = {dep.removeprefix("src/") for dep in stage["deps"] if re.match(r"src/.*\.py$", dep)}
    assert len(needed) > 10
    known = names(*CODE)
    assert needed - known == {"babelmix/training/model_card.py"}, "the card is written behind the training"
    assert {f"babelmix/{name}.py" for name in ("config", "mine", "teach", "engine", "losses")} <= known
    assert not any(re.search(r"/(sources|translate)/|report|figures|tracking", name) for name in known)
