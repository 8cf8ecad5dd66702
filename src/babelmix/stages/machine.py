"""What this machine can do, and what is missing: all checks of the doctor."""

from functools import partial

from babelmix.reporting.doctor import hardware, project, software, sources
from babelmix.reporting.doctor.check import Check, Finder, run_checks


def examine(*, online: bool = False) -> list[Check]:
    """Return all checks, group by group; nothing is written, and no network is asked unless `online`."""
    hub = partial(sources.hub, online=online)
    hub.__name__ = "hub"  # pyright: ignore[reportAttributeAccessIssue] -- a failed check is called by it
    groups: tuple[tuple[str, tuple[Finder, ...]], ...] = (
        (software.GROUP, (software.python_checks,)),
        (
            hardware.GROUP,
            (
                hardware.threads,
                hardware.memory,
                hardware.disks,
                hardware.instructions,
                hardware.gpu,
                hardware.compiler,
            ),
        ),
        (sources.GROUP, (sources.apt, sources.dpkg, sources.mirror, hub, sources.chromium)),
        (project.GROUP, (project.git, project.dvc, project.lock, project.mlflow)),
    )
    return run_checks((group, finder) for group, finders in groups for finder in finders)
