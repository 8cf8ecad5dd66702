"""`babelmix scaling`: the tables from the records alone, a section for each device, the figure, and what is refused."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from study_records import SIZES, small_study, synthetic_records

from babelmix.cli import run
from babelmix.common.errors import UserError
from babelmix.evaluation.significance import holm
from babelmix.reporting.ladder import families, read_ladder
from babelmix.reporting.scaling import to_markdown
from babelmix.reporting.scaling_figure import scaling_figure
from babelmix.reporting.tables import signed
from babelmix.study.design import designs
from babelmix.study.gains import gains
from babelmix.study.record import read_records
from babelmix.study.scores import StudyScores
from babelmix.study.settings import StudySteps

ROOT = Path(__file__).parents[2]
PARAMS: dict[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
ALPHAS = {"contrastive": 1.0, "hybrid": 0.5, "crosslingual": 0.0}
STEPS = StudySteps(size="base", factors=(0.5, 2), seeds=(13, 14))
FOUR = {name: SIZES[name] for name in ("layers-2", "small", "base", "large")}


def cells(text: str, *start: str) -> list[str]:
    """The cells of the only row that begins so."""
    (row,) = [line for line in text.splitlines() if line.startswith("| " + " | ".join(start) + " |")]
    return [cell.strip() for cell in row.strip("|").split("|")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Records of four sizes, two seeds, all objectives and three numbers of steps."""
    found = tmp_path_factory.mktemp("study")
    synthetic_records(found, sizes=FOUR, seeds=(13, 14), steps=STEPS, questions=40)
    return found


@pytest.fixture(scope="module")
def text(folder: Path) -> str:
    study = small_study(sizes=FOUR, seeds=(13, 14), steps=STEPS)
    return to_markdown(designs(read_records(folder), study), study, ALPHAS)


def test_every_part_of_the_answer_is_there(text: str) -> None:
    assert text.startswith("**Hybrid batches ")
    assert re.findall(r"^### (.*)$", text, re.MULTILINE) == [
        *("Scores", "Differences", "Power laws", "Does the exponent change with the batches"),
        *("One fit with α as a term", "The largest size, forecast", "Contrastive entropy"),
        *("The gap between one language and two, xquad-r", "With fewer and more steps, base"),
    ]
    assert "nan" not in text and "inf" not in text
    assert "leaving out layers" in text and "4 bits" in text and "may hold passages" in text


def test_the_tables_show_what_the_records_say(folder: Path, text: str) -> None:
    study = small_study(sizes=FOUR, seeds=(13, 14), steps=STEPS)
    found = StudyScores(designs(read_records(folder), study)[0], study)
    pairs = [("hybrid", "contrastive"), ("crosslingual", "contrastive"), ("hybrid", str(found.free))]
    family = {
        (size, first, second, score.name): one
        for first, second in pairs
        for score in found.scores
        for size, one in gains(found, first, second, score).items()
    }
    tested = dict(zip(family, holm(list(family.values())), strict=True))
    shown = cells(text.split("### Differences")[1].split("###")[0], "base", "crosslingual − contrastive")
    sign = {"better": "▲", "worse": "▼", "equivalent": "=", "no difference shown": "·"}
    for score, cell in zip(found.scores, shown[2:], strict=True):
        one = tested["base", "crosslingual", "contrastive", score.name]
        assert cell.startswith(f"{signed(one.mean)} ±")
        assert cell.endswith(sign[one.verdict])
    exponent = float(cells(text.split("### Power laws")[1].split("The same with")[0], "pool", "contrastive")[2][:5])
    errors = found.errors("contrastive", found.scores[0]).mean(axis=(1, 2))
    assert exponent == pytest.approx(-np.polyfit(np.log(found.parameters), np.log(errors), 1)[0], abs=6e-4)
    assert cells(text, "120", "hybrid − contrastive")[2].startswith("+0.0")


def test_the_same_records_give_the_same_bytes(folder: Path, text: str) -> None:
    study = small_study(sizes=FOUR, seeds=(13, 14), steps=STEPS)
    assert to_markdown(designs(read_records(folder), study), study, ALPHAS) == text


