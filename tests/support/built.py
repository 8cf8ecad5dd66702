"""A user's own files as a built benchmark."""

from collections.abc import Mapping
from pathlib import Path

from babelmix.benchmarks.files import write_benchmark
from babelmix.benchmarks.folder import read_folder


def build_folder(path: Path, output: Path, *, split: str | None = None) -> Mapping[str, int]:
    """Build a benchmark of a user's files into `output`; return how many rows were left out, by reason."""
    benchmark, about = read_folder(path, name=output.name, split=split)
    write_benchmark(output, benchmark, about)
    return about.left_out
