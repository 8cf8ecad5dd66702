"""A benchmark of the user's own, by name: found below data/own, built by the commands of the pipeline, reported."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import yaml
from small_project import make_project

from babelmix.benchmarks import registry as benchmarks
from babelmix.benchmarks.dev import dev_benchmark
from babelmix.benchmarks.files import read_benchmark, write_benchmark
from babelmix.benchmarks.own import own_files, own_names
from babelmix.benchmarks.sources import miracl, nanobeir
from babelmix.benchmarks.sources.beir_tasks import TASKS
from babelmix.cli import data, systems
from babelmix.common.errors import UserError
from babelmix.corpus import registry as corpus
from babelmix.corpus.records import Pair
from babelmix.corpus.settings import Table
from babelmix.reporting.explore_page import write_pages
from babelmix.reporting.markdown import to_markdown
from babelmix.reporting.results import read_results
from babelmix.reporting.run_report import write_report
from babelmix.workspace import Workspace

ROOT = Path(__file__).parents[2]
ANIMALS = (("cat", "fish"), ("horse", "hay"), ("bird", "corn"))


def squad(file: Path) -> None:
    paragraphs = [
        {
            "context": f"The {animal} eats {food}.",
            "qas": [
                {
                    "id": str(number),
                    "question": f"What does the {animal} eat?",
                    "answers": [{"text": food, "answer_start": len(f"The {animal} eats ")}],
                }
            ],
        }
        for number, (animal, food) in enumerate(ANIMALS)
    ]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"data": [{"paragraphs": paragraphs}]}))


def beir(folder: Path) -> None:
    (folder / "qrels").mkdir(parents=True)
    texts = {
        "corpus": [f"The {animal} eats {food}." for animal, food in ANIMALS],
        "queries": [f"What does the {animal} eat?" for animal, _ in ANIMALS],
    }
    for name, rows in texts.items():
        lines = [json.dumps({"_id": str(number), "title": "", "text": text}) for number, text in enumerate(rows)]
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n")
    (folder / "qrels/test.tsv").write_text("".join(f"{number}\t{number}\t1\n" for number in range(3)))
    (folder / "qrels/dev.tsv").write_text("0\t0\t1\n")


@pytest.fixture
def settle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Returns what writes the project's own settings, changed in `benchmark`, into the folder that the test is in."""
    monkeypatch.chdir(tmp_path)

    def write(*names: str, **benchmark: Any) -> None:
        raw = yaml.safe_load((ROOT / "params.yaml").read_text())
        raw["benchmarks"], raw["benchmark"] = list(names), raw["benchmark"] | benchmark
        Path("params.yaml").write_text(yaml.safe_dump(raw))

    return write


def built(name: str) -> Any:
    """What the pipeline's two commands make of a benchmark."""
    data.fetch(name)
    assert [file.name for file in Path(f"data/raw/{name}").iterdir() if file.name[0] != "."] == ["manifest.json"]
    data.benchmark(name)
    return read_benchmark(Path(f"data/benchmarks/{name}"))


def test_the_project_s_own_form_is_checked_and_copied(
    settle: Callable[..., None], parallel_pairs: list[Pair], capsys: pytest.CaptureFixture[str]
) -> None:
    mine = dev_benchmark(parallel_pairs, 5)
    write_benchmark(Path("data/own/faq"), mine)
    Path("data/own/faq/notes.txt").write_text("mine")
    settle("faq")
    found = built("faq")
    assert (found.queries, found.passages, set(found.qrels)) == (mine.queries, mine.passages, set(mine.qrels))
    assert found.name == "faq" and not Path("data/benchmarks/faq/notes.txt").exists()
    Path("data/own/faq/qrels.jsonl").write_text(json.dumps(asdict(mine.qrels[0]) | {"relevance": "high"}) + "\n")
    with pytest.raises(UserError, match=r"data/own/faq/qrels.jsonl, line 1, relevance"):
        data.benchmark("faq")
    assert read_benchmark(Path("data/benchmarks/faq")) == found
    assert capsys.readouterr().out.count("wrote data/benchmarks/faq; next: dvc repro") == 1


