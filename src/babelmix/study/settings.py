"""Settings of this room: `study`, the trainings that the question over sizes needs."""

import re

from pydantic import Field

from babelmix.common.section import Section

STEPS_ARM = re.compile(r"x[\d.]+")  # "x2" in tables: twice the steps and no other change; no arm may be called so


class StudySteps(Section):
    """Trainings of one size with other numbers of steps: an advantage that more training closes is none."""

    size: str
    factors: tuple[float, ...]  # of `train.steps`
    seeds: tuple[int, ...]


class StudyArm(Section):
    """Trainings beside the main ones that differ from them in some settings, such as what comes before the training."""

    objectives: tuple[str, ...] = Field(min_length=1)
    seeds: dict[str, tuple[int, ...]] = Field(min_length=1)  # by size
    change: tuple[str, ...] = ()  # as of `dvc exp run -S`, such as "pretrain.objective=msm"
    steps: float = Field(default=1.0, gt=0)  # factor of `train.steps`
    rate_of: str | None = None  # the objective of the study whose learning rate is taken; None: its own


class StudyAverages(Section):
    """Weight averages, made of the main trainings of these sizes and seeds."""

    names: tuple[str, ...]
    sizes: tuple[str, ...]
    seeds: tuple[int, ...]


class Study(Section):
    """The trainings: every objective with every seed at every size, and what is beside them."""

    sizes: tuple[str, ...] = Field(min_length=1)  # presets, in the order in which they run
    objectives: tuple[str, ...] = Field(min_length=1)
    seeds: tuple[int, ...] = Field(min_length=1)
    benchmarks: tuple[str, ...] = Field(min_length=1)  # the first is the main one
    rate_factors: tuple[float, ...] = Field(min_length=1)  # of the preset's learning rate; dev chooses one
    forms: tuple[str, ...] = ()  # debiasings that are kept beside the plain encoder, such as "+centre"
    steps: StudySteps | None = None
    averages: StudyAverages | None = None
    arms: dict[str, StudyArm] = Field(default_factory=dict[str, StudyArm])
    dollars_per_hour: float = Field(default=0.1, gt=0)  # of the machine: an assumption, which prices the compute
