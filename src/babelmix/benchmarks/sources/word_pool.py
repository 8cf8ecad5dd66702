"""The word pool: which word means the same, among the words of 17 languages in one pool.

    fetch(Path("data/raw/word-pool"))
    benchmark, about = build(Path("data/raw/word-pool"), settings.benchmark)   # 1,188 meanings, 20,196 queries

The parallel pools ask for sentences. This one asks whether what a recipe gains there is there at the level of words. A
meaning is a synset of WordNet that all 17 languages have a word for (lexicon/omw.py). Each language has one word of it,
the first of its file. The word is a query, and a passage.

No language has a second word of a meaning, so no query has an answer in its own language, and there is no monolingual
score. The words of the query's language stay in the pool, as wrong answers. A passage that is spelt like the query, in
any language, is left out of its ranking, right or wrong: to find "taxi" for "taxi" shows nothing.
"""

from collections import defaultdict
from pathlib import Path

from babelmix.benchmarks.aligned import chosen_languages
from babelmix.benchmarks.benchmark import About, Benchmark, Itself, Passage, Qrel, Query
from babelmix.benchmarks.known import KnownBenchmark
from babelmix.benchmarks.settings import BenchmarkSettings
from babelmix.common.errors import UserError
from babelmix.common.text import compared_form
from babelmix.lexicon import omw
from babelmix.lexicon.pinned import raw_file

NAME = "word-pool"
LICENCE = "word pool: Open Multilingual Wordnet, words of Wiktionary, CC BY-SA 3.0 and GFDL"
NOTICE = "the word pool's words of Wiktionary are CC BY-SA 3.0 and GFDL: share alike what you make of them"


def fetch(folder: Path) -> str:
    """Download the wordnets of 17 languages, replacing the folder as a whole; return the licence's notice."""
    omw.SOURCE.fetch(folder)
    return NOTICE


def build(folder: Path, settings: BenchmarkSettings, split: str | None = None) -> tuple[Benchmark, About]:
    """Build the benchmark `word-pool` from the files that `fetch` wrote, and count what it leaves out.

    The meanings are those that all 17 languages have, whatever languages are chosen. A `parallel_id` is the synset, the
    ids are `<lang>:<synset>`. Words of a language that look the same (`compared_form`) are one passage, with the id of
    its first synset, which is right for all its synsets; each of them asks it as a query of its own.

    UserError: a missing or faulty file (see `omw.read_synsets`), and files without a meaning in common.
    """
    for lang in omw.LANGUAGES:
        raw_file(folder, omw.file_of(lang), NAME)
    wordnets = {lang: omw.read_synsets(folder, lang) for lang in omw.LANGUAGES}
    meanings = sorted(set.intersection(*map(set, wordnets.values())))
    if not meanings:
        what = f"no synset has words in all {len(wordnets)} languages"
        raise UserError(what, where=str(folder), how="fetch the published files again")
    queries: list[Query] = []
    passages: list[Passage] = []
    qrels: list[Qrel] = []
    alike: defaultdict[str, list[str]] = defaultdict(list)  # the form of a word -> its passages, one a language
    further = 0
    languages = chosen_languages(NAME, omw.LANGUAGES, settings)
    for lang in languages:
        of_form: dict[str, str] = {}
        for meaning in meanings:
            word, *others = wordnets[lang][meaning]
            further += len(others)
            new = f"{lang}:{meaning}"
            queries.append(Query(new, meaning, lang, word))
            passage = of_form.setdefault(compared_form(word), new)
            if passage == new:
                passages.append(Passage(new, lang, word))
                alike[compared_form(word)].append(new)
            qrels.append(Qrel(meaning, passage))
    itself = (Itself(one.parallel_id, passage, one.id) for one in queries for passage in alike[compared_form(one.text)])
    left_out = {
        "synsets that not all languages have": len(set.union(*map(set, wordnets.values()))) - len(meanings),
        "further words of a synset": further,
        "documents with the text of another": len(queries) - len(passages),
    }
    benchmark = Benchmark(
        NAME,
        tuple(queries),
        tuple(passages),
        tuple(sorted(qrels, key=lambda row: (row.passage, row.parallel_id))),
        itself=tuple(itself),
    )
    return benchmark, About(left_out=left_out)


BENCHMARKS = (KnownBenchmark(name=NAME, licence=LICENCE, fetch=fetch, build=build),)
