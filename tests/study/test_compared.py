"""Differences and intervals of the committed values are those of the scores of every query."""

from dataclasses import astuple, replace
from pathlib import Path

import numpy as np
import pytest
from study_records import small_study, synthetic_records

from babelmix.common.errors import UserError
from babelmix.evaluation.query_scores import SCOPES, QueryScores
from babelmix.evaluation.question_values import question_values
from babelmix.evaluation.significance import Difference, paired_difference, score_interval
from babelmix.study.compared import common_seeds, difference, difference_values, interval
from babelmix.study.design import Design, designs
from babelmix.study.record import key, write_record
from babelmix.study.settings import StudyAverages

POOL = "xquad-r", "multilingual"
ONE = {"base": (6, 10_646_784)}
SEEDS = (13, 14, 15)
AVERAGES = StudyAverages(names=("crosslingual-start",), sizes=("base",), seeds=(14, 15))


def query_scores(seed: int, gain: float) -> QueryScores:
    """Queries of 25 questions in three languages, of which a few have no relevant passage in some language."""
    numbers, hard = np.random.default_rng(seed), np.random.default_rng(0).normal(size=25) / 8
    rows = [
        (scope, f"q{question:02}", asked, answered, question)
        for question in range(25)
        for asked in ("ar", "de", "en")
        for scope, answered in (("monolingual", asked), ("multilingual", "pool"), *(("crosslingual", x) for x in "xyz"))
        if (question * 7 + ord(answered[0])) % 11
    ]
    score = np.clip([0.4 + gain + hard[row[4]] + numbers.normal() / 9 for row in rows], 0, 1)
    texts = [np.array([row[place] for row in rows]) for place in range(4)]
    return QueryScores(*texts, *(score for _ in range(6)))


def design_of(folder: Path, averages: StudyAverages | None = None) -> Design:
    records = synthetic_records(folder, sizes=ONE, forms=(), averages=averages)
    (found,) = designs(records, small_study(sizes=ONE, averages=averages))
    return found


def close(found: Difference, wanted: Difference) -> None:
    """Values rounded to 4 decimals move the difference of two means of 20 questions by 5e-6 at most."""
    for name in ("low", "high", "lower"):
        assert getattr(found, name) == pytest.approx(getattr(wanted, name), abs=5e-5)
    assert found.mean == pytest.approx(wanted.mean, abs=6e-6)
    for name in ("p", "p_equivalent"):
        assert getattr(found, name) == pytest.approx(getattr(wanted, name), abs=2e-3)
    assert found.by_seed == pytest.approx(wanted.by_seed, abs=6e-6)
    assert (found.questions, found.bound) == (wanted.questions, wanted.bound)


@pytest.mark.parametrize("scope", SCOPES)
def test_a_difference_is_that_of_the_scores_of_every_query(tmp_path: Path, scope: str) -> None:
    records = synthetic_records(tmp_path, sizes=ONE, forms=(), benchmarks=("xquad-r",))
    scores = {
        name: [query_scores(100 * place + seed, gain) for seed in SEEDS]
        for place, (name, gain) in enumerate({"contrastive": 0.0, "hybrid": 0.02}.items())
    }
    for name, runs in scores.items():
        for seed, own in zip(SEEDS, runs, strict=True):
            record = records[f"base-{name}-s{seed}"]
            values = {key(name, "xquad-r", one): question_values(own, one, "average_precision") for one in SCOPES}
            write_record(tmp_path, record.run, record.facts, values)
    (design,) = designs(records, small_study(sizes=ONE))
    found = difference(design, "base", "hybrid", "contrastive", "xquad-r", scope, bound=0.01)
    close(found, paired_difference(scores["hybrid"], scores["contrastive"], scope, bound=0.01))
    wanted = score_interval(scores["hybrid"], scope, "average_precision")
    assert astuple(interval(design, "base", "hybrid", "xquad-r", scope)) == pytest.approx(astuple(wanted), abs=1e-4)


def test_a_baseline_is_compared_with_every_seed(tmp_path: Path) -> None:
    design = design_of(tmp_path)
    found = difference_values(design, "base", "hybrid", "bm25", *POOL)
    (row,) = design.values("base", "bm25", *POOL)
    assert np.array_equal(found, design.values("base", "hybrid", *POOL) - row)
    other = difference(design, "base", "bm25", "hybrid", *POOL)
    assert other.mean == pytest.approx(-found.mean()) and len(other.by_seed) == 3
    assert difference_values(design, "base", "untrained", "bm25", *POOL).shape == (1, 60)
    assert interval(design, "base", "bm25", *POOL).seeds == 1


def test_an_average_is_compared_by_the_seeds_that_both_have(tmp_path: Path) -> None:
    design = design_of(tmp_path, averages=AVERAGES)
    assert design.seeds_of("base", "crosslingual-start") == (14, 15)
    assert common_seeds(design, "base", "crosslingual-start", "hybrid") == (14, 15)
    found = difference_values(design, "base", "crosslingual-start", "hybrid", *POOL)
    for row, seed in zip(found, (14, 15), strict=True):
        one, other = (
            next(own for own in design.main["base", name] if own.run.seed == seed).values(name, *POOL)
            for name in ("crosslingual-start", "hybrid")
        )
        assert np.array_equal(row, one - other)
    assert np.array_equal(found, -difference_values(design, "base", "hybrid", "crosslingual-start", *POOL))


def test_an_average_of_a_seed_that_stands_in_no_table_is_left_out(tmp_path: Path) -> None:
    records = synthetic_records(tmp_path, sizes=ONE, forms=(), averages=AVERAGES)
    del records["base-hybrid-s15"]
    (design,) = designs(records, small_study(sizes=ONE, averages=AVERAGES))
    assert design.seeds == {"base": (13, 14)} and design.seeds_of("base", "crosslingual-start") == (14,)
    del records["base-hybrid-s14"]
    (design,) = designs(records, small_study(sizes=ONE, averages=AVERAGES))
    assert ("base", "crosslingual-start") not in design.main


def test_systems_without_a_common_seed_or_record_are_said(tmp_path: Path) -> None:
    design = design_of(tmp_path, averages=AVERAGES)
    with pytest.raises(UserError) as error:
        interval(design, "base", "twice+centre", *POOL)
    known = "contrastive, hybrid, crosslingual, crosslingual-start, untrained, bm25"
    assert str(error.value) == f"the study at size base: no finished run of twice; choose from {known}"
    with pytest.raises(UserError) as error:
        interval(design, "huge", "hybrid", *POOL)
    assert str(error.value) == "the study at size huge: no finished run of hybrid; run `babelmix study`"
    apart = replace(design, main={**design.main, ("base", "hybrid"): design.main["base", "hybrid"][:1]})
    with pytest.raises(UserError) as error:
        difference(apart, "base", "hybrid", "crosslingual-start", *POOL)
    wanted = "hybrid and crosslingual-start have no seed in common; run the missing seeds (`babelmix study`)"
    assert str(error.value) == f"the study at size base: {wanted}"
