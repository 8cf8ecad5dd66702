"""The learning rate of each size and objective: the best on dev, the smallest of equals."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from study_records import OBJECTIVES, small_study, synthetic_records

from babelmix.study.design import designs
from babelmix.study.rates import at_an_end, chosen_rates, dev_scores
from babelmix.study.record import Record, Scored
from babelmix.workspace import DEV, NATIVE_DEV

SIZES = {"small": (3, 5), "base": (6, 10)}
STUDY = small_study(sizes=SIZES, seeds=(13,), rate_factors=(1, 0.5, 2))


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Record]:
    """One sweep, whose scores each example replaces."""
    folder = tmp_path_factory.mktemp("rates")
    found = synthetic_records(folder, sizes=SIZES, seeds=(13,), forms=(), rate_score=lambda *_: 0.5)
    return {name: one for name, one in found.items() if one.run.kind == "rate"}


def set_score(record: Record, objective: str, split: str, score: float) -> None:
    scored: Scored = record.facts.systems[objective][split]
    scored.scopes["multilingual"].map = score


scores = st.lists(st.integers(1, 4).map(lambda n: n / 8), min_size=36, max_size=36)  # few values: many ties


@given(scores)
def test_the_choice_is_an_independent_argmax(records: dict[str, Record], drawn: list[float]) -> None:
    table = np.array(drawn).reshape(2, 3, 3, 2)  # size, objective, factor in rising order, split
    factors = (0.5, 1.0, 2.0)
    for i, size in enumerate(SIZES):
        for j, objective in enumerate(OBJECTIVES):
            for k, factor in enumerate(factors):
                for m, split in enumerate((DEV, NATIVE_DEV)):
                    set_score(records[f"{size}-rate-x{factor:g}"], objective, split, float(table[i, j, k, m]))
    best = table.sum(axis=3).argmax(axis=2)  # numpy takes the first of equals
    wanted = {(size, name): factors[best[i, j]] for i, size in enumerate(SIZES) for j, name in enumerate(OBJECTIVES)}
    assert chosen_rates(records.values(), STUDY) == wanted
    assert chosen_rates(reversed(records.values()), STUDY) == wanted


def test_rates_at_an_end_of_the_sweep_are_said(tmp_path: Path) -> None:
    best = {("small", "hybrid"): 2, ("base", "hybrid"): 0.5, ("base", "contrastive"): 2}

    def score(size: str, system: str, factor: float) -> float:
        return 0.6 if factor == best.get((size, system), 1) else 0.5

    records = synthetic_records(tmp_path, sizes=SIZES, seeds=(13,), forms=(), rate_score=score, questions=5)
    rates = chosen_rates(records.values(), STUDY)
    own = {
        name: replace(one, run=replace(one.run, rate_factor=rates[one.run.size, one.run.objectives[0]]))
        for name, one in records.items()
        if one.run.kind == "main"
    }
    (design,) = designs(own, STUDY)
    assert "sweep: contrastive at base (×2); hybrid at small (×2), base (×0.5). A rate" in at_an_end(design, STUDY)
    assert at_an_end(design, STUDY.model_copy(update={"rate_factors": (1,)})) == ""


def test_a_size_whose_sweep_is_not_finished_has_no_rate(records: dict[str, Record]) -> None:
    most = [one for name, one in records.items() if name != "base-rate-x0.5"]
    assert set(chosen_rates(most, STUDY)) == {("small", name) for name in OBJECTIVES}
    assert chosen_rates([], STUDY) == {}


def test_only_the_pool_of_the_dev_splits_counts(records: dict[str, Record]) -> None:
    one = records["small-rate-x1"]
    for split, score in ((DEV, 0.25), (NATIVE_DEV, 0.75)):
        set_score(one, "hybrid", split, score)
    assert dev_scores(one, "hybrid") == {DEV: 0.25, NATIVE_DEV: 0.75}
