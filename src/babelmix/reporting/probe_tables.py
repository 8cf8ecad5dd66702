"""What several encoders know of words, side by side, in Markdown.

print(to_markdown([Path("metrics/words/base-contrastive-s13.json"), Path("metrics/words/base-hybrid-s13.json")]))

A file is named after its encoder, with its seed at the end (`-s13`) if it was trained: files that differ in the seed
alone are trainings of one system.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from babelmix.common.errors import UserError
from babelmix.evaluation.significance import Difference, difference_of
from babelmix.probes.records import Probed, Results, read_results
from babelmix.reporting.scaling import changes_table
from babelmix.reporting.tables import number, table

FLOORS = {  # of lexicons: what needs no encoder, or its input embeddings alone
    "identical_p_at_1": "floor: identical string, P@1",
    "edit_p_at_1": "floor: smallest edit distance, P@1",
    "static_p_at_1": "floor: static vectors, P@1",
}
_SEED = re.compile(r"(.+)-s(\d+)")
Trained = Mapping[int | None, Results]  # by seed; None: it has none


def to_markdown(files: Sequence[Path]) -> str:
    """Return the headline numbers of each encoder, and the differences of every two of them, later minus earlier.

    Raises:
        UserError: fewer than two encoders, a damaged file, or files whose words were asked for in other ways.
    """
    systems = read_systems(files, where="probe-compare")
    if len(systems) < 2:
        how = "name the files of two or more encoders, as `babelmix probe --output` writes them"
        raise UserError(f"{len(systems)} encoder is nothing to compare", where="probe-compare", how=how)
    return "\n\n".join((*_headlines(systems), *_differences(systems)))


def is_trained(file: Path) -> bool:
    """Return whether a file's name ends in a seed."""
    return _SEED.fullmatch(file.stem) is not None


def read_systems(files: Sequence[Path], *, where: str) -> Mapping[str, Trained]:
    """Return what the files of each encoder found, in their order; `where` stands in errors.

    Raises:
        UserError: a damaged file, two of one name, or files whose words were asked for in other ways.
    """
    found: dict[str, dict[int | None, Results]] = {}
    for file in files:
        match = _SEED.fullmatch(file.stem)
        name, seed = (match[1], int(match[2])) if match else (file.stem, None)
        if seed in (own := found.setdefault(name, {})):
            raise UserError(
                f"two files of {file.stem}", where=f"{where}, {file}", how="give one, or rename one of them"
            )
        own[seed] = read_results(file)
    settings = {(one.settings.form, one.settings.prompt) for own in found.values() for one in own.values()}
    if len(settings) > 1:
        ways = "; ".join(f"form {form}, prompt {prompt}" for form, prompt in sorted(settings))
        raise UserError(
            f"the words were asked for in several ways ({ways})",
            where=where,
            how="probe all encoders with one form and one prompt",
        )
    return found


def _headlines(systems: Mapping[str, Trained]) -> Iterator[str]:
    every = [one for own in systems.values() for one in own.values()]
    form, prompt = every[0].settings.form, every[0].settings.prompt
    yield (
        f"Form {form}, prompt {prompt}. Means over directions, pairs or languages, and over seeds. Machine: "
        f"{'; '.join(sorted({one.machine for one in every}))}."
    )
    names = list(dict.fromkeys(name for one in every for name in one.headline))
    found = {name: [mean_headline(own, name) for own in systems.values()] for name in names}
    for probe in _probes(systems):
        for floor, head in FLOORS.items():
            found[f"{probe}, {head}"] = [_mean(_floor(own, probe, floor)) for own in systems.values()]
    rows = [(name, *map(number, values)) for name, values in found.items() if any(one is not None for one in values)]
    yield table(("probe and measure", *systems), [("seeds", *map(seeds_of, systems.values())), *rows])


def seeds_of(own: Trained) -> str:
    """Return the seeds of an encoder: "13, 14", or a dash for one that was not trained."""
    return ", ".join(str(seed) for seed in own if seed is not None) or number(None)


