"""Exact ranks, against rankings that are really built."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from babelmix import rank
from babelmix.benchmark import Benchmark, Passage, Qrel, Query
from babelmix.errors import UserError
from babelmix.rank import rank_relevant


def make_benchmark(query_languages, passage_languages, answers):
    """`answers` are (question number, passage number); query i asks question i."""
    return Benchmark(
        "toy",
        tuple(Query(f"q{i:03}", f"question{i:03}", lang, "?") for i, lang in enumerate(query_languages)),
        tuple(Passage(f"p{i:03}", lang, "!") for i, lang in enumerate(passage_languages)),
        tuple(Qrel(f"question{question:03}", f"p{passage:03}") for question, passage in answers),
    )


def brute_force(benchmark, queries, passages):
    """Look relevant passages up in rankings really built: [(query, passage, pool, own)], top languages."""
    languages = [passage.lang for passage in benchmark.passages]
    rows, top = [], []
    for i, query in enumerate(benchmark.queries):
        scores = [
            float(np.float32(sum(float(a) * float(b) for a, b in zip(queries[i], p, strict=True)))) for p in passages
        ]
        ranking = sorted(range(len(passages)), key=lambda p: (-scores[p], p))
        top.append([benchmark.languages.index(languages[p]) for p in ranking[:10]])
        answers = {qrel.passage for qrel in benchmark.qrels if qrel.question == query.question}
        for j, passage in enumerate(benchmark.passages):
            if passage.id in answers:
                own = [p for p in ranking if languages[p] == passage.lang]
                rows.append((i, j, ranking.index(j) + 1, own.index(j) + 1))
    return rows, top


def rows_of(ranks):
    columns = (ranks.query, ranks.passage, ranks.pool, ranks.own)
    return list(zip(*(column.tolist() for column in columns), strict=True))


@st.composite
def problems(draw):
    """Few distinct small vectors, so that scores tie often; languages interleaved among the passages."""
    language = st.sampled_from(["de", "en", "zh"])
    query_languages = draw(st.lists(language, min_size=1, max_size=6))
    passage_languages = draw(st.lists(language, min_size=1, max_size=16))
    pair = st.tuples(st.integers(0, len(query_languages) - 1), st.integers(0, len(passage_languages) - 1))
    answers = draw(st.lists(pair, min_size=1, max_size=20))
    vector = st.tuples(st.integers(-2, 2), st.integers(-2, 2)).filter(any)

    def vectors(n):
        return np.array(draw(st.lists(vector, min_size=n, max_size=n)), dtype=np.float16)

    benchmark = make_benchmark(query_languages, passage_languages, answers)
    return benchmark, vectors(len(query_languages)), vectors(len(passage_languages))


@given(problems())
def test_ranks_and_top_languages_are_those_of_rankings_really_built(problem):
    ranks = rank_relevant(*problem)
    rows, top = brute_force(*problem)
    assert rows_of(ranks) == rows
    assert ranks.top_languages.tolist() == top
    assert [ranks.pool.dtype, ranks.own.dtype, ranks.top_languages.dtype] == [np.int32, np.int32, np.int8]


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


@pytest.mark.parametrize("block", [1, 7, 1000])
def test_block_size_has_no_part_in_the_result(block, monkeypatch):
    problem = real_sized(np.random.default_rng(1))
    expected = rank_relevant(*problem)
    monkeypatch.setattr(rank, "BLOCK", block)
    ranks = rank_relevant(*problem)
    assert rows_of(ranks) == rows_of(expected)
    assert np.array_equal(ranks.top_languages, expected.top_languages)


def test_order_of_passages_has_no_part_in_the_ranks_where_no_scores_tie():
    rng = np.random.default_rng(2)
    benchmark, queries, passages = real_sized(rng)
    moved_to = rng.permutation(len(passages))
    shuffled = make_benchmark(
        [query.lang for query in benchmark.queries],
        [benchmark.passages[i].lang for i in np.argsort(moved_to)],
        [(int(q.question[8:]), int(moved_to[int(q.passage[1:])])) for q in benchmark.qrels],
    )
    before = rank_relevant(benchmark, queries, passages)
    after = rank_relevant(shuffled, queries, passages[np.argsort(moved_to)])
    expected = {(q, int(moved_to[p]), pool, own) for q, p, pool, own in rows_of(before)}
    assert set(rows_of(after)) == expected


def test_equal_vectors_tie_exactly_wherever_they_stand():
    rng = np.random.default_rng(3)
    _, queries, passages = real_sized(rng, passages=101)
    twins = rng.permutation(np.repeat(np.arange(101), 3))  # every passage stands three times
    first_answers = [(q, int(np.flatnonzero(twins == q)[copy])) for q in range(40) for copy in range(3)]
    benchmark = make_benchmark(["en"] * 40, ["en"] * len(twins), first_answers)
    ranks = rank_relevant(benchmark, queries, passages[twins]).pool.reshape(40, 3)
    assert np.array_equal(np.diff(ranks, axis=1), np.ones((40, 2)))


def test_scores_that_are_equal_by_arithmetic_tie_whatever_the_order_of_the_sum():
    # A level query scores all rearrangements of a vector alike; rounding on the way would part them.
    rng = np.random.default_rng(4)
    _, queries, _ = real_sized(rng, queries=1)
    passages = np.array([rng.permutation(queries[0]) for _ in range(50)])
    benchmark = make_benchmark(["en"], ["en"] * 50, [(0, passage) for passage in range(50)])
    level = np.full((1, 384), 384**-0.5, dtype=np.float16)
    assert rank_relevant(benchmark, level, passages).pool.tolist() == list(range(1, 51))


def test_a_passage_named_twice_in_the_qrels_counts_once():
    benchmark = make_benchmark(["en"], ["en", "en"], [(0, 1), (0, 1)])
    assert rows_of(rank_relevant(benchmark, np.eye(2)[:1], np.eye(2))) == [(0, 1, 2, 2)]


def test_a_query_without_answer_has_no_row():
    benchmark = make_benchmark(["en", "en"], ["en", "en"], [(1, 0)])
    assert rank_relevant(benchmark, np.eye(2), np.eye(2)).query.tolist() == [1]


@pytest.mark.parametrize(
    ("queries", "passages", "says"),
    [
        (np.ones((1, 4)), np.ones((3, 4)), "query embeddings: shape (1, 4) where 2 rows are due"),
        (np.ones((2, 4)), np.ones((2, 4)), "passage embeddings: shape (2, 4) where 3 rows are due"),
        (np.ones(2), np.ones((3, 4)), "query embeddings: shape (2,) where 2 rows are due"),
        (np.ones((2, 4)), np.ones((3, 5)), "queries have 4 dimensions, passages 5"),
        (np.array([[1, 1], [1, np.nan]]), np.ones((3, 2)), "row 1, id 'q001': a number that is not finite"),
        (
            np.ones((2, 2)),
            np.array([[np.inf, 1], [1, 1], [1, 1]]),
            "row 0, id 'p000': a number that is not finite",
        ),
        (np.ones((2, 2)), np.array([[1, 1], [1, 1], [0, 0]]), "row 2, id 'p002': a zero vector"),
    ],
)
def test_embeddings_that_do_not_fit_are_refused_with_the_place(queries, passages, says):
    benchmark = make_benchmark(["en", "de"], ["en", "de", "de"], [(0, 0), (1, 1)])
    with pytest.raises(UserError, match="toy") as caught:
        rank_relevant(benchmark, queries, passages)
    assert says in str(caught.value)


def test_a_benchmark_without_answers_is_refused():
    with pytest.raises(UserError, match="no query has an answer"):
        rank_relevant(make_benchmark(["en"], ["en"], []), np.ones((1, 2)), np.ones((1, 2)))
