"""Texts of the languages that a vocabulary is trimmed to: training pairs, benchmarks, and the sentences of Tatoeba.

texts = texts_of(("de", "en"), pairs=[Path("data/pairs/human/mine")], benchmarks=[Path("data/benchmarks/dev")])
"""

from collections.abc import Sequence
from pathlib import Path

from babelmix.benchmarks.files import read_benchmark
from babelmix.corpus.records import iterate_pairs
from babelmix.lexicon import tatoeba


def texts_of(
    languages: Sequence[str],
    *,
    pairs: Sequence[Path] = (),
    benchmarks: Sequence[Path] = (),
    lexicons: Path | None = None,
) -> dict[str, list[str]]:
    """Return language -> its texts, each once, in the order of the files.

    Args:
        languages: those that are wanted; one without any text has an empty list.
        pairs: files or folders of pairs: queries and passages.
        benchmarks: folders of built benchmarks: queries and passages.
        lexicons: the folder of all lexicons; Tatoeba is read if it was fetched (`babelmix fetch tatoeba`): everyday
            sentences, which the help texts of the default pairs lack.

    Raises:
        UserError: a file that cannot be read.
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
    if lexicons is not None and (lexicons / tatoeba.NAME).is_dir():
        for lang in sorted(found.keys() & set(tatoeba.LANGUAGES)):
            for sentence, english in tatoeba.read_tatoeba(lexicons / tatoeba.NAME, lang):
                found[lang][sentence] = None
                if "en" in found:
                    found["en"][english] = None
    return {lang: list(own) for lang, own in found.items()}
