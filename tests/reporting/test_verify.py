"""`babelmix verify`: what a run made, held against commits of a small repository."""

import csv
import io
import json
import shutil
import subprocess
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console

from babelmix.cli import run
from babelmix.common.errors import UserError
from babelmix.reporting.verify import MAIN_TOLERANCE, render, verify

MAIN = "metrics/scores.csv"
NESTED = "metrics/main_score.json"
ROWS = "metrics/by_language.csv"
SCORES = {
    system: {"gnome-help": {"multilingual": 0.27, "monolingual": 0.67}, "xquad-r": {"multilingual": 0.5}}
    for system in ("contrastive", "hybrid")
}


def git(root: Path, *arguments: str) -> None:
    names = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "core.autocrlf=false")
    subprocess.run(["git", *names, *arguments], cwd=root, check=True, capture_output=True)


def write(root: Path, path: str, text: str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text, encoding="utf-8")


def main_rows(scores: dict[str, Any] = SCORES) -> str:
    """scores.csv: {system: {benchmark: {scope: score}}}, and one scope without queries."""
    lines = [f"{s},{b},{c},map,{x}" for s, own in scores.items() for b, row in own.items() for c, x in row.items()]
    return "\n".join(["system,benchmark,scope,measure,score", *lines, "hybrid,native,crosslingual,map,", ""])


def rows(score: float = 0.4, recall: float = 0.6, queries: int = 100) -> str:
    """by_language.csv with one row of a benchmark without a cross-lingual score, and one with all scores."""
    stream = io.StringIO()
    names = ["system", "benchmark", "scope", "languages", "map", "recall_at_10", "queries", "seen"]
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(names)
    writer.writerow(["hybrid", "gnome-help", "crosslingual", "de-en", "", "", 0, "yes"])
    writer.writerow(["hybrid", "gnome-help", "multilingual", "de", score, recall, queries, "yes"])
    return stream.getvalue()


def lock(trained: str = "aa", code: str = "11") -> str:
    """dvc.lock of two stages: an evaluation reads what a training wrote."""

    def stage(cmd: str, **files: dict[str, str]) -> dict[str, Any]:
        hashed = {kind: [{"path": path, "md5": md5} for path, md5 in found.items()] for kind, found in files.items()}
        return {"cmd": cmd, "params": {"params.yaml": {"seed": 13}}, **hashed}

    stages = {
        "evaluate@hybrid": stage("e", deps={"models/hybrid": trained}, outs={"metrics/e.json": f"e{trained}"}),
        "train@hybrid": stage("t", deps={"src/babelmix/training": code}, outs={"models/hybrid": trained}),
    }
    return yaml.safe_dump({"schema": "2.0", "stages": stages})