def test_two_sizes_are_points_without_a_fit_and_what_is_missing_is_said(folder: Path) -> None:
    study = small_study(sizes={name: SIZES[name] for name in ("small", "base", "layers-9")}, seeds=(13, 14, 15))
    found = designs(read_records(folder), study)
    text = to_markdown(found, study, ALPHAS)
    assert "2 of the 3 sizes that a fit needs: points, no fit." in text
    assert "exponent b" not in text and "forecast" not in text
    assert found[0].left_out
    assert all(f"\n- {line}\n" in text for line in found[0].left_out)
    chart = scaling_figure(found[0], study).to_dict()
    assert "Too few sizes for a fit." in str(chart)


def test_three_sizes_have_a_fit_but_no_floor_and_no_forecast(folder: Path) -> None:
    study = small_study(sizes={name: SIZES[name] for name in ("small", "base", "large")}, seeds=(13,))
    text = to_markdown(designs(read_records(folder), study), study, ALPHAS)
    assert "With a floor: 3 of the 4 sizes that it needs, no fit." in text
    assert "2 of the 3 sizes that a fit without the largest needs: no forecast." in text
    assert "Seed 13 alone stands at every size: the intervals are over questions alone." in text


def test_devices_have_sections_of_their_own(tmp_path: Path) -> None:
    plan = {"sizes": {"small": SIZES["small"]}, "seeds": (13,), "forms": (), "benchmarks": ("xquad-r",)}
    synthetic_records(tmp_path / "cpu", **plan)
    synthetic_records(tmp_path / "gpu", device="A GPU", **plan)
    records = read_records(tmp_path / "cpu") | {f"gpu-{n}": r for n, r in read_records(tmp_path / "gpu").items()}
    study = small_study(**plan)
    text = to_markdown(designs(records, study), study, {})
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == ["On cpu", "On A GPU"]
    assert text.count("### Scores") == 2


def test_the_figure_has_points_fits_and_forecasts(folder: Path) -> None:
    study = small_study(sizes=FOUR, seeds=(13, 14), steps=STEPS)
    chart = scaling_figure(designs(read_records(folder), study)[0], study).to_dict()
    (rows,) = chart["datasets"].values() if "datasets" in chart else [chart["data"]["values"]]
    points = [row for row in rows if "curve" not in row]
    assert len(points) == 3 * 4 * 4  # scopes, systems, sizes
    assert all(row["low"] < row["error"] < row["high"] for row in points)
    assert {row["curve"] for row in rows if "curve" in row} == {"fit to all sizes", "fit without the largest"}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "params.yaml").write_text((ROOT / "params.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.slow  # it draws
def test_the_command_writes_the_tables_and_the_figure(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    synthetic_records(project / "metrics/study", sizes=FOUR, seeds=(13,), questions=20)
    page, figure = project / "scaling.md", project / "scaling.svg"
    page.write_text("before\n<!-- babelmix compare: begin scaling -->\n<!-- babelmix compare: end scaling -->\nafter\n")
    assert run(["scaling", "--into", str(page), "--figure", str(figure)]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("**Hybrid batches ")
    assert "read 17 finished runs, wrote " in printed
    assert "### Power laws" in page.read_text() and page.read_text().endswith("-->\nafter\n")
    assert figure.read_text().startswith("<svg")


def test_what_has_no_answer_is_refused(project: Path) -> None:
    with pytest.raises(UserError) as none:
        run(["scaling"])
    message = "metrics/study: no size has a finished run of every objective (0 finished runs); run `babelmix study`"
    assert str(none.value) == message
    plan = PARAMS.copy()
    del plan["study"]
    (project / "params.yaml").write_text(yaml.safe_dump(plan))
    with pytest.raises(UserError) as unplanned:
        run(["scaling"])
    assert str(unplanned.value) == "params.yaml, study: no study is planned; add the section `study:`"


def test_the_public_ladder_is_whole_and_its_families_have_slopes() -> None:
    rungs = read_ladder()
    assert len(rungs) == len({rung.model for rung in rungs}) == 31
    assert all(0 < rung.cross < 1 and 0 < rung.mono < 1 and rung.parameters >= 80e6 for rung in rungs)
    assert all(rung.embeddings is None or 0 < rung.embeddings < rung.parameters for rung in rungs)
    known = {one.name: one for one in families(rungs)}
    assert list(known) == ["F2LLM-v2", "Qwen3-Embedding", "harrier-oss-v1"]
    assert len(known["F2LLM-v2"].rungs) == 8
    qwen = known["Qwen3-Embedding"]
    expected = np.polyfit(np.log10([596, 4022, 7567]), [0.652 - 0.649, 0.739 - 0.766, 0.758 - 0.788], 1)[0]
    assert qwen.slope == pytest.approx(expected)
