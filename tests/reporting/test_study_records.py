"""The record of a run, made from its files as a pipeline of real evaluations leaves them."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import yaml
from small_project import make_project, write_json
from study_records import small_study

from babelmix.common.errors import UserError
from babelmix.evaluation.query_scores import SCOPES
from babelmix.evaluation.question_values import question_values
from babelmix.evaluation.score_files import read_query_scores
from babelmix.reporting.experiment_files import Opened
from babelmix.reporting.lock import parse_lock
from babelmix.reporting.study_hashes import read_hashes
from babelmix.reporting.study_records import Measured, record_of, systems_of
from babelmix.settings.params import load_settings
from babelmix.study.record import Facts, key, read_record, write_record
from babelmix.study.runs import Run, planned
from babelmix.study.settings import StudyAverages
from babelmix.workspace import Workspace

BENCHMARKS = ("gnome-help", "native", "native-dev")
AVERAGES = StudyAverages(names=("hybrid-start",), sizes=("base",), seeds=(13,))
STUDY = small_study(
    sizes={"base": (6, 10)}, objectives=("contrastive", "hybrid"), benchmarks=BENCHMARKS, averages=AVERAGES
)
RUNS = {run.name: run for run in planned(STUDY, {("base", "contrastive"): 1.0, ("base", "hybrid"): 0.5})}
MEASURED = Measured("a processor", "cpu", {"train@hybrid": 12.3456}, 2**30)
LAST = {"loss": 1.5, "dev_monolingual": 0.25}


@dataclass(frozen=True)
class Files:
    """The part of a DVCFileSystem that is read, of a folder."""

    root: Path

    def read_bytes(self, path: str) -> bytes:
        return (self.root / path).read_bytes()


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Opened:
    root = tmp_path_factory.mktemp("project")
    make_project(
        root, objectives=("contrastive", "hybrid"), averages=("hybrid-start",), benchmarks=BENCHMARKS, questions=12
    )
    here = Workspace(root)
    for encoder in ("hybrid", "hybrid-start", "untrained"):
        chosen = {form.removeprefix("+"): {"chosen": 0.25} for form in STUDY.forms}
        write_json(here.debiasing(encoder), chosen | {"lir": {"chosen": 1.0}})
    write_json(here.average_scores("hybrid-start"), {"share": 0.75})
    here.history("hybrid").write_text("step,loss,dev_monolingual\n1,9.0,0.5\n2,2.0,0.25\n3,1.5,\n")
    here.lock.write_text(yaml.safe_dump({"schema": "2.0", "stages": STAGES}))
    return Opened("study-base-hybrid-s13", load_settings(here.params), Files(root))


def rows(paths: dict[str, str]) -> list[dict[str, str]]:
    return [{"path": path, "hash": "md5", "md5": md5} for path, md5 in paths.items()]


def stage(deps: dict[str, str], outs: dict[str, str]) -> dict:
    return {"cmd": "", "deps": rows(deps), "outs": rows(outs)}


SHARED = {"data/benchmarks": "all", "src/babelmix/encoder": "e"}
STAGES = {
    "old-train@contrastive": stage({"models/untrained": "old", "src/old.py": "o"}, {"models/contrastive": "c"}),
    "old-embed@hybrid": stage({"models/untrained": "old", "src/old.py": "o"}, {"data/embeddings/hybrid/xquad-r": "x"}),
    "benchmark@gnome-help": stage({"data/raw/gnome-help": "r"}, {"data/benchmarks/gnome-help": "g"}),
    "benchmark@native": stage({"data/raw/native": "r"}, {"data/benchmarks/native": "n"}),
    "benchmark@native-dev": stage({"data/raw/native": "r"}, {"data/benchmarks/native-dev": "nd"}),
    "benchmark@xquad-r": stage({"src/old.py": "o"}, {"data/benchmarks/xquad-r": "x"}),
    "dev": stage({"data/pairs/human": "ph"}, {"data/benchmarks/dev": "d"}),
    "encoder": stage({"src/babelmix/encoder": "e"}, {"models/untrained": "u", "metrics/encoder.json": "m"}),
    "tokenise": stage({"data/pairs/human": "ph", "models/untrained": "u"}, {"data/tokens": "t"}),
    "train@contrastive": stage({"models/untrained": "older", "data/tokens": "older"}, {"models/contrastive": "c"}),
    "train@hybrid": stage({"models/untrained": "u", "data/tokens": "t"}, {"models/hybrid": "h"}),
    "average@hybrid-start": stage({"metrics/history": "hs", "models/untrained": "u"}, {"models/hybrid-start": "hs"}),
    "embed@hybrid": stage({"models/hybrid": "h", "data/pairs/machine": "pm"}, {"data/embeddings/hybrid": "eh"}),
    "embed-average@hybrid-start": stage({"models/hybrid-start": "hs"}, {"data/embeddings/hybrid-start": "ehs"}),
    "evaluate@hybrid": stage(SHARED | {"data/embeddings/hybrid": "eh"}, {"metrics/evaluation/hybrid": "v"}),
    "evaluate@contrastive": stage(SHARED | {"data/embeddings/contrastive": "ec"}, {}),
    "evaluate-average@hybrid-start": stage(SHARED | {"data/embeddings/hybrid-start": "ehs"}, {}),
    "evaluate-bm25": stage(SHARED, {"metrics/evaluation/bm25": "b"}),
}


def facts_of(opened: Opened, run: Run) -> tuple[Facts, dict[str, np.ndarray]]:
    return record_of(opened, run, STUDY, MEASURED, "abc", ("seed=13",))


def test_scores_and_values_are_those_of_the_evaluations(opened: Opened, tmp_path: Path) -> None:
    run = RUNS["base-hybrid-s13"]
    record = read_record(write_record(tmp_path, run, *facts_of(opened, run)))
    here = Workspace(opened.files.root)
    systems = [f"{encoder}{form}" for encoder in ("hybrid", "hybrid-start") for form in ("", *STUDY.forms)]
    assert list(record.facts.systems) == systems == systems_of(run, STUDY)
    for system in systems:
        assert list(record.facts.systems[system]) == [*BENCHMARKS, "dev"]
        for benchmark in (*BENCHMARKS, "dev"):
            written = json.loads(here.scores(system, benchmark).read_text())
            for scope in SCOPES:
                assert record.score(system, benchmark, scope, "map") == written["scopes"][scope]["map"]
                found = record.facts.systems[system][benchmark]
                assert found.bias["lpr"] == written["bias"]["lpr"]
                if system in ("hybrid", "hybrid-start"):
                    by = {name: round(own["map"], 4) for name, own in written["scopes"][scope]["by"].items()}
                    assert found.by[scope] == by
                else:
                    assert found.by == {}
    for system in systems:
        for benchmark, scopes in (("gnome-help", SCOPES), ("native", ("monolingual", "multilingual"))):
            scores = read_query_scores(here.query_scores(system, benchmark), "scores")
            for scope in scopes:
                values = record.values(system, benchmark, scope)
                assert values == pytest.approx(question_values(scores, scope, "average_precision"), abs=1e-4)
                assert values.mean() == pytest.approx(record.score(system, benchmark, scope), abs=6e-6)


def test_only_questions_of_benchmarks_are_kept(opened: Opened) -> None:
    _, values = facts_of(opened, RUNS["base-hybrid-s13"])
    assert {name.split("|")[1] for name in values} == {"gnome-help", "native"}
    assert key("hybrid", "native", "crosslingual") not in values, "no such queries"
    facts, values = facts_of(opened, RUNS["base-rate-x1"])
    assert values == {} and list(facts.systems) == ["contrastive", "hybrid"]
    assert all(list(scored) == ["native-dev", "dev"] for scored in facts.systems.values())


def test_the_facts_of_a_training(opened: Opened) -> None:
    facts, _ = facts_of(opened, RUNS["base-hybrid-s13"])
    assert (facts.layers, facts.parameters, facts.parameters_outside_embeddings) == (6, 216, 16)
    assert (facts.machine, facts.device, facts.revision, facts.overrides) == ("a processor", "cpu", "abc", ("seed=13",))
    assert (facts.seconds, facts.peak_memory) == ({"train@hybrid": 12.3}, 2**30)
    assert facts.losses == {"hybrid": LAST} and facts.shares == {"hybrid-start": 0.75}
    assert facts.strengths == {
        f"{encoder}{form}": 0.25 for encoder in ("hybrid", "hybrid-start") for form in STUDY.forms
    }
    settings = opened.settings
    assert (facts.steps, facts.learning_rate) == (settings.train.steps, settings.learning_rate())
    assert facts.settings["train"] == settings.train.model_dump(mode="json")
    assert facts.settings["objective"] == {"hybrid": {"alpha": 0.5}} and "mlflow" not in facts.settings


def test_bm25_has_no_parameters(opened: Opened) -> None:
    facts, values = facts_of(opened, RUNS["bm25"])
    assert (facts.layers, facts.parameters, facts.parameters_outside_embeddings) == (None, 0, 0)
    assert list(facts.systems) == ["bm25"] and list(facts.systems["bm25"]) == list(BENCHMARKS)
    assert facts.losses == facts.strengths == facts.shares == {} and len(values) == 5
    assert facts.hashes == {
        **{f"data/benchmarks/{name}": md5 for name, md5 in zip(BENCHMARKS, ("g", "n", "nd"), strict=True)},
        "src/babelmix/encoder": "e",
    }


def test_hashes_are_of_what_the_run_read_not_of_what_else_the_lock_names(opened: Opened) -> None:
    facts, _ = facts_of(opened, RUNS["base-hybrid-s13"])
    assert facts.hashes == {
        "data/benchmarks/dev": "d",
        "data/benchmarks/gnome-help": "g",
        "data/benchmarks/native": "n",
        "data/benchmarks/native-dev": "nd",
        "data/pairs/human": "ph",
        "data/pairs/machine": "pm",
        "data/tokens": "t",
        "models/untrained": "u",
        "src/babelmix/encoder": "e",
    }


def test_the_hashes_of_the_projects_own_lock() -> None:
    stages = parse_lock(Path("dvc.lock").read_text(encoding="utf-8"), "dvc.lock")
    found = read_hashes(stages, ["evaluate@hybrid"], ["gnome-help", "dev"])
    read = {row["path"]: row["md5"] for row in stages["train@hybrid"]["deps"]}
    read |= {row["path"]: row["md5"] for row in stages["pretrain"]["deps"]}
    assert all(found[path] == read[path] for path in ("data/tokens", "models/untrained", "src/babelmix/batches"))
    assert [path for path in found if "benchmarks/" in path and path.startswith("data")] == [
        "data/benchmarks/dev",
        "data/benchmarks/gnome-help",
    ]
    assert all(Path(path).exists() for path in found if path.startswith("src/")), "no file of an older release"


def test_a_lock_without_the_stage_that_scores_the_run_is_refused() -> None:
    with pytest.raises(UserError) as error:
        read_hashes({}, ["evaluate@hybrid"], [])
    assert str(error.value) == "dvc.lock: no stage evaluate@hybrid; run `dvc repro evaluate@hybrid`"


def test_a_run_whose_files_are_gone_is_said(opened: Opened, tmp_path: Path) -> None:
    gone = Opened(opened.name, opened.settings, Files(tmp_path))
    with pytest.raises(UserError, match=r"^experiment study-base-hybrid-s13: cannot be read"):
        facts_of(gone, RUNS["base-hybrid-s13"])