@pytest.fixture(scope="module")
def committed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository whose tags `old` and `nested` have the older names and forms of files, and other scores."""
    root = tmp_path_factory.mktemp("committed")
    git(root, "init", "--quiet")
    write(root, "params.yaml", "seed: 13\n")
    write(root, "metrics/.gitignore", "/evaluation\n")
    write(root, "metrics/evaluation/hybrid.json", "ignored by Git, as DVC's outputs are")
    write(root, "metrics/headline.json", json.dumps({"hybrid": {"gnome-help": {"multilingual": 0.25}}}))
    write(root, ROWS, rows(0.38).replace("system,", "variant,").replace(",scope,", ",setting,"))
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "old")
    git(root, "tag", "old")
    (root / "metrics/headline.json").unlink()
    write(root, NESTED, json.dumps({"hybrid": {"gnome-help": {"multilingual": 0.26, "crosslingual": None}}}))
    write(root, ROWS, rows())
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "nested")
    git(root, "tag", "nested")
    write(root, NESTED, json.dumps({"objective": "hybrid", "benchmark": "gnome-help", "pool": 0.27}))
    write(root, MAIN, main_rows())
    write(root, "dvc.lock", lock())
    write(root, "reports/report.md", "hybrid .27\n")
    write(root, "reports/figures/scores.png", "drawn")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "new")
    return root


@pytest.fixture
def project(committed: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(committed, tmp_path / "project"))


def told(root: Path, revision: str = "HEAD", width: int = 80) -> str:
    console = Console(file=io.StringIO(), width=width)
    render(verify(root, revision), console)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert all(len(line) <= width for line in text.splitlines())
    return " ".join(text.split())


def change(root: Path, by: float) -> None:
    """Move one main score, and all that follows from it."""
    scores = deepcopy(SCORES)
    scores["hybrid"]["gnome-help"]["multilingual"] += by
    write(root, MAIN, main_rows(scores))
    write(root, "dvc.lock", lock("bb"))
    write(root, "reports/report.md", f"hybrid {by}\n")


def test_a_run_that_gives_the_same_files_is_reproduced_to_the_byte(project: Path) -> None:
    assert verify(project).reproduced
    assert told(project).startswith("reproduced: byte for byte (metrics, reports and dvc.lock of commit ")


def test_within_tolerances_it_tells_the_largest_difference_where_it_begins_and_the_way_back(project: Path) -> None:
    change(project, 0.0018)
    write(project, ROWS, rows(0.36))
    found = verify(project)
    assert found.reproduced and found.first_stages == ("train@hybrid",)
    assert found.outputs == ("dvc.lock", ROWS, MAIN, "reports/report.md")
    text = told(project)
    assert "hybrid gnome-help multilingual 0.2700 0.2718 +0.0018 0.0080" in text
    assert "multilingual 0.4000 0.3600 -0.0400 0.0500 de map" in text
    assert "within tolerances: largest difference +0.0018 (hybrid gnome-help multilingual); 1 of 7 main scores" in text
    assert "the difference begins at train@hybrid: same inputs and command, other bytes; the kind of processor" in text
    assert "git checkout HEAD -- dvc.lock metrics reports" in text
    git(project, "checkout", "HEAD", "--", "dvc.lock", "metrics", "reports")
    assert "byte for byte" in told(project)


@pytest.mark.parametrize(
    ("edit", "beyond"),
    [
        (lambda root: change(root, -1.1 * MAIN_TOLERANCE), "1 of 7 main scores and 0 of 4 scores by language"),
        (lambda root: write(root, ROWS, rows(0.46)), "0 of 7 main scores and 1 of 4 scores by language"),
        (lambda root: write(root, ROWS, rows(recall=0.49)), "0 of 7 main scores and 1 of 4 scores by language"),
        (lambda root: write(root, ROWS, rows().replace("en,,,", "en,.1,,")), "0 of 7 main scores and 1 of 4"),
    ],
)
def test_beyond_a_tolerance_it_is_not_reproduced(edit: Callable[[Path], None], beyond: str, project: Path) -> None:
    edit(project)
    assert not verify(project).reproduced
    assert f"not reproduced: {beyond}" in told(project)


def test_more_queries_make_a_tolerance_narrower(project: Path) -> None:
    write(project, ROWS, rows(queries=10_000))
    git(project, "commit", "--all", "--quiet", "--message", "more queries")
    write(project, ROWS, rows(0.406, queries=10_000))
    assert not verify(project).reproduced


def test_a_benchmark_that_was_not_scored_is_not_reproduced_and_a_new_one_is_counted(project: Path) -> None:
    write(project, MAIN, main_rows({"hybrid": {"gnome-help": {"multilingual": 0.27}, "nfcorpus": {"monolingual": 1}}}))
    found = verify(project)
    assert found.only_made == 1 and not found.reproduced
    missing = (
        "contrastive gnome-help multilingual, contrastive gnome-help monolingual, contrastive xquad-r multilingual"
    )
    assert f"not reproduced: 5 committed scores were not made ({missing} and 2 more)" in told(project)
    assert "lacks 1 of the scores that were made" in told(project)


def test_another_set_of_benchmarks_cannot_be_compared(project: Path) -> None:
    write(project, MAIN, main_rows({"hybrid": {"miracl-de": {"monolingual": 0.5}}}).replace("native", "miracl-de"))
    write(project, ROWS, rows().replace("gnome-help", "miracl-de"))
    with pytest.raises(UserError, match="no score in common with commit"):
        verify(project)


def test_local_changes_and_new_files_are_named(project: Path) -> None:
    write(project, "params.yaml", "seed: 14\n")
    write(project, "dvc.lock", lock("bb", code="22"))
    write(project, "reports/figures/new.png", "drawn")
    (project / "reports/figures/scores.png").unlink()
    found = verify(project)
    assert (found.reproduced, found.inputs, found.first_stages) == (True, ("params.yaml",), ())
    assert found.new == ("reports/figures/new.png",)
    assert found.outputs == ("dvc.lock", "reports/figures/scores.png", "reports/figures/new.png")
    text = told(project)
    assert "reproduced: all 7 main scores and 4 by language are equal" in text
    assert "these are not the committed settings, code or data: params.yaml" in text
    assert "new files, which the commit lacks: reports/figures/new.png" in text


def test_an_older_commit_is_read_under_the_older_names(project: Path) -> None:
    assert told(project, "old").startswith("Largest differences")
    found = verify(project, "old")
    assert [(score.name, score.committed, score.made) for score in found.main] == [
        ("hybrid gnome-help multilingual", 0.25, 0.27)
    ]
    assert len(found.by_language) == 4 and found.only_made == 6 and not found.is_head
    assert "git checkout" not in told(project, "old")


def test_a_commit_with_nested_main_scores_is_compared_with_the_table(project: Path) -> None:
    found = verify(project, "nested")
    assert [(score.name, score.committed, score.made) for score in found.main] == [
        ("hybrid gnome-help multilingual", 0.26, 0.27)
    ]
    assert found.not_made == ("hybrid gnome-help crosslingual",)


def test_a_project_below_the_top_of_its_repository_is_read_too(committed: Path, tmp_path: Path) -> None:
    shutil.copytree(committed, tmp_path / "below/project", ignore=shutil.ignore_patterns(".git"))
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", "--all")
    git(tmp_path, "commit", "--quiet", "--message", "below")
    change(tmp_path / "below/project", 0.001)
    found = verify(tmp_path / "below/project")
    assert found.reproduced and found.outputs == ("dvc.lock", MAIN, "reports/report.md")


@pytest.mark.parametrize(
    ("path", "text", "what"),
    [
        (MAIN, None, "no such file; run `make repro`"),
        (MAIN, "a,b\n1,2\n", "not a table of main scores"),
        (MAIN, "", "not a table of main scores"),
        (MAIN, main_rows({"hybrid": {"gnome-help": {"multilingual": "good"}}}), "'good' is not a score"),
        (MAIN, main_rows({"hybrid": {"gnome-help": {"multilingual": "nan"}}}), "a score is nan"),
        (MAIN, main_rows({"hybrid": {"gnome-help": {"multilingual": "1e400"}}}), "a score is inf"),
        (ROWS, "a,b\n1,2\n", "not a table of scores by language"),
        (ROWS, f"a,b\n{'x' * 200_000},2\n", "not a table .field larger than"),
        (ROWS, rows().replace("0.4", "x"), "'x' is not a score"),
        ("dvc.lock", "stages: 1\n", "not a whole dvc.lock"),
    ],
)
def test_files_that_no_run_wrote_are_an_error(path: str, text: str | None, what: str, project: Path) -> None:
    if text is None:
        (project / path).unlink()
    else:
        write(project, path, text)
    with pytest.raises(UserError, match=what):
        verify(project)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('{"hybrid": "good"}', "main_score.json of commit .*: 'good' is not a score"),
        ('{"hybrid": NaN}', "a score is nan"),
        ('{"hybrid": 1' + "0" * 400 + "}", "is not a score"),
    ],
)
def test_a_commit_whose_nested_scores_are_none_is_an_error(text: str, what: str, project: Path) -> None:
    git(project, "rm", "--quiet", "--cached", MAIN)
    write(project, NESTED, text)
    git(project, "add", NESTED)
    git(project, "commit", "--quiet", "--message", "nested")
    with pytest.raises(UserError, match=what):
        verify(project)


def test_a_fresh_clone_has_no_run_to_compare(project: Path) -> None:
    shutil.rmtree(project / "metrics/evaluation")
    with pytest.raises(UserError, match="metrics: no run to compare: these are the committed scores; run `make repro`"):
        verify(project)


def test_without_git_a_commit_or_committed_scores_there_is_nothing_to_compare(project: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no commit 'v9'"):
        verify(project, "v9")
    with pytest.raises(UserError, match="no commit '--all'"):
        verify(project, "--all")
    git(project, "rm", "--quiet", "--cached", MAIN, NESTED)
    git(project, "commit", "--quiet", "--message", "without scores")
    with pytest.raises(UserError, match=r"scores\.csv: commit .* has no such file"):
        verify(project)
    shutil.rmtree(project / ".git")
    with pytest.raises(UserError, match="no Git checkout"):
        verify(project)


def test_the_command_ends_with_0_or_1_and_writes_nothing(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def state() -> dict[Path, tuple[int, bytes]]:
        files = [file for file in sorted(project.rglob("*")) if file.is_file() and ".git" not in file.parts]
        return {file: (file.stat().st_mtime_ns, file.read_bytes()) for file in files}

    monkeypatch.chdir(project)
    before = state()
    assert run(["verify"]) == 0
    assert run(["verify", "--against", "old"]) == 1
    with pytest.raises(UserError):  # exit code 2
        run(["verify", "--against", "nothing"])
    assert state() == before
