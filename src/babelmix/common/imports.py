"""Which of the project's files decide what a piece of it does: the modules that it imports, directly or not.

source_files("train", "teach")         # [.../babelmix/__init__.py, .../babelmix/batches/sampler.py, ...]
"""

import ast
from pathlib import Path

PACKAGE = Path(__file__).parents[1]


def source_files(*modules: str) -> list[Path]:
    """Return the files of these modules of babelmix, and of all that they import at their top, ascending.

    Imports inside functions do not count, nor those for type checking alone: they belong to what is rarely done.
    """
    found: set[Path] = set()
    waiting = {file for module in modules for file in _files(f"{PACKAGE.name}.{module}")}
    while waiting:
        file = waiting.pop()
        found.add(file)
        for node in ast.parse(file.read_bytes()).body:
            if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            else:
                continue
            waiting |= {file for name in names for file in _files(name)} - found
    return sorted(found)


def _files(module: str) -> set[Path]:
    """The module's own file and the packages around it, where it is one of the project's."""
    parts = module.split(".")
    if parts[0] != PACKAGE.name:
        return set()
    packages = [PACKAGE.joinpath(*parts[1:end], "__init__.py") for end in range(1, len(parts) + 1)]
    return {file for file in (*packages, PACKAGE.joinpath(*parts[1:]).with_suffix(".py")) if file.is_file()}
