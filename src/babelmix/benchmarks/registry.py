"""Every known benchmark. A module of `benchmarks.sources` that has `BENCHMARKS` adds its benchmarks here.

BENCHMARKS["xquad-r"].licence       # "XQuAD-R: CC BY-SA 4.0"
main_score("nfcorpus", False)       # "ndcg_at_10"
"""

from babelmix.benchmarks import sources
from babelmix.benchmarks.known import NDCG, KnownBenchmark
from babelmix.common.discovery import registry

BENCHMARKS: dict[str, KnownBenchmark] = registry(sources, "BENCHMARKS")


def licence_of(name: str) -> str:
    """Return the licence of a benchmark in a line; an unknown benchmark is the user's own."""
    return BENCHMARKS[name].licence if name in BENCHMARKS else f"{name}: yours"


def main_score(name: str, graded: bool) -> str:
    """Return the main measure of a benchmark: its papers', or else nDCG@10 for graded relevance, or mAP."""
    known = BENCHMARKS[name].main_score if name in BENCHMARKS else None
    return known or (NDCG if graded else "map")
