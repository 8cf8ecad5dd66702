"""What a form of an export costs: its mAP by language in every scope, and its texts a second, on one benchmark.

    original = measure(encode, read_benchmark(folder), context=True)
    losses(original, other)["monolingual"]["de"]            # mAP of the original minus that of the other

Both are scored by the exact evaluation, on vectors of float32. The seconds are those of one pass over the texts.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from babelmix.benchmarks.benchmark import Benchmark
from babelmix.benchmarks.qrels import qrels_of
from babelmix.evaluation.evaluate import evaluate
from babelmix.evaluation.measures import group_means
from babelmix.evaluation.query_scores import SCOPES
from babelmix.retrieval.scorers import CosineScorer
from babelmix.retrieval.vectors import unit_rows

Encode = Callable[[Sequence[str], str], NDArray[np.float32]]  # texts and "query" or "passage" -> [n, d]
ByScope = Mapping[str, Mapping[str, float]]  # scope -> language -> value
LIMIT = 0.002  # a larger loss of mAP is marked


@dataclass(frozen=True, slots=True)
class Measured:
    """The mAP of one form, by scope and by language of the query, and its speed."""

    map: ByScope
    texts_per_second: float

    def mean(self, scope: str) -> float | None:
        """The mAP of a scope, each language weighing the same; None where the benchmark has no such scope."""
        values = list(self.map[scope].values())
        return float(np.mean(values)) if values else None


def measure(encode: Encode, benchmark: Benchmark, *, context: bool) -> Measured:
    """Encode a benchmark's texts with one form, and score the vectors.

    Args:
        encode: the form.
        benchmark: queries, passages and qrels.
        context: encode a passage together with its paragraph, as `embed.context` has it.
    """
    queries = [query.text for query in benchmark.queries]
    passages = [f"{one.text} {one.context}".strip() if context else one.text for one in benchmark.passages]
    started = perf_counter()
    vectors = [encode(texts, prompt) for texts, prompt in ((queries, "query"), (passages, "passage"))]
    seconds = perf_counter() - started
    of_queries, of_passages = map(unit_rows, vectors)
    scores = evaluate(qrels_of(benchmark), CosineScorer(of_queries, of_passages, where=benchmark.name)).scores
    found: dict[str, dict[str, float]] = {}
    for scope in SCOPES:
        mask, groups = scores.groups(scope)
        by_language: dict[str, list[float]] = defaultdict(list)
        for group, mean in group_means(scores.average_precision[mask], groups).items():
            by_language[group.partition("-")[0] if scope == "crosslingual" else group].append(mean)
        found[scope] = {lang: float(np.mean(means)) for lang, means in sorted(by_language.items())}
    return Measured(found, (len(queries) + len(passages)) / seconds)


def losses(original: Measured, other: Measured) -> dict[str, dict[str, float]]:
    """Return the mAP that a form loses, by scope and language; below 0 where it gains."""
    return {
        scope: {lang: value - other.map[scope][lang] for lang, value in by_language.items()}
        for scope, by_language in original.map.items()
    }


def worst(lost: ByScope) -> tuple[float, str]:
    """Return the largest loss and where it is.

    >>> worst({"monolingual": {"de": 0.001, "en": 0.003}, "crosslingual": {}})
    (0.003, 'en, monolingual')
    """
    found = [(value, f"{lang}, {scope}") for scope, by in lost.items() for lang, value in by.items()]
    return max(found, key=lambda one: one[0])  # of equals the first
