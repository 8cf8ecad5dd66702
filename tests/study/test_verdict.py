"""The sentence is made from the numbers: gains, nulls, few sizes, one seed; and what is read from the records."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from study_records import SIZES, small_study, synthetic_records

from babelmix.study.design import Design, designs
from babelmix.study.entropy import entropy_scaling
from babelmix.study.gains import gains, step_gains
from babelmix.study.power_law import fit_power_law
from babelmix.study.record import read_records
from babelmix.study.scores import StudyScores
from babelmix.study.settings import Study, StudySteps
from babelmix.study.verdict import verdict

THREE = {name: SIZES[name] for name in ("small", "base", "large")}
PAIR = ("contrastive", "hybrid")


def made(folder: Path, **changed: Any) -> tuple[Design, Study]:
    """A design of two objectives at three sizes with two seeds, of main scores alone, unless changed."""
    given: dict[str, Any] = {"sizes": THREE, "objectives": PAIR, "seeds": (13, 14), "benchmarks": ("xquad-r",)}
    given |= {"forms": (), "seed_sd": 0.001, "question_sd": 0.02} | changed
    records = synthetic_records(folder, untrained=False, bm25=False, **given)
    plan = {name: given[name] for name in ("sizes", "objectives", "seeds", "benchmarks", "forms")}
    study = small_study(**plan, steps=given.get("steps"))
    return designs(records, study)[0], study


def same_share(parameters: int, encoder: str, scope: str, benchmark: str) -> float:
    """Hybrid has nine tenths of the error of contrastive at every size."""
    error = 0.8 * (parameters / 5_323_392) ** -0.4
    return 1 - error * (0.9 if encoder == "hybrid" else 1)


def steeper(parameters: int, encoder: str, scope: str, benchmark: str) -> float:
    return 1 - 0.8 * (parameters / 5_323_392) ** -(0.6 if encoder == "hybrid" else 0.4) * 0.95


def test_a_gain_of_the_same_share_at_every_size_changes_no_exponent(tmp_path: Path) -> None:
    text = verdict(*made(tmp_path, score=same_share))
    assert text.startswith("Hybrid batches gain 0.045 to 0.079 ")  # a tenth of the error: .80 and .46
    assert "mAP in the pool of xquad-r against contrastive ones at every size (2 seeds a size)." in text
    assert (
        "Whether the gain changes with the size depends on the scale (2 seeds that all sizes have): as a share" in text
    )
    assert "as a share of the error that is left no change is shown (exponents " in text
    assert "; in the score itself it shrinks (for ten times the parameters −0.0" in text


def test_a_steeper_line_is_said(tmp_path: Path) -> None:
    text = verdict(*made(tmp_path, score=steeper))
    assert "show no difference" in text or "are equivalent" in text  # at the smallest size
    assert "gain 0.0" in text
    assert "rises with the size (2 seeds that all sizes have): as a share of the error that is left it rises" in text
    exponents, itself, odds = text.split("; in ")
    assert "(exponents +0.198, " in exponents and "not shown of other sizes" not in exponents
    assert "not shown of other sizes (−" in itself  # three sizes, whose gains bend
    assert odds.startswith("log odds it ")


def test_sizes_that_scatter_are_said(tmp_path: Path) -> None:
    def bent(parameters: int, encoder: str, scope: str, benchmark: str) -> float:
        gain = {5_323_392: 0.03, 10_646_784: 0.10, 21_293_568: 0.06}[parameters]
        return 0.4 + (gain if encoder == "hybrid" else 0)

    text = verdict(*made(tmp_path, score=bent))
    assert "but not shown of other sizes (−" in text


def test_a_loss_that_nears_zero_shrinks(tmp_path: Path) -> None:
    def loss(parameters: int, encoder: str, scope: str, benchmark: str) -> float:
        lost = {5_323_392: 0.06, 10_646_784: 0.04, 21_293_568: 0.02}[parameters]
        return 0.4 - (lost if encoder == "hybrid" else 0)

    text = verdict(*made(tmp_path, score=loss))
    assert text.startswith("Hybrid batches lose 0.0") and " gain" not in text
    assert (
        "The loss shrinks with the size (2 seeds that all sizes have): as a share of the error that is left it" in text
    )


def test_seeds_of_each_size_and_of_the_change_are_said(tmp_path: Path) -> None:
    given = {"sizes": THREE, "objectives": PAIR, "benchmarks": ("xquad-r",), "forms": ()}
    records = made(tmp_path, score=same_share)[0].main
    kept = {one.run.name: one for own in records.values() for one in own}
    few = {name: one for name, one in kept.items() if one.run.seed == 13 or one.run.size == "small"}
    design = designs(few, small_study(**given, seeds=(13, 14)))[0]
    assert "seed 14 of small is in no fit over sizes: other sizes lack it" in design.left_out
    text = verdict(design, small_study(**given, seeds=(13, 14)))
    assert "(1 to 2 seeds a size; base, large with one, over questions alone)" in text
    assert "(seed 13, over questions alone)" in text
    some = {name: one for name, one in kept.items() if one.run.size != "large"}
    text = verdict(designs(some, small_study(**given, seeds=(13, 14)))[0], small_study(**given, seeds=(13, 14)))
    assert "at all 2 sizes so far" in text


def test_a_loss_and_a_null(tmp_path: Path) -> None:
    def mixed(parameters: int, encoder: str, scope: str, benchmark: str) -> float:
        return 0.4 + (0 if encoder == "contrastive" or parameters > 6e6 else -0.05)

    text = verdict(*made(tmp_path, score=mixed, seed_sd=0.0))
    assert text.startswith(
        "Hybrid batches lose 0.050 mAP in the pool of xquad-r against contrastive ones at small; they "
    )
    assert " at base, large (" in text


def test_two_sizes_one_seed_and_nothing(tmp_path: Path) -> None:
    two = {name: SIZES[name] for name in ("small", "base")}
    text = verdict(*made(tmp_path, sizes=two, seeds=(13,), score=same_share))
    assert "(one seed a size: the intervals are over questions alone, and another seed may differ)" in text
    assert text.endswith("Whether that changes with the size is not known: 2 of the three sizes that a fit needs.")
    design, study = made(tmp_path / "none", objectives=("contrastive",))
    assert verdict(design, study) == "Nothing to compare yet: no size has a finished run of two objectives."


def test_seeds_that_no_two_sizes_share_are_not_fitted(tmp_path: Path) -> None:
    for size, seed in (("small", 13), ("base", 14), ("large", 13)):
        made(tmp_path, sizes={size: SIZES[size]}, seeds=(seed,), score=same_share)
    study = small_study(sizes=THREE, objectives=PAIR, seeds=(13, 14), benchmarks=("xquad-r",), forms=())
    design = designs(read_records(tmp_path), study)[0]
    assert StudyScores(design, study).seeds == ()
    assert verdict(design, study).endswith("not known: no seed stands at every size.")


def test_the_scores_asked_about_are_those_that_every_run_has(tmp_path: Path) -> None:
    design, study = made(tmp_path, benchmarks=("xquad-r", "native", "native-dev", "nfcorpus"), forms=("+centre",))
    found = StudyScores(design, study)
    assert [score.name for score in found.scores] == [
        *("pool", "cross", "mono", "native", "nfcorpus, own language", "nfcorpus, others")
    ]
    assert found.free == "contrastive+centre"
    errors = found.errors("hybrid", found.scores[0])
    assert errors.shape == (3, 2, 60)
    means = [[one.score("hybrid", "xquad-r", "multilingual") for one in design.main[size, "hybrid"]] for size in THREE]
    assert 1 - errors.mean(axis=2) == pytest.approx(np.array(means), abs=1e-4)


def test_gains_are_paired_at_each_size_and_number_of_steps(tmp_path: Path) -> None:
    steps = StudySteps(size="base", factors=(0.5, 2), seeds=(13, 14))
    design, study = made(tmp_path, steps=steps, score=same_share)
    found = StudyScores(design, study)
    own = gains(found, "hybrid", "contrastive", found.scores[0])
    assert list(own) == ["small", "base", "large"]
    assert own["small"].mean == pytest.approx(0.08, abs=0.003)
    by_steps = step_gains(found, "hybrid", "contrastive", found.scores[0])
    assert list(by_steps) == [0.5, 1.0, 2.0]
    assert by_steps[1.0].by_seed == own["base"].by_seed


def test_the_entropy_has_an_interval_over_seeds_alone(tmp_path: Path) -> None:
    design, study = made(tmp_path, score=same_share, seed_sd=0.01, seeds=(13, 14, 15))
    found = StudyScores(design, study)
    one = entropy_scaling(found, "hybrid", "pooled")
    assert one is not None and one.law is not None and one.exponent is not None
    scored = [[own.facts.systems["hybrid"]["dev"] for own in design.main[size, "hybrid"]] for size in THREE]
    nats = np.array([[(own.contrastive_entropy or {})["pooled"] for own in row] for row in scored])
    assert one.nats == pytest.approx(nats.mean(axis=1))
    alone = [fit_power_law(found.parameters, own).exponent for own in nats.T]
    assert one.exponent.standard_error == pytest.approx(np.std(alone, ddof=1) / np.sqrt(3))
    assert one.exponent.degrees == 2
    assert entropy_scaling(found, "hybrid", "sideways") is None
    single, plan = made(tmp_path / "one", seeds=(13,))
    alone_one = entropy_scaling(StudyScores(single, plan), "hybrid", "pooled")
    assert alone_one is not None and alone_one.law is not None and alone_one.exponent is None
