"""The pages of sources of pairs: their texts in reading order, in every language, without the untranslated.

    pages = read_pages([source_of("libreoffice-help", {})], HERE.raw, settings.pairs)
    pages.texts["de"]["libreoffice-help:scalc/01/04060102.html"]["hd_id3147"]      # a text, by page and anchor
    pages.left_out["de"]                      # {"untranslated": 8419, "wrong-language": 186}

Only sources of pairs have pages, so no benchmark is read. The split is that of the pairs: a page of which a pair is in
the dev split is a dev page here.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from babelmix.common.errors import UserError
from babelmix.common.processes import map_in_processes
from babelmix.corpus.collect import split_of, written_in
from babelmix.corpus.registry import PAIR_SOURCES
from babelmix.corpus.settings import Pairs
from babelmix.corpus.source import PairSource, ReadPages

UNTRANSLATED, WRONG_LANGUAGE = REASONS = ("untranslated", "wrong-language")  # to leave a text out
PageTexts = Mapping[str, Mapping[str, str]]  # by page and anchor, in reading order


@dataclass(frozen=True, slots=True)
class Pages:
    """Pages with their texts.

    `texts`: by language, page and anchor, in the order of `pairs.languages`, ascending pages and reading order. The
    same page and anchor in two languages are translations. `dev`: the pages of the dev split, in any language.
    `left_out`: how many texts are not in `texts`, by language and reason (`REASONS`): untranslated, the text is that of
    the source's own language; wrong-language, see `written_in`.
    """

    texts: Mapping[str, PageTexts]
    dev: frozenset[str]
    left_out: Mapping[str, Mapping[str, int]]


def read_pages(sources: Sequence[PairSource], raw: Callable[[str], Path], settings: Pairs) -> Pages:
    """Read the pages of sources in `pairs.languages`, dev pages too; UserError for a source without pages.

    `raw(name)` is the folder of a source's raw files. A page is named after its source and its path.
    """
    readers = [(source, _reader(source)) for source in sources]  # refuses a source before it reads any
    texts: dict[str, dict[str, Mapping[str, str]]] = {lang: {} for lang in settings.languages}
    left_out = {lang: Counter[str]() for lang in settings.languages}
    dev: set[str] = set()
    for source, (reader, original) in readers:
        found = _in_languages(reader, raw(source.name), original, settings.languages)
        for lang, (pages, counted) in zip(settings.languages, found, strict=True):
            left_out[lang] += counted
            for path, strings in pages.items():
                name = f"{source.name}:{path}"
                texts[lang][name] = strings
                if split_of(path, settings.dev_share) == "dev":
                    dev.add(name)
    return Pages(
        texts={lang: dict(sorted(pages.items())) for lang, pages in texts.items()},
        dev=frozenset(dev),
        left_out={lang: dict(sorted(counted.items())) for lang, counted in left_out.items()},
    )


def _reader(source: PairSource) -> tuple[ReadPages, str]:
    """Return what reads the pages of a source, and the language they were written in."""
    if source.pages is None or source.language is None:
        having = ", ".join(name for name, one in PAIR_SOURCES.items() if one.pages)
        how = f"take sources that have: {having}; or write pretrain.objective: none"
        raise UserError(f"{source.name} has no pages to pre-train on", where="params.yaml, sources", how=how)
    return source.pages, source.language


def _in_languages(
    reader: ReadPages, folder: Path, original: str, languages: Sequence[str]
) -> list[tuple[PageTexts, Counter[str]]]:
    """Return the pages of each language and what was left out; those in the language `original` are not checked."""
    originals = reader(folder, original)
    others = [lang for lang in languages if lang != original]
    translated = map_in_processes(partial(_translated, reader=reader, folder=folder, originals=originals), others)
    found = {original: (originals, Counter[str]()), **dict(zip(others, translated, strict=True))}
    return [found[lang] for lang in languages]


def _translated(lang: str, *, reader: ReadPages, folder: Path, originals: PageTexts) -> tuple[PageTexts, Counter[str]]:
    """Return the pages of a language without the texts that are not in it, and how many these were."""
    in_language = cache(partial(written_in, lang=lang))
    kept: dict[str, dict[str, str]] = {}
    left_out = Counter[str]()
    for path, strings in reader(folder, lang).items():
        original = originals.get(path, {})
        for anchor, text in strings.items():
            if original.get(anchor) == text:
                left_out[UNTRANSLATED] += 1
            elif not in_language(text):
                left_out[WRONG_LANGUAGE] += 1
            else:
                kept.setdefault(path, {})[anchor] = text
    return kept, left_out
