"""The table of readers, and how many inputs each gets of a run."""

from . import (
    targets_archives,
    targets_arrays,
    targets_benchmarks,
    targets_models,
    targets_pairs,
    targets_results,
    targets_settings,
)
from .harness import Target

TARGETS: tuple[Target, ...] = (
    *targets_settings.TARGETS,
    *targets_benchmarks.TARGETS,
    *targets_pairs.TARGETS,
    *targets_arrays.TARGETS,
    *targets_results.TARGETS,
    *targets_archives.TARGETS,
    *targets_models.TARGETS,  # last: torch takes seconds to load
)


def shares(inputs: int, targets: tuple[Target, ...] = TARGETS) -> dict[str, int]:
    """Return the number of inputs of each target, at least one, `inputs` or a few more together."""
    whole = sum(target.share for target in targets)
    return {target.name: max(1, -int(-inputs * target.share // whole)) for target in targets}
