"""Question-passage pairs: made of a source, translated by machine, and read back."""

from collections.abc import Iterator

from babelmix.common.files import cache_dir, write_json
from babelmix.common.outputs import claim_file, claim_folder
from babelmix.common.progress import say
from babelmix.corpus.records import Pair, iterate_pairs, read_pairs, write_pairs
from babelmix.corpus.registry import source_of
from babelmix.settings.params import Settings
from babelmix.workspace import HERE


def make_pairs(name: str, settings: Settings) -> str:
    """Make the pairs of a source in every language it has, split into train and dev; return what was written."""
    folder, counted = HERE.human_pairs(name), HERE.pair_counts(name)
    claim_folder(folder)
    claim_file(counted)
    pairs, counts = source_of(name, settings.source).build(HERE.raw(name), settings.pairs)
    write_pairs(folder, pairs)
    write_json(counted, counts)
    return f"wrote {len(pairs):,} pairs in {len(counts)} languages to {folder}"


def translate_pairs(source: str, language: str, settings: Settings) -> str:
    """Translate the pairs of a source into one language and keep what passes the filter; return what was written."""
    from babelmix.translate.pairs import translate_pairs as run
    from babelmix.translate.route import Route, allow_models

    allow_models(settings.translate)
    own = settings.source_language(source)
    reason = settings.untranslated(source, language)
    hops = settings.route(source, language)
    route = reason or Route(hops, threads=settings.threads, cache=cache_dir() / "translations")
    kept, rejected = HERE.machine_pairs(source, language), HERE.rejected_pairs(source, language)
    counted = HERE.translation_counts(source, language)
    for file in (kept, rejected, counted):
        claim_file(file)
    counts = run(
        HERE.human_pairs(source) / f"{own}.jsonl",
        route,
        language,
        settings.translate.filter,
        limit=settings.translate.max_pairs,
        kept=kept,
        rejected=rejected,
    )
    write_json(counted, counts)
    if reason:
        say(f"{source} is not translated into {language}: {reason}")
    return f"wrote {counts['kept']:,} pairs to {kept} and {sum(counts['rejected'].values()):,} to {rejected}"


def index_translations(settings: Settings) -> str:
    """Write which sources are translated into which languages, by which routes; return what was written."""
    from babelmix.translate.index import index_translations as run

    index = run({name: settings.source_language(name) for name in settings.sources}, settings.translate)
    for file in (HERE.translation_index, HERE.translation_metrics):
        write_json(file, index)
    return f"wrote {HERE.translation_index} and {HERE.translation_metrics}"


def human_pairs(settings: Settings) -> list[Pair]:
    """Read the pairs of every source of the settings, as people wrote them."""
    return read_pairs(*(HERE.human_pairs(source) for source in settings.sources))


def all_pairs(settings: Settings) -> Iterator[tuple[Pair, bool]]:
    """Yield (pair, whether a machine translated it) of every source of the settings, people's first."""
    human = [HERE.human_pairs(source) for source in settings.sources]
    machine = [
        HERE.machine_pairs(source, language) for source in settings.sources for language in settings.translate.languages
    ]
    for translated, files in ((False, human), (True, machine)):
        if files:  # translate.languages may be empty
            yield from ((pair, translated) for _, pair in iterate_pairs(*files))
