"""The report of the study as Markdown: its numbers, what it leaves out, and its errors."""

import json
import re
from pathlib import Path

import pytest
from study_records import SIZES, small_study, synthetic_records, true_score

from babelmix.common.errors import UserError
from babelmix.evaluation.significance import holm, interval_of
from babelmix.reporting.answer.document import Bullets, Finder, Paragraph, Table
from babelmix.reporting.answer.negative import negative_section
from babelmix.reporting.answer.questions import questions_section
from babelmix.reporting.answer.recipes import Recipe, recipes, recipes_section
from babelmix.reporting.answer.scores import scores_section
from babelmix.reporting.answer.text import plain, to_text
from babelmix.reporting.answer.write import to_document, write_answer
from babelmix.reporting.dev_choice import is_transductive
from babelmix.settings.params import load_settings
from babelmix.stages.results import study_report
from babelmix.study.compared import difference
from babelmix.study.design import Design, designs
from babelmix.study.record import read_records
from babelmix.study.settings import Study, StudyAverages, StudySteps
from babelmix.study.verdict import verdict
from babelmix.workspace import Workspace

ROOT = Path(__file__).parents[2]
THREE = {size: SIZES[size] for size in ("small", "base", "large")}
EXTRA = {
    "averages": StudyAverages(names=("crosslingual-start",), sizes=("base",), seeds=(13,)),
    "steps": StudySteps(size="base", factors=(0.5, 2), seeds=(13, 14)),
}


@pytest.fixture(scope="module")
def studied(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Study, Design]:
    """Three sizes and two seeds whose means are the true scores; a folder of records, the settings, the design."""
    root = tmp_path_factory.mktemp("study")
    given = {"sizes": THREE, "seeds": (13, 14), "seed_sd": 0.0, "question_sd": 0.05, **EXTRA}
    records = synthetic_records(Workspace(root).study, **given)
    study = small_study(sizes=THREE, seeds=(13, 14), **EXTRA)
    return root, study, designs(records, study)[0]


def text_of(root: Path, study: Study) -> str:
    records = read_records(Workspace(root).study)
    questions = questions_section(Workspace(root).explore_questions)
    return to_text(to_document(designs(records, study), records, study, [questions]))


def rows_of(text: str, caption: str) -> list[list[str]]:
    """The rows of the Markdown table under a caption, its head first."""
    lines = text.split(f"\n{caption}:\n\n")[1].split("\n\n")[0].splitlines()
    return [line.strip("| ").split(" | ") for line in lines if not line.startswith("| ---")]


def test_the_table_has_the_true_scores_and_differences(studied: tuple[Path, Study, Design]) -> None:
    root, study, _ = studied
    rows = rows_of(text_of(root, study), "Multilingual pool, mAP")
    assert [row[0] for row in rows] == ["size", "small", "base", "large"]
    for size, *cells in rows[1:]:
        assert cells[5:] == [f"{THREE[size][1] / 1e6:.1f} M", "2"]
        for name, cell in zip(study.objectives, cells, strict=False):
            assert cell.startswith(f"{true_score(THREE[size][1], name, 'multilingual', 'xquad-r'):.3f} (")
        assert cells[3].startswith("+0.030 (") and cells[4].startswith("+0.060 (")


def test_intervals_and_stars_are_those_of_the_values(studied: tuple[Path, Study, Design]) -> None:
    _, study, design = studied
    table = next(block for block in scores_section(design, study, "").blocks if isinstance(block, Table))
    family = holm(
        [
            difference(design, size, name, "contrastive", "xquad-r", "multilingual")
            for size in design.sizes
            for name in ("hybrid", "crosslingual")
        ]
    )
    cells = [cell for row in table.rows for cell in row[4:6]]
    for cell, row in zip(cells, family, strict=True):
        numbers = [float(number.replace("−", "-")) for number in re.findall(r"[+−]\d\.\d+", cell)]
        assert numbers == pytest.approx([row.mean, row.low, row.high], abs=5.1e-4)
        assert cell.endswith("*") == (row.p_holm < 0.05)
    found = interval_of(design.values("base", "hybrid", "xquad-r", "multilingual"))
    base = next(row for row in table.rows if row[0] == "base")
    assert base[2] == f"{found.mean:.3f} ({found.low:.3f} to {found.high:.3f})"


def test_the_answer_is_the_verdict_of_the_study(studied: tuple[Path, Study, Design]) -> None:
    root, study, design = studied
    said = verdict(design, study)
    assert said.startswith("Hybrid batches gain 0.030 mAP in the pool of xquad-r ")
    assert f"**{said}**" in text_of(root, study)


def _costs(one: Recipe) -> tuple[int, bool, float]:
    """Small sizes first, then what needs no training, then the best in the native pool."""
    trained = one.encoder not in ("bm25", "untrained")
    return list(THREE).index(one.size), trained, -(one.score("native", "multilingual") or 0)


