"""The Python examples in docs/measures.md and docs/data.md, executed."""

import doctest
import re
from pathlib import Path

import pytest
from study_records import synthetic_records


def test_the_examples_of_the_measures_are_what_python_prints() -> None:
    failed, run = doctest.testfile(str(Path(__file__).parents[2] / "docs/measures.md"), module_relative=False)
    assert (failed, run) == (0, 4)


def test_the_example_of_the_study_reads_a_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (Path(__file__).parents[2] / "docs/data.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    synthetic_records(tmp_path / "metrics/study", sizes={"base": (6, 10_646_784)}, seeds=(13,), seed_sd=0)
    monkeypatch.chdir(tmp_path)
    exec(compile(example, "docs/data.md", "exec"), {})
    rate, score, mean = map(float, capsys.readouterr().out.split())
    assert rate == 1e-4 and mean == pytest.approx(score, abs=1e-5)
