"""Scopes and measures, against ir_measures, brute force and figures worked by hand."""

import io
import json
import math
from dataclasses import replace

import ir_measures
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from ir_measures import AP, R, nDCG
from scored import Given
from sklearn.metrics import average_precision_score, ndcg_score

from babelmix.benchmarks.benchmark import Benchmark, Itself, Passage, Qrel, Query
from babelmix.benchmarks.qrels import qrels_of
from babelmix.evaluation.evaluate import evaluate
from babelmix.evaluation.measures import measures
from babelmix.evaluation.query_scores import QueryScores
from babelmix.evaluation.score_files import per_query, to_json
from babelmix.retrieval.scorers import CosineScorer

LANGUAGES = ("de", "en", "zh")
MEASURES = {
    "map": AP, "map_at_20": AP @ 20, "ndcg_at_10": nDCG @ 10,
    "recall_at_1": R @ 1, "recall_at_10": R @ 10, "recall_at_100": R @ 100,
}  # fmt: skip


def parallel(questions=8, languages=LANGUAGES, missing=()):
    """A benchmark where each question has a query and an answer in each language, `missing` ones aside."""
    present = [(q, lang) for q in range(questions) for lang in languages if (q, lang) not in missing]
    return Benchmark(
        "toy",
        tuple(sorted((Query(f"{lang}-q{q:02}", f"q{q:02}", lang, "?") for q, lang in present), key=lambda x: x.id)),
        tuple(sorted((Passage(f"{lang}-p{q:02}", lang, "!") for q, lang in present), key=lambda x: x.id)),
        tuple(Qrel(f"q{q:02}", f"{lang}-p{q:02}") for q, lang in present),
    )


def scored(benchmark, queries, passages):
    return evaluate(qrels_of(benchmark), CosineScorer(queries, passages))


def graded(rng, questions=12, languages=LANGUAGES):
    """Up to 19 relevant passages a question, of several grades (trec_eval divides AP@20 otherwise beyond 20)."""
    names = [f"{lang}-p{i:02}" for lang in languages for i in range(40)]
    qrels = [
        Qrel(f"q{q:02}", str(name), int(rng.integers(1, 4)))
        for q in range(questions)
        for name in rng.choice(names, size=rng.integers(1, 20), replace=False)
    ]
    return Benchmark(
        "graded",
        tuple(Query(f"{lang}-q{q:02}", f"q{q:02}", lang, "?") for lang in languages for q in range(questions)),
        tuple(Passage(name, name[:2], "!") for name in names),
        tuple(qrels),
    )


def random_vectors(benchmark, seed):
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(len(benchmark.queries) + len(benchmark.passages), 16))
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16)
    return rows[: len(benchmark.queries)], rows[len(benchmark.queries) :]


def perfect_vectors(benchmark):
    """One dimension for each question: all answers of the question come first, in every language."""
    questions = sorted({query.parallel_id for query in benchmark.queries})
    answer_of = {qrel.passage: qrel.parallel_id for qrel in benchmark.qrels}
    axes = np.eye(len(questions))
    queries = axes[[questions.index(query.parallel_id) for query in benchmark.queries]]
    return queries, axes[[questions.index(answer_of[passage.id]) for passage in benchmark.passages]]


def with_ir_measures(benchmark, scores, scope, not_found=None):
    """Score rankings of what was found with ir_measures (pytrec_eval) and average as the protocol says."""
    groups = {}
    for i, query in enumerate(benchmark.queries):
        for lang in ["pool"] if scope == "multilingual" else benchmark.languages:
            if (scope == "monolingual" and lang != query.lang) or (scope == "crosslingual" and lang == query.lang):
                continue
            of_question = [row for row in benchmark.itself if row.parallel_id == query.parallel_id]
            itself = {row.passage for row in of_question if not row.query or row.query == query.id}
            candidates = [
                j for j, p in enumerate(benchmark.passages) if lang in ("pool", p.lang) and p.id not in itself
            ]
            names = {benchmark.passages[j].id for j in candidates}
            relevant = {
                q.passage: q.relevance
                for q in benchmark.qrels
                if q.parallel_id == query.parallel_id and q.passage in names
            }
            if not relevant:
                continue
            found = [j for j in candidates if scores[i, j] != not_found]
            ranking = sorted(found, key=lambda j: (-scores[i, j], j))
            group = f"{query.lang}-{lang}" if scope == "crosslingual" else query.lang
            qrels, run = groups.setdefault(group, ({}, {}))
            qrels[query.id] = relevant
            # The order is imposed: pytrec_eval breaks ties in its own way.
            run[query.id] = {benchmark.passages[j].id: float(-place) for place, j in enumerate(ranking)}
    by = {}
    for group, (qrels, run) in groups.items():
        found = ir_measures.pytrec_eval.calc_aggregate(MEASURES.values(), qrels, run)
        by[group] = {name: found[measure] for name, measure in MEASURES.items()}
    return by, {name: np.mean([figures[name] for figures in by.values()]) for name in MEASURES}


