"""The learning rate of each size and objective, chosen on the dev splits by one sweep that is equal for all.

rates = chosen_rates(records.values(), study)       # {("small", "hybrid"): 2.0, ...}: factors of the preset's
"""

from collections.abc import Iterable, Mapping

from babelmix.evaluation.choice import choose
from babelmix.study.record import Record
from babelmix.study.settings import Study
from babelmix.workspace import DEV, NATIVE_DEV


def chosen_rates(records: Iterable[Record], study: Study) -> dict[tuple[str, str], float]:
    """Return (size, objective) -> factor with the highest pooled mAP, mean of both dev splits; of equals the smallest.

    A size whose sweep is not finished is left out.
    """
    swept = {(one.run.size, one.run.rate_factor): one for one in records if one.run.kind == "rate"}
    chosen: dict[tuple[str, str], float] = {}
    for size in study.sizes:
        runs = {factor: swept.get((size, factor)) for factor in sorted(study.rate_factors)}
        for objective in study.objectives:
            pooled = {factor: dev_scores(run, objective) for factor, run in runs.items() if run}
            if len(pooled) == len(runs):
                chosen[size, objective] = choose(pooled)
    return chosen


def dev_scores(record: Record, system: str) -> Mapping[str, float]:
    """Return dev split -> pooled mAP of a system, for the splits that it was scored on."""
    scored = [split for split in (DEV, NATIVE_DEV) if split in record.facts.systems[system]]
    found = {split: record.score(system, split, "multilingual", "map") for split in scored}
    return {split: score for split, score in found.items() if score is not None}
