"""The finished runs that may stand in one table: of one device and one version of the data, with equal seeds.

    for design in designs(read_records(HERE.study), study):
        design.main["base", "hybrid"]           # a record for each of design.seeds["base"], in that order
        design.values("base", "hybrid+centre", "xquad-r", "multilingual")       # float64 [seeds, questions]

What is left out, and why, is in `left_out`, as sentences for the reader.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from babelmix.common.errors import UserError
from babelmix.study.record import Record
from babelmix.study.runs import planned
from babelmix.study.settings import Study
from babelmix.workspace import BM25, UNTRAINED, encoder_of

DATA = "data/"  # hashes of paths below it must be equal in all runs of a table


@dataclass(frozen=True, slots=True)
class Design:
    """Finished runs that may be compared, small models first.

    Attributes:
        device: that all ran on.
        machines: the machines among them, as their records describe them.
        sizes: with at least one seed of every objective, by parameters.
        parameters: size -> parameters outside the embeddings.
        seeds: size -> the seeds that every objective has there.
        main: (size, encoder) -> records, one for each of the size's seeds; an encoder is an objective, a weight average
            (of the seeds that have it), "untrained" or "bm25" (one record each).
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

    def values(self, size: str, system: str, benchmark: str, scope: str) -> NDArray[np.float64]:
        """Return float64 [seeds, questions] of a system, plain or debiased, see `Record.values`."""
        return stacked(self.main[size, encoder_of(system)], system, benchmark, scope)


def stacked(records: Iterable[Record], system: str, benchmark: str, scope: str) -> NDArray[np.float64]:
    """Return float64 [records, questions]."""
    return np.array([one.values(system, benchmark, scope) for one in records])


def designs(records: Mapping[str, Record], study: Study) -> list[Design]:
    """Return a design for each device, "cpu" first; UserError for runs of one device on other versions of the data."""
    devices = sorted({one.facts.device for one in records.values()}, key=lambda name: (name != "cpu", name))
    return [
        _design(device, {n: r for n, r in records.items() if r.facts.device == device}, study) for device in devices
    ]


def check_same_data(records: Iterable[Record]) -> None:
    """Raise UserError, with both hashes, for two runs that read another version of the same data or benchmark."""
    seen: dict[str, tuple[str, str]] = {}
    for one in records:
        for path, md5 in one.facts.hashes.items():
            if path.startswith(DATA):
                first, name = seen.setdefault(path, (md5, one.run.name))
                if first != md5:
                    what = f"{name} read version {first} and {one.run.name} version {md5}"
                    how = "move the records of one version away, or run these again (`babelmix study`)"
                    raise UserError(what, where=f"records of the study, {path}", how=how)


def _design(device: str, records: Mapping[str, Record], study: Study) -> Design:
    check_same_data(records.values())
    left_out: list[str] = []
    main: dict[tuple[str, str], tuple[Record, ...]] = {}
    seeds: dict[str, tuple[int, ...]] = {}
    parameters: dict[str, int] = {}
    for size in study.sizes:
        found = {name: _by_seed(records, size, name) for name in study.objectives}
        common = tuple(seed for seed in study.seeds if all(seed in own for own in found.values()))
        for name, own in found.items():
            if extra := [str(seed) for seed in own if seed not in common]:
                left_out.append(f"{name} at {size}, seed {', '.join(extra)}: not every objective has this seed")
        if not common:
            left_out.append(f"{size}: no seed with every objective")
            continue
        seeds[size] = common
        main |= {(size, name): tuple(own[seed] for seed in common) for name, own in found.items()}
        parameters[size] = main[size, study.objectives[0]][0].facts.parameters_outside_embeddings
        for name in study.averages.names if study.averages else ():
            owners = [one for own in found.values() for one in own.values() if name in one.facts.systems]
            if owners:
                main[size, name] = tuple(owners)
        if (untrained := records.get(f"{size}-{UNTRAINED}")) is not None:
            main[size, UNTRAINED] = (untrained,)
        else:
            left_out.append(f"{size}: the untrained encoder is not scored")
        if BM25 in records:
            main[size, BM25] = (records[BM25],)
    wanted = [run.name for run in planned(study, {}) if run.kind in ("main", "steps")]
    missing = [name for name in wanted if name not in records]
    if missing:
        left_out.append(f"{len(missing)} of {len(wanted)} planned trainings are not finished")
    sizes = tuple(sorted(seeds, key=parameters.__getitem__))
    machines = tuple(sorted({one.facts.machine for one in records.values()}))
    return Design(device, machines, sizes, parameters, seeds, main, _steps(records, study, left_out), tuple(left_out))


def _by_seed(records: Mapping[str, Record], size: str, objective: str) -> dict[int, Record]:
    return {
        one.run.seed: one
        for one in records.values()
        if one.run.kind == "main" and one.run.size == size and one.run.objectives == (objective,)
    }


def _steps(
    records: Mapping[str, Record], study: Study, left_out: list[str]
) -> dict[tuple[float, str], tuple[Record, ...]]:
    if study.steps is None:
        return {}
    own = [
        one
        for one in records.values()
        if one.run.size == study.steps.size
        and (one.run.kind == "steps" or (one.run.kind == "main" and one.run.seed in study.steps.seeds))
    ]
    grid = {(one.run.steps_factor, one.run.objectives[0], one.run.seed): one for one in own}
    factors = sorted({factor for factor, _, _ in grid})
    full = [seed for seed in study.steps.seeds if all((f, o, seed) in grid for f in factors for o in study.objectives)]
    if len(factors) < 2 or not full:
        if len(factors) > 1:
            left_out.append(f"numbers of steps at {study.steps.size}: no seed with every objective and number")
        return {}
    return {(f, o): tuple(grid[f, o, seed] for seed in full) for f in factors for o in study.objectives}
