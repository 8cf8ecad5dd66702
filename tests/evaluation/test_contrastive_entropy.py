"""Contrastive entropy against the dev loss of training, which it must equal, and its None rules."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from babelmix.benchmarks.benchmark import Benchmark, Passage, Qrel, Query
from babelmix.benchmarks.qrels import qrels_of
from babelmix.evaluation import contrastive_entropy as module
from babelmix.evaluation.contrastive_entropy import contrastive_entropy
from babelmix.retrieval.scorers import CosineScorer
from babelmix.training.dev_loss import dev_losses

Pair = tuple[str, int]  # language, question
PAIRS = st.lists(
    st.tuples(st.sampled_from(["de", "en", "zh"]), st.integers(0, 6)), min_size=1, max_size=21, unique=True
)


def dev_of(pairs: list[Pair]) -> Benchmark:
    names = sorted(f"{lang}:{q}" for lang, q in pairs)
    return Benchmark(
        "dev",
        tuple(Query(name, name[3:], name[:2], "?") for name in names),
        tuple(Passage(name, name[:2], "!") for name in names),
        tuple(Qrel(name[3:], name) for name in names),
    )


def unit(rng: np.random.Generator, rows: int) -> np.ndarray:
    vectors = rng.normal(size=(rows, 6))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)


@settings(max_examples=50)
@given(PAIRS, st.integers(0, 99), st.sampled_from([0.02, 0.05, 1.0]), st.sampled_from([1, 2, 512]))
def test_it_is_the_dev_loss_of_training(pairs: list[Pair], seed: int, temperature: float, block: int) -> None:
    benchmark, rng = dev_of(pairs), np.random.default_rng(seed)
    queries, passages = unit(rng, len(pairs)), unit(rng, len(pairs))
    questions = np.array([int(query.parallel_id) for query in benchmark.queries])
    languages = [query.lang for query in benchmark.queries]
    wide = queries.astype(np.float32), passages.astype(np.float32)
    expected = dev_losses(*wide, questions, languages, temperature)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "QUERIES", block)
        found = contrastive_entropy(qrels_of(benchmark), CosineScorer(queries, passages), temperature)
    assert set(found) == {"monolingual", "crosslingual", "pooled"}
    for scope, loss in found.items():
        assert loss == (pytest.approx(expected[scope], rel=1e-4, abs=1e-4) if scope in expected else None)


def test_a_sure_encoder_has_none_and_an_ignorant_one_the_log_of_the_candidates() -> None:
    benchmark = dev_of([(lang, q) for lang in ("de", "en") for q in range(4)])
    meaning = np.tile(np.eye(4), (2, 1)).astype(np.float16)
    sure = contrastive_entropy(qrels_of(benchmark), CosineScorer(meaning, meaning), 0.02)
    assert sure == {scope: pytest.approx(0, abs=1e-12) for scope in sure}
    same = np.tile(np.eye(4)[0], (8, 1)).astype(np.float16)
    found = contrastive_entropy(qrels_of(benchmark), CosineScorer(same, same), 0.02)
    assert found["monolingual"] == found["crosslingual"] == pytest.approx(np.log(4))
    assert found["pooled"] == pytest.approx(np.log(7))  # against the 6 passages of the other questions


def test_figures_are_finite_at_low_temperatures() -> None:
    benchmark = dev_of([("de", 0), ("de", 1)])
    queries = np.array([[1, 0], [-1, 0]], dtype=np.float16)
    found = contrastive_entropy(qrels_of(benchmark), CosineScorer(queries, queries), 0.005)
    assert found == {"monolingual": 0, "crosslingual": None, "pooled": 0}
    wrong = contrastive_entropy(qrels_of(benchmark), CosineScorer(queries, -queries), 0.005)
    assert wrong["monolingual"] == wrong["pooled"] == pytest.approx(400)
