"""The study over sizes: run what is missing, one DVC experiment after another, and keep what each found.

A finished run is a record in metrics/study; its last file is renamed into place, so that a kill at any moment leaves a
run done or not done. The next call goes on: DVC's cache has the finished stages, a stopped training its checkpoint, and
an experiment that finished without its record is collected.
"""

import shutil
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from babelmix.common.errors import UserError
from babelmix.common.files import cache_dir
from babelmix.common.locks import locked
from babelmix.common.one_line import one_line
from babelmix.common.outputs import claim_file
from babelmix.common.progress import progress, say
from babelmix.encoder.precision import default_device
from babelmix.reporting.experiment_files import Opened
from babelmix.reporting.machine import describe_machine
from babelmix.reporting.study_records import Measured, record_of
from babelmix.settings.params import Settings
from babelmix.stages.study_experiments import check_settings, find_experiment, head
from babelmix.stages.study_plan import Plan, describe, read_plan, study_of
from babelmix.stages.study_run import Ran, await_left_over, last_lines, run_experiment
from babelmix.stages.study_weights import (
    cache_folder,
    drop_weights,
    forget,
    is_due,
    named_by_lock,
    note_before,
    note_made,
    objects,
)
from babelmix.study.record import write_record
from babelmix.study.runs import Run
from babelmix.workspace import HERE

AGAIN = "run `babelmix study` again"
_REPRODUCING = "Reproducing experiment "  # DVC's line once the workspace is as it was


@dataclass
class _Driver:
    """One call of `babelmix study`."""

    settings: Settings
    names: Sequence[str]
    folder: Path  # of the records
    keep_weights: bool
    root: Path = field(default_factory=Path)
    finished: int = 0
    freed: int = 0
    failed: list[str] = field(default_factory=list[str])

    @property
    def state(self) -> Path:
        """The folder of logs, notes and the lock."""
        return cache_dir() / "study"

    def plan(self) -> Plan:
        """Return the plan with the records that are there now."""
        return read_plan(self.settings, study_of(self.settings), self.folder)

    def run(self) -> str:
        """Run what is missing; return what was done, or raise UserError with the same if a run failed."""
        plan = self.plan()
        wanted = [run.name for run in plan.named(self.names)]
        if unplanned := plan.unplanned():
            say(f"study: {len(unplanned)} records are of runs that are not planned, and stay: {', '.join(unplanned)}")
        self._drop(plan)
        with progress("study", sum(name not in plan.records for name in wanted)) as step:
            while (run := self._next(plan, wanted)) is not None:
                left = [one for one in self._missing(plan, wanted) if one.name not in self.failed]
                hours = plan.time_left(left)
                place = f"run {wanted.index(run.name) + 1} of {len(wanted)}"
                say(f"study: {place}, {describe(run)}{f'; {hours}' if hours else ''}")
                self._one(plan, run)
                step(1)
                plan = self.plan()
                self._drop(plan)
        return self._closing(plan, wanted)

    def _missing(self, plan: Plan, wanted: Sequence[str]) -> list[Run]:
        by_name = {run.name: run for run in plan.runs}
        return [by_name[name] for name in wanted if name not in plan.records]

    def _next(self, plan: Plan, wanted: Sequence[str]) -> Run | None:
        missing = self._missing(plan, wanted)
        return next((run for run in missing if plan.state(run) == "ready" and run.name not in self.failed), None)

    def _one(self, plan: Plan, run: Run) -> None:
        """Run and collect one run; what goes wrong is said, and the run counts as failed."""
        try:
            self._run_or_collect(plan, run)
        except UserError as error:
            say(f"{run.name} failed: {error}")
            self.failed.append(run.name)
        else:
            self.finished += 1

    def _run_or_collect(self, plan: Plan, run: Run) -> None:
        overrides, revision = plan.overrides(run), head(self.root)
        ran = Ran(0, {}, 0)
        opened = find_experiment(self.root, run.experiment, revision)
        if opened is None:
            note_before(self.state, run.name, objects(cache_folder(self.root)))
            ran = self._execute(run, overrides)
            opened = find_experiment(self.root, run.experiment, revision)
            if opened is None:
                where = f"experiment {run.experiment}"
                raise UserError("DVC made no such experiment", where=where, how=f"read {self._log(run)}")
        check_settings(opened, self.settings, overrides)
        self._record(plan, run, opened, ran, revision)

    def _record(self, plan: Plan, run: Run, opened: Opened, ran: Ran, revision: str) -> None:
        measured = Measured(
            describe_machine(self.settings.threads),
            _device(),
            seconds=plan.taken_over(run) | ran.seconds,
            peak_memory=ran.peak_memory or None,
        )
        overrides = tuple(plan.overrides(run))
        facts, values = record_of(opened, run, plan.study, measured, revision, overrides)
        if self.keep_weights:
            forget(self.state, run.name)
        else:
            note_made(self.state, run, opened, cache_folder(self.root))
        write_record(self.folder, run, facts, values)

    def _execute(self, run: Run, overrides: list[str]) -> Ran:
        """Run the experiment; UserError, after the end of its log was printed, if it fails."""
        changes = (word for override in overrides for word in ("-S", override))
        command = ["dvc", "exp", "run", "--temp", "-n", run.experiment, *changes, *run.targets()]
        with _params_guarded(self.state) as read:
            ran = run_experiment(command, self._log(run), read)
        if ran.code:
            for line in last_lines(self._log(run)):
                print(f"  {one_line(line, 200)}", file=sys.stderr)
            raise UserError(f"dvc ended with exit code {ran.code}", where=str(self._log(run)), how=f"mend it, {AGAIN}")
        return ran

    def _log(self, run: Run) -> Path:
        return self.state / f"{run.name}.log"

    def _drop(self, plan: Plan) -> None:
        """Delete the weights and vectors whose scores are kept and that no later run needs."""
        if self.keep_weights:
            return
        cache = cache_folder(self.root)
        lock = self.root / HERE.lock
        kept = named_by_lock(lock.read_text(encoding="utf-8"), str(lock), cache) if lock.exists() else frozenset[str]()
        runs, done = {run.name: run for run in plan.runs}, frozenset(plan.records)
        self.freed += drop_weights(
            self.state, cache, kept, lambda name, path: is_due(name, path, runs, done, plan.rates)
        )

    def _closing(self, plan: Plan, wanted: Sequence[str]) -> str:
        missing = [run for run in self._missing(plan, wanted) if run.name not in self.failed]
        waiting = [run for run in missing if plan.state(run) == "waits for rates"]
        parts = [f"study: {self.finished} runs finished", f"{len(self.failed)} failed", f"{len(missing)} left"]
        if waiting:
            sizes = ", ".join(dict.fromkeys(run.size for run in waiting))
            parts.append(f"{len(waiting)} of them wait for learning rates, whose sweep is not finished ({sizes})")
        if self.freed:
            size = f"{self.freed / 1e9:.1f} GB"
            parts.append(f"dropped {size} of their weights and vectors from DVC's cache (--keep-weights keeps them)")
        line = ", ".join(parts)
        if self.failed:
            raise UserError(line, where=", ".join(self.failed), how=f"read {self.state}, then {AGAIN}")
        return line


