"""A benchmark folder as a task of mteb: it runs without a network, with our prompts, and scores as we do."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mteb_runs import run_mteb, write_small_benchmark, write_vectors
from small_training import one_thread

from babelmix.benchmarks.benchmark import Benchmark, Itself, Passage, Qrel, Query
from babelmix.benchmarks.files import write_benchmark
from babelmix.benchmarks.qrels import read_qrels
from babelmix.common.errors import UserError
from babelmix.common.languages import LANGUAGES
from babelmix.evaluation.evaluate import evaluate
from babelmix.exporting.mteb_languages import CODES, mteb_language
from babelmix.retrieval.scorers import CosineScorer
from babelmix.retrieval.similarity import comparable

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("mteb") / "small"
    write_small_benchmark(found)
    return found


@pytest.fixture(scope="module")
def model(tiny_encoder: Path) -> Any:
    """The tiny encoder as anybody opens it: nothing of babelmix."""
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(tiny_encoder), device="cpu")


@pytest.fixture(scope="module")
def vectors(model: Any, folder: Path) -> CosineScorer:
    """The benchmark's vectors in float32, by sentence-transformers alone."""
    write_vectors(model, folder, folder.parent / "vectors")
    rows = (np.load(folder.parent / f"vectors/{name}.npy") for name in ("queries", "passages"))
    return CosineScorer(*comparable(*rows, "cosine"))


def test_the_pool_of_all_languages_scores_as_ours(model: Any, folder: Path, vectors: CosineScorer) -> None:
    from babelmix.exporting.mteb_task import pool_task

    with one_thread():
        (theirs,) = run_mteb(model, pool_task(folder)).values()
    scores = evaluate(read_qrels(folder), vectors).scores
    pool = scores.scope == "multilingual"
    assert theirs["languages"] == ["deu-Latn", "eng-Latn", "fra-Latn"]
    assert theirs["ndcg_at_10"] == pytest.approx(scores.ndcg_at_10[pool].mean(), abs=1e-5)
    assert theirs["map_at_1000"] == pytest.approx(scores.average_precision[pool].mean(), abs=1e-5)
    assert theirs["map_at_20"] == pytest.approx(scores.average_precision_at_20[pool].mean(), abs=1e-5)
    for k in (1, 10, 100):
        assert theirs[f"recall_at_{k}"] == pytest.approx(getattr(scores, f"recall_at_{k}")[pool].mean(), abs=1e-5)


def test_pairs_of_languages_score_as_ours(model: Any, folder: Path, vectors: CosineScorer) -> None:
    from babelmix.exporting.mteb_task import pairs_task

    with one_thread():
        theirs = run_mteb(model, pairs_task(folder))
    ours = evaluate(read_qrels(folder), vectors)
    assert set(theirs) == {f"{query}-{passage}" for query, passage in ours.by_language_pair()}
    assert theirs["en-de"]["languages"] == ["eng-Latn", "deu-Latn"]
    for measure, name in (("map", "map_at_1000"), ("ndcg_at_10", "ndcg_at_10"), ("recall_at_10", "recall_at_10")):
        wanted = {f"{query}-{passage}": mean for (query, passage), mean in ours.by_language_pair(measure).items()}
        assert {subset: scores[name] for subset, scores in theirs.items()} == pytest.approx(wanted, abs=1e-5)


def test_mteb_writes_the_prompts_of_both_sides(model: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from babelmix.exporting.mteb_task import pool_task

    seen: list[str] = []
    inner = model.tokenizer._encode_plus

    def spy(text: Any, *args: Any, **kwargs: Any) -> Any:
        seen.extend([text] if isinstance(text, str) else text)
        return inner(text, *args, **kwargs)

    monkeypatch.setattr(model.tokenizer, "_encode_plus", spy)
    with one_thread():
        run_mteb(model, pool_task(folder))
    texts = [text for text in seen if len(text.split()) > 2]
    assert sum(text.startswith("query: ") for text in texts) == 48
    assert sum(text.startswith("passage: ") for text in texts) == 48
    assert len(texts) == 96


def test_an_independent_evaluator_agrees(model: Any, folder: Path, vectors: CosineScorer) -> None:
    """sentence-transformers' own InformationRetrievalEvaluator, which shares no code with mteb or us."""
    from sentence_transformers.sentence_transformer.evaluation import InformationRetrievalEvaluator

    from babelmix.benchmarks.files import read_benchmark

    write_small_benchmark(plain := folder.parent / "plain", lost=False)
    benchmark = read_benchmark(plain)
    answers: dict[str, set[str]] = {}
    for qrel in benchmark.qrels:
        answers.setdefault(qrel.parallel_id, set()).add(qrel.passage)
    with one_thread():
        theirs = InformationRetrievalEvaluator(
            {query.id: f"query: {query.text}" for query in benchmark.queries},
            {passage.id: f"passage: {passage.text}" for passage in benchmark.passages},
            {query.id: answers[query.parallel_id] for query in benchmark.queries},
            query_prompt="", corpus_prompt="", map_at_k=[20], precision_recall_at_k=[10], write_csv=False,
        )(model)  # fmt: skip
    scores = evaluate(read_qrels(plain), vectors).scores
    pool = scores.scope == "multilingual"
    assert theirs["cosine_map@20"] == pytest.approx(scores.average_precision_at_20[pool].mean(), abs=1e-6)
    assert theirs["cosine_recall@10"] == pytest.approx(scores.recall_at_10[pool].mean(), abs=1e-6)


def test_a_passage_that_is_the_query_is_left_out(tmp_path: Path) -> None:
    from babelmix.exporting.mteb_task import pool_task

    queries = tuple(Query(f"t{n}", f"t{n}", "en", f"text {n}") for n in range(3))
    passages = (*(Passage(query.id, "en", query.text) for query in queries), Passage("x", "en", "other"))
    write_benchmark(tmp_path / "same", Benchmark("same", queries, passages, tuple(Qrel(q.id, "x") for q in queries)))
    assert pool_task(tmp_path / "same").ignore_identical_ids
    words = Benchmark(
        "words",
        (Query("de:1", "1", "de", "Hund"), Query("en:1", "1", "en", "dog")),
        (Passage("de:w1", "de", "Hund"), Passage("en:w1", "en", "dog")),
        (Qrel("1", "de:w1"), Qrel("1", "en:w1")),
        itself=(Itself("1", "de:w1", "de:1"), Itself("1", "en:w1", "en:1")),
    )
    write_benchmark(tmp_path / "words", words)
    with pytest.raises(UserError, match="passages are their own queries"):
        pool_task(tmp_path / "words")


def test_every_language_has_a_name_that_mteb_knows() -> None:
    from mteb.languages import check_language_code

    assert set(CODES) == LANGUAGES
    for name in CODES.values():
        check_language_code(name)
    with pytest.raises(UserError, match="no name of mteb's for the language 'xx'"):
        mteb_language("xx")


def test_vectors_of_the_tiny_encoder_have_no_ties(folder: Path, vectors: CosineScorer) -> None:
    """Or the equalities above would rest on chance: mteb and we break ties in opposite orders."""
    queries, passages = vectors.shape
    scores = vectors.score_block(slice(0, passages))(np.arange(queries))
    gaps = np.diff(np.sort(scores, axis=1), axis=1)
    assert gaps.min() > 1e-7
