"""Our scores in mteb's form: mteb reads them, and they are the numbers of its own run."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytrec_eval
from hypothesis import given, settings
from hypothesis import strategies as st
from mteb_runs import run_mteb, write_small_benchmark, write_vectors
from params_project import project_of_params
from scored import Given

from babelmix import cli
from babelmix.benchmarks.qrels import read_qrels
from babelmix.common.errors import UserError
from babelmix.evaluation.ranks import rank_relevant
from babelmix.exporting.mteb_results import CUTOFFS, measures_of, revision_of, task_result
from babelmix.exporting.topics import Topics

ignored = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with the parameters and a benchmark "small", and the test in it."""
    with project_of_params(tmp_path / "project", monkeypatch) as folder:
        write_small_benchmark(Path("small"))
        yield folder


def written(form: str, model: str = "bm25", *options: str) -> dict[str, Any]:
    given = ["--benchmark", "small", "--output", "scores.json", "--format", form, *options]
    cli.run(["evaluate", *(["--model", model] if model else []), *given])
    return json.loads(Path("scores.json").read_text())


@pytest.mark.slow
@ignored
@pytest.mark.parametrize("form", ["mteb", "mteb-pairs"])
def test_mteb_reads_the_file_and_has_the_same_numbers(project: Path, tiny_encoder: Path, form: str) -> None:
    from mteb.results import TaskResult
    from sentence_transformers import SentenceTransformer

    from babelmix.exporting.mteb_task import pairs_task, pool_task

    model = SentenceTransformer(str(tiny_encoder), device="cpu")
    # Vectors in float32, as mteb has them: babelmix itself keeps float16, which exchanges nearly equal scores.
    write_vectors(model, Path("small"), Path("vectors"))
    found = written(form, "", "--embeddings", "vectors")
    task = {"mteb": pool_task, "mteb-pairs": pairs_task}[form](Path("small"))
    theirs = run_mteb(model, task)
    read = TaskResult.from_disk(Path("scores.json"))
    assert (read.task_name, read.dataset_revision) == (task.metadata.name, task.metadata.revision)
    assert read.get_score() == pytest.approx(np.mean([scores["main_score"] for scores in theirs.values()]), abs=1e-5)
    subsets = {scores["hf_subset"]: scores for scores in read.scores["test"]}
    assert set(subsets) == set(theirs)
    for name, scores in theirs.items():
        shared = {key: value for key, value in scores.items() if not key.startswith("nauc")} | {"mteb_version": None}
        assert set(subsets[name]) | {"mteb_version"} == set(shared)
        for key, value in shared.items():
            mine = subsets[name].get(key)
            assert mine == (pytest.approx(value, abs=1.1e-5) if isinstance(value, float) else value), (name, key)
    assert found["babelmix"]["system"] == "vectors"


@pytest.mark.slow
def test_a_model_is_encoded_and_scored(project: Path, tiny_encoder: Path) -> None:
    found = written("mteb-pairs", str(tiny_encoder))
    assert found["babelmix"]["system"] == str(tiny_encoder) and found["babelmix"]["topics_without_an_answer"] > 0
    assert [scores["hf_subset"] for scores in found["scores"]["test"]] == sorted(
        f"{one}-{other}" for one in ("de", "en", "fr") for other in ("de", "en", "fr")
    )


@settings(max_examples=15)
@given(st.integers(0, 2**32 - 1))
def test_measures_are_those_of_trec_eval(seed: int) -> None:
    rng = np.random.default_rng(seed)
    topic = np.sort(np.concatenate([np.arange(5), rng.integers(0, 5, size=40)]))
    rank = np.concatenate([rng.permutation(1200)[: np.count_nonzero(topic == one)] + 1 for one in range(5)])
    rank = np.where(rng.random(len(rank)) < 0.2, np.inf, rank.astype(np.float64))
    relevance = rng.integers(1, 4, size=len(topic))
    qrels: dict[str, dict[str, int]] = {}
    run: dict[str, dict[str, float]] = {str(one): {f"other{n}": -float(n) for n in range(1, 1201)} for one in range(5)}
    for number, (one, place, grade) in enumerate(zip(topic.tolist(), rank.tolist(), relevance.tolist(), strict=True)):
        qrels.setdefault(str(one), {})[f"p{number}"] = grade
        if place < np.inf:
            del run[str(one)][f"other{int(place)}"]
            run[str(one)][f"p{number}"] = -place
    names = {
        "map_at": "map_cut",
        "ndcg_at": "ndcg_cut",
        "recall_at": "recall",
        "precision_at": "P",
        "hit_rate_at": "success",
    }
    asked = {f"{theirs}.{','.join(map(str, CUTOFFS))}" for theirs in names.values()}
    wanted = pytrec_eval.RelevanceEvaluator(qrels, asked).evaluate(run)
    topics = Topics(tuple("01234"), np.arange(5), np.full(5, -1), topic, np.arange(len(topic)), relevance, 0)
    found = measures_of(topics, rank)
    for mine, theirs in names.items():
        for k in CUTOFFS:
            values = [wanted[str(one)][f"{theirs}_{k}"] for one in range(5)]
            np.testing.assert_allclose(found[f"{mine}_{k}"], values, atol=1e-9, err_msg=f"{mine}_{k}")


def test_the_revision_names_texts_and_judgements(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_small_benchmark(tmp_path / name)
    assert revision_of(tmp_path / "one") == revision_of(tmp_path / "two")
    with (tmp_path / "two/qrels.jsonl").open("a") as stream:
        stream.write("\n")
    assert revision_of(tmp_path / "one") != revision_of(tmp_path / "two")


def test_bm25_finds_nothing_where_it_retrieves_nothing(project: Path) -> None:
    qrels = read_qrels(Path("small"))
    nothing = Given(np.zeros((len(qrels.queries), len(qrels.passage_language))), not_found=0.0)
    result = task_result(qrels, rank_relevant(qrels, nothing), form="mteb", revision="r", about={})
    (scores,) = result["scores"]["test"]
    assert {value for name, value in scores.items() if name not in ("hf_subset", "languages")} == {0.0}


def test_the_same_command_writes_the_same_bytes_and_no_users_file_is_lost(project: Path) -> None:
    written("mteb-pairs")
    first = Path("scores.json").read_bytes()
    written("mteb-pairs")
    assert Path("scores.json").read_bytes() == first
    Path("scores.json").write_text('{"task_name": "theirs", "scores": {}}')
    with pytest.raises(UserError, match="babelmix did not write it"):
        written("mteb")


@pytest.mark.parametrize(
    ("form", "options", "message"),
    [
        ("mtab", [], "unknown form 'mtab'; did you mean 'mteb'"),
        ("mteb", ["--per-query", "q.npz"], "--per-query is for babelmix's own form"),
        ("mteb", ["--debias", "shift-index"], "BM25 has no vectors, so no debiasing"),
        ("mteb", ["--embeddings", "v"], "one of --model and --embeddings is needed"),
    ],
    ids=["unknown", "per-query", "debias", "two-systems"],
)
def test_the_command_refuses(project: Path, form: str, options: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        written(form, "bm25", *options)
    assert not Path("scores.json").exists()