def mean_headline(own: Trained, name: str) -> float | None:
    """Return a headline number of an encoder, the mean over its seeds; None where no file has it."""
    return _mean([one.headline[name] for one in own.values() if name in one.headline])


def _floor(own: Trained, probe: str, floor: str) -> list[float]:
    """Return the means over directions, one for each seed that has the probe and the floor."""
    found = [one.probes[probe].by_direction.values() for one in own.values() if probe in one.probes]
    values = [[parts["all"][floor] for parts in directions if floor in parts["all"]] for directions in found]
    return [fmean(each) for each in values if each]


def _mean(values: Sequence[float]) -> float | None:
    return fmean(values) if values else None


def differences(systems: Mapping[str, Trained]) -> dict[tuple[str, ...], Difference]:
    """Return (systems, probe) -> difference at rank 1 of every two encoders, later minus earlier; none is corrected."""
    family: dict[tuple[str, ...], Difference] = {}
    for earlier, later in combinations(systems, 2):
        for probe in _probes(systems):
            if found := _difference(systems[later], systems[earlier], probe):
                family[f"{later} − {earlier}", probe] = found
    return family


def _differences(systems: Mapping[str, Trained]) -> Iterator[str]:
    family = differences(systems)
    if not family:
        return
    bound = next(iter(family.values())).bound
    probes = list(dict.fromkeys(probe for _, probe in family))
    yield (
        "Differences in the share of queries that are right at rank 1 (of lexicons by CSLS), ± half of the 95 % "
        "interval, paired over queries and seeds; with one seed on either side it says nothing of other trainings. "
        "What is asked in several languages or directions, such as one row of XLING, counts as one. Holm's "
        f"correction over all {len(family)} differences: ▲ better, ▼ worse, = equivalent within {bound:g}, · no "
        "difference shown."
    )
    yield changes_table(family, ("systems",), probes)


def _probes(systems: Mapping[str, Trained]) -> list[str]:
    return list(dict.fromkeys(name for own in systems.values() for one in own.values() for name in one.probes))


def _difference(first: Trained, second: Trained, probe: str) -> Difference | None:
    """Return first minus second over the parts and seeds that both have; None without any.

    An encoder without a seed, such as the untrained one, is set against every training of the other.
    """
    seeds = sorted(seed for seed in first.keys() & second.keys() if seed is not None)
    pairs = [(first[seed], second[seed]) for seed in seeds]
    if None in first or None in second:
        pairs = [(one, other) for one in first.values() for other in second.values()]
    asked = [(one.probes.get(probe), other.probes.get(probe)) for one, other in pairs]
    known = [(one, other) for one, other in asked if one and other]
    parts = known[0][0].right.keys() if known else ()
    parts = [part for part in parts if all(part in one.right for pair in known for one in pair)]
    if not parts:
        return None
    return difference_of([np.stack([by_unit(one, other, parts, probe) for one, other in known])])


def by_unit(one: Probed, other: Probed, parts: Sequence[str], probe: str) -> NDArray[np.float64]:
    """Return float64 [units] whose mean is the mean over parts of the mean difference, and whose spread is its error.

    With U units, P parts and n queries in a part, a unit has figure + U * sum over its queries of
    (difference - the part's mean) / (P n): see `evaluation.articles`.
    """
    own, others = one.answers(), other.answers()
    units, mine = other.units(), one.units()
    for part in parts:
        if len(own[part]) != len(others[part]) or not np.array_equal(units[part], mine[part]):
            how = "probe both again, with the same lexicon and languages"
            what = f"{len(own[part])} queries of one encoder, {len(others[part])} of another, or other ones"
            raise UserError(what, where=f"{probe}, {part}", how=how)
    unit = np.unique(np.concatenate([units[part] for part in parts]), return_inverse=True)[1]
    differences = [own[part].astype(np.float64) - others[part] for part in parts]
    figure = float(np.mean([values.mean() for values in differences]))
    moves = np.concatenate([(values - values.mean()) / (len(parts) * len(values)) for values in differences])
    return figure + (unit.max() + 1) * np.bincount(unit, weights=moves)
