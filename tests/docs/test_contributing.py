"""CONTRIBUTING.md is true: each module that it shows is found by its registry and does what the page says."""

import re
import runpy
from pathlib import Path
from typing import Any

import pytest
import yaml

import babelmix
from babelmix.benchmarks import sources as benchmark_sources
from babelmix.corpus import sources as pair_sources
from babelmix.settings.params import load_settings, parse_settings
from babelmix.translate import engine

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
MODULES = dict(re.findall(r"^```python\n# (src/\S+)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE))
ROWS = """\
{"id": "0", "question": "Where do I register a bicycle in the city?", \
"answer": "You register a bicycle at the town hall, on the ground floor, every working day from nine to noon."}
{"id": "1", "question": "When is the library open on Saturdays?", \
"answer": "The library is open on Saturdays from ten in the morning to four in the afternoon, except in August."}
"""
SETTINGS = load_settings(ROOT / "params.yaml")


@pytest.fixture(autouse=True)
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file that the page downloads, in a mirror."""
    file = tmp_path / "mirror/example.org/city-faq/2026-01-01.jsonl"
    file.parent.mkdir(parents=True)
    file.write_text(ROWS, encoding="utf-8")
    monkeypatch.setenv("BABELMIX_MIRROR", str(tmp_path / "mirror"))


def put(name: str, package: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a module of the page beside those of a package."""
    folder = tmp_path / "modules"
    folder.mkdir()
    (folder / Path(name).name).write_text(MODULES[name], encoding="utf-8")
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(folder)])


def registry(room: str, name: str) -> dict[str, Any]:
    """A room's registry as a new process makes it."""
    return runpy.run_path(str(ROOT / "src/babelmix" / f"{room}.py"))[name]


def test_a_source_is_one_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put("src/babelmix/corpus/sources/city_faq.py", pair_sources, tmp_path, monkeypatch)
    source = registry("corpus/registry", "PAIR_SOURCES")["city-faq"]
    assert source.fetch(tmp_path / "raw", SETTINGS.pairs) is None
    pairs, counts = source.build(tmp_path / "raw", SETTINGS.pairs)
    assert [pair.parallel_id for pair in pairs] == ["city-faq:0", "city-faq:1"]
    assert sum(counts["en"][f"kept_{split}"] for split in ("train", "dev")) == 2


def test_a_benchmark_is_one_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put("src/babelmix/benchmarks/sources/city_search.py", benchmark_sources, tmp_path, monkeypatch)
    known = registry("benchmarks/registry", "BENCHMARKS")["city-search"]
    known.fetch(tmp_path / "raw")
    assert known.build
    benchmark, _ = known.build(tmp_path / "raw", SETTINGS.benchmark, None)
    assert babelmix.evaluate(benchmark, "bm25").mean("monolingual") == 1


def test_an_objective_is_a_line_of_params_yaml() -> None:
    (shown,) = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    params["objective"] |= yaml.safe_load(shown)["objective"]
    settings = parse_settings(yaml.safe_dump(params), "params.yaml")
    rising = settings.objective("rising")
    assert (rising.alpha_at(0), rising.alpha_at(1)) == (1, 0)


def test_an_engine_is_one_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put("src/babelmix/translate/engine/glossary.py", engine, tmp_path, monkeypatch)
    glossary = registry("translate/engines", "ENGINES")["glossary"].make("", "en", "es", 1)
    assert glossary.translate(["open the file menu"]) == ["open the archivo menú"]
    assert glossary.name == "glossary 1 en-es"


def test_every_module_of_the_page_is_tested() -> None:
    assert len(MODULES) == 3
    for path in re.findall(r"`((?:src|tests|docs|common)/[\w./-]+)`", PAGE):
        assert (ROOT / path).exists() or (ROOT / "src/babelmix" / path).exists(), path
