"""The files of DVC experiments, read from DVC's cache or remote: nothing is checked out, the workspace stays.

    opened = open_experiments(Path("."), ["small-s13", "small-s14"], same=("objectives",))
    run = read_scores(opened[0], "xquad-r", ["hybrid", "hybrid+lir"])
    run.scores["hybrid"].average_precision

It reads experiments of the last release too, see `common.old_names` and `settings.renamed`.
"""

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from babelmix.common.errors import UserError
from babelmix.evaluation.query_scores import QueryScores
from babelmix.evaluation.score_files import parse_evaluation, read_query_scores
from babelmix.reporting.dev_choice import DevFigures, dev_figures
from babelmix.reporting.results import parse_parameters
from babelmix.settings.params import Settings, parse_settings
from babelmix.workspace import HERE

Run = TypeVar("Run", "Opened", "Experiment")

# The fields of Settings that must be equal in experiments whose sizes and seeds are compared.
SAME = (
    "objective_presets",
    "average",
    "sources",
    "source",
    "pairs",
    "translate",
    "pretrain",
    "train",
    "embed",
    "benchmark",
    "evaluate",
)


@dataclass(frozen=True)
class Opened:
    """One experiment: its settings, and its files as Git and DVC have them."""

    name: str
    settings: Settings
    files: Any  # a DVCFileSystem

    @cached_property
    def systems(self) -> frozenset[str]:
        """The systems that it scored; empty where the cache has none of its scores."""
        from dvc.exceptions import DvcException

        try:
            return frozenset(Path(path).name for path in self.files.ls(str(HERE.evaluations), detail=False))
        except (DvcException, OSError):
            return frozenset()


class LazyScores(Mapping[str, QueryScores]):
    """The scores of every query by system, read whenever they are asked for: all at once would not fit in memory."""

    def __init__(self, opened: Opened, benchmark: str, systems: Sequence[str]) -> None:
        self._opened, self._benchmark, self._systems = opened, benchmark, systems

    def __getitem__(self, system: str) -> QueryScores:
        """Return a system's scores; UserError where the cache lacks them."""
        if system not in self._systems:
            raise KeyError(system)
        path = str(HERE.query_scores(system, self._benchmark))
        with_name = f"{path} of {self._opened.name}"
        return read_query_scores(io.BytesIO(_bytes(self._opened, path, self._benchmark)), with_name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._systems)

    def __len__(self) -> int:
        return len(self._systems)


@dataclass(frozen=True, slots=True)
class Experiment:
    """The scores of one experiment on one benchmark, by system."""

    name: str
    settings: Settings
    evaluations: dict[str, dict[str, Any]]
    scores: Mapping[str, QueryScores]
    best: Mapping[str, str]  # encoder -> its best debiased form, of all seeds of the size, chosen on dev


def experiment_names(root: Path, benchmarks: Sequence[str]) -> list[str]:
    """Return the names, sorted, of the current commit's experiments whose settings name all of these benchmarks."""
    from dvc.repo import Repo

    with Repo(str(root)) as repo:
        found: dict[Any, list[tuple[str, Any]]] = repo.experiments.ls(rev="HEAD")
    names = sorted(name for group in found.values() for name, *_ in group)
    return [name for name in names if set(benchmarks) <= set(_open(root, name).settings.benchmarks)]


def open_experiments(root: Path, names: Sequence[str], same: Sequence[str] = ()) -> list[Opened]:
    """Return these experiments, small models first, then by seed.

    Args:
        root: the project.
        names: of experiments, or commits.
        same: the fields of Settings that must be equal in all of them, beside SAME.

    Raises UserError: none, one that does not exist, two with the same size and seed, two that differ in these fields,
        two of one size with other presets of it.
    """
    found = [_open(root, name) for name in names]
    if not found:
        how = "run `make results` or `make rivals`, or dvc exp run, and name the experiments"
        raise UserError("no experiments to compare", where=str(root), how=how)
    seen: dict[tuple[str, int], str] = {}
    presets: dict[str, Opened] = {}
    for run in found:
        key = _key(run)
        if key in seen:
            what = f"{seen[key]} and {run.name} both have size {key[0]} and seed {key[1]}"
            raise UserError(what, where="experiments", how="name one of them, or `dvc exp remove` the other")
        seen[key] = run.name
        alike = presets.setdefault(run.settings.model.size, run)
        if alike.settings.preset() != run.settings.preset():
            raise _differ(alike, run, f"model.presets.{run.settings.model.size}")
        for field in (*SAME, *same):
            if getattr(run.settings, field) != getattr(found[0].settings, field):
                raise _differ(found[0], run, field.removesuffix("_presets"))
    layers = {size: run.settings.preset().layers or 0 for size, run in presets.items()}
    return sorted(found, key=lambda run: (layers[run.settings.model.size], *_key(run)))