def run_study(settings: Settings, names: Sequence[str], folder: Path, *, keep_weights: bool) -> str:
    """Run all missing runs of the study, or those named, in their order; return what was done.

    Args:
        settings: of the project, which has a study.
        names: of runs; empty for all.
        folder: of the records.
        keep_weights: leave the weights and vectors of finished runs in DVC's cache.

    Returns:
        The closing line. UserError for an unknown name, a second study in this project, and after all others if a run
        failed.
    """
    driver = _Driver(settings, names, folder, keep_weights)
    driver.plan().named(names)
    claim_file(folder / "study.json")
    with locked(driver.state / "study.lock", on_wait=_refuse):
        _check_guard(driver.state)
        await_left_over(driver.state, lambda name: say(f"study: waiting for {name}, which a killed study left running"))
        return driver.run()


def _refuse(holder: str) -> NoReturn:
    how = "wait for it, or stop it with Ctrl-C: the next call goes on where it stopped"
    raise UserError(f"a study runs already ({holder})", where="babelmix study", how=how)


def _device() -> str:
    import torch

    device = default_device()
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


@contextmanager
def _params_guarded(state: Path) -> Generator[Callable[[str], None]]:
    """Keep a copy of params.yaml while DVC changes the file, for a second or two at the start of an experiment.

    Yields what reads DVC's lines, and deletes the copy at the one that follows.
    """
    guard = state / HERE.params.name
    shutil.copyfile(HERE.params, guard)

    def read(line: str) -> None:
        if line.startswith(_REPRODUCING):
            guard.unlink(missing_ok=True)

    yield read
    guard.unlink(missing_ok=True)


def _check_guard(state: Path) -> None:
    """Raise UserError if DVC was killed while it had changed params.yaml."""
    guard = state / HERE.params.name
    if guard.exists():
        if guard.read_bytes() != HERE.params.read_bytes():
            what = "DVC was killed while it had changed this file for a run"
            how = f"cp {guard} {HERE.params}, look at `git status` and `git stash list`, then {AGAIN}"
            raise UserError(what, where=str(HERE.params), how=how)
        guard.unlink()
