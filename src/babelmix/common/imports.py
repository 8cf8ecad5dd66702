"""List the project's files that a module depends on: its imports, direct and indirect.

source_files("training.loop")         # [.../babelmix/__init__.py, .../babelmix/batches/sampler.py, ...]
"""

import ast
from pathlib import Path

PACKAGE = Path(__file__).parents[1]


def source_files(*modules: str) -> list[Path]:
    """Return the files of these modules of babelmix and of everything that they import at the top level, sorted.

    Imports inside functions and imports for type checking do not count.
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
    """Return the files of a module of babelmix and of the packages around it; nothing for other modules."""
    parts = module.split(".")
    if parts[0] != PACKAGE.name:
        return set()
    packages = [PACKAGE.joinpath(*parts[1:end], "__init__.py") for end in range(1, len(parts) + 1)]
    return {file for file in (*packages, PACKAGE.joinpath(*parts[1:]).with_suffix(".py")) if file.is_file()}
