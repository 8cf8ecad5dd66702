"""The machines that runs of a study ran on, for the reader: their seconds cannot be compared, and kernels round apart.

named_machines({"small": records, "base": others})      # ("AMD EPYC, 2 cores, ... (small)", "another (base)")
"""

from collections.abc import Iterable, Mapping

from babelmix.study.record import Record


def named_machines(runs: Mapping[str, Iterable[Record]]) -> tuple[str, ...]:
    """Return the machines, sorted, as records describe them; where there are several, with what ran on each.

    Args:
        runs: what a reader calls some runs -> the records of these runs.
    """
    own: dict[str, dict[str, None]] = {}
    for name, records in runs.items():
        for one in records:
            own.setdefault(one.facts.machine, {})[name] = None
    machines = sorted(own)
    if len(machines) < 2:
        return tuple(machines)
    return tuple(f"{machine} ({', '.join(own[machine])})" for machine in machines)
