"""Every engine that a route can name. A module of `translate.engine` that has `ENGINES` adds its engines here.

ENGINES["apertium"].make("", "pt", "es", 2).translate(["Insira uma folha."])      # ["Inserte una hoja."]
"""

from babelmix.common.discovery import registry
from babelmix.translate import engine
from babelmix.translate.engine.known import KnownEngine

ENGINES: dict[str, KnownEngine] = registry(engine, "ENGINES")
