"""A module's files are its own and those that it imports at the top level."""

import re
from pathlib import Path

import yaml

from babelmix.common.imports import PACKAGE, source_files
from babelmix.training.loop import CODE

ROOT = Path(__file__).parents[2]
# The training imports these too, but other stages use them: to download encoders and to mine hard negatives.
OUTSIDE = {"babelmix", *(f"babelmix/{room}" for room in ("benchmarks", "download", "evaluation", "retrieval"))}


def names(*modules: str) -> set[str]:
    return {str(file.relative_to(PACKAGE.parents[0])) for file in source_files(*modules)}


def test_a_module_comes_with_what_it_imports_and_the_packages_around_it() -> None:
    assert names("common.errors") >= {"babelmix/__init__.py", "babelmix/common/errors.py"}
    assert names("translate.filter") >= {"babelmix/translate/__init__.py", "babelmix/common/identify.py"}
    assert names("nowhere") == {"babelmix/__init__.py"}
    assert source_files("training.loop") == sorted(source_files("training.loop"))


def test_a_checkpoint_is_named_by_all_code_of_the_rooms_that_its_stage_depends_on() -> None:
    stage = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]["train"]
    rooms = {dep.removeprefix("src/") for dep in stage["deps"] if dep.startswith("src/")}
    known = names(*CODE)
    assert {str(Path(name).parent) for name in known} - rooms <= OUTSIDE
    own = {f"babelmix/training/{file.name}" for file in (PACKAGE / "training").glob("*.py")}
    # The card, which names the cost, and the history are written after the training; what the opening sets, the
    # settings name; mined negatives count by the hash of their file.
    after = ("mining", "model_card", "cost", "history", "opening")
    assert own - known == {f"babelmix/training/{name}.py" for name in after}
    decisive = ("batches/sampler", "batches/objective", "encoder/packing", "encoder/tokenise", "encoder/encode")
    assert {f"babelmix/{name}.py" for name in decisive} <= known
    assert not any(re.search(r"/(sources|translate|reporting|stages|cli)/", name) for name in known)
