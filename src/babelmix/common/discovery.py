"""A registry out of the modules of a package: a new module adds its entry, and no list has to name it.

registry(babelmix.corpus.sources, "SOURCE")["mmarco"].hub       # True
"""

from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import Any


def registry(package: ModuleType, attribute: str) -> dict[str, Any]:
    """Return name -> entry, of every module of a package that has the attribute: one entry, or a tuple of them.

    An entry has a `name`. Modules come in the order of their names.
    """
    found: dict[str, Any] = {}
    for module in sorted(module.name for module in iter_modules(package.__path__)):
        entries = getattr(import_module(f"{package.__name__}.{module}"), attribute, ())
        found |= {entry.name: entry for entry in (entries if isinstance(entries, tuple) else (entries,))}
    return found
