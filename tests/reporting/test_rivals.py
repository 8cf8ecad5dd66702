"""Rivals of plain hybrid, read back through DVC from commits as experiments are."""

import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from small_project import make_project

from babelmix.cli import run
from babelmix.common.errors import UserError
from babelmix.evaluation.significance import paired_difference, score_interval
from babelmix.reporting.experiment_files import LazyScores, open_experiments
from babelmix.reporting.rival_costs import at_equal_compute, costs, plain_hybrids
from babelmix.reporting.rival_tables import to_markdown
from babelmix.reporting.rivals import SizeRivals, read_rivals
from babelmix.reporting.trade_off_figure import far_below, trade_off_figure
from babelmix.settings.params import load_settings
from babelmix.workspace import BY_INDEX, BY_TEXT, encoder_of

BENCHMARKS = ("xquad-r", "native", "native-dev", "nfcorpus")
RUNS = {  # tag -> size, seed, objectives beside the two that all have
    "small-13": ("small", 13, ()),
    "small-14": ("small", 14, ("crosslingual",)),
    "base-13": ("base", 13, ()),
}


def git(root: Path, *arguments: str) -> None:
    names = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    subprocess.run(["git", *names, *arguments], cwd=root, check=True, capture_output=True)


def silent(line: str) -> None:
    assert line


def change(root: Path, edit: Callable[[dict[str, Any]], None], tag: str) -> None:
    """Commit other parameters under a tag; the files stay."""
    raw = yaml.safe_load((root / "params.yaml").read_text())
    edit(raw)
    (root / "params.yaml").write_text(yaml.safe_dump(raw))
    git(root, "commit", "--all", "--quiet", "--message", tag)
    git(root, "tag", tag)
    git(root, "checkout", "--quiet", "base-13")


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("rivals")
    git(root, "init", "--quiet")
    subprocess.run(["dvc", "init", "--quiet"], cwd=root, check=True)
    for tag, (size, seed, more) in RUNS.items():
        make_project(
            root,
            size=size,
            questions=6,
            languages=("de", "en"),
            objectives=("hybrid", "hybrid-twice", *more),
            averages=("hybrid-start",),
            benchmarks=BENCHMARKS,
        )
        raw = yaml.safe_load((root / "params.yaml").read_text())
        (root / "params.yaml").write_text(yaml.safe_dump(raw | {"seed": seed}))
        for file in (root / "metrics/evaluation/crosslingual").glob("*.*") if more else ():  # another training
            shutil.copy(file, root / "metrics/evaluation/hybrid-start")
        git(root, "add", "--all", "--force")
        git(root, "commit", "--quiet", "--message", tag)
        git(root, "tag", tag)
    return root


@pytest.fixture(scope="module")
def sizes(repository: Path) -> list[SizeRivals]:
    return read_rivals(repository, list(RUNS), silent)


def test_each_size_has_the_systems_of_all_its_seeds(sizes: list[SizeRivals]) -> None:
    assert [(found.size, found.seeds, found.left_out) for found in sizes] == [
        ("small", (13, 14), ("crosslingual",)),
        ("base", (13,), ()),
    ]
    assert len(sizes[0].systems) == 1 + 4 * 7
    assert sizes[0].tasks == ("nfcorpus",)


def test_scores_and_differences_are_those_of_the_statistics(repository: Path, sizes: list[SizeRivals]) -> None:
    opened = open_experiments(repository, ["small-13", "small-14"])
    first, second = (
        [LazyScores(one, "xquad-r", sizes[0].systems)[name] for one in opened] for name in ("hybrid-start", "hybrid")
    )
    assert sizes[0].scores["hybrid-start", "cross"] == score_interval(first, "crosslingual", "average_precision")
    assert sizes[0].against("hybrid-start") == "hybrid"
    found = sizes[0].differences["hybrid-start", "multi"]
    plain = paired_difference(first, second, "multilingual")
    assert (found.mean, found.low, found.high, found.p) == (plain.mean, plain.low, plain.high, plain.p)
    english = sizes[0].scores["hybrid", "nfcorpus en"].mean
    each = [one["scopes"]["multilingual"]["by"]["en"]["ndcg_at_10"] for one in _evaluations(repository, "nfcorpus")]
    assert english == pytest.approx(sum(each) / len(each), abs=2e-6)


