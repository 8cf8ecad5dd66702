"""What a run leaves for DVC: a few numbers of stable names, the main scores, and the table by language."""

import csv
import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from small_project import make_project

from babelmix.cli import run
from babelmix.common.errors import UserError
from babelmix.reporting.score_tables import main_score, write_scores
from babelmix.settings.params import Settings
from babelmix.workspace import Workspace

WRITTEN = {"metrics/main_score.json", "metrics/scores.csv", "metrics/by_language.csv"}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Settings]:
    root = tmp_path_factory.mktemp("project")
    settings = make_project(root, questions=12, benchmarks=("gnome-help", "native"), averages=("hybrid-start",))
    write_scores(Workspace(root), settings)
    return root, settings


def rows_of(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as stream:
        return list(csv.DictReader(stream))


def evaluation(root: Path, system: str, benchmark: str = "gnome-help") -> dict[str, Any]:
    return json.loads((root / f"metrics/evaluation/{system}/{benchmark}.json").read_text())


def made(pool: float | None, cross: float | None = None, mono: float | None = None) -> dict[str, Any]:
    """An evaluation with these scores in nDCG, its main score."""
    scopes = {"multilingual": pool, "crosslingual": cross, "monolingual": mono}
    return {"main_score": "ndcg_at_10", "scopes": {name: {"map": 0.9, "ndcg_at_10": x} for name, x in scopes.items()}}


def test_the_few_numbers_are_of_the_last_objective_on_the_first_benchmark(project: tuple[Path, Settings]) -> None:
    root, _ = project
    found = json.loads((root / "metrics/main_score.json").read_text())
    hybrid, contrastive = (evaluation(root, name)["scopes"] for name in ("hybrid", "contrastive"))
    assert list(found) == ["objective", "benchmark", "pool", "cross", "mono", "gain"]
    assert (found["objective"], found["benchmark"]) == ("hybrid", "gnome-help")
    assert [found[name] for name in ("pool", "cross", "mono")] == [
        hybrid[name]["map"] for name in ("multilingual", "crosslingual", "monolingual")
    ]
    assert found["gain"] == pytest.approx(hybrid["multilingual"]["map"] - contrastive["multilingual"]["map"], abs=1e-9)
    assert found["gain"] != 0


@pytest.mark.parametrize(
    ("objectives", "expected"),
    [
        (["hybrid"], {"objective": "hybrid", "benchmark": "b", "pool": 0.5, "cross": 0.4, "mono": 0.7}),
        (["contrastive"], {"objective": "contrastive", "benchmark": "b", "pool": 0.3, "mono": 0.75}),
        (["hybrid", "contrastive"], {"objective": "hybrid", "gain": 0.2}),
        (["contrastive", "hybrid", "crosslingual"], {"objective": "crosslingual", "pool": 0.6, "gain": 0.3}),
        (["hybrid", "crosslingual"], {"objective": "crosslingual", "pool": 0.6, "gain": 0.1}),
    ],
)
def test_the_names_stay_the_same_whatever_the_objectives_are(objectives: list[str], expected: dict[str, Any]) -> None:
    scored = {"contrastive": made(0.3, None, 0.75), "hybrid": made(0.5, 0.4, 0.7), "crosslingual": made(0.6)}
    evaluations = {name: {"b": own, "other": made(0.1)} for name, own in scored.items()}
    found = main_score(evaluations, objectives, "b")
    assert found | expected == found
    assert ("gain" in found) == (len(objectives) > 1)
    assert None not in found.values(), "DVC would leave it out; so do we"


def test_the_main_scores_are_those_of_every_encoder_as_it_is(project: tuple[Path, Settings]) -> None:
    root, _ = project
    rows = rows_of(root / "metrics/scores.csv")
    systems = ["bm25", "untrained", "contrastive", "hybrid", "hybrid-start"]
    assert list(dict.fromkeys(row["system"] for row in rows)) == systems
    assert len(rows) == 5 * 2 * 3
    for row in rows:
        own = evaluation(root, row["system"], row["benchmark"])
        score = own["scopes"][row["scope"]][own["main_score"]]
        assert row["score"] == ("" if score is None else str(score)) and row["measure"] == own["main_score"]
    assert [row["benchmark"] for row in rows if not row["score"]] == ["native"] * 5


def test_the_table_by_language_averages_back_to_the_scope(project: tuple[Path, Settings]) -> None:
    root, _ = project
    rows = rows_of(root / "metrics/by_language.csv")
    for scope, expected in evaluation(root, "hybrid")["scopes"].items():
        chosen = [
            row for row in rows if (row["system"], row["benchmark"], row["scope"]) == ("hybrid", "gnome-help", scope)
        ]
        assert np.mean([float(row["map"]) for row in chosen]) == pytest.approx(expected["map"], abs=2e-6)
    assert {row["languages"]: row["seen"] for row in rows}["ar-de"] == "partly"


def test_it_reads_the_scores_and_the_counts_of_pairs_alone_and_writes_the_same_bytes_again(
    project: tuple[Path, Settings], tmp_path: Path
) -> None:
    root, settings = project
    for name in ("evaluation", "pairs", "translate"):
        shutil.copytree(root / "metrics" / name, tmp_path / "metrics" / name)
    for file in (tmp_path / "metrics/evaluation").rglob("*.npz"):
        file.unlink()
    before = {file for file in tmp_path.rglob("*") if file.is_file()}
    write_scores(Workspace(tmp_path), settings)
    new = {str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*") if file.is_file() and file not in before}
    assert new == WRITTEN
    assert all((tmp_path / name).read_bytes() == (root / name).read_bytes() for name in WRITTEN)


@pytest.mark.parametrize(
    ("missing", "stage"),
    [
        ("metrics/evaluation/untrained/native.json", "evaluate-untrained@untrained"),
        ("metrics/evaluation/hybrid+lir/gnome-help.json", "evaluate@hybrid"),
        ("metrics/evaluation/hybrid-start/native.json", "evaluate-average@hybrid-start"),
        ("metrics/evaluation/bm25/gnome-help.json", "evaluate-bm25"),
        ("metrics/pairs/libreoffice-help.json", "pairs@libreoffice-help"),
        ("metrics/translate/libreoffice-help/pt.json", "translate@libreoffice-help-pt"),
    ],
)
def test_a_missing_file_names_its_stage_and_leaves_the_old_scores(
    project: tuple[Path, Settings], tmp_path: Path, missing: str, stage: str
) -> None:
    root, settings = project
    shutil.copytree(root / "metrics", tmp_path / "metrics")
    (tmp_path / missing).unlink()
    (tmp_path / "metrics/main_score.json").write_text("old")
    message = f"^{re.escape(str(tmp_path / missing))}: no such file; run `dvc repro {re.escape(stage)}`$"
    with pytest.raises(UserError, match=message):
        write_scores(Workspace(tmp_path), settings)
    assert (tmp_path / "metrics/main_score.json").read_text() == "old"


def test_the_command_says_what_it_wrote(
    project: tuple[Path, Settings],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    root = shutil.copytree(project[0], tmp_path / "copy")
    for name in WRITTEN:
        (root / name).unlink()
    monkeypatch.chdir(root)
    assert run(["report", "scores"]) == 0
    said = capsys.readouterr()
    assert "wrote metrics/main_score.json, metrics/scores.csv and metrics/by_language.csv" in said.out + said.err
    assert all((root / name).is_file() for name in WRITTEN)


def test_dvc_draws_the_main_scores_by_columns_that_the_table_has_in_cells_that_say_what_they_show(
    project: tuple[Path, Settings],
) -> None:
    (plot,) = (
        own["metrics/scores.csv"]
        for own in yaml.safe_load(Path("dvc.yaml").read_text())["plots"]
        if "metrics/scores.csv" in own
    )
    columns = rows_of(project[0] / "metrics/scores.csv")[0].keys()
    assert {plot["x"], plot["y"]} <= columns
    template = Path(f".dvc/plots/{plot['template']}.json").read_text()
    assert set(re.findall(r"datum\.(\w+)", template)) == {"benchmark", "scope"} <= columns
    for anchor in ("DATA", "TITLE", "X", "X_LABEL", "Y", "COLOR"):
        assert f'"<DVC_METRIC_{anchor}>"' in template
    # A grid of rows and columns would move the cells behind one that is missing under the wrong heads.
    assert json.loads(template)["facet"]["field"] == "place"
