"""`make exps`: what `dvc exp show --csv` says, as tables of 100 columns."""

import csv
import io
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PARAMETERS = {"layers-2": 3_553_920, "small": 5_328_384, "base": 10_651_776, "large": 21_298_560}
COLUMNS = [
    *("Experiment", "non_embedding_parameters", "objective", "benchmark", "pool", "cross", "mono", "gain", "seed"),
    *("model.size", "train.steps"),
]


def row(name: str, size: str = "base", objective: str = "hybrid", **other: object) -> dict[str, object]:
    scores = {"benchmark": "xquad-r", "pool": 0.26213, "cross": 0.4, "mono": 0.7, "seed": 13, "train.steps": 240}
    own = {"Experiment": name, "model.size": size, "objective": objective}
    return own | {"non_embedding_parameters": PARAMETERS.get(size, "")} | scores | other


def show(*rows: dict[str, object]) -> subprocess.CompletedProcess[str]:
    stream = io.StringIO()
    writer = csv.DictWriter(stream, COLUMNS)
    writer.writeheader()
    writer.writerows(rows)
    command = [sys.executable, str(ROOT / "scripts/experiments.py")]
    return subprocess.run(command, input=stream.getvalue(), capture_output=True, text=True)


def test_sizes_recipes_and_seeds_stand_in_order_within_100_columns() -> None:
    found = show(
        row("", benchmark="gnome-help", gain=0.0386),
        row("study-large-hybrid-s13", "large"),
        row("mine-s13", "my-model", pool=1.0),
        row("study-base-hybrid-s14", seed=14),
        row("study-base-crosslingual-s13-x0.25", objective="crosslingual", **{"train.steps": 60}),
        row("study-base-hybrid-s13", mono=0.0986),
        row("rivals-base-13", objective="within", gain=-0.0126, seed=9),
        row("study-layers-2-contrastive-s13", "layers-2", "contrastive"),
    )
    assert (found.returncode, found.stderr) == (0, "")
    title, heads, *lines = found.stdout.splitlines()
    assert title == "main score on xquad-r"
    assert heads.split() == ["experiment", "size", "objective", "seed", "steps", "pool", "cross", "mono", "gain"]
    assert [line.split()[0] for line in lines] == [
        "study-layers-2-contrastive-s13",
        "study-base-crosslingual-s13-x0.25",
        "study-base-hybrid-s13",
        "study-base-hybrid-s14",
        "rivals-base-13",
        "study-large-hybrid-s13",
        "mine-s13",
    ]
    assert lines[2].split()[1:] == ["base", "hybrid", "13", "240", ".262", ".400", ".099"]
    assert lines[4].endswith("  -.013") and "1.000" in lines[6]
    assert max(map(len, found.stdout.splitlines())) <= 100


def test_each_main_benchmark_has_a_table_without_the_columns_that_it_lacks() -> None:
    found = show(row("", benchmark="gnome-help"), row("a"), row("b", benchmark="native", cross=""), row("c", gain=0.01))
    first, second = found.stdout.split("\n\n")
    assert first.startswith("main score on native\n") and "cross" not in first and "gain" not in first
    assert second.startswith("main score on xquad-r\n") and "cross" in second and "gain" in second


def test_what_has_the_scores_of_its_commit_or_none_is_left_out_and_named() -> None:
    commit, other = row("", pool=0.3), row("", pool=0.4)
    rate = row("study-small-rate-x1", "small", pool=0.3)  # it ran `evaluate@hybrid` alone
    early = row("early", benchmark="", pool="", cross="", mono="")
    found = show(commit, rate, row("b", pool=0.4), early, other, row("c", pool=0.3), row("d", pool=0.4))
    assert re.findall(r"^[bcd] ", found.stdout, re.MULTILINE) == ["b ", "c "]
    assert found.stdout.endswith("no main scores of their own: d, early, study-small-rate-x1\n")


def test_without_experiments_it_says_how_to_make_one() -> None:
    for found in (show(), show(row("")), show(row(""), row("a"))):
        line = "no experiment with main scores of its own; make one: dvc exp run -S model.size=small\n"
        assert (found.returncode, found.stdout, found.stderr) == (2, "", line)
