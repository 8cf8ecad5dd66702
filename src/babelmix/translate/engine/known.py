"""The protocol of an engine, and the entry that each engine's module gives to the registry."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol


class Engine(Protocol):
    """One engine in one direction."""

    @property
    def name(self) -> str:
        """The engine, its version, its model and the direction: the key of the cache, and the origin of pairs."""
        ...

    def translate(self, sentences: Sequence[str]) -> list[str]:
        """Return one translation for each sentence, in order; empty if the engine gives none.

        The translation of a sentence depends neither on its neighbours nor on the number of threads.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownEngine:
    """An engine by its name in a route.

    `make(model, source, target, threads)` returns it for one direction; it loads its model when it first translates.
    UserError for a direction that it lacks; PackageNotFoundError or ModuleNotFoundError for a package that is not
    installed. `model` is the one that the route names, "" for an engine that brings its own.
    """

    name: str
    make: Callable[[str, str, str, int], Engine]
    needs_model: bool = False  # whether a route has to name a model: `ctranslate2:org/name`
