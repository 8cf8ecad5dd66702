"""All of XQuAD-R, every scope, measure and bias figure, against building the rankings for ir_measures.

pytest tests/speed/test_evaluation_speed.py --benchmark-enable

The embeddings are random unit vectors in XQuAD-R's numbers. ir_measures sees one query in fifty, in all three settings,
and its time is multiplied by fifty: whole rankings of all queries are 340 million entries.
"""

import re
import subprocess
import sys
from pathlib import Path
from time import perf_counter

import ir_measures
import numpy as np
import pytest
from ir_measures import AP, R, nDCG

from babelmix.benchmarks.benchmark import Benchmark, Passage, Qrel, Query
from babelmix.benchmarks.qrels import qrels_of
from babelmix.evaluation.evaluate import evaluate
from babelmix.evaluation.score_files import to_json
from babelmix.retrieval.scorers import CosineScorer

QUESTIONS = 1190
CANDIDATES = {
    "ar": 1222, "de": 1276, "el": 1234, "en": 1180, "es": 1215, "hi": 1244,
    "ru": 1219, "th": 852, "tr": 1167, "vi": 1209, "zh": 1196,
}  # fmt: skip
SAMPLE = 50
MEASURES = {
    AP: "average_precision", nDCG @ 10: "ndcg_at_10",
    R @ 1: "recall_at_1", R @ 10: "recall_at_10", R @ 100: "recall_at_100", AP @ 20: "average_precision_at_20",
}  # fmt: skip


def like_xquad_r(questions=QUESTIONS):
    numbers = [f"{number:04}" for number in range(questions)]
    return Benchmark(
        "like-xquad-r",
        tuple(Query(f"{lang}:{number}", number, lang, "?") for lang in CANDIDATES for number in numbers),
        tuple(Passage(f"{lang}:{i:04}", lang, "!") for lang, count in CANDIDATES.items() for i in range(count)),
        # Questions share sentences, as they do in XQuAD-R; some two of a language have the same answer.
        tuple(
            Qrel(number, f"{lang}:{int(number) * 7919 % count:04}")
            for lang, count in CANDIDATES.items()
            for number in numbers
        ),
    )


def unit_vectors(rng, rows):
    vectors = rng.standard_normal((rows, 384), dtype=np.float32)
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)


def by_rankings(benchmark, queries, passages, rows):
    """{(query id, passage language or pool): {measure: value}} of some queries, from rankings really built."""
    names = np.array([passage.id for passage in benchmark.passages])
    spoken = np.array([passage.lang for passage in benchmark.passages])
    answers = {}
    for qrel in benchmark.qrels:
        answers.setdefault(qrel.parallel_id, {})[qrel.passage] = 1
    columns = {lang: np.flatnonzero(spoken == lang) for lang in CANDIDATES} | {"pool": np.arange(len(names))}
    found = {}
    for row in rows:
        query = benchmark.queries[row]
        scores = (queries[row].astype(np.float64) @ passages.astype(np.float64).T).astype(np.float32)
        for lang, column in columns.items():
            order = column[np.argsort(-scores[column], kind="stable")]
            run = dict(zip(names[order].tolist(), range(0, -len(order), -1), strict=True))
            qrels = {name: 1 for name in answers[query.parallel_id] if name in run}
            values = ir_measures.pytrec_eval.calc_aggregate(list(MEASURES), {"q": qrels}, {"q": run})
            found[query.id, lang] = {column: values[measure] for measure, column in MEASURES.items()}
    return found


def test_counting_gives_the_values_of_whole_rankings_in_a_fraction_of_the_time(benchmark):
    data = like_xquad_r(QUESTIONS if benchmark.enabled else 40)
    rng = np.random.default_rng(1)
    vectors = unit_vectors(rng, len(data.queries)), unit_vectors(rng, len(data.passages))
    rows = range(0, len(data.queries), SAMPLE)

    def everything():
        evaluation = evaluate(qrels_of(data), CosineScorer(*vectors))
        return evaluation, to_json(evaluation, "random")

    evaluation, figures = benchmark.pedantic(everything, rounds=3 if benchmark.enabled else 1)
    started = perf_counter()
    expected = by_rankings(data, *vectors, rows)
    rankings_s = (perf_counter() - started) * len(data.queries) / len(rows)

    scores = evaluation.scores
    place = {
        key: row
        for row, key in enumerate(zip(scores.parallel_id, scores.query_language, scores.passage_language, strict=True))
    }
    for (query, lang), values in expected.items():
        asked, question = query.split(":")
        for column, value in values.items():
            assert getattr(scores, column)[place[question, asked, lang]] == pytest.approx(value, abs=1e-9)
    assert figures["bias"]["rank_distance_share"] == pytest.approx(1, abs=0.05)  # random vectors are unbiased
    if benchmark.enabled:
        benchmark.extra_info["whole_rankings_s"] = round(rankings_s, 1)
        benchmark.extra_info["whole_rankings_over_counting"] = round(rankings_s / benchmark.stats["median"], 1)
        code = f"import sys; sys.path.insert(0, {str(__file__).rpartition('/')[0]!r}); import {__name__} as m; m.peak()"
        peak_gib = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        benchmark.extra_info["peak_GiB"] = float(peak_gib)


def peak():
    """Evaluate once and print the peak memory of this process in GiB."""
    data, rng = like_xquad_r(), np.random.default_rng(1)
    scores = CosineScorer(unit_vectors(rng, len(data.queries)), unit_vectors(rng, len(data.passages)))
    to_json(evaluate(qrels_of(data), scores), "random")
    # Of this process alone: what getrusage returns begins with the peak of the process that started it.
    peak_kib = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1]
    print(round(int(peak_kib) / 2**20, 2))
