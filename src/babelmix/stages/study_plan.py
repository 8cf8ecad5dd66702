"""The runs of the study, which of them are done, and the hours that the others will take.

plan = read_plan(settings, study, HERE.study)
plan.state(plan.runs[0])            # "done", "ready" or "waits for rates"
plan.time_left(plan.runs)           # "9.1 hours left", "" while nothing is known
show_plan(settings, [], HERE.study)         # the same as a table
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from babelmix.common.errors import UserError, unknown_name
from babelmix.common.progress import terminal
from babelmix.settings.checks import check_study_names
from babelmix.settings.params import Settings
from babelmix.study.rates import chosen_rates
from babelmix.study.record import Record, read_records
from babelmix.study.runs import Run, planned
from babelmix.study.settings import Study
from babelmix.workspace import HERE

if TYPE_CHECKING:
    from rich.console import Console

State = Literal["done", "ready", "waits for rates"]
WIDTH = 100  # columns of the table where no terminal says how wide it is


@dataclass(frozen=True)
class Plan:
    """All runs of the study and the records of the finished ones.

    Attributes:
        settings: of the project.
        study: their section.
        runs: all, in their order.
        records: of the finished runs by name; also of runs that are no longer planned.
        rates: (size, objective) -> the learning rate that dev chose, as a factor of the preset's.
    """

    settings: Settings
    study: Study
    runs: tuple[Run, ...]
    records: dict[str, Record]
    rates: dict[tuple[str, str], float]

    def state(self, run: Run) -> State:
        """Return whether a run is done, can begin, or waits for the learning rates of its size."""
        if run.name in self.records:
            return "done"
        return "waits for rates" if run.rate_factor is None else "ready"

    def named(self, names: Sequence[str]) -> tuple[Run, ...]:
        """Return these runs in the order given, all without names; UserError for a name that is not planned."""
        by_name = {run.name: run for run in self.runs}
        for name in names:
            if name not in by_name:
                raise unknown_name("run", name, by_name, where="babelmix study")
        return tuple(by_name[name] for name in dict.fromkeys(names)) if names else self.runs

    def unplanned(self) -> list[str]:
        """Return the names of the records whose runs are no longer planned."""
        known = {run.name for run in self.runs}
        return [name for name in self.records if name not in known]

    def learning_rate(self, run: Run) -> float:
        """Return the learning rate of the preset of a run's size."""
        return self.settings.model.presets[run.size].learning_rate

    def overrides(self, run: Run) -> list[str]:
        """Return what `dvc exp run -S` changes for a run."""
        return run.overrides(self.learning_rate(run), self.settings.train.steps)

    def seconds(self, run: Run) -> float | None:
        """Return how long a run will take: the mean of its like, or of other sizes scaled by the number of layers.

        A run with another number of steps counts as so many runs of its size. None if nothing is known.
        """
        like = [one for one in self._measured() if _kind(one.run) == _kind(run)]
        if own := [_total(one) for one in like if one.run.size == run.size]:
            return sum(own) / len(own)
        layers = self._layers(run)
        if layers and (each := [_total(one) / depth for one in like if (depth := self._layers(one.run))]):
            return layers * sum(each) / len(each)
        if run.kind in ("steps", "arm"):
            whole = next((one for one in self.runs if one.kind == "main" and one.size == run.size), None)
            known = self.seconds(whole) if whole else None
            return known * run.steps_factor if known is not None else None
        return None

    def taken_over(self, run: Run) -> dict[str, float]:
        """Return stage -> seconds of the trainings that the sweep ran with a main run's learning rate and seed.

        DVC takes these trainings from its cache, so the run itself measures nothing.
        """
        if run.kind != "main":
            return {}
        swept = (one for one in self._measured() if (one.run.kind, one.run.size) == ("rate", run.size))
        same = [one for one in swept if (one.run.rate_factor, one.run.seed) == (run.rate_factor, run.seed)]
        stages = [f"train@{name}" for name in run.objectives]
        return {stage: one.facts.seconds[stage] for one in same for stage in stages if stage in one.facts.seconds}

    def time_left(self, runs: Iterable[Run]) -> str:
        """Return the time that these runs will take: "9.1 hours left"; empty if nothing is known."""
        each = [self.seconds(run) for run in runs]
        known = [one for one in each if one is not None]
        if not known:
            return ""
        return f"{'over ' if len(known) < len(each) else ''}{sum(known) / 3600:.1f} hours left"

    def _measured(self) -> list[Record]:
        return [one for one in self.records.values() if one.facts.seconds]

    def _layers(self, run: Run) -> int | None:
        preset = self.settings.model.presets.get(run.size)
        return preset.layers if preset else None