def _evaluations(repository: Path, benchmark: str) -> list[dict[str, Any]]:
    path = f"metrics/evaluation/hybrid/{benchmark}.json"
    found = [subprocess.check_output(["git", "show", f"small-{seed}:{path}"], cwd=repository) for seed in (13, 14)]
    return [json.loads(text) for text in found]


def test_holm_is_over_the_differences_of_all_sizes(sizes: list[SizeRivals]) -> None:
    family = [difference for found in sizes for difference in found.differences.values()]
    smallest = min(family, key=lambda difference: difference.p)
    assert smallest.p_holm == pytest.approx(min(1, len(family) * smallest.p))
    assert all(difference.p <= difference.p_holm <= 1 for difference in family)


def test_dev_alone_chooses_what_is_shown_and_recommended(sizes: list[SizeRivals]) -> None:
    found = sizes[0]
    for encoder in found.cost:
        shown = [name for name in found.shown if name.startswith(f"{encoder}+")]
        for forms in (BY_TEXT, BY_INDEX):
            best = max((f"{encoder}{form}" for form in forms), key=lambda name: found.dev[name].pooled)
            assert best in shown
    chosen = found.recommended("hybrid", transductive=True)
    assert found.dev[chosen].pooled >= found.dev["hybrid"].pooled
    assert found.cost[encoder_of(chosen)] <= found.cost["hybrid"] < found.cost["hybrid-twice"]
    assert not found.recommended("hybrid", transductive=False).endswith(("-index", "-asked"))


def test_the_tables_have_every_shown_system_within_120_columns(sizes: list[SizeRivals]) -> None:
    text = to_markdown(sizes)
    tables = [block.splitlines() for block in text.split("\n\n") if block.startswith("|")]
    assert len(tables) == 2 * (2 + 2 + 2 + 1)
    longer = len("contrastive-crosslingual") - len("hybrid-start")  # the longest name that the study has
    assert max(len(line) for lines in tables for line in lines) + longer <= 120
    scores, grid = tables[0], next(lines for lines in tables if lines[0].startswith("| small, multi |"))
    assert len(scores) == 2 + len(sizes[0].shown) and len(grid) == 2 + len(sizes[0].cost)
    assert scores[2].startswith("| bm25 | – | ")
    assert next(line for line in scores if line.startswith("| hybrid-twice |")).split("|")[2].strip() == "480"
    against = [line for lines in tables for line in lines if line.startswith("| hybrid-twice+")]
    assert any(line.split("|")[2].strip() == "hybrid-twice" for line in against)
    assert "Left out, as not every seed has them: crosslingual." in text
    assert "nan" not in text and "None" not in text
    daggers = [line for lines in tables for line in lines if "-index" in line.split("|")[1]]
    assert daggers and all("†" in line.split("|")[1] for line in daggers)


def test_an_aim_that_a_row_reaches_by_itself_is_said_to_be_picked(sizes: list[SizeRivals]) -> None:
    reached = [line for line in to_markdown(sizes).splitlines() if "The aim is reached by: " in line]
    assert len(reached) == len(sizes)
    for line in reached:
        assert ("The aim is reached by: none." in line) != ("picked among all shown systems" in line)


def test_the_figure_says_what_its_intervals_are_over(sizes: list[SizeRivals]) -> None:
    one = [replace(found, seeds=(13,)) for found in sizes]
    several = [replace(found, seeds=(13, 14)) for found in sizes]
    for given, said in (
        (one, "over questions alone, as there is one seed"),
        (several, "over questions and seeds."),
        ([one[0], several[1]], f"questions and seeds, with {one[0].size} over questions alone"),
    ):
        assert said in " ".join(trade_off_figure(given).to_dict()["title"]["subtitle"])


def test_a_measure_that_an_evaluation_lacks_is_a_dash(sizes: list[SizeRivals]) -> None:
    for system in sizes[1].evaluations["xquad-r"].values():
        for evaluation in system:
            evaluation["bias"].pop("lpr", None)
            evaluation["nonsense"] = {"same_first": 0.25}
    row = next(line for line in to_markdown(sizes[1:]).splitlines()[::-1] if line.startswith("| hybrid |"))
    assert (row.split("|")[2].strip(), row.split("|")[-2].strip()) == ("–", ".250")


