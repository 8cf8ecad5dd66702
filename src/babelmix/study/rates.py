"""The learning rate of each size and objective, chosen on the dev splits by one sweep that is equal for all.

rates = chosen_rates(records.values(), study)       # {("small", "hybrid"): 2.0, ...}: factors of the preset's
at_an_end(design, study)                            # "... hybrid at small (×2) ...": no larger one was tried
"""

from collections.abc import Iterable, Mapping

from babelmix.evaluation.choice import choose
from babelmix.study.design import Design
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


def at_an_end(design: Design, study: Study) -> str:
    """Return a sentence that names the chosen rates beyond which the sweep did not look, empty if there are none."""
    ends = {min(study.rate_factors), max(study.rate_factors)} if len(study.rate_factors) > 1 else set[float]()
    found: list[str] = []
    for objective in study.objectives:
        factors = {size: design.main[size, objective][0].run.rate_factor for size in design.sizes}
        if own := [f"{size} (×{factor:g})" for size, factor in factors.items() if factor in ends]:
            found.append(f"{objective} at {', '.join(own)}")
    if not found:
        return ""
    return (
        f"Some learning rates that dev chose lie at an end of the sweep: {'; '.join(found)}. A rate beyond it may be "
        "better there, so a difference may in part be one of tuning."
    )


def dev_scores(record: Record, system: str) -> Mapping[str, float]:
    """Return dev split -> pooled mAP of a system, for the splits that it was scored on."""
    scored = [split for split in (DEV, NATIVE_DEV) if split in record.facts.systems[system]]
    found = {split: record.score(system, split, "multilingual", "map") for split in scored}
    return {split: score for split, score in found.items() if score is not None}