@pytest.mark.parametrize("scope", ["monolingual", "crosslingual", "multilingual"])
@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_every_figure_agrees_with_ir_measures_over_full_rankings(scope, seed):
    benchmark = parallel(missing=((0, "de"), (1, "zh"), (2, "zh"), (3, "en")))
    if seed > 2:
        benchmark = graded(np.random.default_rng(seed))
    queries, passages = random_vectors(benchmark, seed)
    found = to_json(scored(benchmark, queries, passages), "m")["scopes"][scope]
    products = (queries.astype(np.float64) @ passages.astype(np.float64).T).astype(np.float32)
    assert_equal(found, *with_ir_measures(benchmark, products, scope))


@pytest.mark.parametrize("scope", ["monolingual", "crosslingual", "multilingual"])
@given(st.integers(0, 2**32 - 1), st.floats(0.02, 0.9))
@settings(max_examples=15)
def test_every_figure_agrees_with_ir_measures_over_what_was_found_but_the_query_itself(scope, seed, share):
    rng = np.random.default_rng(seed)
    benchmark = parallel(questions=5, missing=((0, "de"), (3, "en")))
    itself = {(f"q{q:02}", passage.id) for q in range(5) for passage in benchmark.passages if rng.random() < 0.1}
    of_question = [Itself(*pair) for pair in sorted(itself)]
    of_query = [
        Itself(query.parallel_id, passage.id, query.id)
        for query in benchmark.queries
        for passage in benchmark.passages
        if rng.random() < 0.1
    ]
    benchmark = replace(benchmark, itself=(*of_question, *of_query))
    scores = rng.integers(1, 4, size=(len(benchmark.queries), len(benchmark.passages)))
    scores = np.where(rng.random(scores.shape) < share, scores, 0).astype(np.float32)
    if all((qrel.parallel_id, qrel.passage) in itself for qrel in benchmark.qrels):
        return
    found = to_json(evaluate(qrels_of(benchmark), Given(scores, not_found=0.0)), "m")["scopes"][scope]
    by, overall = with_ir_measures(benchmark, scores, scope, not_found=0.0)
    if by:
        assert_equal(found, by, overall)


def assert_equal(found, by, overall):
    assert sorted(found["by"]) == sorted(by)
    for name in MEASURES:
        assert found[name] == pytest.approx(overall[name], abs=1e-6)
        for group, figures in by.items():
            assert found["by"][group][name] == pytest.approx(figures[name], abs=1e-6)


@pytest.mark.parametrize("seed", [5, 6])
def test_the_pool_agrees_with_scikit_learn_query_by_query(seed):
    benchmark = graded(np.random.default_rng(seed))
    queries, passages = random_vectors(benchmark, seed)
    scores = (queries.astype(np.float64) @ passages.astype(np.float64).T).astype(np.float32)
    assert all(len(np.unique(row)) == len(row) for row in scores)  # no ties
    found = scored(benchmark, queries, passages).scores
    pooled = found.scope == "multilingual"
    for row, query in enumerate(benchmark.queries):
        grades = {qrel.passage: qrel.relevance for qrel in benchmark.qrels if qrel.parallel_id == query.parallel_id}
        relevant = np.array([grades.get(passage.id, 0) for passage in benchmark.passages])
        precision = average_precision_score(relevant > 0, scores[row])
        gain = ndcg_score(relevant[None], scores[[row]], k=10, ignore_ties=True)
        assert found.average_precision[pooled][row] == pytest.approx(precision, abs=1e-12)
        assert found.ndcg_at_10[pooled][row] == pytest.approx(gain, abs=1e-12)


rankings = st.lists(
    st.integers(1, 60).flatmap(lambda n: st.lists(st.booleans(), min_size=n, max_size=n).filter(any)),
    min_size=1,
    max_size=5,
)


@given(rankings, st.randoms(use_true_random=False))
def test_measures_are_their_definitions_and_stay_within_0_and_1(relevance, random):
    rows = [(i, place + 1) for i, ranked in enumerate(relevance) for place, hit in enumerate(ranked) if hit]
    random.shuffle(rows)
    numbers, found = measures(*np.array(rows).T, np.ones(len(rows), dtype=int))
    assert numbers.tolist() == list(range(len(relevance)))
    assert ((found >= 0) & (found <= 1)).all()
    for i, ranked in enumerate(relevance):
        precision_at_hits = [sum(ranked[: k + 1]) / (k + 1) for k in range(len(ranked)) if ranked[k]]
        n = sum(ranked)
        at_20 = sum(sum(ranked[: k + 1]) / (k + 1) for k in range(len(ranked)) if ranked[k] and k < 20)
        gain = sum(1 / math.log2(k + 2) for k in range(min(10, len(ranked))) if ranked[k])
        ideal = sum(1 / math.log2(k + 2) for k in range(min(10, n)))
        recalls = [sum(ranked[:k]) / n for k in (1, 10, 100)]
        expected = [sum(precision_at_hits) / n, at_20 / min(n, 20), gain / ideal, *recalls]
        assert found[:, i] == pytest.approx(expected)


