"""The Python examples in docs/measures.md and docs/data.md, executed."""

import doctest
import os
import re
from pathlib import Path

import pytest
from study_records import synthetic_records

from babelmix.lexicon.registry import LEXICONS
from babelmix.workspace import HERE

PAGE = Path(__file__).parents[2] / "docs/data.md"


def test_the_examples_of_the_measures_are_what_python_prints() -> None:
    failed, run = doctest.testfile(str(Path(__file__).parents[2] / "docs/measures.md"), module_relative=False)
    assert (failed, run) == (0, 4)


def blocks(language: str) -> list[str]:
    """The blocks of docs/data.md in a language."""
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def run_example(module: str) -> None:
    """Execute the one example of docs/data.md that imports from a module."""
    (example,) = (block for block in blocks("python") if f"from {module} import" in block)
    exec(compile(example, "docs/data.md", "exec"), {})


def test_the_example_of_the_study_reads_a_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    synthetic_records(tmp_path / "metrics/study", sizes={"base": (6, 10_646_784)}, seeds=(13,), seed_sd=0)
    monkeypatch.chdir(tmp_path)
    run_example("babelmix.study.record")
    rate, score, mean = map(float, capsys.readouterr().out.split())
    assert rate == 1e-4 and mean == pytest.approx(score, abs=1e-5)


def test_the_example_of_a_dictionary_reads_the_file_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (file,) = (block for block in blocks("text") if "\t" in block)
    (tmp_path / "data/own").mkdir(parents=True)
    (tmp_path / "data/own/words.tsv").write_text(file, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    run_example("babelmix.lexicon.own")
    assert capsys.readouterr().out == "2 {} (('dosya', 'file'),)\n"


@pytest.mark.network
def test_the_example_of_xling_reads_the_published_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if not os.environ.get("BABELMIX_MIRROR"):
        pytest.skip("BABELMIX_MIRROR names no folder with XLING's files")
    monkeypatch.chdir(tmp_path)
    LEXICONS["xling"].fetch(HERE.lexicon("xling"))
    run_example("babelmix.lexicon.xling")
    assert capsys.readouterr().out.startswith("2000 23\n{'en': 'dedication', 'de': 'Widmung', 'fr': 'dévouement'")
