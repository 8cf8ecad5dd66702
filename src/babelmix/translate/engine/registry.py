"""Every engine that a route can name. A module of `translate.engine` that has `ENGINES` adds its engines here.

ENGINES["apertium"].make("", "pt", "es", 2).translate(["Insira uma folha."])      # ["Inserte una hoja."]
"""

from importlib import import_module
from pkgutil import iter_modules

from babelmix.translate import engine
from babelmix.translate.engine.known import KnownEngine


def _discover() -> dict[str, KnownEngine]:
    names = sorted(module.name for module in iter_modules(engine.__path__))
    found: list[KnownEngine] = []
    for name in names:
        if f"{engine.__name__}.{name}" != __name__:
            found += getattr(import_module(f"{engine.__name__}.{name}"), "ENGINES", ())
    return {known.name: known for known in found}


ENGINES = _discover()