def test_the_figure_has_a_point_for_each_shown_form_and_a_label_for_each_recipe(sizes: list[SizeRivals]) -> None:
    for found in sizes:
        datasets = list(trade_off_figure([found]).to_dict()["datasets"].values())
        (rows,) = [rows for rows in datasets if "form" in rows[0] and len(rows) > 1]
        far = far_below(found)
        drawn = [name for name in found.shown if name != "bm25" and encoder_of(name) not in far]
        assert len(rows) == len(drawn) and "hybrid" in drawn
        for axis in ("x", "y"):
            assert all(row[f"{axis}_low"] <= row[axis] <= row[f"{axis}_high"] for row in rows)
        (labels,) = [rows for rows in datasets if "at_y" in rows[0]]
        heights = sorted(row["at_y"] for row in labels)
        assert len(labels) == len({encoder_of(name) for name in drawn})
        assert all(b - a > 1e-4 for a, b in pairwise(heights)), "no label lies on another"


def test_the_command_writes_the_tables_and_the_figure(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(repository)
    page, figure = tmp_path / "rivals.md", tmp_path / "trade-off.svg"
    page.write_text("<!-- babelmix compare: begin rivals -->\n<!-- babelmix compare: end rivals -->\n")
    assert run(["rivals", "base-13", "--into", str(page), "--figure", str(figure)]) == 0
    text, _, _ = capsys.readouterr().out.partition("compared 1 experiments, wrote ")
    text = text.rpartition("\n")[0]
    assert text and text in page.read_text()
    assert "@font-face" in figure.read_text()
    before = page.read_bytes(), figure.read_bytes()
    assert run(["rivals", "base-13", "--into", str(page), "--figure", str(figure)]) == 0
    assert (page.read_bytes(), figure.read_bytes()) == before


def test_experiments_without_what_is_needed_are_refused(repository: Path) -> None:
    change(repository, lambda raw: raw.update(seed=20, benchmarks=["xquad-r"]), "no-native")
    with pytest.raises(UserError) as error:
        read_rivals(repository, ["small-13", "no-native"], silent)
    assert str(error.value) == (
        "experiments: not every experiment has the benchmark native; "
        "run them with benchmarks=[xquad-r,native,native-dev]"
    )
    change(repository, lambda raw: raw.update(seed=21, objectives=["contrastive"], averages=[]), "no-hybrid")
    with pytest.raises(UserError, match="experiments of size base: no plain hybrid that every seed has"):
        read_rivals(repository, ["base-13", "no-hybrid"], silent)

    def other(raw: dict[str, Any]) -> None:
        raw["seed"], raw["objective"]["hybrid"]["alpha"] = 22, 0.6

    change(repository, other, "other-hybrid")
    with pytest.raises(UserError, match="base-13 and other-hybrid differ in objective"):
        read_rivals(repository, ["base-13", "other-hybrid"], silent)


def test_a_rival_costs_its_steps_its_teacher_its_third_text_and_both_parts() -> None:
    settings = load_settings()
    settings = settings.model_copy(
        update={
            "objectives": ("contrastive", "hybrid", "crosslingual", "hybrid-twice", "distilled", "consistent"),
            "averages": ("hybrid-start", "contrastive-crosslingual"),
        }
    )
    found = costs(settings, units=3200)
    teacher = 2 * 3200 * 12 / (3 * 6 * 2 * 32)  # forward passes of 12 layers, against three of 6 a text of a step
    assert found == {
        "untrained": 0,
        "contrastive": 240,
        "hybrid": 240,
        "crosslingual": 240,
        "hybrid-twice": 480,
        "distilled": pytest.approx(240 + teacher),
        "consistent": pytest.approx(240 * (1 + 32 / 96)),
        "hybrid-start": 240,
        "contrastive-crosslingual": 480,
    }
    plain = plain_hybrids(settings, found)
    assert plain == {"hybrid": 240, "hybrid-twice": 480}
    assert [at_equal_compute(cost, plain) for cost in (0, 240, 241, 480, 481)] == [
        "hybrid",
        "hybrid",
        "hybrid-twice",
        "hybrid-twice",
        "hybrid-twice",
    ]
    presets = settings.model.presets | {"large": settings.model.presets["large"].model_copy(update={"layers": None})}
    unknown = settings.model_copy(update={"model": settings.model.model_copy(update={"presets": presets})})
    with pytest.raises(UserError, match=r"model\.presets\.large: a teacher's cost needs the number of layers"):
        costs(unknown, units=3200)
