"""The scaling answer in the report: its numbers are those of the fits, and what cannot be fitted is said."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from study_records import SIZES, small_study, synthetic_records

from babelmix.evaluation.crossed import Estimate
from babelmix.evaluation.significance import holm
from babelmix.reporting.answer.document import Chart, Figure, Paragraph, Section, Table
from babelmix.reporting.answer.scaling import gap_section, scaling_section
from babelmix.reporting.answer.write import write_answer
from babelmix.reporting.scaling import to_markdown
from babelmix.reporting.scaling_rows import Rows
from babelmix.study.design import designs
from babelmix.study.entropy import entropy_scaling
from babelmix.study.exponents import interaction, scaling_of
from babelmix.study.forecast import forecast
from babelmix.study.gap import gaps_of
from babelmix.study.record import read_records
from babelmix.study.scores import StudyScores
from babelmix.workspace import Workspace

FOUR = {name: SIZES[name] for name in ("layers-2", "small", "base", "large")}
TWO = {name: SIZES[name] for name in ("small", "base")}
ALPHAS = {"contrastive": 1.0, "hybrid": 0.5}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("study")
    synthetic_records(root, sizes=FOUR, seeds=(13, 14), questions=30)
    return root


def scores_of(folder: Path, **given: Any) -> StudyScores:
    study = small_study(**({"sizes": FOUR, "seeds": (13, 14)} | given))
    return StudyScores(designs(read_records(folder), study)[0], study)


@pytest.fixture(scope="module")
def found(folder: Path) -> StudyScores:
    return scores_of(folder)


def section_of(found: StudyScores) -> Section:
    made = scaling_section(found, "")
    assert made is not None
    return made


def table_of(section: Section, caption: str) -> dict[tuple[str, ...], dict[str, str]]:
    """Names of a row -> column -> cell."""
    (table,) = [one for one in section.blocks if isinstance(one, Table) and one.caption == caption]
    return {row[: table.names]: dict(zip(table.head, row, strict=True)) for row in table.rows}


def charts_of(section: Section) -> tuple[Chart, ...]:
    (figure,) = [one for one in section.blocks if isinstance(one, Figure)]
    return figure.charts


def paragraphs_of(section: Section) -> list[str]:
    return [one.text for one in section.blocks if isinstance(one, Paragraph)]


def numbers(cell: str) -> list[float]:
    return [float(own.replace("−", "-")) for own in re.findall(r"[+−]?\d+\.\d+", cell)]


def test_exponents_are_those_of_the_fits_for_every_score_and_system(found: StudyScores) -> None:
    rows = table_of(section_of(found), "Exponents of the error")
    assert {name for name, _ in rows} == {
        *("pool", "cross", "mono", "native"),
        *("nfcorpus, own language", "nfcorpus, others"),
    }
    assert {system for _, system in rows} == {*found.study.objectives, "contrastive+centre-asked†"}
    for score in found.scores:
        for system in (*found.study.objectives, "contrastive+centre-asked"):
            fit = scaling_of(found.parameters, found.errors(system, score))
            row = rows[score.name, f"{system}†" if "+" in system else system]
            expected = [fit.exponent.mean, *fit.exponent.limits(0.95)]
            assert numbers(row["exponent b"]) == pytest.approx(expected, abs=5.1e-4)
            measured = [fit.quality.r2, fit.quality.largest]
            assert numbers(row["R²"]) + numbers(row["largest miss"]) == pytest.approx(measured, abs=5.1e-4)


def test_differences_of_exponents_are_corrected_over_their_table(found: StudyScores) -> None:
    rows = table_of(section_of(found), "Differences of exponents, and the change of the gain")
    pairs = [("hybrid", "contrastive"), ("crosslingual", "contrastive"), ("hybrid", "contrastive+centre-asked")]
    pairs.append(("hybrid+centre-asked", "contrastive+centre-asked"))
    expected = {
        (score.name, first, second): interaction(
            found.parameters, found.errors(first, score), found.errors(second, score)
        )
        for score in found.scores
        for first, second in pairs
    }
    assert len(rows) == len(expected)
    tested = holm([one.exponent for one in expected.values()])
    for ((name, first, second), one), exponent in zip(expected.items(), tested, strict=True):
        row = rows[name, " − ".join(f"{system}{'†' if '+' in system else ''}" for system in (first, second))]
        own = one.exponent
        assert numbers(row["exponents"]) == pytest.approx([own.mean, own.low, own.high], abs=5.1e-4)
        assert numbers(row["gain per tenfold"])[0] == pytest.approx(one.gain.mean, abs=5.1e-4)
        assert numbers(row["over sizes"]) == pytest.approx(one.exponent_over_sizes, abs=5.1e-4)
        assert numbers(row["its, over sizes"]) == pytest.approx(one.gain_over_sizes, abs=5.1e-4)
        assert numbers(row["log odds per tenfold"])[0] == pytest.approx(one.odds.mean, abs=5.1e-4)
        assert numbers(row["their, over sizes"]) == pytest.approx(one.odds_over_sizes, abs=5.1e-4)
        assert float(row["p (Holm)"]) == pytest.approx(exponent.p_holm, abs=5.1e-5)


def test_the_largest_size_is_forecast_without_it(found: StudyScores) -> None:
    rows = table_of(section_of(found), "large, forecast and measured")
    for score in found.scores:
        own = forecast(found.parameters, found.errors("hybrid", score))
        row = rows[score.name, "error, hybrid"]
        for column, estimate in (("forecast", own.forecast), ("measured", own.measured), ("miss", own.miss)):
            expected = [estimate.mean, *estimate.limits(0.95)]
            assert numbers(row[column]) == pytest.approx(expected, abs=5.1e-4), column
    errors = found.errors("hybrid", found.scores[0]).mean(axis=(1, 2))
    slope, level = np.polyfit(np.log(found.parameters[:-1]), np.log(errors[:-1]), 1)
    seen = np.exp(level + slope * np.log(found.parameters[-1]))
    assert numbers(rows["pool", "error, hybrid"]["forecast"])[0] == pytest.approx(seen, abs=5.1e-4)


def test_entropy_is_that_of_each_size(found: StudyScores) -> None:
    rows = table_of(section_of(found), "Contrastive entropy by size, nats")
    assert len(rows) == 3 * (3 + 2)
    own = entropy_scaling(found, "crosslingual", "monolingual")
    row = rows["monolingual", "crosslingual"]
    assert [float(row[size]) for size in found.design.sizes] == pytest.approx(own.nats, abs=5.1e-3)
    assert numbers(row["exponent b"])[0] == pytest.approx(own.law.exponent, abs=5.1e-4)
    reference = entropy_scaling(found, "contrastive", "monolingual")
    between = rows["monolingual", "crosslingual − contrastive"]
    gaps = [float(between[size].replace("−", "-")) for size in found.design.sizes]
    assert gaps == pytest.approx(own.nats - reference.nats, abs=5.1e-3)
    alone = own.by_seed - reference.by_seed
    estimate = Estimate(alone.mean(), alone.std(ddof=1) / len(alone) ** 0.5, len(alone) - 1)
    expected = [own.law.exponent - reference.law.exponent, *estimate.limits(0.95)]
    assert numbers(between["exponent b"]) == pytest.approx(expected, abs=2e-3)


def test_the_gap_is_mono_minus_cross_beside_published_models(found: StudyScores) -> None:
    section = gap_section(found, "")
    rows = table_of(section, "Monolingual minus cross-lingual score on xquad-r, by size")
    by_name = {score.name: score for score in found.scores}
    mono, cross = (found.errors("hybrid", by_name[name]) for name in ("mono", "cross"))
    own = gaps_of(found.parameters, mono, cross)
    assert [row[0] for row in rows] == [*found.design.sizes, "slope"]
    for row, estimate in zip(rows.values(), (*own.by_size, own.slope), strict=True):
        assert numbers(row["hybrid"]) == pytest.approx([estimate.mean, *estimate.limits(0.95)], abs=5.1e-4)
    assert ("Qwen3-Embedding",) in table_of(section, "Published families of models")


def test_both_forms_of_the_answer_have_the_same_rows(folder: Path, found: StudyScores) -> None:
    text = to_markdown([found.design], found.study, ALPHAS)
    for row in table_of(section_of(found), "Differences of exponents, and the change of the gain").values():
        assert f"| {' | '.join(row.values())} |" in text
    for row in table_of(gap_section(found, ""), "Monolingual minus cross-lingual score on xquad-r, by size").values():
        assert f"| {' | '.join(row.values())} |" in text


def test_each_chart_has_points_on_lines_and_no_colour_of_its_own(found: StudyScores) -> None:
    charts = charts_of(section_of(found))
    assert [one.title for one in charts] == ["Multilingual pool", "Cross-lingual", "Monolingual"]
    for chart, score in zip(charts, found.scores, strict=False):
        *laws, _, marks = chart.spec["layer"]
        points = _rows(chart, marks)
        assert len(points) == 4 * len(FOUR) and all(row["low"] < row["error"] < row["high"] for row in points)
        assert not re.search(r'"#[0-9a-f]{3,6}"', str(chart.spec).replace("'", '"'))
        assert {row["curve"] for law in laws for row in _rows(chart, law)} == {
            "fit to all sizes",
            "fit without the largest",
        }
        for law in laws:
            ends = _rows(chart, law)
            own = [row for row in points if row["system"] == ends[0]["system"]]
            assert ends[1]["at"] == own[-1]["at"]  # moved aside alike
            if ends[0]["curve"] == "fit to all sizes":
                fit = scaling_of(found.parameters, found.errors(ends[0]["system"], score)).law
                assert ends[0]["at"] == own[0]["at"]
                assert [row["error"] for row in ends] == pytest.approx(fit.error(found.parameters[[0, -1]]), abs=1e-5)
        first, last = (next(row for row in points if row["system"] == "hybrid"), points[2 * len(FOUR) - 1])
        assert f"hybrid from {first['error']:.3f} to {last['error']:.3f}" in chart.description


def _rows(chart: Chart, layer: dict[str, Any]) -> list[dict[str, Any]]:
    data = layer["data"]
    return data["values"] if "values" in data else chart.spec["datasets"][data["name"]]


def test_two_sizes_are_points_without_a_fit(folder: Path) -> None:
    section = section_of(scores_of(folder, sizes=TWO))
    assert "2 of the 3 sizes that a fit needs: points, no fit." in paragraphs_of(section)
    assert not [one for one in section.blocks if isinstance(one, Table)]
    for chart in charts_of(section):
        assert len(chart.spec["layer"]) == 2  # bars and points


def test_three_sizes_have_a_fit_and_no_forecast(folder: Path) -> None:
    section = section_of(scores_of(folder, sizes={name: FOUR[name] for name in ("small", "base", "large")}))
    assert "2 of the 3 sizes that a fit without the largest needs: no forecast." in paragraphs_of(section)
    captions = [one.caption for one in section.blocks if isinstance(one, Table)]
    assert "Exponents of the error" in captions and not any("forecast" in one for one in captions)


def test_one_seed_is_said_and_its_entropy_has_no_interval(folder: Path) -> None:
    section = section_of(scores_of(folder, seeds=(13,)))
    (trust,) = [text for text in paragraphs_of(section) if "at these sizes." in text]
    assert trust.endswith("Seed 13 alone stands at every size: the intervals are over questions alone.")
    assert "(" not in table_of(section, "Contrastive entropy by size, nats")["pooled", "hybrid"]["exponent b"]


def test_sizes_without_a_common_seed_are_points(tmp_path: Path) -> None:
    sizes = {name: FOUR[name] for name in ("small", "base", "large")}
    for size, seed in zip(sizes, (13, 14, 15), strict=True):
        synthetic_records(tmp_path, sizes={size: sizes[size]}, seeds=(seed,), benchmarks=("xquad-r",), questions=20)
    found = scores_of(tmp_path, sizes=sizes, seeds=(13, 14, 15), benchmarks=("xquad-r",))
    assert "No seed stands at every size: points, no fit." in paragraphs_of(section_of(found))
    assert gap_section(found, "") is None


def test_one_objective_has_exponents_and_nothing_to_compare(folder: Path, tmp_path: Path) -> None:
    section = section_of(scores_of(folder, objectives=("contrastive",)))
    captions = [one.caption for one in section.blocks if isinstance(one, Table)]
    assert "Exponents of the error" in captions and not any("Differences" in one for one in captions)
    given = {"sizes": TWO, "seeds": (13,), "objectives": ("contrastive",), "benchmarks": ("xquad-r",)}
    synthetic_records(Workspace(tmp_path).study, questions=20, **given)
    write_answer(Workspace(tmp_path), small_study(**given))
    text = (tmp_path / "reports/report.md").read_text()
    assert "**Nothing to compare yet: no size has a finished run of two objectives.**" in text


def test_columns_are_asked_for_by_name() -> None:
    rows = Rows(("a", "b", "c"), (("1", "2", "3"), ("4", "5", "6")))
    assert rows.only("c", "a") == (("c", "a"), (("3", "1"), ("6", "4")))
