"""How much faster counting is than building every ranking and handing it to ir_measures.

pytest tests/benchmarks/test_evaluation_speed.py --benchmark-enable
"""

from time import perf_counter

import ir_measures
import numpy as np
import pytest
from ir_measures import AP, R

from babelmix.benchmark import Benchmark, Passage, Qrel, Query
from babelmix.evaluate import evaluate, to_json

LANGUAGES = ("ar", "de", "el", "en", "es", "hi", "ru", "th", "tr", "vi", "zh")


def parallel(questions):
    pairs = [(lang, q) for lang in LANGUAGES for q in range(questions)]
    return Benchmark(
        "parallel",
        tuple(Query(f"{lang}-{q:04}", f"{q:04}", lang, "?") for lang, q in pairs),
        tuple(Passage(f"{lang}-{q:04}", lang, "!") for lang, q in pairs),
        tuple(Qrel(f"{q:04}", f"{lang}-{q:04}") for lang, q in pairs),
    )


def unit_vectors(rng, rows):
    vectors = rng.normal(size=(rows, 384))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)


def multilingual_map_by_rankings(benchmark, queries, passages):
    """Only one of the three settings, so the ratio is in its favour."""
    scores = (queries.astype(np.float64) @ passages.astype(np.float64).T).astype(np.float32)
    names = [passage.id for passage in benchmark.passages]
    answers = {}
    for qrel in benchmark.qrels:
        answers.setdefault(qrel.question, {})[qrel.passage] = 1
    qrels = {query.id: answers[query.question] for query in benchmark.queries}
    run = {}
    for i, query in enumerate(benchmark.queries):
        ranking = np.argsort(-scores[i], kind="stable")
        run[query.id] = {names[j]: float(-place) for place, j in enumerate(ranking)}
    return ir_measures.pytrec_eval.calc_aggregate([AP, AP @ 20, R @ 1, R @ 10], qrels, run)[AP]


def test_counting_agrees_with_full_rankings_and_its_ratio_is_told(benchmark):
    data = parallel(questions=60)
    rng = np.random.default_rng(1)
    vectors = unit_vectors(rng, len(data.queries)), unit_vectors(rng, len(data.passages))
    start = perf_counter()
    expected = multilingual_map_by_rankings(data, *vectors)
    rankings_s = perf_counter() - start
    evaluation = benchmark(evaluate, data, *vectors)
    assert to_json(evaluation, "m")["settings"]["multilingual"]["map"] == pytest.approx(expected, abs=1e-6)
    if benchmark.stats:
        benchmark.extra_info["full_rankings_over_counting"] = round(rankings_s / benchmark.stats["median"], 1)
