"""A source of German alone and a benchmark of the user's own, from the files to the report, command by command."""

import csv
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from small_project import make_stages
from small_training import SMALL, one_thread

from babelmix.benchmarks.dev import dev_benchmark
from babelmix.benchmarks.files import write_benchmark
from babelmix.cli import data, encoders, results, systems
from babelmix.common.errors import UserError
from babelmix.corpus.records import Pair

ROOT = Path(__file__).parents[2]
VERBS = ("drucken", "öffnen", "schließen", "speichern")
NOUNS = ("die Seite", "die Tabelle", "das Bild", "den Brief", "den Ordner")


def question(number: int) -> dict[str, str]:
    verb, noun = VERBS[number % 4], NOUNS[number % 5]
    return {
        "frage": f"Wie kann man {noun} {verb} ({number})?",
        "antwort": f"Rufen Sie im Programm das Menü auf, um {noun} mit dem Befehl Nummer {number} zu {verb}.",
    }


@pytest.fixture
def project(
    tmp_path: Path, tiny_transformer: Path, parallel_pairs: list[Pair], monkeypatch: pytest.MonkeyPatch
) -> dict[str, Any]:
    """The parameters of a project whose folder the test is in."""
    raw = yaml.safe_load((ROOT / "params.yaml").read_text())
    raw |= {"threads": 1, "sources": ["mine"], "objectives": ["contrastive"], "benchmarks": ["faq.v2"]}
    raw["source"] = {
        "mine": {"path": "data/own/fragen.jsonl", "language": "de", "query": "frage", "passage": "antwort"}
    }
    raw["pairs"] |= {"languages": [], "dev_share": 0.3, "dev_questions": 20}
    raw["translate"]["languages"] = []
    raw["train"] |= SMALL
    raw["evaluate"] |= {"lir_passages": 20}
    raw["model"]["presets"]["base"] |= {"layers": 2, "folder": str(tiny_transformer)}
    folder = tmp_path / "project"
    write_benchmark(folder / "data/own/faq.v2", dev_benchmark(parallel_pairs, 8))
    rows = [json.dumps(question(number), ensure_ascii=False) for number in range(120)]
    (folder / "data/own/fragen.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")
    (folder / "params.yaml").write_text(yaml.safe_dump(raw))
    (folder / "metrics").mkdir()
    (folder / "metrics/translation.md").write_text("Nothing was translated.\n")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("DVC_ROOT", str(folder))
    return raw


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:sqlalchemy.exc.SADeprecationWarning")
def test_german_alone_goes_from_its_file_to_the_report(
    project: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    data.fetch("mine")
    data.fetch("faq.v2")
    data.pairs("mine")
    data.dev()
    data.translate_index()
    assert json.loads(Path("data/pairs/machine/index.json").read_text()) == {"mine": {}}
    data.benchmark("faq.v2")
    encoders.encoder()
    encoders.pretrain()
    encoders.tokenise()
    with one_thread():
        encoders.train("contrastive")
        for system in ("untrained", "contrastive"):
            systems.embed(system=system)
            systems.evaluate(system=system)
    systems.evaluate(system="bm25")
    results.report("scores")
    results.report("run")
    text = Path("reports/run.md").read_text()
    assert "| languages in training | de |" in text and "faq.v2: yours" in text and "mine: yours" in text
    with Path("metrics/by_language.csv").open(newline="") as stream:
        assert {row["benchmark"] for row in csv.DictReader(stream)} == {"faq.v2"}
    assert "- Data: mine.\n" in Path("models/contrastive/README.md").read_text()
    Path("dvc.lock").write_text(yaml.safe_dump({"schema": "2.0", "stages": make_stages(project)}))
    results.track()
    assert "MLflow: 3 new runs" in capsys.readouterr().out


def test_what_no_route_serves_is_used_untranslated_and_said(
    project: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    project["translate"]["languages"], project["objectives"] = ["pt"], ["hybrid"]
    Path("params.yaml").write_text(yaml.safe_dump(project))
    data.fetch("mine")
    data.pairs("mine")
    data.translate_index()
    data.translate_pairs("mine", "pt")
    assert "babelmix: mine is not translated into pt: no route from de to pt\n" in capsys.readouterr().err
    counts = json.loads(Path("metrics/translate/mine/pt.json").read_text())
    assert counts == {"engine": "none: no route from de to pt", "kept": 0, "rejected": {}}
    assert Path("data/pairs/machine/mine/pt.jsonl").read_text() == ""
    index = json.loads(Path("metrics/translate/index.json").read_text())
    assert index == {"mine": {"pt": "none: no route from de to pt"}}
    encoders.encoder()
    encoders.pretrain()
    encoders.tokenise()
    with pytest.raises(UserError, match="cross-lingual batches need two languages"), one_thread():
        encoders.train("hybrid")  # cross-lingual batches need two languages


@pytest.mark.filterwarnings("ignore:_NoneStep.value:DeprecationWarning")  # of pygtrie, in DVC
@pytest.mark.parametrize("languages", [[], ["pt"], ["pt", "es"]])
def test_every_file_that_a_stage_reads_is_made_by_another(project: dict[str, Any], languages: list[str]) -> None:
    """DVC's own reading of dvc.yaml: none of these is a folder that no stage fills."""
    from dvc.repo import Repo

    project["translate"]["languages"] = languages
    Path("params.yaml").write_text(yaml.safe_dump(project))
    shutil.copy(ROOT / "dvc.yaml", "dvc.yaml")
    for command in (("git", "init", "--quiet"), ("dvc", "init", "--quiet")):
        subprocess.run(command, check=True)
    with Repo() as repo:
        stages = list(repo.index.stages)
        repo.index.check_graph()
    outs = [str(out) for stage in stages for out in stage.outs]
    read = {str(dep) for stage in stages for dep in stage.deps if str(dep).startswith(("data/", "models/", "metrics/"))}
    given = {"data/own", "data/teacher", "data/negatives", "metrics/study", "metrics/translation.md", "metrics/words"}
    assert read > {"data/pairs/machine", "metrics/translate", "data/raw/faq.v2"}
    for path in read - given:
        assert any(out == path or out.startswith(f"{path}/") or path.startswith(f"{out}/") for out in outs), path
