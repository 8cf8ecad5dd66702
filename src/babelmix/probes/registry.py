"""Every probe. A module of this room that has a `PROBE` adds it here.

PROBES["tatoeba"].lexicon         # "tatoeba"
"""

from babelmix import probes
from babelmix.common.discovery import registry
from babelmix.common.errors import unknown_name
from babelmix.probes.probe import Probe

PROBES: dict[str, Probe] = registry(probes, "PROBE")


def probe_of(name: str, where: str = "probe") -> Probe:
    """Return a probe by its name; UserError, at `where`, for an unknown name."""
    if name not in PROBES:
        raise unknown_name("probe", name, PROBES, where=where)
    return PROBES[name]
