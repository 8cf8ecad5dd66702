"""The runs of a study: a balanced design at any moment, and what each changes."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from study_records import small_study

from babelmix.study.runs import Run, planned
from babelmix.study.settings import Study, StudyArm, StudyAverages, StudySteps

STEPS = StudySteps(size="base", factors=(0.25, 2), seeds=(13, 14))
AVERAGES = StudyAverages(names=("crosslingual-start",), sizes=("small", "base"), seeds=(13,))


def some(names: tuple, least: int = 1) -> st.SearchStrategy[tuple]:
    return st.lists(st.sampled_from(names), min_size=least, unique=True).map(tuple)


@st.composite
def studies(draw: st.DrawFn) -> Study:
    sizes, seeds = draw(some(("small", "base", "layers-9", "large"))), draw(some((13, 14, 15, 16, 17)))
    steps = StudySteps(
        size=draw(st.sampled_from(sizes)), factors=draw(some((0.25, 0.5, 2.0, 4.0))), seeds=draw(some(seeds))
    )
    names = draw(some(("hybrid-start", "crosslingual-start")))
    return Study(
        sizes=sizes,
        objectives=draw(some(("contrastive", "hybrid", "crosslingual"))),
        seeds=seeds,
        benchmarks=("xquad-r", "native-dev"),
        rate_factors=draw(some((1.0, 0.5, 2.0))),
        steps=draw(st.sampled_from([None, steps])),
        averages=draw(st.sampled_from([None, StudyAverages(names=names, sizes=sizes[:1], seeds=seeds[:1])])),
    )


def even(counts: Counter, cells: list) -> bool:
    return max(counts[cell] for cell in cells) - min(counts[cell] for cell in cells) <= 1


@given(studies())
def test_every_prefix_is_a_balanced_design(study: Study) -> None:
    cells = [(size, name) for size in study.sizes for name in study.objectives]
    grid = [(factor, name) for factor in study.steps.factors for name in study.objectives] if study.steps else []
    main, steps = Counter(), Counter()
    done: set[tuple] = set()
    for run in planned(study, {}):
        if run.kind == "main":
            main[run.size, run.objectives[0]] += 1
            done.add((run.size, run.objectives[0], run.seed))
        elif run.kind == "steps":
            steps[run.steps_factor, run.objectives[0]] += 1
            assert (run.size, run.objectives[0], run.seed) in done, "what it is compared with is there before"
        else:
            assert not done, "learning rates and baselines come first"
        assert even(main, cells) and (not grid or even(steps, grid))
    assert set(main.values()) == {len(study.seeds)} and len(done) == len(cells) * len(study.seeds)
    assert all(steps[cell] == len(study.steps.seeds) for cell in grid)


@given(studies())
def test_names_are_unique_and_of_a_form_that_dvc_and_files_take(study: Study) -> None:
    names = [run.name for run in planned(study, {})]
    assert len(set(names)) == len(names)
    assert all(name.replace("-", "").replace(".", "").isalnum() for name in names)


@given(studies())
def test_an_average_is_made_once_beside_the_objective_that_it_begins_with(study: Study) -> None:
    made = [(run.size, run.seed, name) for run in planned(study, {}) for name in run.averages]
    wanted = study.averages
    names = [name for name in wanted.names if name.removesuffix("-start") in study.objectives] if wanted else []
    cells = {(size, seed, name) for size in study.sizes[:1] for seed in study.seeds[:1] for name in names}
    assert len(made) == len(cells) and set(made) == cells
    assert all(name.startswith(run.objectives[0]) for run in planned(study, {}) for name in run.averages)


def test_the_order_in_full() -> None:
    study = small_study(
        sizes={"small": (3, 5), "base": (6, 10)},
        objectives=("contrastive", "crosslingual"),
        seeds=(13, 14),
        rate_factors=(1, 0.5),
        steps=STEPS,
        averages=AVERAGES,
    )
    assert [run.name for run in planned(study, {})] == [
        *("small-rate-x1", "small-rate-x0.5", "base-rate-x1", "base-rate-x0.5", "bm25"),
        *("small-untrained", "base-untrained"),
        *("small-contrastive-s13", "small-crosslingual-s13", "base-contrastive-s13", "base-crosslingual-s13"),
        *("small-contrastive-s14", "small-crosslingual-s14", "base-contrastive-s14", "base-crosslingual-s14"),
        *("base-contrastive-s13-x0.25", "base-crosslingual-s13-x0.25"),
        *("base-contrastive-s13-x2", "base-crosslingual-s13-x2"),
        *("base-contrastive-s14-x0.25", "base-crosslingual-s14-x0.25"),
        *("base-contrastive-s14-x2", "base-crosslingual-s14-x2"),
    ]


ARMS = {
    "twice": StudyArm(objectives=("hybrid",), seeds={"small": (13, 14)}, steps=2),
    "msm": StudyArm(
        objectives=("hybrid", "lexical"),
        seeds={"base": (14, 13), "small": (13, 14)},
        change=("pretrain.objective=msm",),
        rate_of="hybrid",
    ),
}


def test_arms_come_last_one_seed_after_another() -> None:
    study = small_study(arms=ARMS)
    runs = planned(study, {("base", "hybrid"): 2.0})
    arms = [run for run in runs if run.kind == "arm"]
    assert runs[-len(arms) :] == arms
    assert [run.name for run in arms] == [
        f"{size}-{objective}-s{seed}-{arm}"
        for seed in (13, 14)
        for size, arm, objective in (
            ("small", "twice", "hybrid"),
            ("small", "msm", "hybrid"),
            ("small", "msm", "lexical"),
            ("base", "msm", "hybrid"),
            ("base", "msm", "lexical"),
        )
    ]


def test_an_arm_changes_what_it_says_at_the_learning_rate_of_another_objective() -> None:
    runs = {run.name: run for run in planned(small_study(arms=ARMS), {("base", "hybrid"): 2.0})}
    run = runs["base-lexical-s13-msm"]
    assert run.overrides(1e-4, 240)[-3:] == [
        "pretrain.learning_rate=0.0002",
        "train.steps=240",
        "pretrain.objective=msm",
    ]
    assert "train.learning_rate=0.0002" in run.overrides(1e-4, 240)
    assert run.targets() == ["scores"] and run.scored_by() == ["evaluate@lexical"]
    assert runs["small-hybrid-s13-twice"].rate_factor is None


def run_of(name: str) -> Run:
    study = small_study(steps=STEPS, averages=AVERAGES)
    rates = {("base", "crosslingual"): 0.5, ("base", "hybrid"): 2.0}
    return next(run for run in planned(study, rates) if run.name == name)


def test_what_a_run_changes_and_which_stages_score_it() -> None:
    run = run_of("base-crosslingual-s13")
    assert run.experiment == "study-base-crosslingual-s13"
    assert run.overrides(1.25e-4, 240) == [
        "model.size=base",
        "seed=13",
        "objectives=[crosslingual]",
        "averages=[crosslingual-start]",
        "benchmarks=[xquad-r,native,native-dev,nfcorpus]",
        "train.learning_rate=6.25e-05",
        "train.steps=240",
    ]
    assert run.targets() == ["scores"]
    assert run.scored_by() == ["evaluate@crosslingual", "evaluate-average@crosslingual-start"]
    longer = run_of("base-hybrid-s14-x2")
    assert longer.overrides(1.25e-4, 240)[-2:] == ["train.learning_rate=0.00025", "train.steps=480"]
    assert longer.scored_by() == ["evaluate@hybrid"] and longer.averages == ()
    sweep = run_of("base-rate-x0.5")
    assert sweep.overrides(1e-4, 240)[2:6] == [
        "objectives=[contrastive,hybrid,crosslingual]",
        "averages=[]",
        "benchmarks=[native-dev]",
        "train.learning_rate=5e-05",
    ]
    assert sweep.targets() == ["evaluate@contrastive", "evaluate@hybrid", "evaluate@crosslingual"]
    assert run_of("bm25").targets() == ["evaluate-bm25"]
    assert run_of("base-untrained").targets() == ["evaluate-untrained@untrained"]


def test_a_run_without_a_learning_rate_does_not_start() -> None:
    with pytest.raises(ValueError, match=r"^base-contrastive-s13: no learning rate yet$"):
        run_of("base-contrastive-s13").overrides(1e-4, 240)
