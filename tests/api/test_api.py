"""The public API: its examples run, its names are few, and importing it loads no library."""

import doctest
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import babelmix
from babelmix import api
from babelmix.common.files import new_folder

ROOT = Path(__file__).parents[2]


@pytest.fixture
def workspace(tmp_path: Path, tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with an encoder at models/untrained and the golden questions."""
    (tmp_path / "models").mkdir()
    (tmp_path / "models/untrained").symlink_to(tiny_encoder)
    (tmp_path / "tests").symlink_to(ROOT / "tests")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", [name for name in babelmix.__all__ if callable(vars(api).get(name))])
def test_the_examples_of_the_public_functions_run(name: str, workspace: Path) -> None:
    found = getattr(babelmix, name)
    if found.__module__ != "babelmix.api":
        pytest.skip("a class of a room: the functions' examples use it")
    examples = doctest.DocTestFinder().find(found, name, globs=dict(vars(api)))
    assert any(test.examples for test in examples), "every public function has an example"
    report: list[str] = []
    for test in examples:
        doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(test, out=report.append)
    assert not report, "".join(report)


def test_the_public_names_are_few_and_are_there() -> None:
    assert len(babelmix.__all__) <= 15
    assert set(babelmix.__all__) <= set(dir(babelmix))
    for name in babelmix.__all__:
        assert getattr(babelmix, name).__doc__
    with pytest.raises(AttributeError, match="no attribute 'evaluat'"):
        babelmix.evaluat  # noqa: B018


def test_import_loads_no_library() -> None:
    code = "import sys, babelmix; print(*sorted(m for m in sys.modules if m.partition('.')[0] in sys.argv))"
    libraries = ["torch", "numpy", "scipy", "pydantic", "transformers", "yaml"]
    done = subprocess.run([sys.executable, "-c", code, *libraries], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_an_unknown_system_is_refused() -> None:
    benchmark = babelmix.read_benchmark(ROOT / "tests/golden/xquad-r-60")
    with pytest.raises(babelmix.UserError, match=r"not a system: 'bm52'; give \"bm25\", an encoder"):
        babelmix.evaluate(benchmark, "bm52")
    vectors = [[[1.0]], [[1.0]]]
    with pytest.raises(babelmix.UserError, match=r"not a system: \[\[\[1.0\]\], .*as a tuple"):
        babelmix.evaluate(benchmark, vectors)  # pyright: ignore[reportArgumentType]
    with pytest.raises(babelmix.UserError, match="unknown similarity 'foo'"):
        babelmix.evaluate(benchmark, tuple(vectors), similarity="foo")  # pyright: ignore[reportArgumentType]


def test_one_text_in_place_of_several_is_refused(workspace: Path) -> None:
    index = babelmix.build_index(["the file opens"], "models/untrained", "my-index", language="en")
    with pytest.raises(babelmix.UserError, match=r"one text in place of several queries; give a list: \['print'\]"):
        babelmix.search(index, "print")
    with pytest.raises(babelmix.UserError, match="one text in place of several languages"):
        babelmix.search(index, ["print"], languages="en")
    with pytest.raises(babelmix.UserError, match="one text in place of several texts"):
        babelmix.encode(babelmix.load_encoder("models/untrained"), "print", prompt="query")


def test_an_index_never_replaces_its_model_or_its_texts(workspace: Path) -> None:
    with new_folder(workspace / "own") as staging:
        shutil.copytree((workspace / "models/untrained").resolve(), staging, dirs_exist_ok=True)
    with new_folder(workspace / "texts") as staging:
        (staging / "a.txt").write_text("the file opens")
    for texts, output in ((["the file opens"], "own"), ("texts", "texts")):
        with pytest.raises(babelmix.UserError, match="the output is or holds"):
            babelmix.build_index(texts, "own", output)
    assert (workspace / "own/model.safetensors").is_file() and (workspace / "texts/a.txt").is_file()


def test_the_mean_is_that_of_the_language_pairs() -> None:
    benchmark = babelmix.read_benchmark(ROOT / "tests/golden/xquad-r-60")
    found = babelmix.evaluate(benchmark, "bm25")
    pairs = found.by_language_pair()
    assert len(pairs) == 25
    for scope, same in (("monolingual", True), ("crosslingual", False)):
        expected = [mean for (query, passage), mean in pairs.items() if (query == passage) is same]
        assert found.mean(scope) == pytest.approx(sum(expected) / len(expected))


def test_an_encoder_scores_as_its_vectors_do(workspace: Path) -> None:
    benchmark, model = babelmix.read_benchmark("tests/golden/xquad-r-60"), babelmix.load_encoder("models/untrained")
    vectors = [
        babelmix.encode(model, [text.text for text in texts], prompt=prompt)
        for texts, prompt in ((benchmark.queries, "query"), (benchmark.passages, "passage"))
    ]
    by_model, by_vectors = (babelmix.evaluate(benchmark, system) for system in (model, tuple(vectors)))
    assert by_model.by_language_pair() == by_vectors.by_language_pair()
    again = babelmix.compare([by_model, by_vectors], [by_vectors, by_model])
    assert set(again) == {"monolingual", "crosslingual", "multilingual"}
    assert {difference.mean for difference in again.values()} == {0}