def test_average_precision_at_20_divides_by_20_where_more_are_relevant():
    _, found = measures(np.zeros(30, dtype=int), np.arange(1, 31), np.ones(30, dtype=int))
    assert found[:, 0] == pytest.approx([1, 1, 1, 1 / 30, 10 / 30, 1])


def test_ndcg_weighs_the_grades():
    _, found = measures(np.zeros(2, dtype=int), np.array([1, 3]), np.array([1, 2]))
    assert found[2, 0] == pytest.approx((1 + 2 / 2) / (2 + 1 / math.log2(3)))


def test_a_perfect_ranking_scores_one_in_every_scope():
    benchmark = parallel()
    found = to_json(scored(benchmark, *perfect_vectors(benchmark)), "m")
    assert [found["scopes"][s]["map"] for s in found["scopes"]] == [1, 1, 1]
    assert [found["scopes"][s]["map_at_20"] for s in found["scopes"]] == [1, 1, 1]
    assert found["bias"]["rank_distance"] == len(LANGUAGES) - 1
    assert found["bias"]["max_rank"] == len(LANGUAGES)
    assert found["bias"]["mono_minus_cross"] == 0


def test_a_reversed_ranking_scores_what_the_last_places_give():
    benchmark = parallel(questions=30)
    queries, passages = perfect_vectors(benchmark)
    found = to_json(scored(benchmark, -queries, passages), "m")["scopes"]
    assert found["monolingual"]["map"] == round(1 / 30, 6)
    assert found["crosslingual"]["map"] == round(1 / 30, 6)
    assert found["multilingual"]["map"] == round(sum((i + 1) / (88 + i) for i in range(3)) / 3, 6)
    assert [found["multilingual"][name] for name in ("map_at_20", "recall_at_1", "recall_at_10")] == [0, 0, 0]


@given(arrays(np.float32, (10, 10), elements=st.integers(-3, 3).map(float)), st.integers(-4, 4))
@settings(max_examples=40)
def test_a_constant_added_to_all_scores_changes_nothing(matrix, constant):
    judged = qrels_of(parallel(questions=5, languages=("de", "en")))
    before, after = (evaluate(judged, Given(scores)) for scores in (matrix, matrix + constant))
    assert to_json(before, "m") == to_json(after, "m")


def test_new_names_for_questions_change_no_figure():
    benchmark = parallel()
    renamed = Benchmark(
        benchmark.name,
        tuple(Query(q.id, q.parallel_id[::-1], q.lang, q.text) for q in benchmark.queries),
        benchmark.passages,
        tuple(Qrel(q.parallel_id[::-1], q.passage) for q in reversed(benchmark.qrels)),
    )
    vectors = random_vectors(benchmark, 3)
    assert to_json(scored(benchmark, *vectors), "m") == to_json(scored(renamed, *vectors), "m")


def test_a_language_weighs_the_same_however_many_queries_it_has():
    benchmark = parallel(questions=4, languages=("de", "en"), missing=((1, "de"), (2, "de"), (3, "de")))
    queries, passages = perfect_vectors(benchmark)
    queries[[q.lang == "de" for q in benchmark.queries]] *= -1  # the one German query meets its answers last
    found = to_json(scored(benchmark, queries, passages), "m")["scopes"]["multilingual"]
    german = (1 / 4 + 2 / 5) / 2
    assert found["by"]["de"]["map"] == pytest.approx(german)
    assert found["map"] == pytest.approx((1 + german) / 2)
    assert found["map_over_questions"] == pytest.approx((4 + german) / 5)
    assert found["queries"] == 5


def test_a_question_without_answer_in_a_language_is_left_out_of_that_pair():
    benchmark = parallel(questions=4, missing=((0, "zh"), (1, "zh")))
    found = to_json(scored(benchmark, *random_vectors(benchmark, 4)), "m")["scopes"]["crosslingual"]
    counts = {pair: figures["queries"] for pair, figures in found["by"].items()}
    assert counts == {"de-en": 4, "de-zh": 2, "en-de": 4, "en-zh": 2, "zh-de": 2, "zh-en": 2}
    assert found["queries"] == 16


