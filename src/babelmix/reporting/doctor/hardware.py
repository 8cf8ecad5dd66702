"""Checks of the processor, memory, disks, GPU and compiler."""

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from babelmix.reporting.doctor import facts
from babelmix.reporting.doctor.check import Check, Verdict, size

GROUP = "machine"
NEEDED_MEMORY = 1_753_751_552  # the largest process of a run with 6 layers: metrics/study/base-hybrid-s13.json
NEEDED_DISK = 1.4e9  # of `dvc repro` with 6 layers: docs/speed.md
# what -> any of these flags of Linux, and what it is for
INSTRUCTIONS = {
    "AVX2": (("avx2",), "every product, in float32"),
    "AVX-512": (("avx512f",), "wider products than with AVX2"),
    "bfloat16": (("avx512_bf16", "amx_bf16", "bf16", "svebf16"), "training and vectors in bfloat16"),
    "int8 (VNNI)": (("avx512_vnni", "amx_int8"), "embed.precision: int8"),
    "AMX": (("amx_bf16", "amx_tile"), "bfloat16 products in tiles"),
}
COMPILERS = ("c++", "g++", "clang++")
PROGRAM = "#include <omp.h>\nint main() { return omp_get_max_threads() > 0 ? 0 : 1; }\n"


def threads() -> Check:
    """Check how many cores this process may use, by affinity and a container's quota."""
    cores, quota = facts.threads()
    usable = min(cores, quota or cores)
    found = f"{cores} core{'s' if cores > 1 else ''}" + (f", a quota of {quota:g}" if quota else "")
    return Check(
        group=GROUP,
        what="threads",
        found=f"{found}; {facts.processor()}",
        verdict="ok" if usable >= 2 else "slow",
        purpose="`threads` of params.yaml is 2, and a part of the result",
        remedy="" if usable >= 2 else "give this process or its container two CPUs",
    )


def memory() -> Check:
    """Check the memory against the largest process of a run with 6 layers."""
    found = facts.memory()
    most = min((one for one in (found.total, found.limit) if one), default=None)
    text = f"{size(most)}" if most else "not known here"
    text += (
        f" (the container's limit, of {size(found.total)})"
        if found.limit and found.limit == most and found.total
        else ""
    )
    text += f", {size(found.free)} free" if found.free is not None else ""
    verdict: Verdict = "unknown" if most is None else "ok"
    if most is not None and most < NEEDED_MEMORY:
        verdict = "missing"
    elif found.free is not None and found.free < NEEDED_MEMORY:
        verdict = "slow"
    mended = "end other programs, or `dvc exp run -S model.size=small -S train.batch_size=16`"
    return Check(
        group=GROUP,
        what="memory",
        found=text,
        verdict=verdict,
        purpose=f"the largest process of `dvc repro` needs {size(NEEDED_MEMORY)}",
        remedy=mended if verdict in ("missing", "slow") else "",
        needed=True,
    )


def disks() -> Iterator[Check]:
    """Check the free space of each folder that babelmix writes to."""
    for name, (place, free) in facts.disks().items():
        enough = free >= NEEDED_DISK
        writable = os.access(facts.existing(place), os.W_OK)
        remedy = "free some space" if name != "TMPDIR" else "free some space, or set TMPDIR to another folder"
        yield Check(
            group=GROUP,
            what=f"disk: {name}",
            found=f"{size(free)} free" + ("" if writable else ", not writable") + f" in {place}",
            verdict="ok" if enough and writable else "missing",
            purpose=f"`dvc repro` writes {size(NEEDED_DISK)} in all",
            remedy="" if enough and writable else remedy if writable else f"make {place} writable",
            needed=name == "project",
        )


def instructions() -> Iterator[Check]:
    """Check the instructions of the processor that decide its speed."""
    flags = facts.cpu_flags()
    for name, (wanted, purpose) in INSTRUCTIONS.items():
        there = flags is not None and not flags.isdisjoint(wanted)
        yield Check(
            group=GROUP,
            what=name,
            found="not known here" if flags is None else "yes" if there else "no",
            verdict="unknown" if flags is None else "ok" if there else "slow",
            purpose=purpose,
            remedy="" if there or flags is None else "nothing to mend: babelmix computes without it, more slowly",
        )


def gpu() -> Check:
    """Check for a GPU, as torch sees it."""
    verdict: Verdict = "unknown"
    found, remedy = "torch is not installed", "pip install 'babelmix[encoder]'"
    if facts.installed("torch") is not None:
        found, there = _accelerator()
        verdict = "ok" if there else "slow"
        remedy = "" if there else "none is needed; with one, install torch for CUDA: requirements-torch.txt names both"
    return Check(
        group=GROUP, what="GPU", found=found, verdict=verdict, purpose="train, embed, mine, teach: faster than a CPU",
        remedy=remedy,
    )  # fmt: skip


def compiler() -> Check:
    """Check that a C++ compiler makes a program with OpenMP, as the kernels of the encoder need."""
    names = (os.environ.get("CXX"), *COMPILERS)
    path = next((found for name in names if name and (found := facts.program(name))), None)
    remedy = "apt-get install g++; without it, torch's own layers do the work"
    found = "none on PATH"
    if path:
        with TemporaryDirectory() as scratch:
            options = ("-x", "c++", "-fopenmp", "-march=native", "-std=c++17", "-", "-o", str(Path(scratch) / "a"))
            code, told = facts.output_of(path, *options, text=PROGRAM)
        found = f"{path}" if code == 0 else f"{path} fails: {told.splitlines()[0] if told else code}"
        remedy = "" if code == 0 else "apt-get install g++ libgomp1"
    return Check(
        group=GROUP,
        what="C++ compiler",
        found=found,
        verdict="slow" if remedy else "ok",
        purpose="the fused layers of train and embed, and their speed",
        remedy=remedy,
    )


def _accelerator() -> tuple[str, bool]:
    """Return the GPU's name and memory, and whether there is one."""
    import torch

    if torch.cuda.is_available():
        properties = torch.cuda.get_device_properties(0)
        count = torch.cuda.device_count()
        more = f", and {count - 1} more" if count > 1 else ""
        return f"{properties.name}, {size(properties.total_memory)}{more}", True
    device = torch.accelerator.current_accelerator(check_available=True)
    return (str(device), True) if device else (f"none that torch {torch.__version__} can use", False)
