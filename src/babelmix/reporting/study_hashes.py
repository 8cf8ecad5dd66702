"""The hashes of what a run of the study read: data, starting encoder and code, from its dvc.lock.

read_hashes(parse_lock(text, "dvc.lock"), ["evaluate@hybrid"], ["xquad-r", "dev"])      # path -> md5

A dvc.lock keeps the entries of stages that the run did not reach: other objectives, other benchmarks, stages of older
releases. Their hashes are of other runs, so only the stages that the scored ones need are followed.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from babelmix.common.errors import UserError
from babelmix.reporting.lock import hashes
from babelmix.workspace import HERE, UNTRAINED

BENCHMARKS = f"{HERE.data}/benchmarks/"
PAIRS = (f"{HERE.data}/pairs/human", f"{HERE.data}/pairs/machine")
KEPT = (*PAIRS, BENCHMARKS, str(HERE.tokens), str(HERE.model(UNTRAINED)), "src/")
MADE = (f"{HERE.data}/", f"{HERE.models}/")  # what else a stage reads, such as histories, says nothing of its data


def read_hashes(
    stages: Mapping[str, dict[str, Any]], targets: Sequence[str], benchmarks: Iterable[str]
) -> dict[str, str]:
    """Return path -> md5, sorted, of what the stages `targets` were made from.

    Args:
        stages: of a dvc.lock, by name.
        targets: the stages that score the run.
        benchmarks: that the scores are of, with the dev split if it is among them.

    Raises:
        UserError: the lock lacks one of the targets.
    """
    wanted = {str(HERE.benchmark(name)) for name in benchmarks}
    found: dict[str, str] = {}
    reached: dict[str, None] = {}
    waiting = list(targets)
    while waiting:  # nearest first: what a stage itself read counts before what was read for an input of it
        following: list[str] = []
        for name in waiting:
            if name not in stages:
                raise UserError(f"no stage {name}", where=str(HERE.lock), how=f"run `dvc repro {name}`")
            for path, md5 in hashes(stages[name], "deps").items():
                found.setdefault(path, md5)
                following += _makers(stages, path, md5, wanted)
        reached |= dict.fromkeys(waiting)
        waiting = [name for name in dict.fromkeys(following) if name not in reached]
    for name in reached:
        found |= {path: md5 for path, md5 in hashes(stages[name], "outs").items() if path in wanted}
    kept = {path: md5 for path, md5 in sorted(found.items()) if path.startswith(KEPT)}
    return {path: md5 for path, md5 in kept.items() if not path.startswith(BENCHMARKS) or path in wanted}


def _makers(stages: Mapping[str, dict[str, Any]], path: str, md5: str, wanted: set[str]) -> Iterator[str]:
    """Yield the stages that made a path with this hash; for a folder of several, those that made what lies in it."""
    if not path.startswith(MADE):
        return
    outs = {name: hashes(stage, "outs") for name, stage in stages.items()}
    if exact := [name for name, own in outs.items() if own.get(path) == md5]:
        yield from exact
        return
    for name, own in outs.items():
        below = [out for out in own if out.startswith(f"{path}/")]
        if any(not out.startswith(BENCHMARKS) or out in wanted for out in below):
            yield name
