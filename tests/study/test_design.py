"""Which finished runs stand in one table, and what is said of the others."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from study_records import SIZES, small_study, synthetic_records

from babelmix.common.errors import UserError
from babelmix.study.design import Design, designs, stacked
from babelmix.study.record import HOW, Record
from babelmix.study.runs import planned
from babelmix.study.settings import StudyAverages, StudySteps

THREE = {size: SIZES[size] for size in ("large", "small", "base")}
STEPS = StudySteps(size="base", factors=(0.5, 2), seeds=(13, 14))
AVERAGES = StudyAverages(names=("crosslingual-start",), sizes=("small", "base"), seeds=(13, 14))
STUDY = small_study(sizes=THREE, forms=("+centre",), steps=STEPS, averages=AVERAGES)


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Record]:
    return synthetic_records(
        tmp_path_factory.mktemp("study"),
        sizes=THREE,
        forms=("+centre",),
        benchmarks=("xquad-r", "native-dev"),
        questions=8,
        steps=STEPS,
        averages=AVERAGES,
        rate_score=lambda *_: 0.5,
    )


def one(records: Mapping[str, Record]) -> Design:
    (found,) = designs(records, STUDY)
    return found


def without(records: Mapping[str, Record], *names: str) -> dict[str, Record]:
    assert set(names) <= set(records)
    return {name: record for name, record in records.items() if name not in names}


def edited(record: Record, **facts) -> Record:
    return replace(record, facts=record.facts.model_copy(update=facts))


def message(records: Mapping[str, Record]) -> str:
    with pytest.raises(UserError) as error:
        designs(records, STUDY)
    return str(error.value)


def test_a_finished_study_has_all_and_leaves_out_nothing(records: dict[str, Record]) -> None:
    design = one(records)
    assert (design.device, design.left_out, design.sizes) == ("cpu", (), ("small", "base", "large"))
    assert design.parameters == {size: parameters for size, (_, parameters) in THREE.items()}
    assert design.seeds == dict.fromkeys(THREE, (13, 14, 15))
    names = [own.run.name for own in design.main["large", "hybrid"]]
    assert names == ["large-hybrid-s13", "large-hybrid-s14", "large-hybrid-s15"]
    assert [own.run.name for own in design.main["base", "bm25"]] == ["bm25"]
    assert [own.run.name for own in design.main["base", "untrained"]] == ["base-untrained"]
    assert (
        design.seeds_of("base", "crosslingual-start") == (13, 14) and ("large", "crosslingual-start") not in design.main
    )
    assert design.seeds_of("base", "hybrid") == (13, 14, 15) and design.seeds_of("base", "bm25") == ()
    steps = {cell: [own.run.name for own in row] for cell, row in design.steps.items()}
    assert set(steps) == {(f, name) for f in (0.5, 1.0, 2.0) for name in STUDY.objectives}
    assert steps[0.5, "hybrid"] == ["base-hybrid-s13-x0.5", "base-hybrid-s14-x0.5"]
    assert steps[1.0, "hybrid"] == ["base-hybrid-s13", "base-hybrid-s14"]


def test_values_are_those_of_the_records_in_the_order_of_seeds(records: dict[str, Record]) -> None:
    found = one(records).values("base", "hybrid+centre", "xquad-r", "crosslingual")
    rows = [records[f"base-hybrid-s{seed}"].values("hybrid+centre", "xquad-r", "crosslingual") for seed in (13, 14, 15)]
    assert np.array_equal(found, rows) and found.shape == (3, 8)


@given(st.integers(0, 60))
def test_every_prefix_of_the_plan_makes_a_design_of_equals(records: dict[str, Record], finished: int) -> None:
    names = [run.name for run in planned(STUDY, {})][:finished]
    found = designs({name: records[name] for name in names}, STUDY)
    assert len(found) == (1 if names else 0)
    for design in found:
        for size in design.sizes:
            own = [design.seeds_of(size, name) for name in STUDY.objectives]
            assert own == [design.seeds[size]] * 3 and design.seeds[size]
            average = design.seeds_of(size, "crosslingual-start") if (size, "crosslingual-start") in design.main else ()
            assert set(average) <= set(design.seeds[size])
        assert len({len(row) for row in design.steps.values()}) <= 1
        used = {own.run.name for row in (*design.main.values(), *design.steps.values()) for own in row}
        assert used <= set(names)
        trainings = [own for own in names if own.count("-s1")]
        assert bool(design.left_out) == (len(trainings) < 39)


def test_what_is_not_finished_is_said(records: dict[str, Record]) -> None:
    gone = ("base-hybrid-s14", "large-untrained", "bm25", *(f"small-hybrid-s{seed}" for seed in (13, 14, 15)))
    design = one(without(records, *gone))
    assert design.sizes == ("base", "large") and design.seeds == {"base": (13, 15), "large": (13, 14, 15)}
    assert ("base", "bm25") not in design.main and ("large", "untrained") not in design.main
    assert design.left_out == (
        "4 of 39 planned trainings are not finished",
        "large: the untrained encoder is not scored",
        "contrastive at small, seed 13, 14, 15: not every objective has this seed",
        "crosslingual at small, seed 13, 14, 15: not every objective has this seed",
        "small: no seed with every objective",
        "contrastive at base, seed 14: not every objective has this seed",
        "crosslingual at base, seed 14: not every objective has this seed",
        "BM25 is not scored",
        "seed 14 of large is in no fit over sizes: other sizes lack it",
        "numbers of steps at base: seed 14 lacks some that other seeds have",
    )


def test_a_size_without_trainings_and_runs_that_are_not_planned_are_said(records: dict[str, Record]) -> None:
    names = [name for name in records if name.startswith("large-") and "rate" not in name and "untrained" not in name]
    smaller = STUDY.model_copy(update={"seeds": (13, 14)})
    (design,) = designs(without(records, *names), smaller)
    assert design.seeds == {"small": (13, 14), "base": (13, 14)}
    assert design.left_out == (
        "6 of 30 planned trainings are not finished",
        "the study does not name these runs: "
        + ", ".join(f"{size}-{name}-s15" for size in ("base", "small") for name in sorted(STUDY.objectives)),
        "large: no finished training",
    )
    assert designs({}, STUDY) == []
    (empty,) = designs({"bm25": records["bm25"]}, STUDY)
    assert (empty.sizes, empty.main, empty.seeds) == ((), {}, {})


def test_two_devices_make_two_designs(records: dict[str, Record]) -> None:
    hashes = {"data/benchmarks/xquad-r": "another version"}
    own = {name: record for name, record in records.items() if record.run.size == "small" or name == "bm25"}
    gpu = {
        f"h100/{name}": edited(record, device="A GPU", machine="16 threads", hashes=hashes)
        for name, record in own.items()
    }
    found = designs(gpu | records, STUDY)
    assert [(design.device, design.sizes) for design in found] == [
        ("cpu", ("small", "base", "large")),
        ("A GPU", ("small",)),
    ]
    assert found[0].machines == ("a processor, 2 threads",) and found[1].machines == ("16 threads",)
    assert found[0].left_out == () and "base: no finished training" in found[1].left_out
    assert all(own.facts.device == "A GPU" for row in found[1].main.values() for own in row)


def test_where_machines_differ_each_has_the_sizes_that_it_trained(records: dict[str, Record]) -> None:
    other = {name: edited(own, machine="an old processor") for name, own in records.items() if own.run.size == "base"}
    assert one(records | other).machines == ("a processor, 2 threads (small, large)", "an old processor (base)")
    baseline = {"base-untrained": edited(records["base-untrained"], machine="an old processor")}
    assert one(records | baseline).machines == ("a processor, 2 threads",)


def test_two_records_of_one_run_are_refused(records: dict[str, Record]) -> None:
    own = records["base-hybrid-s13"]
    copy = replace(own, file=own.file.parent / "again" / own.file.name)
    what = f"two records of one run on cpu: {own.file} and {copy.file}; move one of them away"
    assert message(records | {"z/again": copy}) == f"records of the study, base-hybrid-s13: {what}"


ADVICE = "move the records of one of them away, or run these again (`babelmix study`)"


@pytest.mark.parametrize("path", ["data/benchmarks/xquad-r", "data/pairs/human", "models/untrained"])
def test_mixed_versions_of_the_data_are_refused_with_both_hashes(records: dict[str, Record], path: str) -> None:
    own = records["base-hybrid-s14"]
    other = edited(own, hashes=own.facts.hashes | {path: "f" * 32})
    wanted = records["base-contrastive-s13"].facts.hashes[path]
    what = f"base-contrastive-s13 read version {wanted} and base-hybrid-s14 version {'f' * 32}"
    first = "base-contrastive-s13", "base-hybrid-s14"
    assert message({name: (records | {first[1]: other})[name] for name in first}) == (
        f"records of the study, {path}: {what}; {ADVICE}"
    )


def test_what_only_one_run_read_and_code_and_other_sizes_may_differ(records: dict[str, Record]) -> None:
    def own(name: str, record: Record) -> dict[str, str]:
        tokens = (
            {"data/tokens": f"tokens of {record.run.size}"} if record.run.kind != "bm25" else {"data/tokens": "none"}
        )
        return record.facts.hashes | tokens | {f"data/benchmarks/{name}": name, "src/babelmix/common": name}

    found = {name: edited(record, hashes=own(name, record)) for name, record in records.items()}
    assert one(found).left_out == ()
    vocabulary = found["base-hybrid-s15"]
    found["base-hybrid-s15"] = edited(vocabulary, hashes=vocabulary.facts.hashes | {"data/tokens": "another"})
    assert "records of the study, data/tokens: " in message(found)


def test_trainings_with_other_settings_are_refused(records: dict[str, Record]) -> None:
    def trained(name: str, **settings) -> Record:
        facts = records[name].facts.settings
        return edited(records[name], settings=facts | {"train": facts["train"] | settings})

    rates = {name: trained(name, learning_rate=float(place)) for place, name in enumerate(records)}
    assert one(rates).left_out == ()
    what = "base-contrastive-s13 was trained with 32 and large-hybrid-s14 with 64"
    found = {name: records[name] for name in ("base-contrastive-s13", "base-untrained", "base-hybrid-s13-x2")}
    found["large-hybrid-s14"] = trained("large-hybrid-s14", batch_size=64)
    assert message(found) == f"records of the study, train.batch_size: {what}; {ADVICE}"


@pytest.mark.parametrize(
    ("name", "changes", "where"),
    [
        ("base-hybrid-s14", {"learning_rate": 3e-4}, "train.learning_rate"),
        ("base-hybrid-s13-x2", {"learning_rate": 3e-4}, "train.learning_rate"),
        ("base-hybrid-s14", {"steps": 7}, "train.steps"),
        ("base-hybrid-s13-x2", {"settings": {"embed": {"max_tokens": 64}}}, "embed.max_tokens"),
        ("base-hybrid-s13-x2", {"settings": {"train": {"temperature": 0.5}}}, "train.temperature"),
    ],
)
def test_a_training_that_differs_in_more_than_its_run_says_is_refused(
    name: str, changes: dict[str, Any], where: str, records: dict[str, Record]
) -> None:
    settings = {"train": {"temperature": 0.05}, "embed": {"max_tokens": 128}}
    found = {key: edited(record, settings=record.facts.settings | settings) for key, record in records.items()}
    assert one(found).left_out == ()
    found[name] = edited(found[name], **changes)
    assert message(found).startswith(f"records of the study, {where}: ")


def test_numbers_of_steps_that_no_seed_completes_are_left_out(records: dict[str, Record]) -> None:
    design = one(without(records, "base-hybrid-s13-x2", "base-contrastive-s14-x2"))
    assert set(design.steps) == {(factor, name) for factor in (0.5, 1.0) for name in STUDY.objectives}
    assert "2 times the steps at base: no seed with every objective" in design.left_out
    design = one(without(records, "base-hybrid-s13-x0.5", "base-contrastive-s14-x2"))
    assert design.steps == {}
    assert design.left_out[-1] == "numbers of steps at base: no seed has every objective with all that others have"
    design = one(without(records, *(f"base-{name}-s14-x2" for name in STUDY.objectives)))
    assert [own.run.seed for own in design.steps[2.0, "hybrid"]] == [13]
    assert "numbers of steps at base: seed 14 lacks some that other seeds have" in design.left_out
    design = one(without(records, "base-hybrid-s14-x2"))
    assert [own.run.seed for own in design.steps[2.0, "hybrid"]] == [13]


def test_records_with_other_numbers_of_questions_are_refused(records: dict[str, Record]) -> None:
    first, other = records["base-hybrid-s13"], records["base-hybrid-s14"]
    longer = LongRecord(other.run, other.facts, other.file)
    with pytest.raises(UserError) as error:
        stacked([first, longer], "hybrid", "xquad-r", "multilingual")
    what = f"values of 16 questions, and base-hybrid-s13 has 8; {HOW}"
    assert str(error.value) == f"{other.file}, hybrid, xquad-r: {what}"


class LongRecord(Record):
    """A record with every question twice."""

    def values(self, system: str, benchmark: str, scope: str) -> np.ndarray:
        return np.repeat(Record.values(self, system, benchmark, scope), 2)