def test_the_finder_answers_every_wish_as_a_search_through_all_recipes_does(
    studied: tuple[Path, Study, Design],
) -> None:
    _, study, design = studied
    finder = next(block for block in recipes_section(design, study, "").blocks if isinstance(block, Finder))
    everything = recipes(design, study)
    for index in (True, False):
        offers = [offer for offer in finder.offers if offer.index == index]
        assert [offer.reached for offer in offers] == sorted({offer.reached for offer in offers})
        chosen = {}
        for one in everything:
            if index or not is_transductive(one.system):
                best = chosen.get((one.size, one.encoder))
                if best is None or (one.dev or 0) > (best.dev or 0):
                    chosen[one.size, one.encoder] = one
        for wish in (step / 100 for step in range(5, 60)):
            reach = [one for one in chosen.values() if round(one.score("xquad-r", "multilingual") or 0, 4) >= wish]
            offer = next((offer for offer in offers if offer.reached >= wish), None)
            if not reach:
                assert offer is None
                continue
            first = min(reach, key=_costs)
            best = {one.system for one in reach if _costs(one) == _costs(first)}
            assert offer is not None
            assert offer.cells[2] in (first.size, "any") and offer.cells[3].rstrip("†") in best
            assert offer.cells[3].endswith("†") == is_transductive(offer.cells[3].rstrip("†"))


def test_the_forms_that_need_the_index_have_a_dagger(studied: tuple[Path, Study, Design]) -> None:
    root, study, _ = studied
    head = rows_of(text_of(root, study), "Every form in the pool of xquad-r, mAP")[0]
    assert head == ["size", "recipe", "plain", "+centre", "+shift-index†", "+centre-asked†", "dev chose"]


def test_the_costs_are_seconds_times_the_price_over_the_points_gained(studied: tuple[Path, Study, Design]) -> None:
    root, study, _ = studied
    rows = rows_of(text_of(root, study.model_copy(update={"dollars_per_hour": 7.2})), "Costs")
    layers, parameters = THREE["base"]
    row = next(row for row in rows if row[:2] == ["base", "hybrid"])
    gain = true_score(parameters, "hybrid", "multilingual", "xquad-r")
    gain -= true_score(parameters, "untrained", "multilingual", "xquad-r")
    dollars = 20 * layers * 7.2 / 3600
    assert row[3] == f"{20 * layers}" and row[4] == f"{31 * layers}" and row[5] == f"{2 + layers / 16:.1f}"
    assert row[6] == f"{dollars:.4f}" and row[7] == f"+{gain:.3f}" and row[8] == f"{dollars / (gain * 100):.5f}"


def test_the_steps_have_a_row_for_each_number(studied: tuple[Path, Study, Design]) -> None:
    root, study, _ = studied
    rows = rows_of(text_of(root, study), "Pool, mAP, by the number of steps")
    assert [row[0] for row in rows] == ["steps", "120", "240", "480"]
    assert all(row[4].startswith("+0.030 (") for row in rows[1:])
    assert "closes the gap" not in text_of(root, study.model_copy(update={"steps": None})).lower()


def test_losses_and_baselines_that_win_are_told(studied: tuple[Path, Study, Design]) -> None:
    root, study, _ = studied
    text = text_of(root, study)
    assert "- Hybrid loses to contrastive on xquad-r, monolingual: −0.010 at" in text
    assert "on native-dev" not in text


def test_a_baseline_wins_only_where_its_lead_is_shown(tmp_path: Path) -> None:
    """BM25 leads by .010 at small and by .100 at base; .010 is within the noise of 60 questions."""
    sizes = {size: SIZES[size] for size in ("small", "base")}

    def score(parameters: int, encoder: str, scope: str, benchmark: str) -> float:
        lead = 0.01 if parameters == SIZES["small"][1] else 0.1
        return 0.5 if encoder == "bm25" else 0.1 if encoder == "untrained" else 0.5 - lead

    records = synthetic_records(tmp_path, sizes=sizes, seeds=(13,), seed_sd=0.0, score=score, forms=())
    study = small_study(sizes=sizes, seeds=(13,), forms=())
    bullets = negative_section(designs(records, study)[0], study, "").blocks[1]
    assert isinstance(bullets, Bullets)
    (line,) = [line for line in bullets.items if line.startswith("Word") and "xquad-r, multilingual" in line]
    assert line == "Word overlap (BM25) beats every recipe on xquad-r, multilingual, at base (0.500 against 0.400)."


def test_an_average_shows_where_it_was_made(studied: tuple[Path, Study, Design]) -> None:
    root, study, _ = studied
    rows = rows_of(text_of(root, study), "Every form in the pool of xquad-r, mAP")
    assert [row[0] for row in rows if row[1] == "crosslingual-start"] == ["base"]
    assert [row[0] for row in rows if row[1] == "bm25"] == ["any"]


def test_both_files_are_written_and_the_same_again(studied: tuple[Path, Study, Design], tmp_path: Path) -> None:
    root, study, _ = studied
    (tmp_path / "metrics").mkdir()
    (tmp_path / "metrics/study").symlink_to(Workspace(root).study)
    made: list[tuple[bytes, bytes]] = []
    for _ in range(2):
        write_answer(Workspace(tmp_path), study)
        made.append(tuple((tmp_path / "reports" / name).read_bytes() for name in ("report.html", "report.md")))
    assert made[0] == made[1] and min(map(len, made[0])) > 5000


