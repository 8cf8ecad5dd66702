"""What a known benchmark is: its name, licence, main score, how it is fetched and how it is built."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from babelmix.benchmarks.benchmark import About, Benchmark
from babelmix.benchmarks.settings import BenchmarkSettings

NDCG = "ndcg_at_10"
Fetch = Callable[[Path], str | None]
Build = Callable[[Path, BenchmarkSettings, str | None], tuple[Benchmark, About]]
Stream = Callable[[Path, Path], dict[str, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownBenchmark:
    """A benchmark by its name in `benchmarks:`.

    `fetch(folder)` downloads its raw files into a folder, which it replaces as a whole, and returns what the licence
    asks to say, or None. It has one of the two: `build(folder, settings, split)` returns the benchmark and what it was
    built out of; `stream(folder, output)` writes one that is larger than memory, and returns what it left out.
    """

    name: str
    licence: str  # as the publisher states it
    fetch: Fetch
    build: Build | None = None
    stream: Stream | None = None
    hub: bool = False  # whether `fetch` asks the Hugging Face hub
    splits: bool = False  # whether it has qrels for several splits, of which `benchmark.splits` chooses one
    translated_queries: bool = False  # whether English queries are asked in `benchmark.query_languages` too
    main_score: str | None = None  # the measure of its own papers, a name in `measures`; None: see `main_score`
