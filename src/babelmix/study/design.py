"""The finished runs that may stand in one table: of one device and one version of the data, with equal seeds.

    for design in designs(read_all_records(HERE.study), study):
        design.main["base", "hybrid"]           # a record for each of design.seeds["base"], in that order
        design.values("base", "hybrid+centre", "xquad-r", "multilingual")       # float64 [seeds, samples]

What is left out, and why, is in `left_out`, as sentences for the reader. `study.compared` has differences with their
intervals.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from babelmix.common.errors import UserError
from babelmix.evaluation.articles import by_article, xquad_articles
from babelmix.study.machines import named_machines
from babelmix.study.record import HOW, Record
from babelmix.study.runs import planned
from babelmix.study.same_data import check_same_data, check_same_training
from babelmix.study.settings import Study
from babelmix.workspace import BM25, UNTRAINED, encoder_of

XQUAD = "xquad-r"
BASELINES = (UNTRAINED, BM25)  # without training, so without a seed


@dataclass(frozen=True, slots=True)
class Design:
    """Finished runs that may be compared, small models first; without sizes where none is complete.

    Attributes:
        device: that all ran on.
        machines: those that trained the sizes, see `named_machines`.
        sizes: with at least one seed of every objective, by parameters.
        parameters: size -> parameters outside the embeddings.
        seeds: size -> the seeds that every objective has there.
        main: (size, encoder) -> records; an encoder is an objective (a record for each of the size's seeds), a weight
            average (for those of them that have it), "untrained" or "bm25" (one record each). See `seeds_of`.
        steps: (factor, objective) -> records of the size of `study.steps`, by seed; factor 1 is a main run. The seeds
            of a factor are those that every objective and factor has.
        left_out: sentences.
    """

    device: str
    machines: tuple[str, ...]
    sizes: tuple[str, ...]
    parameters: dict[str, int]
    seeds: dict[str, tuple[int, ...]]
    main: dict[tuple[str, str], tuple[Record, ...]]
    steps: dict[tuple[float, str], tuple[Record, ...]]
    left_out: tuple[str, ...]

    def records(self, size: str, encoder: str) -> tuple[Record, ...]:
        """Return `main[size, encoder]`; UserError where there is none."""
        if (size, encoder) not in self.main:
            known = ", ".join(name for own, name in self.main if own == size)
            how = f"choose from {known}" if known else "run `babelmix study`"
            raise UserError(f"no finished run of {encoder}", where=f"the study at size {size}", how=how)
        return self.main[size, encoder]

    def seeds_of(self, size: str, encoder: str) -> tuple[int, ...]:
        """Return the seed of each record of `main[size, encoder]`; none for a baseline, which is not trained."""
        return tuple(one.run.seed for one in self.records(size, encoder) if encoder not in BASELINES)

    def values(self, size: str, system: str, benchmark: str, scope: str) -> NDArray[np.float64]:
        """Return float64 [records, samples] of a system, plain or debiased, see `stacked`."""
        return stacked(self.records(size, encoder_of(system)), system, benchmark, scope)


def stacked(records: Iterable[Record], system: str, benchmark: str, scope: str) -> NDArray[np.float64]:
    """Return float64 [records, samples]: a value for each question, or for each article of XQuAD-R's questions.

    UserError for records with other numbers of questions.
    """
    rows = [(one, one.values(system, benchmark, scope)) for one in records]
    for one, row in rows:
        if len(row) != len(rows[0][1]):
            what = f"values of {len(row)} questions, and {rows[0][0].run.name} has {len(rows[0][1])}"
            raise UserError(what, where=f"{one.file}, {system}, {benchmark}", how=HOW)
    values = np.array([row for _, row in rows])
    articles = xquad_articles()
    return by_article(values, list(articles)) if benchmark == XQUAD and len(rows[0][1]) == len(articles) else values


def designs(records: Mapping[str, Record], study: Study) -> list[Design]:
    """Return a design for each device, "cpu" first.

    UserError for runs of one device on other versions of the data or with other settings, and for two records of one
    run.
    """
    devices = sorted({one.facts.device for one in records.values()}, key=lambda name: (name != "cpu", name))
    return [
        _design(device, [one for one in records.values() if one.facts.device == device], study) for device in devices
    ]


def _design(device: str, records: list[Record], study: Study) -> Design:
    named = by_name(records)
    check_same_data(records)
    check_same_training((one for one in records if one.run.kind in ("main", "steps")), study)
    plan = planned(study, {})
    left_out = _unfinished(named, [run.name for run in plan if run.kind in ("main", "steps")])
    if unplanned := sorted(set(named) - {run.name for run in plan}):
        left_out.append(f"the study does not name these runs: {', '.join(unplanned)}")
    main: dict[tuple[str, str], tuple[Record, ...]] = {}
    seeds: dict[str, tuple[int, ...]] = {}
    for size in study.sizes:
        found = _complete(named, size, study, left_out)
        if not found:
            continue
        main |= {(size, name): records for name, records in found.items()}
        seeds[size] = tuple(one.run.seed for one in found[study.objectives[0]])
        for name in study.averages.names if study.averages else ():
            owners = [one for own in found.values() for one in own if name in one.facts.systems]
            main |= {(size, name): tuple(owners)} if owners else {}
        for name, run in ((UNTRAINED, f"{size}-{UNTRAINED}"), (BM25, BM25)):
            main |= {(size, name): (named[run],)} if run in named else {}
        if (size, UNTRAINED) not in main:
            left_out.append(f"{size}: the untrained encoder is not scored")
    if BM25 not in named:
        left_out.append("BM25 is not scored")
    parameters = {size: main[size, study.objectives[0]][0].facts.parameters_outside_embeddings for size in seeds}
    sizes = tuple(sorted(seeds, key=parameters.__getitem__))
    left_out += _in_no_fit({size: seeds[size] for size in sizes})
    trained = [(size, one) for size in sizes for name in study.objectives for one in main[size, name]]
    steps = _steps(records, study, left_out)
    return Design(device, named_machines(trained), sizes, parameters, seeds, main, steps, tuple(left_out))


def by_name(records: Iterable[Record]) -> dict[str, Record]:
    """Return the records of one device by their runs' names; UserError for two records of one run."""
    found: dict[str, Record] = {}
    for one in records:
        if (other := found.setdefault(one.run.name, one)) is not one:
            what = f"two records of one run on {one.facts.device}: {other.file} and {one.file}"
            raise UserError(what, where=f"records of the study, {one.run.name}", how="move one of them away")
    return found


def _unfinished(named: Mapping[str, Record], wanted: list[str]) -> list[str]:
    missing = sum(name not in named for name in wanted)
    return [f"{missing} of {len(wanted)} planned trainings are not finished"] if missing else []


def _in_no_fit(seeds: Mapping[str, tuple[int, ...]]) -> list[str]:
    """Return a sentence for each seed that some sizes have and others lack: the fits over sizes are without it."""
    found: dict[int, list[str]] = {}
    for size, own in seeds.items():
        for seed in own:
            found.setdefault(seed, []).append(size)
    return [
        f"seed {seed} of {', '.join(sizes)} is in no fit over sizes: other sizes lack it"
        for seed, sizes in sorted(found.items())
        if len(sizes) < len(seeds)
    ]


def _complete(
    named: Mapping[str, Record], size: str, study: Study, left_out: list[str]
) -> dict[str, tuple[Record, ...]]:
    """Return objective -> records for the seeds that every objective has; empty without such a seed."""
    main = [one for one in named.values() if one.run.kind == "main" and one.run.size == size]
    by_seed = {(one.run.objectives[0], one.run.seed): one for one in main}
    common = [seed for seed in study.seeds if all((name, seed) in by_seed for name in study.objectives)]
    for name in study.objectives:
        if extra := [str(seed) for seed in study.seeds if (name, seed) in by_seed and seed not in common]:
            left_out.append(f"{name} at {size}, seed {', '.join(extra)}: not every objective has this seed")
    if not common:
        left_out.append(f"{size}: no seed with every objective" if main else f"{size}: no finished training")
        return {}
    return {name: tuple(by_seed[name, seed] for seed in common) for name in study.objectives}


def _steps(records: list[Record], study: Study, left_out: list[str]) -> dict[tuple[float, str], tuple[Record, ...]]:
    """Return the numbers of steps that a seed has for every objective, with the seeds that have all of these."""
    wanted = study.steps
    if wanted is None:
        return {}
    grid = {
        (one.run.steps_factor, one.run.objectives[0], one.run.seed): one
        for one in records
        if one.run.kind in ("main", "steps") and one.run.size == wanted.size
    }
    seeds = {
        factor: {seed for seed in wanted.seeds if all((factor, name, seed) in grid for name in study.objectives)}
        for factor in sorted({1.0, *wanted.factors})
    }
    complete = [factor for factor in seeds if seeds[factor]]
    common = [seed for seed in wanted.seeds if all(seed in seeds[factor] for factor in complete)]
    if len(complete) < 2 or not common:
        left_out.append(f"numbers of steps at {wanted.size}: no seed has every objective with all that others have")
        return {}
    if dropped := [seed for seed in wanted.seeds if seed not in common and any(seed in own for own in seeds.values())]:
        names = ", ".join(map(str, dropped))
        left_out.append(f"numbers of steps at {wanted.size}: seed {names} lacks some that other seeds have")
    if lacking := [f"{factor:g}" for factor in seeds if not seeds[factor]]:
        left_out.append(f"{', '.join(lacking)} times the steps at {wanted.size}: no seed with every objective")
    return {(f, name): tuple(grid[f, name, seed] for seed in common) for f in complete for name in study.objectives}
