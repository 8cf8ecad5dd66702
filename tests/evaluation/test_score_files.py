"""Files of scores: written and read back, of this release and of the one before."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from small_project import age, make_benchmark, make_vectors

from babelmix.benchmarks.qrels import qrels_of
from babelmix.common import old_names
from babelmix.common.errors import UserError
from babelmix.common.outputs import claim_file
from babelmix.evaluation.evaluate import evaluate
from babelmix.evaluation.query_scores import SCOPES, QueryScores
from babelmix.evaluation.score_files import (
    COLUMNS,
    KEYS,
    OLD_COLUMNS,
    OLD_KEYS,
    parse_evaluation,
    per_query,
    read_query_scores,
    to_json,
    write_evaluation,
)
from babelmix.retrieval.scorers import CosineScorer

BENCHMARK = make_benchmark("toy", ("de", "en"), 6)
EVALUATION = evaluate(qrels_of(BENCHMARK), CosineScorer(*make_vectors(BENCHMARK, 0.5, seed=1)))


@pytest.fixture
def written(tmp_path: Path) -> tuple[Path, Path]:
    """The files of one system, where `age` looks for them."""
    files = tmp_path / "metrics/evaluation/s/toy.json", tmp_path / "metrics/evaluation/s/toy.npz"
    files[0].parent.mkdir(parents=True)
    write_evaluation(EVALUATION, "s", *files, left_out={})
    return files


def same(scores: QueryScores) -> bool:
    return all(np.array_equal(getattr(scores, name), column) for name, column in per_query(EVALUATION).items())


def test_what_is_written_is_read_back(written: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    found = parse_evaluation(written[0].read_text(), "toy.json")
    assert found == to_json(EVALUATION, "s") and tuple(found["scopes"]) == SCOPES
    assert same(read_query_scores(written[1], "toy.npz"))
    assert same(read_query_scores(io.BytesIO(written[1].read_bytes()), "toy.npz"))
    assert capsys.readouterr().err == ""


def test_files_of_the_older_release_are_read_and_their_old_names_said_once(
    written: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    age(tmp_path)
    old = json.loads(written[0].read_text())
    assert {"model", "headline", "settings"} <= old.keys() and not {"system", "main_score", "scopes"} & old.keys()
    old_names._said.clear()
    for _ in range(2):
        assert parse_evaluation(written[0].read_text(), "toy.json") == to_json(EVALUATION, "s")
        assert same(read_query_scores(written[1], "toy.npz"))
        assert same(read_query_scores(io.BytesIO(written[1].read_bytes()), "toy.npz"))
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == len(OLD_KEYS) + len(OLD_COLUMNS)
    assert any("toy.json: `headline` is called `main_score` now; only this release" in line for line in lines)


def test_files_without_the_figures_of_this_release_are_read(written: tuple[Path, Path]) -> None:
    old = json.loads(written[0].read_text())
    for name in ("lpr", "lpr_expected", "mrc_at_10", *(name for name in old["bias"] if name.startswith("recall_"))):
        del old["bias"][name]
    del old["nonsense"]
    assert parse_evaluation(json.dumps(old), "toy.json") == old
    with pytest.raises(UserError, match=r"toy\.json, bias\.lpr"):
        parse_evaluation(json.dumps(old | {"bias": old["bias"] | {"lpr": "high"}}), "toy.json")


def test_a_command_may_replace_scores_of_either_release(written: tuple[Path, Path], tmp_path: Path) -> None:
    for _ in range(2):
        assert claim_file(written[0], written=KEYS) == written[0]
        assert claim_file(written[1], written=COLUMNS) == written[1]
        age(tmp_path)
    written[0].write_text(json.dumps({"benchmark": "mine"}))
    with pytest.raises(UserError, match="babelmix did not write it"):
        claim_file(written[0], written=KEYS)


@pytest.mark.parametrize(
    ("lacks", "where"), [("main_score", "toy, main_score"), ("scopes", "toy, scopes"), ("bias", "toy, bias")]
)
def test_an_evaluation_that_lacks_a_field_is_named_with_it(lacks: str, where: str) -> None:
    value = to_json(EVALUATION, "s")
    del value[lacks]
    with pytest.raises(UserError) as caught:
        parse_evaluation(json.dumps(value), "toy")
    assert caught.value.where == where


@pytest.mark.parametrize(
    ("column", "spoilt", "message"),
    [
        ("scope", np.arange(3), "not a column of texts"),
        ("recall_at_1", np.array(["a"] * 3), "not a column of scores"),
        ("recall_at_1", np.zeros(2), "not a column of scores"),
        ("average_precision", "above one", "a score that is not between 0 and 1"),
        ("ndcg_at_10", None, "not a whole .npz file of scores of queries"),
    ],
)
def test_a_column_that_is_no_column_of_scores_is_refused(
    written: tuple[Path, Path], column: str, spoilt: object, message: str
) -> None:
    columns = per_query(EVALUATION)
    if spoilt is None:
        del columns[column]
    else:
        columns[column] = columns[column] + 1.5 if isinstance(spoilt, str) else spoilt
    np.savez_compressed(written[1], **columns)
    with pytest.raises(UserError, match=message) as caught:
        read_query_scores(written[1], "toy.npz")
    assert "toy.npz" in caught.value.where
