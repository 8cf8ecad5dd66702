"""The queries of an English benchmark, translated into more languages by machine: cross-lingual BEIR."""

from collections.abc import Sequence
from pathlib import Path

from babelmix.benchmarks.benchmark import Query
from babelmix.translate.filter import text_rejection_reason
from babelmix.translate.route import Route
from babelmix.translate.settings import Translate


def translate_queries(
    queries: Sequence[Query], languages: Sequence[str], translate: Translate, *, threads: int, cache: Path
) -> tuple[list[Query], dict[str, int]]:
    """Translate the English queries of a benchmark into each of these languages, by the routes of the pairs.

    Returns all queries, in ascending order of id, and how many the filter rejected, by language. The id of a
    translation is the language and the parallel_id, or the source's id where two share a parallel_id. A translation
    that equals its source stays: a query may be a name, and a person would type it the same. It skips a language that
    the benchmark has queries in, and counts one whose route does not pass English.
    """
    english = [query for query in queries if query.lang == "en"]
    shared = len({query.parallel_id for query in english}) < len(english)
    asked, left_out = list(queries), dict[str, int]()
    for lang in languages:
        if not english or any(query.lang == lang for query in queries):
            continue
        hops = translate.hops("en", lang)
        if not hops:
            left_out[f"queries without a route from en to {lang}"] = len(english)
            continue
        translations = Route(hops, threads=threads, cache=cache).translate([query.text for query in english])
        kept = [
            Query(f"{lang}:{query.id if shared else query.parallel_id}", query.parallel_id, lang, text)
            for query, text in zip(english, translations, strict=True)
            if text_rejection_reason(query.text, text, translate.filter) in (None, "untranslated", "source-words")
        ]
        asked += kept
        left_out[f"{lang} queries badly translated"] = len(english) - len(kept)
    return sorted(asked, key=lambda query: query.id), left_out
