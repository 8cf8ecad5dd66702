"""The entry of a known benchmark: its name, licence, main score, and how to fetch and build it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from babelmix.benchmarks.benchmark import About, Benchmark, Query
from babelmix.benchmarks.settings import BenchmarkSettings

NDCG = "ndcg_at_10"
Fetch = Callable[[Path], str | None]
Build = Callable[[Path, BenchmarkSettings, str | None], tuple[Benchmark, About]]
# From the English queries to all that are asked, in more languages, and how many could not be asked, by reason.
Ask = Callable[[Sequence[Query]], tuple[Sequence[Query], Mapping[str, int]]]
Stream = Callable[[Path, Path, str | None, Ask], Mapping[str, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownBenchmark:
    """A benchmark by its name in `benchmarks:`.

    `fetch(folder)` downloads the raw files and replaces the folder as a whole; it returns a notice that the licence
    asks for, or None. An entry has one of two: `build(folder, settings, split)` returns the benchmark and its `About`;
    `stream(folder, output, split, ask)` writes a benchmark that may be larger than memory, with the queries that `ask`
    returns, and returns what it left out, by reason.
    """

    name: str
    licence: str  # as the publisher states it
    fetch: Fetch
    build: Build | None = None
    stream: Stream | None = None
    hub: bool = False  # whether `fetch` downloads from the Hugging Face hub
    splits: bool = False  # whether it has qrels for several splits, of which `benchmark.splits` chooses one
    translated_queries: bool = False  # whether to translate its English queries into `benchmark.query_languages`
    main_score: str | None = None  # the measure of its own papers, a name in `measures`; None: see `main_score`
