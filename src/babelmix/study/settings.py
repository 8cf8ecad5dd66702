"""Settings of this room: `study`, the trainings that the question over sizes needs."""

from pydantic import Field

from babelmix.common.section import Section


class StudySteps(Section):
    """Trainings of one size with other numbers of steps: an advantage that more training closes is none."""

    size: str
    factors: tuple[float, ...]  # of `train.steps`
    seeds: tuple[int, ...]


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
    dollars_per_hour: float = Field(default=0.1, gt=0)  # of the machine: an assumption, which prices the compute
