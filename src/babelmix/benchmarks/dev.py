"""The dev split as a retrieval benchmark: it chooses recipes, with the code that scores the real benchmarks.

benchmark = dev_benchmark(pairs, questions=100)
"""

from collections.abc import Sequence

from babelmix.benchmarks.benchmark import Benchmark, Passage, Qrel, Query
from babelmix.common.hashing import hash_order
from babelmix.corpus.records import Pair, of_words


def dev_benchmark(pairs: Sequence[Pair], questions: int) -> Benchmark:
    """Return a parallel benchmark of `questions` dev units of texts in all their languages.

    The units in the most languages come first, then the order is `hash_order`: a larger number gives a superset.
    """
    dev = [pair for pair in pairs if pair.split == "dev" and not of_words(pair.parallel_id)]
    languages: dict[str, int] = {}
    for pair in dev:
        languages[pair.parallel_id] = languages.get(pair.parallel_id, 0) + 1
    order = sorted(languages, key=lambda unit: (-languages[unit], hash_order(unit)))
    chosen = set(order[:questions])
    kept = sorted((f"{pair.lang}:{pair.parallel_id}", pair) for pair in dev if pair.parallel_id in chosen)
    return Benchmark(
        name="dev",
        queries=tuple(Query(name, pair.parallel_id, pair.lang, pair.query) for name, pair in kept),
        passages=tuple(Passage(name, pair.lang, pair.passage) for name, pair in kept),
        qrels=tuple(Qrel(pair.parallel_id, name) for name, pair in kept),
    )
