"""Checks of Python and of the libraries of each extra.

[check.what for check in python_checks()]      # ["Python", "babelmix", "encoder", "translate", ...]
"""

import re
from collections.abc import Iterator

from babelmix.reporting.doctor import facts
from babelmix.reporting.doctor.check import Check

GROUP = "Python"
OLDEST, NEWEST = (3, 11), (3, 13)
# extra -> what it is for, and whether `dvc repro` needs it
EXTRAS = {
    "": ("BM25, vectors of any origin, plans of batches", True),
    "encoder": ("train, embed, models of your own", True),
    "translate": ("translate: pairs and queries by machine", True),
    "report": ("report: figures and the page", True),
    "mlflow": ("track, ui, study", True),
    "hub": ("mmarco, miracl, nanobeir, models of the hub, Parquet", False),
    "export": ("export: ONNX and OpenVINO", False),
    "probe": ("probe: what an encoder knows of words", False),
    "search": ("index, search: your own texts", False),
    "serve": ("serve: the page for searches", False),
    "data": ("publish pairs: a data set", False),
}
_LINE = re.compile(
    r"""(?P<name>[\w.-]+)(?:\[[^]]*\])?(?P<specifier>[^;\[]*)(?:;.*extra == ["'](?P<extra>[\w-]+)["'])?"""
)


def python_checks() -> Iterator[Check]:
    """Yield the check of Python, and one for each extra: its libraries are there, in versions that fit."""
    found = facts.python_version()
    fits = OLDEST <= found[:2] <= NEWEST
    yield Check(
        group=GROUP,
        what="Python",
        found=".".join(map(str, found)),
        verdict="ok" if fits else "missing",
        purpose="babelmix runs on 3.11 to 3.13",
        remedy="" if fits else "make PYTHON=/path/to/python3.13",
        needed=True,
    )
    wanted = _wanted()
    if not wanted:
        yield Check(
            group=GROUP,
            what="babelmix",
            found="its sources, not installed",
            verdict="unknown",
            purpose="which libraries it needs",
            remedy="make setup",
        )
        return
    for extra, (purpose, needed) in EXTRAS.items():
        yield _extra(extra, wanted.get(extra, []), purpose, needed)


def _extra(extra: str, wanted: list[tuple[str, str]], purpose: str, needed: bool) -> Check:
    absent = [name for name, _ in wanted if facts.installed(name) is None]
    other = [f"{name} {found}" for name, asked in wanted if (found := facts.installed(name)) and not fits(found, asked)]
    if absent:
        found = f"no {', '.join(absent)}"
    elif other:
        found = f"{', '.join(other)}: not the version that is asked for"
    elif not wanted:
        found = "this installation is older than the extra"
    else:
        found = f"{len(wanted)} librar{'y' if len(wanted) == 1 else 'ies'}, all there"
    target = f"'babelmix[{extra}]'" if extra else "babelmix"
    return Check(
        group=GROUP,
        what=extra or "babelmix",
        found=found,
        verdict="missing" if absent else "slow" if other else "ok" if wanted else "unknown",
        purpose=purpose,
        remedy=f"pip install {target}, or make setup in a clone" if absent or other or not wanted else "",
        needed=needed,
    )


def fits(version: str, asked: str) -> bool:
    """Return whether a version is one that `~=` or `==` asks for; any other form of asking is taken as fulfilled.

    >>> fits("3.17.2", "~=3.17"), fits("4.0", "~=3.17"), fits("0.3.1", "==0.3.0")
    (True, False, False)
    """
    for part in filter(None, (part.strip() for part in asked.split(","))):
        kind, wanted = part[:2], _numbers(part[2:])
        found = _numbers(version)
        if kind == "==" and found[: len(wanted)] != wanted:
            return False
        if kind == "~=" and (found[: len(wanted) - 1] != wanted[:-1] or found < wanted):
            return False
    return True


def _wanted() -> dict[str, list[tuple[str, str]]]:
    """Return extra -> (distribution, versions that fit) of babelmix's own metadata; "" is what it always needs."""
    found: dict[str, list[tuple[str, str]]] = {}
    for line in facts.requirements():
        if (parts := _LINE.match(line)) and parts["name"] != "babelmix":
            found.setdefault(parts["extra"] or "", []).append((parts["name"], parts["specifier"].strip()))
    return found


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(digits) for digits in re.findall(r"\d+", re.split(r"[+a-z-]", version.strip())[0]))
