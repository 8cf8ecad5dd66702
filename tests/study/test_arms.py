"""Arms beside the main trainings: which runs are compared, and with what numbers."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from study_records import SIZES, small_study, synthetic_records

from babelmix.common.errors import UserError
from babelmix.reporting.arms import to_markdown
from babelmix.study.arms import Arms, arms_of, is_plain
from babelmix.study.record import Record
from babelmix.study.scores import asked_scores
from babelmix.study.settings import StudyArm, StudySteps

TWO = {size: SIZES[size] for size in ("small", "base")}
BOTH = ("hybrid", "contrastive")
ARMS = {
    "twice": StudyArm(objectives=BOTH, seeds={"small": (13, 14)}, steps=2),
    "msm": StudyArm(objectives=BOTH, seeds={"small": (13, 14), "base": (13, 14)}, change=("pretrain.objective=msm",)),
}
STEPS = StudySteps(size="base", factors=(2,), seeds=(13, 14, 15))
STUDY = small_study(sizes=TWO, objectives=("contrastive", "hybrid"), forms=(), steps=STEPS, arms=ARMS)
POOL = asked_scores(STUDY)[0]
GAINS = {("msm", "hybrid"): 0.05, ("msm", "contrastive"): 0.08}


def written(folder: Path, seed_sd: float = 0.0) -> dict[str, Record]:
    return synthetic_records(
        folder,
        sizes=TWO,
        objectives=("contrastive", "hybrid"),
        forms=(),
        steps=STEPS,
        arms=ARMS,
        arm_gain=lambda arm, objective: GAINS.get((arm, objective), 0.0),
        seed_sd=seed_sd,
        questions=40,
    )


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Record]:
    return written(tmp_path_factory.mktemp("study"))


def one(records: Mapping[str, Record]) -> Arms:
    (found,) = arms_of(records.values(), STUDY)
    return found


def test_an_arm_of_steps_alone_stands_beside_the_same_number_of_steps_of_the_study(records: dict[str, Record]) -> None:
    found = one(records)
    assert found.arms == ("", "x2", "msm") and found.sizes == ("small", "base")
    assert found.cells["small", "x2", "hybrid"][13].run.name == "small-hybrid-s13-twice"
    assert found.cells["base", "x2", "hybrid"][13].run.name == "base-hybrid-s13-x2"
    assert is_plain("") and is_plain("x2") and is_plain("x0.5") and not is_plain("msm") and not is_plain("xling")


def test_differences_are_those_that_the_scores_were_made_with(records: dict[str, Record]) -> None:
    found = one(records)
    gain = found.difference("base", ("msm", "hybrid"), ("", "hybrid"), POOL)
    assert gain is not None and gain.mean == pytest.approx(0.05, abs=1e-4)
    at_equal_steps = found.difference("base", ("msm", "hybrid"), ("x2", "hybrid"), POOL)
    assert at_equal_steps is not None and at_equal_steps.mean == pytest.approx(0.03, abs=1e-4)
    shrunk = found.margin_change("base", "msm", "", ("hybrid", "contrastive"), POOL)
    assert shrunk is not None and shrunk.mean == pytest.approx(-0.03, abs=1e-4)
    assert found.seeds("base", ("msm", "hybrid"), ("", "hybrid")) == (13, 14)


def test_where_machines_differ_each_has_the_arms_that_it_trained(records: dict[str, Record]) -> None:
    def on_another(record: Record) -> Record:
        return replace(record, facts=record.facts.model_copy(update={"machine": "an old processor"}))

    moved = {name: on_another(own) for name, own in records.items() if own.run.arm == "msm" and own.run.size == "base"}
    assert one(records).machines == ("a processor, 2 threads",)
    assert one(records | moved).machines == (
        "a processor, 2 threads (base none, base x2, small none, small msm, small x2)",
        "an old processor (base msm)",
    )


def test_without_a_common_seed_there_is_no_difference(records: dict[str, Record]) -> None:
    left = {name: record for name, record in records.items() if not (record.run.arm == "msm" and record.run.seed == 13)}
    left = {name: record for name, record in left.items() if not (record.run.kind == "main" and record.run.seed == 14)}
    found = one(left)
    assert found.difference("base", ("msm", "hybrid"), ("", "hybrid"), POOL) is None
    assert found.margin_change("base", "msm", "", ("hybrid", "contrastive"), POOL) is None
    assert found.interval("base", ("msm", "hybrid"), POOL) is not None
    assert found.interval("base", ("msm", "crosslingual"), POOL) is None


def test_the_tables_show_each_difference_with_its_sign(records: dict[str, Record]) -> None:
    text = to_markdown([one(records)], STUDY, ["msm"])
    lines = text.splitlines()
    (row,) = [line for line in lines if line.startswith("| base | hybrid, msm | none |")]
    assert "| +0.050 ±" in row
    (row,) = [line for line in lines if line.startswith("| base | hybrid − contrastive | msm − none |")]
    assert "| −0.030 ±" in row
    assert "Not finished" not in text and "nan" not in text
    for minus in ("none", "x2"):  # the training without the arm, and that of as many steps in all
        assert [line for line in lines if line.startswith(f"| base | hybrid, msm | {minus} |")]
    assert [line for line in lines if line.startswith("### ")] == [
        "### Scores",
        "### Differences from the training without the arm",
        "### The margin in each arm",
        "### How an arm changes the margin",
    ]


def test_an_arm_of_other_objectives_is_set_against_the_one_whose_rate_it_takes(tmp_path: Path) -> None:
    words = {"words": StudyArm(objectives=("lexical",), seeds={"base": (13, 14)}, change=("x=1",), rate_of="hybrid")}
    study = small_study(sizes=TWO, objectives=BOTH, forms=(), arms=words)
    made = synthetic_records(
        tmp_path, sizes=TWO, objectives=BOTH, forms=(), arms=words, arm_gain=lambda arm, objective: 0.0,
        seed_sd=0.0, questions=40,
    )  # fmt: skip
    (found,) = arms_of(made.values(), study)
    expected = found.difference("base", ("words", "lexical"), ("", "hybrid"), POOL)
    assert expected is not None
    (row,) = [line for line in to_markdown([found], study).splitlines() if "| lexical, words | hybrid, none |" in line]
    assert f"| {expected.mean:+.3f} ±".replace("-", "−") in row


def test_what_is_not_finished_is_said(records: dict[str, Record]) -> None:
    left = {name: record for name, record in records.items() if name != "base-hybrid-s14-msm"}
    assert "Not finished: 1 trainings (base hybrid seed 14 msm)." in to_markdown([one(left)], STUDY)


def test_two_records_of_one_training_are_refused(records: dict[str, Record]) -> None:
    arm = records["base-hybrid-s13-msm"]
    copy = replace(arm, file=Path("copy/base-hybrid-s13-msm.json"))
    with pytest.raises(UserError, match=r"two records of one run on cpu: .*copy/base-hybrid-s13-msm\.json"):
        arms_of([*records.values(), copy], STUDY)
    other = replace(arm, run=replace(arm.run, name="again"))
    with pytest.raises(UserError, match="base-hybrid-s13-msm and again are one training under two names"):
        arms_of([*records.values(), other], STUDY)


def test_an_arm_of_other_settings_than_it_says_is_refused(records: dict[str, Record]) -> None:
    arm = records["base-hybrid-s13-msm"]
    settings = arm.facts.settings | {"train": arm.facts.settings["train"] | {"batch_size": 128}}
    found = records | {arm.run.name: replace(arm, facts=arm.facts.model_copy(update={"settings": settings}))}
    with pytest.raises(UserError, match=r"train\.batch_size: .* was trained with 32 and base-hybrid-s13-msm with 128"):
        arms_of(found.values(), STUDY)


def with_settings(record: Record, section: str, **values: Any) -> Record:
    settings = record.facts.settings | {section: record.facts.settings.get(section, {}) | values}
    return replace(record, facts=record.facts.model_copy(update={"settings": settings}))


@pytest.mark.parametrize("change", ["train.learning_rate=5e-5", "recipe=best"])
def test_what_an_arm_changes_may_differ(records: dict[str, Record], change: str) -> None:
    study = STUDY.model_copy(update={"arms": ARMS | {"msm": ARMS["msm"].model_copy(update={"change": (change,)})}})
    found = dict(records)
    for name, record in records.items():
        if record.run.arm == "msm":
            other = replace(record, run=replace(record.run, change=(change,)))
            found[name] = replace(other, facts=other.facts.model_copy(update={"learning_rate": 5e-5}))
            if change.startswith("recipe"):
                found[name] = with_settings(found[name], "train", batch_size=128)
    (arms,) = arms_of(found.values(), study)
    assert "msm" in arms.arms
    with pytest.raises(UserError, match=r"train\.(learning_rate|batch_size)"):
        arms_of([replace(one, run=replace(one.run, change=())) for one in found.values()], study)


def test_an_arm_has_the_rate_of_the_objective_that_it_names(records: dict[str, Record]) -> None:
    rates = {"contrastive": 1e-4, "hybrid": 2e-4}
    words = StudyArm(objectives=("contrastive",), seeds={"base": (13,)}, rate_of="hybrid", change=("sources=[x]",))
    study = STUDY.model_copy(update={"arms": ARMS | {"words": words}})
    found = {
        name: replace(one, facts=one.facts.model_copy(update={"learning_rate": rates[one.run.objectives[0]]}))
        for name, one in records.items()
        if one.run.size == "base" and one.run.objectives[0] in rates
    }
    main = found["base-contrastive-s13"]
    run = replace(main.run, name="base-contrastive-s13-words", kind="arm", arm="words", change=words.change)
    file = main.file.with_stem(run.name)
    for rate, refused in ((2e-4, False), (1e-4, True)):
        arm = replace(main, run=run, file=file, facts=main.facts.model_copy(update={"learning_rate": rate}))
        if refused:
            with pytest.raises(UserError, match=r"train\.learning_rate: .* base-contrastive-s13-words with 0.0001"):
                arms_of([*found.values(), arm], study)
        else:
            arms_of([*found.values(), arm], study)


def test_arms_with_unlike_pre_training_are_refused(records: dict[str, Record]) -> None:
    def pretrained(name: str, blocks: int) -> Record:
        rate = records[name].facts.learning_rate
        return with_settings(records[name], "pretrain", objective="msm", blocks=blocks, learning_rate=rate)

    names = ("base-hybrid-s13-msm", "base-hybrid-s14-msm")
    one(records | {name: pretrained(name, 8) for name in names})
    with pytest.raises(UserError, match=r"pretrain\.blocks: .* trained with 8 and base-hybrid-s14-msm with 16"):
        one(records | {name: pretrained(name, blocks) for name, blocks in zip(names, (8, 16), strict=True)})


def test_an_unknown_arm_is_named_with_those_there_are(records: dict[str, Record]) -> None:
    with pytest.raises(UserError, match="msm"):
        to_markdown([one(records)], STUDY, ["mms"])


def test_pairs_of_other_sources_are_other_data_and_benchmarks_are_not(records: dict[str, Record]) -> None:
    def changed(name: str, **hashes: str) -> Record:
        facts = records[name].facts
        settings = facts.settings | {"sources": ["libreoffice-help", "xling"]}
        return replace(
            records[name], facts=facts.model_copy(update={"settings": settings, "hashes": facts.hashes | hashes})
        )

    name = "base-hybrid-s13-msm"
    one(records | {name: changed(name, **{"data/pairs/human": "more.dir"})})
    with pytest.raises(UserError, match=r"data/benchmarks/xquad-r"):
        one(records | {name: changed(name, **{"data/benchmarks/xquad-r": "other.dir"})})
