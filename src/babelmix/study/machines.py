"""The machines that runs of a study ran on, for the reader: their seconds cannot be compared, and kernels round apart.

named_machines([("small", record), ("base", other)])    # ("AMD EPYC, 2 cores, ... (small)", "another (base)")
"""

from collections.abc import Iterable

from babelmix.study.record import Record


def named_machines(runs: Iterable[tuple[str, Record]]) -> tuple[str, ...]:
    """Return the machines, sorted, as records describe them; where there are several, with what ran on each.

    Args:
        runs: records, each after what a reader calls its run; several may have one name.
    """
    own: dict[str, dict[str, None]] = {}
    for name, one in runs:
        own.setdefault(one.facts.machine, {})[name] = None
    machines = sorted(own)
    if len(machines) < 2:
        return tuple(machines)
    return tuple(f"{machine} ({', '.join(own[machine])})" for machine in machines)
