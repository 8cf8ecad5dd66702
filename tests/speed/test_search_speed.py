"""Exact top 100 of 1,000 queries over shards on disk, against the plain matrix product over the same shards.

pytest tests/speed/test_search_speed.py --benchmark-enable        # 8 GB of disk, a few minutes

Both read the same blocks of float16 rows, widen them and multiply; the product keeps nothing. Peak memory is that of a
process of its own. With benchmarks off, 20,000 passages only, and the result is held against sorting all scores.
"""

import shutil
import subprocess
import sys
from pathlib import Path
from time import perf_counter

import numpy as np
import pytest

from babelmix.retrieval import search as module
from babelmix.retrieval.search import search
from babelmix.retrieval.vectors import open_rows

QUERIES, DIMENSIONS, SHARD, TOP = 1000, 384, 500_000, 100
# VmHWM is the peak of that process alone: what getrusage tells begins with the peak of the one that started it.
PEAK = """
import re, sys
from pathlib import Path
from babelmix.retrieval.search import search
from babelmix.retrieval.vectors import open_rows
folder = Path(sys.argv[1])
search(open_rows(folder, "queries"), open_rows(folder, "passages"), int(sys.argv[2]))
print(int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 2**20)
"""


def unit_vectors(rng, rows):
    vectors = rng.standard_normal((rows, DIMENSIONS), dtype=np.float32)
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)


def write_shards(folder, passages):
    rng = np.random.default_rng(1)
    np.save(folder / "queries.npy", unit_vectors(rng, QUERIES))
    for number, start in enumerate(range(0, passages, SHARD)):
        np.save(folder / f"passages-{number:05}.npy", unit_vectors(rng, min(SHARD, passages - start)))


def plain_product(queries, passages):
    """Every score, kept nowhere."""
    wide = queries[:].astype(np.float32)
    scores = np.empty((len(wide), module.PASSAGES), dtype=np.float32)
    for start in range(0, passages.shape[0], module.PASSAGES):
        rows = passages[start : start + module.PASSAGES].astype(np.float32)
        np.matmul(wide, rows.T, out=scores[:, : len(rows)])


@pytest.mark.parametrize("millions", [1, 10])
def test_the_best_of_millions_cost_little_more_than_their_scores(benchmark, millions, tmp_path):
    passages = millions * 1_000_000 if benchmark.enabled else millions * 2_000
    if shutil.disk_usage(tmp_path).free < 2 * passages * DIMENSIONS * 2:
        pytest.skip(f"{passages} vectors need {passages * DIMENSIONS * 2 / 1e9:.1f} GB of disk and as much again free")
    write_shards(tmp_path, passages)
    queries, rows = open_rows(tmp_path, "queries"), open_rows(tmp_path, "passages")
    if not benchmark.enabled:
        best = benchmark(search, queries[:50], rows, TOP)
        scores = (queries[:50].astype(np.float64) @ rows[:].astype(np.float64).T).astype(np.float32)
        order = np.lexsort((np.broadcast_to(np.arange(passages), scores.shape), -scores), axis=1)[:, :TOP]
        assert np.array_equal(best.passage, order)
        return
    plain_product(queries, rows)  # warms the disk cache for both
    started = perf_counter()
    plain_product(queries, rows)
    product_s = perf_counter() - started
    best = benchmark.pedantic(search, (queries, rows, TOP))
    assert (np.diff(best.score, axis=1) <= 0).all()
    told = subprocess.run(
        [sys.executable, "-c", PEAK, str(tmp_path), str(TOP)], capture_output=True, text=True, check=True
    )
    benchmark.extra_info["plain_product_s"] = round(product_s, 1)
    benchmark.extra_info["search_over_plain_product"] = round(benchmark.stats["median"] / product_s, 2)
    benchmark.extra_info["peak_GiB"] = round(float(told.stdout), 2)
    for file in Path(tmp_path).iterdir():
        file.unlink()