def assert_no_nan(figure):
    if isinstance(figure, dict):
        for value in figure.values():
            assert_no_nan(value)
    assert not (isinstance(figure, float) and math.isnan(figure))


def test_a_pool_of_one_language_evaluates_with_cross_lingual_left_empty():
    benchmark = parallel(languages=("en",))
    found = to_json(scored(benchmark, *random_vectors(benchmark, 5)), "m")
    assert found["scopes"]["crosslingual"] == dict.fromkeys(MEASURES) | {"queries": 0, "by": {}}
    assert found["bias"]["rank_distance"] is None and found["bias"]["rank_distance_share"] is None
    assert found["bias"]["mono_minus_cross"] is None
    assert found["bias"]["language_share_top10"] == {"en": 1}
    assert found["bias"]["peer"] is None and found["bias"]["same_language_share_top10"] is None
    assert found["scopes"]["monolingual"]["map"] == found["scopes"]["multilingual"]["map"]
    assert_no_nan(found)
    json.dumps(found, allow_nan=False)


def test_questions_relevant_in_one_language_only_evaluate_without_nan():
    benchmark = parallel(questions=2, languages=("de", "en"), missing=((0, "de"), (1, "en")))
    found = to_json(scored(benchmark, *random_vectors(benchmark, 6)), "m")
    assert found["scopes"]["crosslingual"]["map"] is None
    assert found["scopes"]["multilingual"]["queries"] == 2
    json.dumps(found, allow_nan=False)


def test_queries_in_a_language_without_passages_are_cross_lingual_only():
    full = parallel(languages=("de", "en"))
    english = tuple(p for p in full.passages if p.lang == "en")
    benchmark = Benchmark("toy", full.queries, english, tuple(q for q in full.qrels if q.passage.startswith("en")))
    found = to_json(scored(benchmark, *random_vectors(benchmark, 7)), "m")
    assert list(found["scopes"]["monolingual"]["by"]) == ["en"]
    assert list(found["scopes"]["crosslingual"]["by"]) == ["de-en"]
    assert found["bias"]["same_language_share_top10"] is None
    json.dumps(found, allow_nan=False)


def test_the_json_has_the_promised_fields_and_no_others():
    benchmark = parallel()
    found = to_json(scored(benchmark, *random_vectors(benchmark, 8)), "models/hybrid")
    assert list(found) == ["benchmark", "system", "left_out", "nonsense", "main_score", "scopes", "bias"]
    assert (found["benchmark"], found["system"]) == ("toy", "models/hybrid")
    assert list(found["scopes"]) == ["monolingual", "crosslingual", "multilingual"]
    for name, scope in found["scopes"].items():
        extra = {"map_over_questions"} if name == "multilingual" else set()
        assert set(scope) == {*MEASURES, "queries", "by"} | extra
        for figures in scope["by"].values():
            assert set(figures) == {*MEASURES, "queries"}
    assert set(found["bias"]) == {
        *("rank_distance", "rank_distance_share", "max_rank", "language_share_top10", "language_share_pool"),
        *("language_share_by", "same_language_share_top10", "peer", "mono_minus_cross", "by", "lpr", "lpr_expected"),
        *("recall_same_at_10", "recall_same_at_100", "recall_across_at_10", "recall_across_at_100", "mrc_at_10"),
    }
    assert list(found["nonsense"])[:2] == ["same_first", "distinct_top10"]
    assert found["nonsense"]["same_first"] is None and 0 < found["nonsense"]["same_first_queries"] <= 1
    assert list(found["bias"]["by"]) == list(LANGUAGES)
    assert found == json.loads(json.dumps(found))


def test_graded_benchmarks_are_headed_by_ndcg_and_others_by_map():
    for benchmark, main_score in ((parallel(), "map"), (graded(np.random.default_rng(0)), "ndcg_at_10")):
        assert scored(benchmark, *random_vectors(benchmark, 1)).main_score == main_score


def test_scores_of_every_query_survive_npz_without_pickle_byte_for_byte():
    benchmark = parallel(missing=((0, "de"),))
    evaluation = scored(benchmark, *random_vectors(benchmark, 9))
    files = [io.BytesIO(), io.BytesIO()]
    for file in files:
        np.savez_compressed(file, **per_query(evaluation))
    assert files[0].getvalue() == files[1].getvalue()
    files[0].seek(0)
    read = QueryScores(**np.load(files[0], allow_pickle=False))
    for name, column in per_query(evaluation).items():
        assert np.array_equal(getattr(read, name), column)
    mask, groups = read.groups("crosslingual")
    assert mask.sum() == len(groups) == 7 * 6 + 2
    assert set(groups) == {"de-en", "de-zh", "en-de", "en-zh", "zh-de", "zh-en"}
