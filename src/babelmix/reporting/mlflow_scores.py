"""The few numbers by which MLflow compares runs, under the same names in every run, and the table of all scores.

    metrics = main_metrics(evaluations, "hybrid", "hybrid+centre")      # {"pool": .262, "cross": .394, ...}
    table(evaluations, ["hybrid"])      # {"columns": ["system", "benchmark", ...], "data": [[...], ...]}

`pool`, `cross` and `mono` are the main score of the first benchmark: in the passages of all languages at once, of
other languages than the query's, and of the query's own.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import fmean
from typing import Any

from babelmix.evaluation.measures import MEASURES
from babelmix.reporting.names import POOL_FIRST
from babelmix.workspace import DEV, NATIVE_DEV

Evaluations = Mapping[str, Mapping[str, Mapping[str, Any]]]  # system -> benchmark -> main_score, scopes, bias, ...

HEADLINE = "pool"
COLUMNS = (
    HEADLINE,
    "cross",
    "mono",
    "gap",
    "native",
    "beir",
    "debiased",
    "dev_map",
)  # of the UI's table
PARAMETERS = "parameters_outside_embeddings"
NATIVE = "native"
DEV_SPLITS = (DEV, NATIVE_DEV)
BIAS = ("rank_distance", "lpr")
HEAD = ["system", "benchmark", "scope", "measure", "score"]


def main_metrics(evaluations: Evaluations, system: str, debiased: str | None) -> dict[str, float]:
    """Return the scores of a system that MLflow compares: at most 11, finite, none that was not measured.

    Args:
        evaluations: of all systems; the first benchmark that is no dev split is the main one.
        system: a name in `evaluations`.
        debiased: the system's debiased form that the dev splits chose, if any.

    Returns:
        pool, cross, mono: of the main benchmark. gap: mono - cross. native: the native pool. beir: the mean of the
        pools of all benchmarks that nDCG@10 is the main score of. rank_distance: of the main benchmark, in ranks.
        debiased: as pool. dev_map: the pool's mAP, mean of the dev splits. dev_entropy: contrastive entropy in the
        pool, in nats.
    """
    own = evaluations[system]
    found: dict[str, float | None] = {}
    if (main := next((name for name in own if name not in DEV_SPLITS), None)) is not None:
        found |= {"pool": _main(own[main], "multilingual"), "cross": _main(own[main], "crosslingual")}
        found |= {"mono": _main(own[main], "monolingual"), "rank_distance": own[main]["bias"].get("rank_distance")}
        if found["mono"] is not None and found["cross"] is not None:
            found["gap"] = found["mono"] - found["cross"]
        if debiased:
            found["debiased"] = _main(evaluations[debiased][main], "multilingual")
    if NATIVE in own:
        found["native"] = _main(own[NATIVE], "multilingual")
    found["beir"] = _mean(_main(one, "multilingual") for one in own.values() if one["main_score"] == "ndcg_at_10")
    found["dev_map"] = _mean(own[split]["scopes"]["multilingual"]["map"] for split in DEV_SPLITS if split in own)
    found["dev_entropy"] = ((own.get(DEV) or {}).get("contrastive_entropy") or {}).get("pooled")
    return finite(found)


def finite(values: Mapping[str, float | None]) -> dict[str, float]:
    """Return the values that are numbers: MLflow draws no chart of a NaN, and none of infinity."""
    return {name: round(value, 6) for name, value in values.items() if value is not None and math.isfinite(value)}


def table(evaluations: Evaluations, systems: Sequence[str]) -> dict[str, list[Any]]:
    """Return every score of some systems, in the form of MLflow's `log_table`: a row for each measure."""
    return {"columns": HEAD, "data": [row for name in systems for row in _rows(name, evaluations[name])]}


def _rows(system: str, own: Mapping[str, Mapping[str, Any]]) -> Iterator[list[Any]]:
    for benchmark, one in own.items():
        for scope in POOL_FIRST:
            scores = finite({measure: one["scopes"][scope][measure] for measure in MEASURES})
            yield from ([system, benchmark, scope, measure, score] for measure, score in scores.items())
        bias = finite({name: one["bias"].get(name) for name in BIAS})
        yield from ([system, benchmark, "bias", name, score] for name, score in bias.items())


def _main(evaluation: Mapping[str, Any], scope: str) -> float | None:
    return evaluation["scopes"][scope][evaluation["main_score"]]


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None