def _differ(one: Opened, other: Opened, field: str) -> UserError:
    how = "compare experiments that differ in size and seed alone"
    return UserError(f"{one.name} and {other.name} differ in {field}", where=str(HERE.params), how=how)


def by_size(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """Return size -> its experiments, one a seed, in the order given."""
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(run.settings.model.size, []).append(run)
    return groups


def scored_by_all(group: Sequence[Opened]) -> frozenset[str]:
    """Return the systems that every experiment of a group scored."""
    return frozenset[str].intersection(*(run.systems for run in group))


def read_dev(group: Sequence[Opened], systems: Sequence[str], splits: Sequence[str]) -> dict[str, DevFigures]:
    """Return system -> its figures on the dev splits, means over the experiments of a group."""
    found = [read_evaluations(run, split, systems) for run in group for split in splits]
    return {system: dev_figures([one[system] for one in found]) for system in systems}


def read_scores(opened: Opened, benchmark: str, systems: Sequence[str], best: Mapping[str, str]) -> Experiment:
    """Read what an experiment measured for these systems on a benchmark; UserError where the cache lacks it."""
    evaluations = read_evaluations(opened, benchmark, systems)
    return Experiment(opened.name, opened.settings, evaluations, LazyScores(opened, benchmark, tuple(systems)), best)


def read_evaluations(opened: Opened, benchmark: str, systems: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return system -> its evaluation on a benchmark; UserError where the cache lacks it."""
    evaluations: dict[str, dict[str, Any]] = {}
    for system in systems:
        path = str(HERE.scores(system, benchmark))
        text = _decoded(_bytes(opened, path, benchmark), path, opened.name)
        evaluations[system] = parse_evaluation(text, f"{path} of {opened.name}")
    return evaluations


def read_file(opened: Opened, path: str) -> str:
    """Return the text of a file of an experiment; UserError where the cache lacks it."""
    from dvc.exceptions import DvcException

    try:
        return _text(opened.files, path, opened.name)
    except (DvcException, OSError) as error:
        how = "run it again"
        raise UserError(f"cannot be read ({error})", where=f"{path} of {opened.name}", how=how) from error


def read_parameters(root: Path, name: str) -> tuple[int, int]:
    """Return the number of parameters of an experiment's encoder, all and outside the embeddings.

    UserError for an experiment without this number, which an older release made.
    """
    from dvc.exceptions import DvcException

    path = str(HERE.encoder_metrics)
    try:
        text = _text(_files(root, name), path, name)
    except (DvcException, OSError) as error:
        how = "run it again: an older release did not count parameters"
        raise UserError(f"cannot be read ({error})", where=f"{path} of {name}", how=how) from error
    return parse_parameters(text, f"{path} of {name}")


def _open(root: Path, name: str) -> Opened:
    files = _files(root, name)
    settings = parse_settings(_text(files, str(HERE.params), name), f"{HERE.params} of {name}")
    return Opened(name, settings, files)


def _files(root: Path, name: str) -> Any:
    """Return the file system of an experiment, as Git and DVC have it."""
    from dvc import api
    from dvc.exceptions import DvcException
    from scmrepo.exceptions import SCMError

    try:
        files: Any = api.DVCFileSystem(str(root), rev=name)
        files.ls("", detail=False)  # looks the revision up
    except (DvcException, SCMError, OSError) as error:
        how = "name one that `dvc exp list` shows, or a commit"
        raise UserError(f"no such experiment ({error})", where=f"experiment {name}", how=how) from error
    return files


def _bytes(opened: Opened, path: str, benchmark: str) -> bytes:
    from dvc.exceptions import DvcException

    try:
        return opened.files.read_bytes(path)
    except (DvcException, OSError) as error:
        how = f"run it with benchmarks=[{benchmark}], or name others (`dvc exp list`)"
        raise UserError(f"cannot be read ({error})", where=f"experiment {opened.name}", how=how) from error


def _text(files: Any, path: str, name: str) -> str:
    return _decoded(files.read_bytes(path), path, name)


def _decoded(content: bytes, path: str, name: str) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UserError("not UTF-8 text", where=f"{path} of {name}", how="make the experiment again") from error


def _key(run: Opened) -> tuple[str, int]:
    return run.settings.model.size, run.settings.seed
