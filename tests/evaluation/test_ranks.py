"""Exact ranks, against rankings that are really built."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scored import Given

from babelmix.benchmarks.benchmark import Benchmark, Itself, Passage, Qrel, Query, itself_of
from babelmix.benchmarks.qrels import qrels_of
from babelmix.common.errors import UserError
from babelmix.evaluation import ranks as rank
from babelmix.evaluation.ranks import rank_relevant
from babelmix.retrieval.scorers import CosineScorer
from babelmix.retrieval.topk import kth_or_less
from babelmix.retrieval.vectors import unit_rows


def make_benchmark(query_languages, passage_languages, answers, itself=()):
    """`answers` and `itself` are (question number, passage number); query i asks question i."""
    return Benchmark(
        "toy",
        tuple(Query(f"q{i:03}", f"question{i:03}", lang, "?") for i, lang in enumerate(query_languages)),
        tuple(Passage(f"p{i:03}", lang, "!") for i, lang in enumerate(passage_languages)),
        tuple(Qrel(f"question{question:03}", f"p{passage:03}") for question, passage in answers),
        tuple(Itself(f"question{question:03}", f"p{passage:03}") for question, passage in itself),
    )


def brute_force(benchmark, scores, not_found=None):
    """Look relevant passages up in rankings really built: [(query, passage, pool, own)], and the ten best."""
    languages = [passage.lang for passage in benchmark.passages]
    rows, top = [], []
    for i, query in enumerate(benchmark.queries):
        barred = {row.passage for row in benchmark.itself if row.parallel_id == query.parallel_id}
        ranked = [p for p, passage in enumerate(benchmark.passages) if passage.id not in barred]
        ranking = sorted((p for p in ranked if scores[i][p] != not_found), key=lambda p: (-scores[i][p], p))
        answers = {qrel.passage for qrel in benchmark.qrels if qrel.parallel_id == query.parallel_id} - barred
        width = min(10, len(languages))
        top.append([*ranking[:10], *([-1] * width)][:width] if answers else [-1] * width)
        for j, passage in enumerate(benchmark.passages):
            if passage.id in answers:
                own = [p for p in ranking if languages[p] == passage.lang]
                last = len(ranked), sum(languages[p] == passage.lang for p in ranked)
                rows.append((i, j, *((ranking.index(j) + 1, own.index(j) + 1) if j in ranking else last)))
    return rows, top


def rows_of(benchmark, ranks):
    judged = qrels_of(benchmark)
    columns = (judged.query, judged.passage, ranks.pool, ranks.own)
    return list(zip(*(column.tolist() for column in columns), strict=True))


@st.composite
def problems(draw):
    """Few distinct scores, so that they tie often; languages interleaved among the passages."""
    language = st.sampled_from(["de", "en", "zh"])
    query_languages = draw(st.lists(language, min_size=1, max_size=6))
    passage_languages = draw(st.lists(language, min_size=1, max_size=40))
    passage = st.integers(0, len(passage_languages) - 1)
    answers = [(q, p) for q in range(len(query_languages)) for p in draw(st.sets(passage, min_size=1, max_size=6))]
    itself = [(q, p) for q in range(len(query_languages)) for p in draw(st.sets(passage, max_size=2))]
    assume(set(answers) - set(itself))
    benchmark = make_benchmark(query_languages, passage_languages, answers, itself)
    return benchmark, draw(arrays(np.float32, (len(query_languages), len(passage_languages)), elements=SMALL))


SMALL = st.integers(-2, 2).map(float)


@given(problems(), st.integers(1, 12), st.integers(1, 4), st.integers(1, 3), st.sampled_from([None, -2.0]))
def test_ranks_and_top_are_those_of_rankings_really_built_whatever_the_blocks_and_threads(
    problem, passages, queries, threads, not_found
):
    benchmark, scores = problem
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rank, "PASSAGES", passages)
        patch.setattr(rank, "QUERIES", queries)
        patch.setattr(rank, "cores", lambda: threads)
        ranks = rank_relevant(qrels_of(benchmark), Given(scores, not_found))
    rows, top = brute_force(benchmark, scores, not_found)
    assert rows_of(benchmark, ranks) == rows
    assert ranks.top.tolist() == top
    assert [ranks.pool.dtype, ranks.own.dtype] == [np.int32, np.int32]
    assert ranks.found.tolist() == [scores[q][p] != not_found for q, p, _, _ in rows]


def test_one_thread_and_two_give_the_same_bits(monkeypatch):
    rng = np.random.default_rng(4)
    languages = sorted(rng.choice(["de", "en", "th"], 700).tolist())
    answers = [(query, passage) for query in range(600) for passage in sorted(rng.choice(700, 3, replace=False))]
    qrels = qrels_of(make_benchmark(["en"] * 600, languages, answers))
    vectors = [rng.standard_normal((rows, 16)) for rows in (600, 700)]
    vectors[1][600:] = vectors[1][:100]  # passages that tie
    scorer = CosineScorer(*(unit_rows(rows) for rows in vectors))
    found: list[list[bytes]] = []
    for threads in (1, 2):
        monkeypatch.setattr(rank, "cores", lambda threads=threads: threads)
        ranks = rank_relevant(qrels, scorer)
        found.append([array.tobytes() for array in (ranks.pool, ranks.own, ranks.top, ranks.found)])
    assert found[0] == found[1]


def test_an_error_in_a_thread_is_raised_as_it_was(monkeypatch):
    monkeypatch.setattr(rank, "cores", lambda: 2)
    qrels = qrels_of(make_benchmark(["en"] * 3, ["de", "en"], [(0, 0), (1, 1), (2, 0)]))
    scores = Given(np.zeros((3, 2), dtype=np.float32), None)
    monkeypatch.setattr(scores, "score_block", lambda block: lambda query: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        rank_relevant(qrels, scores)


@given(arrays(np.float32, st.tuples(st.integers(1, 3), st.integers(1, 200)), elements=SMALL), st.integers(1, 10))
def test_at_least_k_of_a_row_reach_the_bound(values, k):
    k = min(k, values.shape[1])
    assert ((values >= kth_or_less(values, k)[:, None]).sum(axis=1) >= k).all()


def test_long_ties_at_the_top_go_to_the_first_passages():
    benchmark = make_benchmark(["en"] * 3, ["en", "de"] * 400, [(0, 799), (1, 0), (2, 5)])
    scores = np.zeros((3, 800), dtype=np.float32)
    scores[0, 700] = 1
    ranks = rank_relevant(qrels_of(benchmark), Given(scores))
    assert ranks.top.tolist() == [[700, *range(9)], list(range(10)), list(range(10))]
    assert ranks.pool.tolist() == [800, 1, 6]


def real_sized(rng, queries=40, passages=300, dimensions=384):
    """Unit vectors in float16, as the embeddings on disk are."""
    rows = rng.normal(size=(queries + passages, dimensions))
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16)
    languages = ["de", "en", "zh"]
    answers = [(q, int(p)) for q in range(queries) for p in rng.choice(passages, size=3, replace=False)]
    benchmark = make_benchmark(
        [languages[i % 3] for i in range(queries)], [languages[i % 3] for i in range(passages)], answers
    )
    return benchmark, rows[:queries], rows[queries:]


def cosine_ranks(benchmark, queries, passages):
    return rank_relevant(qrels_of(benchmark), CosineScorer(queries, passages, where="toy"))


def test_order_of_passages_has_no_part_in_the_ranks_where_no_scores_tie():
    rng = np.random.default_rng(2)
    benchmark, queries, passages = real_sized(rng)
    moved_to = rng.permutation(len(passages))
    shuffled = make_benchmark(
        [query.lang for query in benchmark.queries],
        [benchmark.passages[i].lang for i in np.argsort(moved_to)],
        [(int(q.parallel_id[8:]), int(moved_to[int(q.passage[1:])])) for q in benchmark.qrels],
    )
    before = cosine_ranks(benchmark, queries, passages)
    after = cosine_ranks(shuffled, queries, passages[np.argsort(moved_to)])
    expected = {(q, int(moved_to[p]), pool, own) for q, p, pool, own in rows_of(benchmark, before)}
    assert set(rows_of(shuffled, after)) == expected


def test_equal_vectors_tie_exactly_wherever_they_stand():
    rng = np.random.default_rng(3)
    _, queries, passages = real_sized(rng, passages=101)
    twins = rng.permutation(np.repeat(np.arange(101), 3))  # every passage stands three times
    first_answers = [(q, int(np.flatnonzero(twins == q)[copy])) for q in range(40) for copy in range(3)]
    benchmark = make_benchmark(["en"] * 40, ["en"] * len(twins), first_answers)
    ranks = cosine_ranks(benchmark, queries, passages[twins]).pool.reshape(40, 3)
    assert np.array_equal(np.diff(ranks, axis=1), np.ones((40, 2)))


def test_scores_that_are_equal_by_arithmetic_tie_whatever_the_order_of_the_sum():
    # A level query scores all rearrangements of a vector alike; rounding on the way would part them.
    rng = np.random.default_rng(4)
    _, queries, _ = real_sized(rng, queries=1)
    passages = np.array([rng.permutation(queries[0]) for _ in range(50)])
    benchmark = make_benchmark(["en"], ["en"] * 50, [(0, passage) for passage in range(50)])
    level = np.full((1, 384), 384**-0.5, dtype=np.float16)
    assert cosine_ranks(benchmark, level, passages).pool.tolist() == list(range(1, 51))


def test_a_passage_named_twice_in_the_qrels_counts_once():
    benchmark = make_benchmark(["en"], ["en", "en"], [(0, 1), (0, 1)])
    assert rows_of(benchmark, cosine_ranks(benchmark, np.eye(2)[:1], np.eye(2))) == [(0, 1, 2, 2)]


@pytest.mark.parametrize(
    ("queries", "passages", "says"),
    [
        (np.eye(4)[:1], np.eye(4)[:3], "1 queries and 3 passages, expected 2 and 3"),
        (np.eye(4)[:2], np.eye(4)[:2], "2 queries and 2 passages, expected 2 and 3"),
        (np.eye(4)[:2], np.eye(5)[:3], "queries have 4 dimensions, passages 5"),
        (np.array([[1, 0], [1, np.nan]]), np.eye(4)[:3, :2], "queries, row 1: a number that is not finite"),
        (np.eye(2), np.array([[np.inf, 1], [1, 0], [1, 0]]), "passages, row 0: a number that is not finite"),
        (np.eye(2), np.array([[1, 0], [1, 0], [0, 0]]), "passages, row 2: a zero vector"),
        (np.eye(2), np.array([[1, 0], [1, 0], [3, 4]]), "passages, row 2: a vector of length 5, not 1"),
    ],
)
def test_embeddings_that_do_not_fit_are_refused_with_the_place(queries, passages, says):
    benchmark = make_benchmark(["en", "de"], ["en", "de", "de"], [(0, 0), (1, 2)])
    with pytest.raises(UserError, match="toy") as caught:
        cosine_ranks(benchmark, queries, passages)
    assert says in str(caught.value)


def test_a_query_without_an_answer_is_refused():
    with pytest.raises(UserError, match="toy: no passage answers 'q000'"):
        qrels_of(make_benchmark(["en", "en"], ["en"], [(1, 0)]))


@pytest.mark.parametrize("name", ["a", "z"])
def test_nothing_is_gained_by_where_an_id_stands_in_the_alphabet(name):
    benchmark = Benchmark(
        "toy",
        (Query("q", "q", "en", "?"),),
        tuple(Passage(id_, "en", "!") for id_ in sorted([name, "m", "n"])),
        (Qrel("q", name),),
    )
    ranks = rank_relevant(qrels_of(benchmark), Given([[0.0, 0.0, 0.0]], not_found=0.0))
    assert (ranks.pool.tolist(), ranks.top.tolist(), ranks.found.tolist()) == ([3], [[-1, -1, -1]], [False])


def test_a_passage_that_is_the_question_is_left_out_in_every_language_it_is_asked_in():
    queries = tuple(Query(f"{lang}:1", "1", lang, f"The pool in {lang}") for lang in ("de", "en"))
    passages = (
        Passage("de:1", "de", " The  pool in de"),
        Passage("en:1", "en", "The pool is open."),
        Passage("fr:1", "fr", "The pool in en"),
    )
    benchmark = Benchmark("toy", queries, passages, (Qrel("1", "de:1"), Qrel("1", "en:1")))
    judged = qrels_of(benchmark)
    assert itself_of(benchmark) == (Itself("1", "de:1"),)  # by id and text both: en:1 has another text, fr:1 another id
    assert list(zip(judged.itself_query.tolist(), judged.itself_passage.tolist(), strict=True)) == [(0, 0), (1, 0)]
    assert judged.left_out == {"passages that are their own query": 1, "qrels of a query to itself": 1}
    ranks = rank_relevant(judged, Given([[3, 1, 2], [3, 2, 1]]))
    ranked = zip(judged.query.tolist(), judged.passage.tolist(), ranks.pool.tolist(), ranks.own.tolist(), strict=True)
    assert list(ranked) == [(0, 1, 2, 1), (1, 1, 1, 1)]
    assert ranks.top.tolist() == [[2, 1, -1], [1, 2, -1]]


def test_a_passage_that_is_one_query_alone_is_left_out_of_its_ranking_alone():
    queries = (Query("de:1", "1", "de", "Hund"), Query("en:1", "1", "en", "dog"), Query("en:2", "2", "en", "cat"))
    passages = tuple(Passage(f"{lang}:1", lang, text) for lang, text in (("de", "Hund"), ("en", "dog"), ("fr", "chat")))
    qrels = (Qrel("1", "de:1"), Qrel("1", "en:1"), Qrel("2", "fr:1"))
    itself = (Itself("1", "de:1", "de:1"), Itself("1", "en:1", "en:1"), Itself("1", "fr:1", "en:1"))
    judged = qrels_of(Benchmark("toy", queries, passages, qrels, itself))
    assert list(zip(judged.query.tolist(), judged.passage.tolist(), strict=True)) == [(0, 1), (1, 0), (2, 2)]
    barred = zip(judged.itself_query.tolist(), judged.itself_passage.tolist(), strict=True)
    assert list(barred) == [(0, 0), (1, 1), (1, 2)]
    assert judged.left_out == {"passages that are their own query": 3, "qrels of a query to itself": 2}
    ranks = rank_relevant(judged, Given([[3, 1, 2], [1, 3, 2], [2, 3, 1]]))
    assert (ranks.pool.tolist(), ranks.own.tolist()) == ([2, 1, 3], [1, 1, 1])
    assert ranks.top.tolist() == [[2, 1, -1], [0, -1, -1], [1, 0, 2]]


def test_a_query_that_only_itself_would_answer_takes_no_part():
    queries = (Query("a", "a", "en", "rain"), Query("b", "b", "en", "sun"))
    passages = (Passage("a", "en", "rain"), Passage("b", "en", "snow"))
    judged = qrels_of(Benchmark("toy", queries, passages, (Qrel("a", "a"), Qrel("b", "b"))))
    assert (judged.query.tolist(), judged.passage.tolist()) == ([1], [1])
    assert judged.left_out["queries answered by themselves alone"] == 1
    ranks = rank_relevant(judged, Given([[1, 0], [1, 2]]))
    assert (ranks.pool.tolist(), ranks.top.tolist()) == ([1], [[-1, -1], [1, 0]])
    with pytest.raises(UserError, match="no passage answers any query"):
        qrels_of(Benchmark("toy", queries[:1], passages, (Qrel("a", "a"),)))
