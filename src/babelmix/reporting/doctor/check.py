"""One check of a machine, and a run of many in which none can end the others.

found = run_checks([python_version, memory])       # one Check each, or several
failing(found)                                     # those without which `dvc repro` does not run
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from babelmix.common.one_line import first_line

Verdict = Literal["ok", "slow", "missing", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What was looked for and found, what it is for, and how to mend it.

    `verdict`: "slow" works, but not at its best; "unknown" was not asked, or the check itself failed. `needed`: without
    it `dvc repro` does not run.
    """

    group: str
    what: str
    found: str
    verdict: Verdict
    purpose: str
    remedy: str = ""
    needed: bool = False


Finder = Callable[[], Check | Iterable[Check]]


def run_checks(finders: Iterable[tuple[str, Finder]]) -> list[Check]:
    """Return what each finder of a group finds; one that raises becomes a check that says so."""
    found: list[Check] = []
    for group, finder in finders:
        try:
            result = finder()
            for one in [result] if isinstance(result, Check) else result:
                found.append(one)  # one by one: what a generator found before it raises is kept
        except Exception as error:
            what = finder.__name__.replace("_", " ")
            reason = f"the check failed: {type(error).__name__}, {first_line(error)}"
            remedy = "report it, with this line"
            found.append(
                Check(group=group, what=what, found=reason, verdict="unknown", purpose="not known", remedy=remedy)
            )
    return found


def program_check(group: str, what: str, path: str | None, *, purpose: str, remedy: str, needed: bool = False) -> Check:
    """Return the check of a program by its path, which is None where it is not on PATH."""
    return Check(
        group=group,
        what=what,
        found=path or "not on PATH",
        verdict="ok" if path else "missing",
        purpose=purpose,
        remedy="" if path else remedy,
        needed=needed,
    )


def failing(checks: Iterable[Check]) -> list[Check]:
    """Return the checks without which `dvc repro` does not run, and which are missing."""
    return [check for check in checks if check.needed and check.verdict == "missing"]


def size(number: float) -> str:
    """Return a number of bytes as people read it.

    >>> size(1_753_751_552), size(512)
    ('1.8 GB', '0.0 GB')
    """
    return f"{number / 1e9:,.1f} GB"
