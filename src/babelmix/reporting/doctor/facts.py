"""Facts of this machine, each read without changing anything. Checks ask here, so tests can put other facts.

threads()            # (2, None): cores that this process may use, and the CPUs that a container's quota grants
memory()             # Memory(total=8_000_000_000, free=5_000_000_000, limit=None)
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import NamedTuple

from babelmix.common import processes
from babelmix.common.files import cache_dir, project_root

PROC, CGROUP = Path("/proc"), Path("/sys/fs/cgroup")
_UNLIMITED = 1 << 60  # version 1 of control groups writes a number of this order for "no limit"


class Memory(NamedTuple):
    """Bytes of the machine, those that are free, and the limit of a container, None without one."""

    total: int | None
    free: int | None
    limit: int | None


def python_version() -> tuple[int, int, int]:
    """Return the version of this Python."""
    return sys.version_info[:3]


def requirements() -> list[str]:
    """Return what babelmix requires, as its metadata writes it; nothing where it is not installed."""
    try:
        return requires("babelmix") or []
    except PackageNotFoundError:
        return []


def installed(distribution: str) -> str | None:
    """Return the version of an installed distribution, None if it is not installed."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def program(name: str) -> str | None:
    """Return the path of a program on PATH, or beside this Python."""
    beside = str(Path(sys.executable).parent)
    return shutil.which(name, path=os.pathsep.join((beside, os.environ.get("PATH", os.defpath))))


def threads() -> tuple[int, float | None]:
    """Return the cores that this process may use, and the CPUs that a container's quota grants, None without one."""
    quotas: list[float] = []
    for folder in _groups("cpu"):
        words = _read(folder / "cpu.max").split()
        if len(words) == 2 and words[0].isdecimal():
            quotas.append(int(words[0]) / int(words[1]))
        quota, period = (_number(folder / f"cpu.cfs_{name}_us") for name in ("quota", "period"))
        if quota and period and quota > 0:
            quotas.append(quota / period)
    return processes.cores(), min(quotas, default=None)


def memory() -> Memory:
    """Return the memory of the machine and the limit of a container."""
    text = _read(PROC / "meminfo")
    total, free = (re.search(rf"^{name}:\s+(\d+) kB", text, re.MULTILINE) for name in ("MemTotal", "MemAvailable"))
    limits = [
        limit
        for folder in _groups("memory")
        for name in ("memory.max", "memory.limit_in_bytes")
        if (limit := _number(folder / name)) is not None and 0 < limit < _UNLIMITED
    ]
    size, unused = (int(found[1]) * 1024 if found else None for found in (total, free))
    return Memory(size, unused, min(limits, default=None))


def disks() -> dict[str, tuple[Path, int]]:
    """Return the folders that babelmix writes to, by what they are, each with the free bytes of its disk."""
    places = {"project": project_root(), "cache": cache_dir(), "TMPDIR": Path(tempfile.gettempdir())}
    return {name: (place, shutil.disk_usage(existing(place)).free) for name, place in places.items()}


def existing(path: Path) -> Path:
    """Return the path, or the nearest folder above it that exists."""
    return next(parent for parent in (path, *path.parents) if parent.exists())


def cpu_flags() -> frozenset[str] | None:
    """Return the instructions that Linux lists for the processor; None where it lists none."""
    found = re.search(r"^(?:flags|Features)\s*:\s*(.+)$", _read(PROC / "cpuinfo"), re.MULTILINE)
    return frozenset(found[1].split()) if found else None


def processor() -> str:
    """Return the processor's name."""
    return processes.processor(PROC)


def output_of(*command: str, text: str = "", seconds: float = 30) -> tuple[int, str]:
    """Return the exit code and the output of a program, which gets `text` to read."""
    done = subprocess.run(
        command,
        input=text,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=seconds,
        check=False,
        env=os.environ | {"LC_ALL": "C"},
    )
    return done.returncode, (done.stdout or done.stderr).strip()


def _groups(controller: str) -> list[Path]:
    """Return the folders of this process's control groups up to the root, of both versions, as far as they exist."""
    folders: list[Path] = []
    for line in _read(PROC / "self" / "cgroup").splitlines():
        number, names, place = line.split(":", 2)
        if number != "0" and controller not in names.split(","):
            continue
        root = CGROUP if number == "0" else CGROUP / controller
        own = root / place.strip("/")
        folders += [folder for folder in (own, *own.parents) if folder.is_relative_to(root) and folder.is_dir()]
    return folders


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _number(file: Path) -> int | None:
    text = _read(file).strip()
    return int(text) if text.lstrip("-").isdecimal() else None
