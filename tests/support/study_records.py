"""Made-up records of a study, whose true scores and spreads are given: for the fit, the report and the driver.

    study = small_study(seeds=(13, 14))
    records = synthetic_records(tmp_path / "metrics/study", seeds=(13, 14))     # all runs of `study`, finished
    records["base-hybrid-s13"].values("hybrid", "xquad-r", "multilingual")      # float64 [60]

A value is the true score + the question's effect, common to all systems + what the seed adds to one training + a rest.
The first and the last have a mean of exactly 0 over questions. So with `seed_sd=0` a mean is its true score, but for
the rounding of records (below 1e-6); with `question_sd=0` too, so is every value.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from babelmix.evaluation.query_scores import SCOPES
from babelmix.reporting.study_records import systems_of
from babelmix.study.record import Facts, Record, Scope, Scored, key, read_records, write_record
from babelmix.study.runs import TRAINED, Run, planned
from babelmix.study.settings import Study, StudyArm, StudyAverages, StudySteps
from babelmix.workspace import BM25, DEV, NATIVE_DEV, UNTRAINED, encoder_of

SIZES = {  # size -> layers, parameters outside the embeddings: those of the real presets
    "layers-2": (2, 3_548_928),
    "small": (3, 5_323_392),
    "layers-4": (4, 7_097_856),
    "base": (6, 10_646_784),
    "layers-9": (9, 15_970_176),
    "large": (12, 21_293_568),
}
OBJECTIVES = ("contrastive", "hybrid", "crosslingual")
BENCHMARKS = ("xquad-r", "native", "native-dev", "nfcorpus")
FORMS = ("+centre", "+shift-index", "+centre-asked")
SHARED = 0.7  # of the variance over questions, common to all systems
ALPHA = {"contrastive": 1.0, "hybrid": 0.5, "crosslingual": 0.0}
Score = Callable[[int, str, str, str], float]


def true_score(parameters: int, encoder: str, scope: str, benchmark: str) -> float:
    """1 - error, a power of the parameters outside the embeddings, from 0.1 (BM25) to about 0.8.

    Hybrid gains .03 where languages meet and loses .01 in the monolingual scope, crosslingual twice that.
    """
    if encoder == BM25:
        return {"monolingual": 0.45, "crosslingual": 0.1, "multilingual": 0.15}[scope]
    error = {"monolingual": 0.4, "crosslingual": 0.7, "multilingual": 0.8}[scope] * (parameters / 5_323_392) ** -0.3
    if encoder == UNTRAINED:
        return 1 - min(0.95, error * 1.15)
    gain = 1 - ALPHA.get(encoder, 0.25)  # an average: as if between hybrid and crosslingual
    return 1 - error + gain * (-0.02 if scope == "monolingual" else 0.06)


def small_study(
    *,
    sizes: Mapping[str, tuple[int, int]] = SIZES,
    objectives: tuple[str, ...] = OBJECTIVES,
    seeds: tuple[int, ...] = (13, 14, 15),
    benchmarks: tuple[str, ...] = BENCHMARKS,
    rate_factors: tuple[float, ...] = (1, 0.5, 2),
    forms: tuple[str, ...] = FORMS,
    steps: StudySteps | None = None,
    averages: StudyAverages | None = None,
    arms: Mapping[str, StudyArm] | None = None,
) -> Study:
    """The settings whose records `synthetic_records` writes, given the same arguments."""
    return Study(
        sizes=tuple(sizes),
        objectives=objectives,
        seeds=seeds,
        benchmarks=benchmarks,
        rate_factors=rate_factors,
        forms=forms,
        steps=steps,
        averages=averages,
        arms=dict(arms or {}),
    )


def synthetic_records(
    folder: Path,
    *,
    sizes: Mapping[str, tuple[int, int]] = SIZES,
    objectives: tuple[str, ...] = OBJECTIVES,
    seeds: tuple[int, ...] = (13, 14, 15),
    score: Score = true_score,
    rate_score: Callable[[str, str, float], float] | None = None,
    questions: int = 60,
    seed_sd: float = 0.004,
    question_sd: float = 0.2,
    benchmarks: tuple[str, ...] = BENCHMARKS,
    forms: tuple[str, ...] = FORMS,
    steps: StudySteps | None = None,
    averages: StudyAverages | None = None,
    arms: Mapping[str, StudyArm] | None = None,
    arm_gain: Callable[[str, str], float] = lambda arm, objective: 0.0,
    untrained: bool = True,
    bm25: bool = True,
    device: str = "cpu",
) -> dict[str, Record]:
    """Write records of finished runs, all that such a study plans, and return name -> record.

    Args:
        folder: where they go, for example `HERE.study`; those of other devices or studies may be there.
        sizes: size -> (layers, parameters outside the embeddings).
        objectives: trained with every size and seed.
        seeds: of the trainings.
        score: (parameters outside the embeddings, encoder, scope, benchmark) -> true score. The encoder is an
            objective, an average, "untrained" or "bm25". Each form adds .01 more than the one before; a number of steps
            adds .02 for each doubling.
        rate_score: (size, objective, factor of the learning rate) -> pooled mAP on both dev splits, exact; without it
            there are no runs of the sweep.
        questions: of every benchmark.
        seed_sd: standard deviation over seeds of a training's scores, equal for its forms, scopes and benchmarks.
        question_sd: standard deviation of one system's values over questions.
        benchmarks: scored; "native..." has no crosslingual scope, "native-dev" and "dev" keep no questions.
        forms: of each encoder, plain is there too.
        steps: as in the study.
        averages: as in the study; a name begins with the objective whose record has it.
        arms: as in the study.
        arm_gain: (arm, objective) -> what is added to the score.
        untrained: whether the untrained encoders are scored.
        bm25: whether BM25 is.
        device: that all ran on.
    """
    study = small_study(
        sizes=sizes,
        objectives=objectives,
        seeds=seeds,
        benchmarks=benchmarks,
        forms=forms,
        steps=steps,
        averages=averages,
        arms=arms,
    )
    made: list[str] = []
    for run in planned(study, {(size, name): 1.0 for size in sizes for name in objectives}):
        present = {UNTRAINED: untrained, BM25: bm25, "rate": rate_score is not None}
        if not present.get(run.kind, True):
            continue
        layers, parameters = sizes[run.size]
        values: dict[str, np.ndarray] = {}
        systems: dict[str, dict[str, Scored]] = {}
        shift = seed_sd * _numbers("seed", run.name).standard_normal() if run.kind in TRAINED else 0.0
        for system in systems_of(run, study):
            encoder, scored = encoder_of(system), {}
            gain = arm_gain(run.arm, encoder) if run.arm else 0.0
            added = (
                shift
                + gain
                + 0.01 * ("", *forms).index(system.removeprefix(encoder))
                + 0.02 * np.log2(run.steps_factor)
            )
            for benchmark in _benchmarks(run):
                own = {
                    scope: score(parameters, encoder, scope, benchmark) + added
                    for scope in SCOPES
                    if not (benchmark.startswith("native") and scope == "crosslingual")
                }
                if run.kind == "rate" and rate_score is not None and run.rate_factor is not None:
                    own = dict.fromkeys(own, rate_score(run.size, system, run.rate_factor))
                if run.kind != "rate" and benchmark not in (DEV, NATIVE_DEV):
                    for scope, mean in own.items():
                        shared = _centred(_numbers("question", benchmark, scope), questions)
                        rest = _centred(_numbers("rest", run.name, system, benchmark, scope), questions)
                        spread = np.sqrt(SHARED) * shared + np.sqrt(1 - SHARED) * rest
                        values[key(system, benchmark, scope)] = mean + question_sd * spread
                scored[benchmark] = _scored(benchmark, own, questions)
            systems[system] = scored
        write_record(folder, run, _facts(run, study, layers, parameters, device, systems), values)
        made.append(run.name)
    found = read_records(folder)
    return {name: found[name] for name in sorted(made)}


def _numbers(*names: str) -> np.random.Generator:
    return np.random.default_rng(list(hashlib.sha256("|".join(names).encode()).digest()))


def _centred(numbers: np.random.Generator, questions: int) -> np.ndarray:
    drawn = numbers.standard_normal(questions)
    return drawn - drawn.mean()


def _benchmarks(run: Run) -> Iterator[str]:
    yield from run.benchmarks
    if run.kind != "bm25":
        yield DEV


def _scored(benchmark: str, scores: Mapping[str, float], questions: int) -> Scored:
    scopes = {}
    for scope in SCOPES:
        score = round(scores[scope], 6) if scope in scores else None
        fields = dict.fromkeys(Scope.model_fields, score)
        scopes[scope] = Scope.model_validate(fields | {"queries": 0 if score is None else questions})
    pooled = scores["multilingual"]
    bias = {"rank_distance": 100 * (1 - pooled), "rank_distance_share": 1 - pooled, "lpr": 1 - pooled / 2}
    bias |= {"lpr_expected": 0.1, "same_language_share_top10": 0.4, "mrc_at_10": pooled / 2}
    entropy = {scope: 3 * (1 - score) for scope, score in scores.items() if scope != "multilingual"}
    return Scored(
        main_score="ndcg_at_10" if benchmark == "nfcorpus" else "map",
        scopes=scopes,
        bias=bias,
        contrastive_entropy=entropy | {"pooled": 6 * (1 - pooled)} if benchmark == DEV else None,
        by={scope: {"de-en" if scope == "crosslingual" else "de": round(score, 4)} for scope, score in scores.items()},
    )


def _facts(
    run: Run, study: Study, layers: int, parameters: int, device: str, systems: dict[str, dict[str, Scored]]
) -> Facts:
    trained = run.kind in ("rate", *TRAINED)
    hashes = {f"data/benchmarks/{name}": f"{name}.dir" for name in _benchmarks(run)}
    if run.kind != "bm25":
        hashes |= {"data/pairs/human": "pairs.dir", "models/untrained": f"untrained-{run.size}.dir"}
    settings: dict[str, Any] = {"threads": 2, "train": {"steps": 240, "batch_size": 32}, "embed": {"max_tokens": 128}}
    return Facts(
        settings=settings,
        overrides=tuple(run.overrides(1e-4, 240)),
        revision="0" * 40,
        machine="a processor, 2 threads" if device == "cpu" else device,
        device=device,
        layers=None if run.kind == BM25 else layers,
        parameters=0 if run.kind == BM25 else parameters + 96_212_352,
        parameters_outside_embeddings=0 if run.kind == BM25 else parameters,
        learning_rate=1e-4 * (run.rate_factor or 1),
        steps=round(240 * run.steps_factor),
        hashes=hashes,
        seconds={
            **{f"train@{name}": 20.0 * layers * run.steps_factor for name in run.objectives if trained},
            **{f"average@{name}": 5.0 * layers for name in run.averages},
            # A seed whose vectors were kept takes less.
            **{f"embed@{name}": layers * (31.0 if run.seed == 13 else 7.0) for name in run.objectives if trained},
        },
        peak_memory=2**31 + layers * 2**26,
        losses={name: {"loss": 1.5 - 0.01 * layers, "dev_pooled": 4.5} for name in run.objectives} if trained else {},
        strengths={system: 0.5 for system in systems if system != encoder_of(system)},
        shares=dict.fromkeys(run.averages, 0.5),
        systems=systems,
    )
