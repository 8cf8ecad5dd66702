"""Texts of the languages that a vocabulary is trimmed to: the training pairs and the benchmarks.

texts = texts_of(("de", "en"), pairs=[Path("data/pairs/human")], benchmarks=[Path("data/benchmarks/dev")])
"""

from collections.abc import Sequence
from pathlib import Path

from babelmix.benchmarks.files import read_benchmark
from babelmix.corpus.records import iterate_pairs


def texts_of(
    languages: Sequence[str], *, pairs: Sequence[Path] = (), benchmarks: Sequence[Path] = ()
) -> dict[str, list[str]]:
    """Return language -> its texts, each once, in the order of the files.

    Args:
        languages: those that are wanted; one without any text has an empty list.
        pairs: files or folders of pairs: queries and passages.
        benchmarks: folders of built benchmarks: queries and passages.
    """
    found: dict[str, dict[str, None]] = {lang: {} for lang in languages}
    for _, pair in iterate_pairs(*pairs) if pairs else ():
        if pair.lang in found:
            found[pair.lang].update(dict.fromkeys((pair.query, pair.passage)))
    for folder in benchmarks:
        benchmark = read_benchmark(folder)
        for text in (*benchmark.queries, *benchmark.passages):
            if text.lang in found:
                found[text.lang][text.text] = None
    return {lang: list(own) for lang, own in found.items()}
