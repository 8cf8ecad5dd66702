"""All of XQuAD-R, every scope, measure and bias figure, against building the rankings for ir_measures and for ranx.

pytest tests/speed/test_evaluation_speed.py --benchmark-enable

The embeddings are random unit vectors in XQuAD-R's numbers. The others see one query in fifty, in all three settings,
and their time is multiplied by fifty: whole rankings of all queries are 340 million entries. ir_measures runs
pytrec_eval; ranx comes with the extra `speed`, and its compilation does not count. Both get the same rankings, whose
making counts.
"""

import importlib.util
from itertools import islice
from pathlib import Path

import ir_measures
import numpy as np
import pytest
from ir_measures import AP, R, nDCG
from ratios import against, peak_of

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
PEAK = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import test_evaluation_speed as m; m.once()"
RANX = {
    "map": "average_precision", "ndcg@10": "ndcg_at_10", "recall@1": "recall_at_1", "recall@10": "recall_at_10",
    "recall@100": "recall_at_100",
}  # fmt: skip
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


def rankings(benchmark, queries, passages, rows):
    """Yield (query id, passage language or pool, {passage: relevance}, {passage: score}) of some queries."""
    names = np.array([passage.id for passage in benchmark.passages])
    spoken = np.array([passage.lang for passage in benchmark.passages])
    answers = {}
    for qrel in benchmark.qrels:
        answers.setdefault(qrel.parallel_id, {})[qrel.passage] = 1
    columns = {lang: np.flatnonzero(spoken == lang) for lang in CANDIDATES} | {"pool": np.arange(len(names))}
    for row in rows:
        query = benchmark.queries[row]
        scores = (queries[row].astype(np.float64) @ passages.astype(np.float64).T).astype(np.float32)
        for lang, column in columns.items():
            order = column[np.argsort(-scores[column], kind="stable")]
            run = dict(zip(names[order].tolist(), range(0, -len(order), -1), strict=True))
            yield query.id, lang, {name: 1 for name in answers[query.parallel_id] if name in run}, run


def by_ir_measures(*arguments):
    """{(query id, passage language or pool): {column: value}}, from rankings really built."""
    found = {}
    for query, lang, qrels, run in rankings(*arguments):
        values = ir_measures.pytrec_eval.calc_aggregate(list(MEASURES), {"q": qrels}, {"q": run})
        found[query, lang] = {column: values[measure] for measure, column in MEASURES.items()}
    return found


def by_ranx(*arguments):
    """The same by ranx, some hundred rankings a call; its cut average precision divides otherwise and is left out."""
    from ranx import Qrels, Run
    from ranx import evaluate as ranx_evaluate

    found, rest = {}, rankings(*arguments)
    while part := list(islice(rest, 300)):
        names = {f"{query} {lang}": (query, lang) for query, lang, *_ in part}
        qrels = Qrels(dict(zip(names, (qrels for *_, qrels, _ in part), strict=True)))
        run = Run(dict(zip(names, ({key: float(x) for key, x in run.items()} for *_, run in part), strict=True)))
        ranx_evaluate(qrels, run, list(RANX))
        for name, key in names.items():
            found[key] = {column: float(run.scores[measure][name]) for measure, column in RANX.items()}
    return found


@pytest.mark.filterwarnings("ignore")  # ranx's and numba's own
def test_counting_gives_the_values_of_whole_rankings_in_a_fraction_of_the_time(benchmark, ratio):
    data = like_xquad_r(QUESTIONS if benchmark.enabled else 40)
    rng = np.random.default_rng(1)
    vectors = unit_vectors(rng, len(data.queries)), unit_vectors(rng, len(data.passages))
    rows = range(0, len(data.queries), SAMPLE)

    def everything():
        evaluation = evaluate(qrels_of(data), CosineScorer(*vectors))
        return evaluation, to_json(evaluation, "random")

    opponents = {"ir_measures (pytrec_eval)": lambda: by_ir_measures(data, *vectors, rows)}
    if importlib.util.find_spec("ranx"):
        opponents["ranx"] = lambda: by_ranx(data, *vectors, rows)
    own, theirs, found = against(benchmark, ours=everything, opponents=opponents, rounds=3)
    evaluation, figures = found["ours"]
    scores = evaluation.scores
    place = {
        key: row
        for row, key in enumerate(zip(scores.parallel_id, scores.query_language, scores.passage_language, strict=True))
    }
    for name in opponents:
        for (query, lang), values in found[name].items():
            asked, question = query.split(":")
            for column, value in values.items():
                assert getattr(scores, column)[place[question, asked, lang]] == pytest.approx(value, abs=1e-9), name
    assert figures["bias"]["rank_distance_share"] == pytest.approx(1, abs=0.05)  # random vectors are unbiased
    if benchmark.enabled:
        peak = peak_of(PEAK)
        for name, seconds in theirs.items():
            whole = seconds * len(data.queries) / len(rows)
            ratio(
                "evaluate XQuAD-R's 13,090 queries, all scopes",
                f"{name}, one query in {SAMPLE}",
                ours=own,
                theirs=whole,
                peak_gib=peak,
                target="ours 2.5 s",
            )
        if "ranx" not in opponents:
            ratio("evaluate XQuAD-R's 13,090 queries, all scopes", "ranx: pip install 'babelmix[speed]'", ours=own)


def once():
    """Evaluate once, in a process of its own."""
    data, rng = like_xquad_r(), np.random.default_rng(1)
    scores = CosineScorer(unit_vectors(rng, len(data.queries)), unit_vectors(rng, len(data.passages)))
    to_json(evaluate(qrels_of(data), scores), "random")
