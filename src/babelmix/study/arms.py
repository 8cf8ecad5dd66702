"""The arms of the study: trainings with other settings, beside the main ones of the same sizes and seeds.

    found = arms_of(read_all_records(HERE.study).values(), study)
    found.cells["base", "msm", "hybrid"]            # records by seed; the arm "" is the main training
    found.difference("base", ("msm", "hybrid"), ("x2", "hybrid"), score).verdict

An arm is known by its name in `study.arms`. "" is the main training, and "x2" one with twice the steps, wherever the
study has it: as a number of steps of one size, or as an arm that changes nothing else.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from babelmix.common.errors import UserError
from babelmix.evaluation.settings import EQUIVALENCE_BOUND
from babelmix.evaluation.significance import Difference, Interval, difference_of, interval_of
from babelmix.study.design import by_name, stacked
from babelmix.study.machines import named_machines
from babelmix.study.record import Record
from babelmix.study.runs import TRAINED, Run
from babelmix.study.same_data import check_same_data, check_same_training
from babelmix.study.scores import Score
from babelmix.study.settings import STEPS_ARM, Study

MAIN_ARM = ""
Cell = tuple[str, str, str]  # size, arm, objective
System = tuple[str, str]  # arm, objective


@dataclass(frozen=True, slots=True)
class Arms:
    """Finished trainings of one device by size, arm and objective.

    Attributes:
        device: that all ran on.
        machines: that trained these sizes, see `named_machines`.
        sizes: that have a finished arm, in the order of the study.
        arms: the names of the finished arms in the order of the study, the main one first.
        cells: (size, arm, objective) -> records by seed.
    """

    device: str
    machines: tuple[str, ...]
    sizes: tuple[str, ...]
    arms: tuple[str, ...]
    cells: dict[Cell, dict[int, Record]]

    def seeds(self, size: str, *systems: System) -> tuple[int, ...]:
        """Return the seeds that all of these (arm, objective) have at a size, ascending."""
        own = [self.cells.get((size, *system), {}) for system in systems]
        return tuple(sorted(set[int].intersection(*(set(one) for one in own)))) if own else ()

    def values(self, size: str, system: System, score: Score, seeds: Iterable[int]) -> NDArray[np.float64]:
        """Return float64 [seeds, questions] of a trained encoder."""
        records = self.cells[(size, *system)]
        return stacked([records[seed] for seed in seeds], system[1], score.benchmark, score.scope)

    def interval(self, size: str, system: System, score: Score) -> Interval | None:
        """Return a score with its 95 % interval over all seeds of the system; None where no training is finished."""
        seeds = self.seeds(size, system)
        return interval_of(self.values(size, system, score, seeds)) if seeds else None

    def difference(
        self, size: str, first: System, second: System, score: Score, bound: float = EQUIVALENCE_BOUND
    ) -> Difference | None:
        """Return the first minus the second, paired over questions and the seeds of both; None without such a seed."""
        seeds = self.seeds(size, first, second)
        if not seeds:
            return None
        return difference_of([self.values(size, first, score, seeds) - self.values(size, second, score, seeds)], bound)

    def margin_change(
        self, size: str, arm: str, base: str, objectives: tuple[str, str], score: Score
    ) -> Difference | None:
        """Return how much an arm changes the margin of one objective over another.

        That is (first - second) in the arm minus (first - second) in the arm `base`, paired over questions and seeds;
        None without a seed that has all four.
        """
        first, second = objectives
        four = ((arm, first), (arm, second), (base, first), (base, second))
        seeds = self.seeds(size, *four)
        if not seeds:
            return None
        one, two, three, other = (self.values(size, system, score, seeds) for system in four)
        return difference_of([(one - two) - (three - other)], EQUIVALENCE_BOUND)


def arms_of(records: Iterable[Record], study: Study) -> list[Arms]:
    """Return the arms of each device, "cpu" first.

    UserError for runs on other versions of the data or with other settings, and for two records of one training.
    """
    by_device: dict[str, list[Record]] = {}
    for one in records:
        if one.run.kind in TRAINED:
            by_device.setdefault(one.facts.device, []).append(one)
    devices = sorted(by_device, key=lambda name: (name != "cpu", name))
    return [_arms(device, by_device[device], study) for device in devices]


def arm_of(run: Run, study: Study) -> str:
    """Return the name of a run's arm: "" of a main one, "x2" of one that has twice the steps and no other change."""
    if run.kind == "steps":
        return f"x{run.steps_factor:g}"
    return arm_of_settings(run.arm, study) if run.arm in study.arms else run.arm


def shown_arm(arm: str) -> str:
    """Return an arm's name for the reader: the main one is "none"."""
    return arm or "none"


def is_plain(arm: str) -> bool:
    """Return whether an arm is the main training, or has another number of steps and no other change."""
    return arm == MAIN_ARM or STEPS_ARM.fullmatch(arm) is not None


def _arms(device: str, records: list[Record], study: Study) -> Arms:
    check_same_data(records)
    check_same_training(records, study)
    cells: dict[Cell, dict[int, Record]] = {}
    for one in by_name(records).values():
        cell = cells.setdefault((one.run.size, arm_of(one.run, study), one.run.objectives[0]), {})
        if (other := cell.setdefault(one.run.seed, one)) is not one:
            what = f"{other.run.name} and {one.run.name} are one training under two names"
            how = "drop its seed in params.yaml, from study.arms or study.steps, and move its record away"
            raise UserError(what, where=f"records of the study, {one.file}", how=how)
    order = [MAIN_ARM, *(arm_of_settings(name, study) for name in study.arms)]
    found = {arm for _, arm, _ in cells}
    sizes = {one.run.size for one in records if one.run.kind == "arm"}
    trained = [
        (f"{size} {shown_arm(arm)}", one)
        for (size, arm, _), seeds in cells.items()
        if size in sizes
        for one in seeds.values()
    ]
    return Arms(
        device,
        named_machines(trained),
        tuple(size for size in study.sizes if size in sizes),
        tuple(arm for arm in dict.fromkeys(order) if arm in found),
        cells,
    )


def arm_of_settings(name: str, study: Study) -> str:
    """Return the name under which an arm of the settings stands in tables, see `arm_of`."""
    own = study.arms[name]
    return f"x{own.steps:g}" if not own.change and own.steps != 1 else name