def test_no_records_no_report(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        write_answer(Workspace(tmp_path), small_study())
    assert str(caught.value) == f"{tmp_path}/metrics/study: no finished run; run `babelmix study`"
    assert not (tmp_path / "reports").exists()


def test_no_study_no_report_and_the_docs_that_it_names_are_there() -> None:
    settings = load_settings(ROOT / "params.yaml").model_copy(update={"study": None})
    with pytest.raises(UserError) as caught:
        study_report(settings)
    where = "docs/reproduce.md#the-study"
    assert str(caught.value) == f"params.yaml, study: no study to report; add its settings ({where})"
    assert "\n## The study\n" in (ROOT / "docs/reproduce.md").read_text(encoding="utf-8")


def test_records_of_no_whole_size_say_so(tmp_path: Path) -> None:
    synthetic_records(Workspace(tmp_path).study, sizes=THREE, seeds=(13,), objectives=("contrastive",))
    with pytest.raises(UserError) as caught:
        write_answer(Workspace(tmp_path), small_study(sizes=THREE, seeds=(13,)))
    what = "no size has a finished run of every objective"
    assert str(caught.value) == f"{tmp_path}/metrics/study: {what}; run `babelmix study`"


def test_one_seed_and_two_sizes_are_points_and_say_so(tmp_path: Path) -> None:
    two = {size: THREE[size] for size in ("small", "base")}
    synthetic_records(
        Workspace(tmp_path).study, sizes=two, seeds=(13,), benchmarks=("xquad-r",), untrained=False, bm25=False
    )
    text = text_of(tmp_path, small_study(sizes=THREE, seeds=(13, 14)))
    assert "since each size has one seed" in text
    assert "- 2 sizes so far: points, and no curve over the size." in text
    assert "- Of 2 planned seeds, these sizes have fewer: small 1, base 1." in text
    assert "- Left out: large: no finished training." in text
    assert "native" not in "".join(cell for row in rows_of(text, "Each recipe in its best form") for cell in row)
    assert all(row[7:] == ["–", "–"] for row in rows_of(text, "Costs")[1:])


def test_two_devices_have_tables_of_their_own(tmp_path: Path) -> None:
    folder = Workspace(tmp_path).study
    given = {"sizes": THREE, "seeds": (13,), "benchmarks": ("xquad-r",)}
    synthetic_records(folder, **given)
    slow = read_records(folder)
    synthetic_records(tmp_path / "other", device="a GPU", **given)
    records = slow | {f"{name}-gpu": record for name, record in read_records(tmp_path / "other").items()}
    study = small_study(**given)
    gpu = designs({name.removesuffix("-gpu"): one for name, one in records.items() if name.endswith("-gpu")}, study)
    found = [*designs(slow, study), *gpu]
    text = to_text(to_document(found, records, study, [questions_section(tmp_path / "none")]))
    assert text.count("\n### Scores by size\n") == 2 and text.count("\n### Limits\n") == 1
    assert re.findall("\n## (.*)\n", text) == ["Runs on cpu", "Runs on a GPU", "About all runs"]
    assert "**On cpu: Hybrid" in text and "**On a GPU: Hybrid" in text


def test_questions_are_two_of_each_group_and_quoted(tmp_path: Path) -> None:
    def entry(group: str, number: int) -> dict[str, object]:
        hits = [{"rank": rank, "lang": "ar", "text": f"{'x' * 300} <i>|`*", "relevant": rank == 2} for rank in (1, 2)]
        views = [{"system": name, "summary": "AP 0.5", "hits": hits} for name in ("contrastive", "hybrid")]
        return {"benchmark": "b", "licence": "b: CC0", "group": group, "lang": "ar", "text": f"{group} {number} <b>|",
                "english": "", "views": views}  # fmt: skip

    file = tmp_path / "questions.json"
    shown = [entry(group, number) for group in ("improved", "worsened", "random") for number in range(4)]
    file.write_text(json.dumps({"questions": shown}))
    section = questions_section(file)
    (_, block) = section.blocks
    assert [one.text.split()[:2] for one in block.questions] == [
        [group, number] for group in ("improved", "worsened", "random") for number in "01"
    ]
    assert len(block.questions[0].found[0].hits[0].text) == 241 and block.licences == ("b: CC0",)
    assert plain("a <b> | c `d|` *e*") == "a &lt;b> \\| c `d|` \\*e\\*"


def test_without_questions_the_report_says_how_to_make_them(tmp_path: Path) -> None:
    (block,) = questions_section(tmp_path / "questions.json").blocks
    assert isinstance(block, Paragraph) and "`babelmix report explore` makes it" in block.text


def test_damaged_questions_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "questions.json"
    file.write_text('{"questions": [{"benchmark": "b"}]}')
    with pytest.raises(UserError, match=r"questions\.0\.licence: field required; make the file again"):
        questions_section(file)
