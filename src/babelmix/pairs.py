"""What the pairs stage adds to a source: the dev split as a retrieval benchmark, and the counts as a metric.

Recipes are chosen on this dev benchmark, by the same code that scores the real ones, and never on a benchmark.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from babelmix.benchmark import Benchmark, Passage, Qrel, Query
from babelmix.files import new_file
from babelmix.records import Pair


def dev_benchmark(pairs: Sequence[Pair], questions: int) -> Benchmark:
    """Return a parallel benchmark of `questions` dev units in all their languages.

    The units that exist in the most languages come first, then by sha256 of the unit id: a larger number is a superset.
    """
    dev = [pair for pair in pairs if pair.split == "dev"]
    languages: dict[str, int] = {}
    for pair in dev:
        languages[pair.unit] = languages.get(pair.unit, 0) + 1
    order = sorted(languages, key=lambda unit: (-languages[unit], hashlib.sha256(unit.encode()).hexdigest()))
    chosen = set(order[:questions])
    kept = sorted((f"{pair.lang}:{pair.unit}", pair) for pair in dev if pair.unit in chosen)
    return Benchmark(
        name="dev",
        queries=tuple(Query(name, pair.unit, pair.lang, pair.query) for name, pair in kept),
        passages=tuple(Passage(name, pair.lang, pair.passage) for name, pair in kept),
        qrels=tuple(Qrel(pair.unit, name) for name, pair in kept),
    )


def write_counts(path: Path, counts: Mapping[str, Any]) -> None:
    """Write what was kept and what was dropped, and why, as JSON with sorted keys."""
    with new_file(path) as stream:
        stream.write(json.dumps(counts, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