def test_beir_s_form_is_read_with_the_split_that_is_asked_for(settle: Callable[..., None]) -> None:
    beir(Path("data/own/animals.v2"))
    settle("animals.v2")
    assert len(built("animals.v2").queries) == 3
    settle("animals.v2", splits={"animals.v2": "dev"})
    data.benchmark("animals.v2")
    assert [query.parallel_id for query in read_benchmark(Path("data/benchmarks/animals.v2")).queries] == ["0"]
    settle("animals.v2", splits={"animals.v2": "tset"})
    with pytest.raises(UserError, match="did you mean 'test'"):
        data.benchmark("animals.v2")


class Translator:
    """A route that puts the language before each text."""

    def __init__(self, hops: Any, threads: int, cache: Path) -> None:
        self.lang = hops[-1].target

    def translate(self, texts: list[str]) -> list[str]:
        return [f"({self.lang}) {text}" for text in texts]


def test_english_queries_are_asked_in_more_languages_if_the_settings_say_so(
    settle: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("babelmix.translate.queries.Route", Translator)
    beir(Path("data/own/animals"))
    settle("animals", query_languages=["pt", "es"])
    assert {query.lang for query in built("animals").queries} == {"en"}
    settle("animals", query_languages=["pt", "es"], translated=["animals"])
    found = built("animals")
    assert [query.id for query in found.queries] == [f"{lang}:{n}" for lang in ("en", "es", "pt") for n in range(3)]
    assert found.queries[-1].text == "(pt) What does the bird eat?"
    about = json.loads(Path("data/benchmarks/animals/about.json").read_text())
    assert (about["form"], about["split"]) == ("beir", "test")


def test_a_known_task_of_beir_is_streamed_with_translated_queries(
    settle: Callable[..., None], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("babelmix.translate.queries.Route", Translator)
    settle("msmarco", query_languages=["pt"])
    beir(Path("data/raw/msmarco"))
    data.benchmark("msmarco")
    found = read_benchmark(Path("data/benchmarks/msmarco"))
    assert [query.id for query in found.queries] == ["en:0", "pt:0"]  # of the split dev
    assert len(found.passages) == 3
    settle("msmarco", query_languages=["pt"], splits={"msmarco": "test"})
    data.benchmark("msmarco")
    assert len(read_benchmark(Path("data/benchmarks/msmarco")).queries) == 6
    assert "2 queries without judgements" in capsys.readouterr().err


@pytest.mark.parametrize("place", ["animals.json", "animals.en.json", "animals-en.json", "animals/en.json"])
def test_squad_s_form_is_a_file_or_a_folder(place: str, settle: Callable[..., None]) -> None:
    squad(Path("data/own") / place)
    settle("animals")
    if place == "animals.json":  # no language
        with pytest.raises(UserError, match="the file's name holds no language code"):
            built("animals")
        return
    found = built("animals")
    assert len(found.queries) == 3 and found.languages == ("en",)
    settle("animals", splits={"animals": "dev"})
    with pytest.raises(UserError, match=r"data/own/animals.*: only a folder in BEIR form has splits"):
        data.benchmark("animals")


def test_a_name_is_scored_without_a_path(settle: Callable[..., None], capsys: pytest.CaptureFixture[str]) -> None:
    squad(Path("data/own/animals.en.json"))
    settle("gnome-help")  # it need not stand in `benchmarks`
    systems.evaluate("animals", Path("scores.json"), model="bm25")
    scores = json.loads(Path("scores.json").read_text())
    assert scores["benchmark"] == "animals" and scores["scopes"]["monolingual"]["map"] == 1


def test_what_is_not_there_is_told_before_any_work(settle: Callable[..., None]) -> None:
    settle("animals")
    for call in (data.fetch, data.benchmark):
        with pytest.raises(UserError, match=r"unknown benchmark 'animals'; .*or put its files into data/own/animals"):
            call("animals")
    assert not Path("data").exists()
    for name in ("animals.en.json", "animals.de.json"):
        squad(Path("data/own") / name)
    with pytest.raises(UserError, match=r"2 files of this name, animals.de.json and animals.en.json first; put them"):
        data.fetch("animals")


def test_files_are_found_by_their_name(tmp_path: Path) -> None:
    own = tmp_path / "own"
    assert own_files("faq", own) is None and own_names(own) == []
    (own / "beir").mkdir(parents=True)
    for name in (
        "faq.de.json",
        "quiz.json",
        "table.jsonl",
        "README.md",
        "zipped_fr.json.gz",
        "a-b.json",
    ):
        (own / name).write_text("{}")
    found = {name: own_files(name, own) for name in ("faq", "faq.de", "quiz", "table", "beir", "zipped", "a", "a-b")}
    assert {name: path and path.name for name, path in found.items()} == {
        "faq": "faq.de.json", "faq.de": "faq.de.json", "quiz": "quiz.json", "table": None, "beir": "beir",
        "zipped": "zipped_fr.json.gz", "a": None, "a-b": "a-b.json",
    }  # fmt: skip
    assert own_names(own) == ["a-b", "beir", "faq", "quiz", "zipped"]
    (own / "quiz.en.json").write_text("{}")
    with pytest.raises(UserError, match=r"2 files of this name, quiz.en.json and quiz.json first"):
        own_files("quiz", own)
    (own / "away").symlink_to(tmp_path)
    with pytest.raises(UserError, match="a link to somewhere else"):
        own_files("away", own)


def test_the_report_tells_of_a_benchmark_of_the_users_own_and_of_any_known_one(tmp_path: Path) -> None:
    write_benchmark(tmp_path / "data/own/faq.v2", make_own())
    settings = make_project(tmp_path, benchmarks=("faq.v2", "miracl-sw"), questions=8)
    workspace = Workspace(tmp_path)
    write_report(workspace, settings)
    write_pages(workspace, settings)
    text = workspace.run_report.read_text()
    assert "## faq.v2" in text and "faq.v2: yours" in text and "MIRACL sw: Apache-2.0" in text
    assert "faq.v2: yours" in (workspace.explore / "faq.v2.html").read_text()
    drawn = {file.name for file in workspace.figures.iterdir()}
    assert drawn >= {"bias-faq.v2.png", "differences-faq.v2-hybrid.png"}
    results = read_results(workspace, settings)
    for name, known in benchmarks.BENCHMARKS.items():
        evaluations = {variant: {name: found["faq.v2"]} for variant, found in results.evaluations.items()}
        of_name = settings.model_copy(update={"benchmarks": (name,)})
        told = to_markdown(type(results)(**{**fields(results), "evaluations": evaluations}), of_name, [], {})
        assert known.licence in told


def make_own() -> Any:
    from small_project import make_benchmark

    return make_benchmark("faq.v2", ("de", "en"), 8)


def fields(results: Any) -> dict[str, Any]:
    return {name: getattr(results, name) for name in type(results).__dataclass_fields__}


def test_what_is_known_of_a_name_stands_in_one_place() -> None:
    assert len(benchmarks.BENCHMARKS) == 7 + 26 + 13 + 18
    of_hub = {f"nanobeir-{task}" for task in nanobeir.TASKS} | {f"miracl-{lang}" for lang in miracl.LANGUAGES}
    known = benchmarks.BENCHMARKS | corpus.PAIR_SOURCES
    assert {name for name, one in known.items() if one.hub} == {*of_hub, "mmarco"}
    ndcg = {name for name in benchmarks.BENCHMARKS if benchmarks.main_score(name, graded=False) == "ndcg_at_10"}
    assert ndcg == {*TASKS, *of_hub}
    assert benchmarks.main_score("faq", graded=True) == "ndcg_at_10" and benchmarks.main_score("faq", False) == "map"
    assert benchmarks.licence_of("faq") == "faq: yours"
    tables = {"faq": Table(path=Path("data/own/faq.jsonl"), language="en"), "nq": Table(hub="org/nq", language="en")}
    assert corpus.source_of("faq", tables).licence == "faq: yours"
    assert corpus.source_of("nq", tables).licence == "nq: as the publisher of org/nq has it"
