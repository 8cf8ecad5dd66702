"""Which extra of babelmix installs a library: the answer is read out of pyproject.toml's extras, as pip installed them.

extra_of("torch")                 # "encoder"
install("torch")                  # "pip install 'babelmix[encoder]'"
"""

import re
from importlib.metadata import PackageNotFoundError, requires

_REQUIREMENT = re.compile(r"""(?P<name>[\w.-]+)[^;]*;.*\bextra == ["'](?P<extra>[\w-]+)["']""")


def extra_of(module: str) -> str | None:
    """Return the extra that installs a top-level module, the first in pyproject.toml that does; None where none does.

    A module belongs to the distribution of its name, or to the one whose name begins with it: `vl_convert` comes with
    vl-convert-python.
    """
    try:
        lines = requires("babelmix") or []
    except PackageNotFoundError:  # the sources run without an installation
        return None
    wanted = _plain(module)
    for line in lines:
        found = _REQUIREMENT.match(line)
        if found and f"{_plain(found['name'])}-".startswith(f"{wanted}-"):
            return found["extra"]
    return None


def install(module: str) -> str | None:
    """Return the command that installs a missing module, or None where no extra has it."""
    extra = extra_of(module)
    return f"pip install 'babelmix[{extra}]'" if extra else None


def _plain(name: str) -> str:
    return re.sub(r"[._]", "-", name).lower()
