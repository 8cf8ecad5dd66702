"""Experiments side by side, read back through DVC from real commits."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from small_project import age, make_project

from babelmix.cli import run
from babelmix.common import old_names
from babelmix.common.errors import UserError
from babelmix.evaluation.score_files import OLD_COLUMNS, OLD_KEYS
from babelmix.reporting.experiments import (
    compare_experiments,
    encoder_sizes,
    read_experiments,
    to_markdown,
    write_into,
)
from babelmix.reporting.size_figure import size_figure

BENCHMARK = "gnome-help"


def git(root: Path, *arguments: str) -> None:
    names = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    subprocess.run(["git", *names, *arguments], cwd=root, check=True, capture_output=True)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tags small-13, small-14 and base-13: as DVC experiments are, commits with their results."""
    root = tmp_path_factory.mktemp("repository")
    git(root, "init", "--quiet")
    subprocess.run(["dvc", "init", "--quiet"], cwd=root, check=True)
    for size, seed in (("small", 13), ("small", 14), ("base", 13)):
        make_project(root, size=size, questions=20, benchmarks=(BENCHMARK,))
        parameters = {"parameters": 216, "non_embedding_parameters": {"small": 16, "base": 32}[size]}
        (root / "metrics/encoder.json").write_text(json.dumps(parameters))
        raw = yaml.safe_load((root / "params.yaml").read_text())
        (root / "params.yaml").write_text(yaml.safe_dump(raw | {"seed": seed}))
        if (size, seed) == ("small", 14):  # another training: the scores with LIR take the place of those without
            for suffix in (".json", ".npz"):
                folder = root / "metrics/evaluation"
                shutil.copy(folder / f"hybrid+lir/{BENCHMARK}{suffix}", folder / f"hybrid/{BENCHMARK}{suffix}")
        git(root, "add", "--all", "--force")
        git(root, "commit", "--quiet", "--message", f"{size} {seed}")
        git(root, "tag", f"{size}-{seed}")
    return root


def test_sizes_come_in_order_and_seeds_are_averaged(repository: Path) -> None:
    runs = read_experiments(repository, ["base-13", "small-14", "small-13"], BENCHMARK)
    assert [(run.settings.model.size, run.settings.seed) for run in runs] == [
        ("small", 13),
        ("small", 14),
        ("base", 13),
    ]
    found = compare_experiments(runs)
    assert list(found) == ["small", "base"]
    hybrid = found["small"][0]
    assert (hybrid.first, hybrid.second, hybrid.scope) == ("hybrid", "contrastive", "multilingual")
    each = [
        run.evaluations["hybrid"]["scopes"]["multilingual"]["map"]
        - run.evaluations["contrastive"]["scopes"]["multilingual"]["map"]
        for run in runs[:2]
    ]
    assert hybrid.difference.by_seed == pytest.approx(each, abs=2e-6)
    assert hybrid.difference.mean == pytest.approx(sum(each) / 2, abs=2e-6)
    family = [row.difference for rows in found.values() for row in rows]
    assert len(family) == 2 * 9 and all(row.p <= row.p_holm for row in family)


def test_the_tables_hold_every_size_and_system(repository: Path) -> None:
    text = to_markdown(read_experiments(repository, ["small-13", "small-14", "base-13"], BENCHMARK))
    assert "Seeds: small 13, 14; base 13." in text
    scores, differences = (block for block in text.split("\n\n") if block.startswith("|"))
    assert len(scores.splitlines()) == 2 + 2 * 7 and len(differences.splitlines()) == 2 + 2 * 9
    assert "±" in next(line for line in scores.splitlines() if line.startswith("| small | hybrid |"))
    assert "±" not in next(line for line in scores.splitlines() if line.startswith("| base | hybrid |"))


def test_an_experiment_of_an_older_release_is_compared_with_one_of_today(
    repository: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    today = to_markdown(read_experiments(repository, ["small-13", "base-13"], BENCHMARK))
    root = tmp_path / "old"
    subprocess.run(["git", "clone", "--quiet", repository, root], check=True, capture_output=True)
    git(root, "checkout", "--quiet", "small-13")
    age(root)
    (root / "metrics/encoder.json").unlink()
    raw = yaml.safe_load((root / "params.yaml").read_text())
    raw["evaluate"] = {  # names and values as commits of the older release have them
        "resamples": 200,
        "debias_rank": raw["evaluate"].get("lir_rank", 1),
        "debias_units": raw["evaluate"].get("lir_passages", 100),
    }
    (root / "params.yaml").write_text(yaml.safe_dump(raw))
    git(root, "commit", "--all", "--quiet", "--message", "as an older release wrote it")
    git(root, "tag", "aged")
    old_names._said.clear()
    capsys.readouterr()
    text = to_markdown(read_experiments(root, ["aged", "base-13"], BENCHMARK))
    assert text == today
    said = capsys.readouterr().err
    assert all(said.count(f"`{old}` is called") == 1 for old in (*OLD_KEYS, *OLD_COLUMNS.values()))
    assert "metrics/evaluation/untrained+lir/dev.json of aged: `headline` is called `main_score` now" in said


def test_the_table_is_written_between_its_marks(repository: Path, tmp_path: Path) -> None:
    file = tmp_path / "README.md"
    marks = "<!-- babelmix compare: begin b -->", "<!-- babelmix compare: end b -->"
    file.write_text(f"before\n{marks[0]}\nold\n{marks[1]}\nafter\n")
    write_into(file, "b", "new")
    assert file.read_text() == f"before\n{marks[0]}\nnew\n{marks[1]}\nafter\n"
    with pytest.raises(UserError, match="no place for the table"):
        write_into(file, "c", "new")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "no experiments to compare"),
        (["small-13", "nothing"], "experiment nothing: no such experiment"),
        (["small-13", "small-13"], "both have size small and seed 13"),
    ],
)
def test_experiments_that_cannot_be_compared_are_reported(names: list[str], message: str, repository: Path) -> None:
    with pytest.raises(UserError, match=message):
        read_experiments(repository, names, BENCHMARK)


