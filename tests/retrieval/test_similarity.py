"""Dot products and distances rank as numpy ranks them, exactly, through the products of unit vectors."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from babelmix.benchmarks.benchmark import Benchmark, Passage, Qrel, Query
from babelmix.benchmarks.qrels import qrels_of
from babelmix.common.errors import UserError
from babelmix.common.similarities import SIMILARITIES
from babelmix.evaluation.ranks import rank_relevant
from babelmix.retrieval import similarity as module
from babelmix.retrieval.scorers import CosineScorer
from babelmix.retrieval.search import search
from babelmix.retrieval.similarity import as_similarity, comparable


def by_numpy(queries, passages, similarity):
    """Float64 [Q, P], the larger, the more similar."""
    queries, passages = queries.astype(np.float64), passages.astype(np.float64)
    if similarity == "dot":
        return queries @ passages.T
    return -((queries[:, None] - passages[None]) ** 2).sum(axis=2)


def ranks_by_numpy(queries, passages, similarity):
    scores = by_numpy(queries, passages, similarity)
    places = np.broadcast_to(np.arange(len(passages)), scores.shape)
    return np.argsort(np.lexsort((places, -scores), axis=1), axis=1) + 1


def ranks(queries, passages, similarity):
    """The rank of every passage for every query, as babelmix has it: each is an answer to each."""
    benchmark = Benchmark(
        "toy",
        tuple(Query(f"q{i:03}", f"q{i:03}", "en", "?") for i in range(len(queries))),
        tuple(Passage(f"p{i:03}", "en", "!") for i in range(len(passages))),
        tuple(Qrel(f"q{q:03}", f"p{p:03}") for q in range(len(queries)) for p in range(len(passages))),
    )
    scores = CosineScorer(*comparable(queries, passages, similarity))
    return rank_relevant(qrels_of(benchmark), scores).pool.reshape(len(queries), len(passages))


WHOLE = st.integers(-6, 6).map(float)  # of these, sums are exact everywhere, and many tie


@st.composite
def vectors(draw):
    dimensions = draw(st.integers(1, 5))
    rows = [
        draw(arrays(np.float32, st.tuples(st.integers(1, 9), st.just(dimensions)), elements=WHOLE)) for _ in range(2)
    ]
    for row in rows:
        row[~row.any(axis=1)] = 1
    power = draw(st.integers(-20, 20))  # any unit of length
    return [row * np.float32(2.0**power) for row in rows]


@given(vectors(), st.sampled_from(["dot", "euclidean"]), st.integers(1, 4))
def test_ranks_are_those_of_numpy_ties_and_all(pair, similarity, block):
    queries, passages = pair
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BLOCK", block)
        assert np.array_equal(ranks(queries, passages, similarity), ranks_by_numpy(queries, passages, similarity))


@given(vectors(), st.sampled_from(["dot", "euclidean"]), st.integers(1, 9))
def test_the_best_are_those_of_numpy_and_shown_as_what_they_are(pair, similarity, k):
    queries, passages = pair
    found = comparable(queries, passages, similarity)
    best = search(*found, k)
    expected = np.argsort(ranks_by_numpy(queries, passages, similarity), axis=1)[:, :k]
    assert np.array_equal(best.passage, expected)
    scores = by_numpy(queries, passages, similarity)
    scores = scores if similarity == "dot" else -np.sqrt(-scores)
    shown = [[as_similarity(found[1], score) for score in row] for row in best.score.tolist()]
    np.testing.assert_allclose(shown, np.take_along_axis(scores, expected, axis=1), rtol=1e-6)


@pytest.mark.parametrize("similarity", ["dot", "euclidean"])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_real_vectors_of_any_length_keep_their_order_and_their_order_of_summing_has_no_part(similarity, dtype):
    rng = np.random.default_rng(1)
    queries, passages = ((rng.normal(size=(n, 48)) * rng.gamma(2, 2, size=(n, 1))).astype(dtype) for n in (9, 200))
    found = ranks(queries, passages, similarity)
    assert np.array_equal(found, ranks_by_numpy(queries, passages, similarity))
    turned = rng.permutation(48)
    assert np.array_equal(ranks(queries[:, turned], passages[:, turned], similarity), found)
    moved = rng.permutation(200)
    assert np.array_equal(ranks(queries, passages[moved], similarity), found[:, moved])  # nothing ties


def test_cosine_is_what_it_was():
    rows = np.array([[3.0, 4.0], [0.6, -0.8]])
    queries, passages = comparable(rows, rows.astype(np.float32), "cosine")
    np.testing.assert_allclose(queries[:], [[0.6, 0.8], [0.6, -0.8]], atol=2**-24)
    assert as_similarity(passages, 0.5) == 0.5


def test_a_long_passage_wins_by_dot_product_alone():
    queries = np.array([[1.0, 0.1]])
    passages = np.array([[1.0, 0.1], [9.0, 9.0]])
    assert {name: ranks(queries, passages, name).tolist() for name in SIMILARITIES} == {
        "cosine": [[1, 2]],
        "dot": [[2, 1]],
        "euclidean": [[1, 2]],
    }


@pytest.mark.parametrize(
    ("rows", "similarity", "told"),
    [
        ([[1.0, 0.0], [0.0, np.nan]], "dot", "passages, row 1: a number that is not finite"),
        ([[1.0, 0.0], [0.0, np.inf]], "euclidean", "passages, row 1: a number that is not finite"),
        ([[1.0, 0.0], [0.0, 0.0]], "dot", "passages, row 1: a zero vector"),
        ([[1e200, 0.0], [0.0, 1.0]], "dot", "passages, row 0: a number that is not finite"),
    ],
)
def test_what_cannot_be_compared_is_told_by_row(rows, similarity, told):
    with pytest.raises(UserError, match=told):
        comparable(np.eye(2), np.array(rows), similarity)
    with pytest.raises(UserError, match=told.replace("passages", "queries")):
        comparable(np.array(rows), np.eye(2), similarity)


def test_a_point_at_the_origin_has_distances():
    assert ranks(np.array([[0.0, 0.0]]), np.array([[2.0, 0.0], [0.0, 0.0]]), "euclidean").tolist() == [[2, 1]]
    assert ranks(np.zeros((1, 2)), np.zeros((2, 2)), "euclidean").tolist() == [[1, 2]]