def study_of(settings: Settings) -> Study:
    """Return the settings of the study; UserError for a name in them that params.yaml does not have.

    UserError also without a study, or where a recipe fixes what the study varies.
    """
    if settings.study is None:
        how = "write its sizes, objectives and seeds as docs/reproduce.md says"
        raise UserError("no study", where=f"{HERE.params}, study", how=how)
    check_study_names(settings, settings.study, str(HERE.params))
    fixed = {"learning_rate", "steps"} & settings.recipes[settings.recipe].keys()
    if fixed:
        what = f"the recipe {settings.recipe} fixes {' and '.join(sorted(fixed))}, which the study varies"
        raise UserError(what, where=f"{HERE.params}, recipe", how="choose another: recipe: default")
    return settings.study


def read_plan(settings: Settings, study: Study, folder: Path) -> Plan:
    """Return the plan with the records of a folder.

    Learning rates come from the sweeps of this folder, and where it has none from the project's own records.
    """
    records = read_records(folder)
    rates = chosen_rates(read_records(HERE.study).values(), study) | chosen_rates(records.values(), study)
    return Plan(settings, study, tuple(planned(study, rates)), records, rates)


def show_plan(settings: Settings, names: Sequence[str], folder: Path) -> None:
    """Print the table of all runs, or of those named; nothing is started."""
    plan = read_plan(settings, study_of(settings), folder)
    render(plan, plan.named(names), terminal())


def render(plan: Plan, runs: Sequence[Run], console: "Console") -> None:
    """Print a table of runs and its totals, in 100 columns; a run's name says its size, objective and seed."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    if not console.is_terminal:
        console.width = WIDTH
    table = Table(box=SIMPLE_HEAD, padding=(0, 0), collapse_padding=True, pad_edge=False)
    for name in ("run", "state"):
        table.add_column(name, overflow="fold")
    for name in ("steps", "learning rate", "minutes"):
        table.add_column(name, justify="right")
    for run in runs:
        table.add_row(*_row(plan, run))
    console.print(table)
    console.print(_totals(plan, runs))


def describe(run: Run) -> str:
    """Return a run for the reader: "base hybrid seed 13", with what sets it apart."""
    if run.kind in ("bm25", "untrained"):
        return run.name.replace("-untrained", " untrained")
    if run.kind == "rate":
        return f"{run.size} learning rate x{run.rate_factor:g} seed {run.seed}"
    steps = f" steps x{run.steps_factor:g}" if run.kind == "steps" else f" {run.arm}" if run.arm else ""
    return f"{run.size} {' '.join(run.objectives)} seed {run.seed}{steps}"


def _kind(run: Run) -> tuple[str, float, str]:
    """Return what runs of one kind have in common, whatever their size."""
    return run.kind, run.steps_factor, run.arm


def _row(plan: Plan, run: Run) -> tuple[str, ...]:
    record = plan.records.get(run.name)
    minutes = f"{_total(record) / 60:.1f}" if record and record.facts.seconds else ""
    if run.kind in ("bm25", "untrained"):
        return run.name, plan.state(run), "", "", minutes
    rate = "" if run.rate_factor is None else f"{plan.learning_rate(run) * run.rate_factor:.4g}"
    steps = f"{round(plan.settings.train.steps * run.steps_factor)}"
    return run.name, plan.state(run), steps, rate, minutes


def _totals(plan: Plan, runs: Sequence[Run]) -> str:
    states = [plan.state(run) for run in runs]
    done = sum(_total(plan.records[run.name]) for run in runs if run.name in plan.records)
    left = plan.time_left(run for run in runs if run.name not in plan.records)
    parts = (
        f"{len(runs)} runs: {states.count('done')} done in {done / 3600:.1f} hours",
        f"{states.count('ready')} ready",
        f"{states.count('waits for rates')} wait for learning rates",
    )
    return f"{', '.join(parts)}{f'; {left}' if left else ''}"


def _total(record: Record) -> float:
    return sum(record.facts.seconds.values())
