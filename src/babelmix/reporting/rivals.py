"""What beats plain hybrid batches, at equal compute: recipes, weight averages and debiasings, by size.

    sizes = read_rivals(Path("."), ["rivals-small-13", "rivals-small-14", "rivals-base-13"])
    sizes[0].dev["hybrid+shift"].pooled             # the dev splits choose, the benchmarks do not
    sizes[0].scores["hybrid", "multi"].mean         # with a 95 % interval over questions and seeds
    sizes[0].differences["hybrid-start", "multi"].verdict

Experiments may differ in the objectives and averages that they trained: each size has the systems of all its seeds.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from babelmix.common.errors import UserError
from babelmix.common.reading import parse_json
from babelmix.evaluation.query_scores import QueryScores
from babelmix.evaluation.significance import (
    Difference,
    Interval,
    holm,
    paired_difference,
    pooled_difference,
    score_interval,
)
from babelmix.reporting.dev_choice import DevFigures, best_debiasing, recommended
from babelmix.reporting.experiment_files import (
    LazyScores,
    Opened,
    by_size,
    open_experiments,
    read_dev,
    read_evaluations,
    read_file,
    scored_by_all,
)
from babelmix.reporting.results import systems_of
from babelmix.reporting.rival_costs import PLAIN, at_equal_compute, costs, plain_hybrids
from babelmix.settings.params import Settings
from babelmix.workspace import BM25, BY_INDEX, BY_TEXT, DEV, HERE, NATIVE_DEV, dev_benchmarks, encoder_of

PARALLEL, NATIVE = "xquad-r", "native"  # an answer in every language; an answer in the asker's language alone
AIM = 0.02  # multilingual mAP above plain hybrid, with no monolingual loss


@dataclass(frozen=True, slots=True)
class Score:
    """A score that the tables show: of a benchmark in a scope, by a column of QueryScores."""

    benchmark: str
    scope: str
    column: str = "average_precision"
    english: bool | None = None  # of the English queries alone, of all others alone, or of all


SCORES = {
    "mono": Score(PARALLEL, "monolingual"),
    "cross": Score(PARALLEL, "crosslingual"),
    "multi": Score(PARALLEL, "multilingual"),
    "native mono": Score(NATIVE, "monolingual"),
    "native": Score(NATIVE, "multilingual"),
}
BEIR = "BEIR"  # nDCG@10, mean over the tasks
COMPARED = ("multi", "mono", "native", BEIR)


@dataclass(frozen=True, slots=True)
class SizeRivals:
    """The rivals of one size; a system is an encoder or one of its debiased forms.

    `scores` and `differences` have the shown systems, by (system, name of the score).
    """

    size: str
    seeds: tuple[int, ...]
    settings: Settings  # of the first seed
    systems: tuple[str, ...]  # that all seeds have
    left_out: tuple[str, ...]  # encoders that some seeds lack
    shown: tuple[str, ...]  # plain, and the best forms on dev
    tasks: tuple[str, ...]  # of BEIR
    dev: dict[str, DevFigures]
    cost: dict[str, float]  # encoder -> steps of the plain recipe
    plain: dict[str, float]  # plain hybrids, by steps
    evaluations: dict[str, dict[str, list[dict[str, Any]]]]  # benchmark -> system -> JSON of each seed
    scores: dict[tuple[str, str], Interval]
    differences: dict[tuple[str, str], Difference]

    def against(self, system: str) -> str:
        """Return the plain hybrid that a system is compared with."""
        return at_equal_compute(self.cost[encoder_of(system)], self.plain)

    def recommended(self, plain: str, *, transductive: bool) -> str:
        """Return the system that the dev splits recommend among those that cost no more than a plain hybrid, or it."""
        bound = self.settings.evaluate.equivalence_bound
        dev = {name: own for name, own in self.dev.items() if self.cost[encoder_of(name)] <= self.plain[plain]}
        return recommended(dev, reference=plain, bound=bound, transductive=transductive) or plain

    def reaches_aim(self, system: str) -> bool:
        """Whether the pooled score is better by the aim at least, and the monolingual one no worse than the bound."""
        multi, mono = self.differences[system, "multi"], self.differences[system, "mono"]
        return multi.verdict == "better" and multi.mean >= AIM and mono.no_worse


def read_rivals(root: Path, names: Sequence[str], on_progress: Callable[[str], None]) -> list[SizeRivals]:
    """Read and compare experiments, small models first; Holm's correction is over all differences of all sizes.

    Raises UserError: an experiment that does not exist or lacks scores; two with the same size and seed; two with other
    definitions or data; none with plain hybrid, or not all with the two benchmarks of the trade-off.
    """
    opened = open_experiments(root, names)
    benchmarks = [
        name for name in opened[0].settings.benchmarks if all(name in run.settings.benchmarks for run in opened)
    ]
    for name in (PARALLEL, NATIVE):
        if name not in benchmarks:
            how = f"run them with benchmarks=[{PARALLEL},{NATIVE},{NATIVE_DEV}]"
            raise UserError(f"not every experiment has the benchmark {name}", where="experiments", how=how)
    sizes = [_of_size(size, group, benchmarks, on_progress) for size, group in by_size(opened).items()]
    family = [(place, key) for place, found in enumerate(sizes) for key in found.differences]
    for (place, key), difference in zip(
        family, holm([sizes[place].differences[key] for place, key in family]), strict=True
    ):
        sizes[place].differences[key] = difference
    return sizes


def _of_size(
    size: str, group: Sequence[Opened], benchmarks: Sequence[str], on_progress: Callable[[str], None]
) -> SizeRivals:
    settings, systems, left_out = _common(group)
    if PLAIN not in systems:
        how = f"run it with objectives=[{PLAIN},...]"
        raise UserError(f"no plain {PLAIN} that every seed has", where=f"experiments of size {size}", how=how)
    on_progress(f"size {size}: {len(systems)} systems of {len(group)} experiments")
    cost = costs(settings, _units(group[0]))
    dev = read_dev(group, [name for name in systems if name != BM25], dev_benchmarks(benchmarks))
    evaluations = {
        benchmark: _by_system([read_evaluations(run, benchmark, wanted) for run in group])
        for benchmark, wanted in ((PARALLEL, systems), (NATIVE, systems), (DEV, list(dev)))
    }
    first = {name: read_evaluations(group[0], name, [BM25])[BM25]["main_score"] for name in benchmarks}
    found = SizeRivals(
        size=size,
        seeds=tuple(run.settings.seed for run in group),
        settings=settings,
        systems=tuple(systems),
        left_out=left_out,
        shown=(),
        tasks=tuple(
            name
            for name, main_score in first.items()
            if main_score == "ndcg_at_10" or name in settings.benchmark.translated  # BEIR's, or one's own in its form
        ),
        dev=dev,
        cost=cost,
        plain=plain_hybrids(settings, cost),
        evaluations=evaluations,
        scores={},
        differences={},
    )
    found = replace(found, shown=_shown(found))
    _measure(found, group)
    return found


def _common(group: Sequence[Opened]) -> tuple[Settings, list[str], tuple[str, ...]]:
    """Return settings that name the encoders of all seeds, their systems, and the encoders that some seeds lack."""

    def names(field: str) -> tuple[list[str], list[str]]:
        each: list[tuple[str, ...]] = [getattr(run.settings, field) for run in group]
        union = list(dict.fromkeys(name for own in each for name in own))
        kept = [name for name in union if all(name in own for own in each)]
        return kept, [name for name in union if name not in kept]

    (objectives, lost), (averages, lost_averages) = names("objectives"), names("averages")
    settings = group[0].settings.model_copy(update={"objectives": tuple(objectives), "averages": tuple(averages)})
    known = scored_by_all(group)
    systems = [name for name in systems_of(objectives, averages) if name == encoder_of(name) or name in known]
    return settings, systems, (*lost, *lost_averages)


def _units(run: Opened) -> int:
    """Return how many parallel ids the training pairs have: each stands at least in the language it was written in."""
    units = 0
    for source in run.settings.sources:
        path = str(HERE.pair_counts(source))
        counts = parse_json(read_file(run, path), f"{path} of {run.name}")
        units += max(found["kept_train"] for found in counts.values())
    return units


def _by_system(found: Sequence[Mapping[str, dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    return {system: [one[system] for one in found] for system in found[0]}


def _shown(found: SizeRivals) -> tuple[str, ...]:
    """Return BM25, each encoder and its best form by training text and by the index, and what dev recommends."""
    chosen = {found.recommended(plain, transductive=kind) for plain in found.plain for kind in (False, True)}
    for encoder in found.cost:
        for forms in (BY_TEXT, BY_INDEX):
            chosen.add(best_debiasing(found.dev, encoder, forms))
    return tuple(name for name in found.systems if name == encoder_of(name) or name in chosen)


def _measure(found: SizeRivals, group: Sequence[Opened]) -> None:
    """Fill in the scores and the differences, a system at a time: the scores of all queries do not fit in memory."""
    files = {name: [LazyScores(run, name, found.systems) for run in group] for name in (PARALLEL, NATIVE, *found.tasks)}
    wanted = SCORES | {
        beir_score(task, english): Score(task, "multilingual", "ndcg_at_10", english)
        for task in found.tasks
        for english in (True, False)
    }
    bound = found.settings.evaluate.equivalence_bound
    plain = {name: {task: [one[name] for one in each] for task, each in files.items()} for name in found.plain}
    for system in found.shown:
        scores = plain.get(system) or {task: [one[system] for one in each] for task, each in files.items()}
        for name, score in wanted.items():
            own = [_asked(one, score.english) for one in scores[score.benchmark]]
            if own[0].scope.size:
                found.scores[system, name] = score_interval(own, score.scope, score.column)
        if system == BM25 or (against := found.against(system)) == system:
            continue
        for name in COMPARED[:-1]:
            score = SCORES[name]
            pair = scores[score.benchmark], plain[against][score.benchmark]
            found.differences[system, name] = paired_difference(*pair, score.scope, score.column, bound)
        if found.tasks:
            pairs = [(scores[task], plain[against][task]) for task in found.tasks]
            found.differences[system, BEIR] = pooled_difference(pairs, "multilingual", "ndcg_at_10", bound)


def beir_score(task: str, english: bool) -> str:
    """Return the name of a BEIR task's score: of its English queries, or of those in the other languages."""
    return f"{task} {'en' if english else 'others'}"


def _asked(scores: QueryScores, english: bool | None) -> QueryScores:
    """Return the scores of queries in English, in the other languages, or all of them."""
    if english is None:
        return scores
    mask = (scores.query_language == "en") == english
    return QueryScores(**{field.name: getattr(scores, field.name)[mask] for field in fields(QueryScores)})
