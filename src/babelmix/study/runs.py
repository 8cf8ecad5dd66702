"""The runs of the study, in an order of which every prefix is a balanced design.

    runs = planned(study, rates)
    runs[0].name, runs[0].overrides()         # "layers-2-rate-x1", ["model.size=layers-2", "seed=13", ...]

Learning rates come first, then the baselines, then one seed after another, each through all sizes and objectives. The
runs with other numbers of steps follow one seed behind. So at any moment the finished runs compare equals. The arms,
trainings with other settings, come last: one seed after another, each through all sizes and arms.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from babelmix.study.settings import Study
from babelmix.workspace import BM25, NATIVE_DEV, UNTRAINED

Kind = Literal["rate", "main", "steps", "arm", "untrained", "bm25"]
TRAINED: tuple[Kind, ...] = ("main", "steps", "arm")  # with one objective, at the learning rate that dev chose


@dataclass(frozen=True, slots=True)
class Run:
    """One DVC experiment of the study."""

    name: str
    kind: Kind
    size: str
    objectives: tuple[str, ...]
    seed: int
    benchmarks: tuple[str, ...]
    rate_factor: float | None = None  # of the preset's learning rate; None while the dev splits have not chosen it
    steps_factor: float = 1.0  # of `train.steps`
    averages: tuple[str, ...] = ()
    arm: str = ""  # of `study.arms`
    change: tuple[str, ...] = ()  # what the arm changes, as `dvc exp run -S` takes it

    @property
    def experiment(self) -> str:
        """The name of the DVC experiment."""
        return f"study-{self.name}"

    def overrides(self, learning_rate: float, steps: int) -> list[str]:
        """Return what `dvc exp run -S` changes, given the preset's learning rate and `train.steps`.

        An arm that pre-trains does so at the rate that dev chose for its training.

        ValueError for a run whose learning rate is not chosen yet.
        """
        if self.rate_factor is None:
            raise ValueError(f"{self.name}: no learning rate yet")
        rate = f"{learning_rate * self.rate_factor:.4g}"
        pretrained = any(setting.startswith("pretrain.objective=") for setting in self.change)
        return [
            f"model.size={self.size}",
            f"seed={self.seed}",
            f"objectives=[{','.join(self.objectives)}]",
            f"averages=[{','.join(self.averages)}]",
            f"benchmarks=[{','.join(self.benchmarks)}]",
            f"train.learning_rate={rate}",
            *([f"pretrain.learning_rate={rate}"] if pretrained else []),
            f"train.steps={round(steps * self.steps_factor)}",
            *self.change,
        ]

    def targets(self) -> list[str]:
        """Return the DVC stages to run; DVC runs what they need. Only a training has main scores for `dvc exp show`."""
        return ["scores"] if self.kind in TRAINED else self.scored_by()

    def scored_by(self) -> list[str]:
        """Return the DVC stages that score the run's own systems."""
        if self.kind == "bm25":
            return ["evaluate-bm25"]
        if self.kind == "untrained":
            return [f"evaluate-untrained@{UNTRAINED}"]
        averages = (f"evaluate-average@{name}" for name in self.averages)
        return [*(f"evaluate@{name}" for name in self.objectives), *averages]


def planned(study: Study, rates: Mapping[tuple[str, str], float]) -> list[Run]:
    """Return all runs of the study, in their order.

    Args:
        study: the settings.
        rates: (size, objective) -> factor of the preset's learning rate that the dev splits chose; empty at first.
    """
    return list(_planned(study, rates))


def _planned(study: Study, rates: Mapping[tuple[str, str], float]) -> Iterator[Run]:
    first = study.seeds[0]
    for size in study.sizes:
        for factor in study.rate_factors:
            name = f"{size}-rate-x{factor:g}"
            yield Run(name, "rate", size, study.objectives, first, (NATIVE_DEV,), factor)
    yield Run(BM25, "bm25", study.sizes[0], study.objectives[:1], first, study.benchmarks, 1.0)
    for size in study.sizes:
        yield Run(f"{size}-{UNTRAINED}", "untrained", size, study.objectives[:1], first, study.benchmarks, 1.0)
    waiting: list[int] = []
    for place, seed in enumerate(study.seeds):
        for size in study.sizes:
            for objective in study.objectives:
                yield _main(study, size, objective, seed, rates)
        waiting.append(seed)
        if place:
            yield from _steps(study, waiting.pop(0), rates)
    for seed in waiting:
        yield from _steps(study, seed, rates)
    yield from _arms(study, rates)


def _main(study: Study, size: str, objective: str, seed: int, rates: Mapping[tuple[str, str], float]) -> Run:
    averages, wanted = (), study.averages
    if wanted and size in wanted.sizes and seed in wanted.seeds:
        averages = tuple(name for name in wanted.names if name.startswith(f"{objective}-"))
    name, rate = f"{size}-{objective}-s{seed}", rates.get((size, objective))
    return Run(name, "main", size, (objective,), seed, study.benchmarks, rate, averages=averages)


def _steps(study: Study, seed: int, rates: Mapping[tuple[str, str], float]) -> Iterator[Run]:
    if study.steps is None or seed not in study.steps.seeds:
        return
    size = study.steps.size
    for factor in study.steps.factors:
        for objective in study.objectives:
            name, rate = f"{size}-{objective}-s{seed}-x{factor:g}", rates.get((size, objective))
            yield Run(name, "steps", size, (objective,), seed, study.benchmarks, rate, steps_factor=factor)


def _arms(study: Study, rates: Mapping[tuple[str, str], float]) -> Iterator[Run]:
    for seed in dict.fromkeys(seed for arm in study.arms.values() for seeds in arm.seeds.values() for seed in seeds):
        for size in study.sizes:
            for arm, own in study.arms.items():
                for objective in own.objectives if seed in own.seeds.get(size, ()) else ():
                    yield Run(
                        f"{size}-{objective}-s{seed}-{arm}",
                        "arm",
                        size,
                        (objective,),
                        seed,
                        study.benchmarks,
                        rates.get((size, own.rate_of or objective)),
                        steps_factor=own.steps,
                        arm=arm,
                        change=own.change,
                    )