def test_a_benchmark_that_was_not_scored_is_reported(repository: Path) -> None:
    with pytest.raises(UserError, match=r"run it with benchmarks=\[xquad-r\]"):
        read_experiments(repository, ["small-13"], "xquad-r")


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        (("train", "steps"), 7, "train"),
        (("sources",), ["squadshifts"], "sources"),
        (("source",), {"faq": {"path": "data/own/faq.jsonl", "language": "en"}}, "source"),
        (("pretrain", "objective"), "msm", "pretrain"),
        (("evaluate", "equivalence_bound"), 0.01, "evaluate"),
        (("objectives",), ["contrastive", "crosslingual"], "objectives"),
        (("model", "presets", "small", "learning_rate"), 0.02, "model.presets.small"),
    ],
)
def test_experiments_that_differ_in_more_than_size_and_seed_are_not_compared(
    path: tuple[str, ...], value: object, field: str, repository: Path
) -> None:
    params, tag = repository / "params.yaml", f"other-{'-'.join(path)}"
    before = params.read_bytes()
    raw = yaml.safe_load(before) | {"seed": 99}
    raw["model"]["size"] = "small"
    *outer, name = path
    section = raw
    for key in outer:
        section = section[key]
    section[name] = value
    params.write_text(yaml.safe_dump(raw))
    git(repository, "commit", "--all", "--quiet", "--message", "other")
    git(repository, "tag", tag)
    params.write_bytes(before)
    git(repository, "commit", "--all", "--quiet", "--message", "as before")
    with pytest.raises(UserError, match=f"small-13 and {tag} differ in {field}"):
        read_experiments(repository, ["small-13", tag], BENCHMARK)


def test_the_figure_has_a_mark_for_each_system_scope_and_size_within_its_interval(repository: Path) -> None:
    runs = read_experiments(repository, ["small-13", "small-14", "base-13"], BENCHMARK)
    sizes = encoder_sizes(repository, runs)
    assert sizes == {"small": 16, "base": 32}
    chart = size_figure(runs, sizes).to_dict()
    rows = next(iter(chart["datasets"].values()))
    assert {row["system"] for row in rows} == {"contrastive", "hybrid", "contrastive+lir"}
    assert len(rows) == 3 * 3 * 2 and all(row["low"] <= row["mean"] <= row["high"] for row in rows)
    assert len({row["at"] for row in rows}) == 3 * 2
    mean = next(row for row in rows if (row["system"], row["scope"], row["at"]) == ("hybrid", "Monolingual", 16))
    found = [run.evaluations["hybrid"]["scopes"]["monolingual"]["map"] for run in runs[:2]]
    assert mean["mean"] == pytest.approx(sum(found) / 2, abs=1e-4)
    caption = " ".join(chart["title"]["subtitle"])
    assert "over questions and seeds (small 13, 14); over questions alone, as there is one seed (base 13)" in caption


def test_the_figure_has_the_same_bytes_each_time_and_takes_no_file_of_the_users(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(repository)
    file, other = tmp_path / "sizes.svg", tmp_path / "other.svg"
    command = ["compare", "--benchmark", BENCHMARK, "small-13", "base-13", "--figure"]
    assert run([*command, str(file)]) == run([*command, str(other)]) == 0
    assert file.read_bytes() == other.read_bytes()
    assert "@font-face" in file.read_text() and "log scale" in file.read_text()
    other.write_text("<svg/>")
    with pytest.raises(UserError, match="babelmix did not draw it"):
        run([*command, str(other)])


def test_an_experiment_without_its_number_of_parameters_is_told(repository: Path, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", str(repository), str(clone))
    git(clone, "checkout", "--quiet", "small-13")
    git(clone, "rm", "--quiet", "metrics/encoder.json")
    git(clone, "commit", "--quiet", "--message", "as an older babelmix left it")
    git(clone, "tag", "old")
    with pytest.raises(UserError, match=r"metrics/encoder\.json of old: .*an older release did not count parameters"):
        encoder_sizes(clone, read_experiments(clone, ["old"], BENCHMARK))
