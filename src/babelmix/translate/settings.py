"""Settings of this room: `translate`, the target languages, their routes, and the filter."""

from pydantic import Field

from babelmix.common.errors import unknown_name
from babelmix.common.section import Section
from babelmix.translate.hops import Hop, parse_route


class Filter(Section):
    """The thresholds of `translate.filter`, the module, which says what each means."""

    min_identified_characters: int = Field(ge=1)
    max_length_ratio: float = Field(gt=1)
    max_source_words: float = Field(ge=0, le=1)
    max_lost_numbers: float = Field(ge=0, le=1)
    max_lost_answer: float = Field(ge=0, le=1)


class Translate(Section):
    """The languages of machine translation, the route of each, and the filter of its output."""

    languages: tuple[str, ...]
    max_pairs: int | None = Field(default=None, ge=1)
    routes: dict[str, str]
    candidates: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    filter: Filter

    def hops(self, language: str | None, target: str) -> tuple[Hop, ...]:
        """Return the hops from a language to `target`: the rest of the target's route from that language on.

        There are none if the two are equal, if the route does not pass the language, or from None, a dictionary.
        UserError for a target without a route.
        """
        routes, where = self.routes, "params.yaml, translate.routes"
        if language is None or language == target:
            return ()
        if target not in routes:
            raise unknown_name("language", target, routes, where=where)
        hops = parse_route(routes[target], f"{where}.{target}")
        start = next((at for at, hop in enumerate(hops) if hop.source == language), len(hops))
        return hops[start:]

    def untranslated(self, language: str | None, target: str) -> str | None:
        """Return why there is no translation from a language into `target`, None if `hops` has a way."""
        if language is None:
            return "a dictionary is not translated"
        if language == target:
            return "the source is in this language"
        return None if self.hops(language, target) else f"no route from {language} to {target}"
