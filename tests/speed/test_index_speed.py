"""An index of one's own texts, one query at a time: against the project's exact search and faiss's flat index.

pytest tests/speed/test_index_speed.py --benchmark-enable        # 4 GB of disk, some ten minutes

The vectors are made: points around 5,000 centres in each of ten languages. faiss's flat index holds them in memory as
float32 before the clock starts. Peak memory is that of a process of its own, of the build and of the search. With
benchmarks off there are 4,000 passages, and lists from 1,000 on.
"""

import faiss
import numpy as np
import pytest
from ratios import against, peak_of

from babelmix.retrieval.search import search
from babelmix.searching import approximate
from babelmix.searching.build import SHARD, index_vectors
from babelmix.searching.documents import Document
from babelmix.searching.index import SearchIndex
from babelmix.searching.record import Model

DIMENSIONS, THREADS, TOP = 384, 2, 10
BUILD = """
import sys
sys.path += sys.argv[1:3]
from pathlib import Path
import faiss
import test_index_speed as speed
faiss.omp_set_num_threads(speed.THREADS)
speed.make(Path(sys.argv[3]), int(sys.argv[4]))
"""
SEARCH = """
import sys
sys.path += sys.argv[1:3]
from pathlib import Path
import faiss
import test_index_speed as speed
from babelmix.searching.index import SearchIndex
faiss.omp_set_num_threads(speed.THREADS)
index, queries = SearchIndex.open(Path(sys.argv[3])), speed.vectors(1000, seed=2)
for row in range(1000):
    index.search(queries[row : row + 1], speed.TOP)
"""


def vectors(rows, *, seed, start=0):
    """Unit vectors around centres that are the same for every seed."""
    centres = np.random.default_rng(0).standard_normal((5000, DIMENSIONS), dtype=np.float32)
    rng = np.random.default_rng([seed, start])
    found = centres[rng.integers(len(centres), size=rows)]
    found += rng.standard_normal((rows, DIMENSIONS), dtype=np.float32)
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float16)


class Made:
    """Documents, or their vectors, that are made when they are read."""

    def __init__(self, rows, *, texts):
        self.rows, self.texts = rows, texts

    def __len__(self):
        return self.rows

    def __getitem__(self, part):
        numbers = range(part.start, min(part.stop, self.rows))
        if self.texts:
            return [Document(f"d{n}", f"a text of no. {n}", None, f"l{chr(97 + n % 10)}") for n in numbers]
        return vectors(len(numbers), seed=1, start=part.start)


def make(folder, rows):
    model = Model(name="made", fingerprint="0" * 64, dimensions=DIMENSIONS, max_tokens=512)
    return index_vectors(Made(rows, texts=True), Made(rows, texts=False), model, folder)


@pytest.mark.parametrize("rows", [10_000, 1_000_000], ids=["10k", "1M"])
def test_a_query_finds_what_exact_search_finds(benchmark, ratio, rows, tmp_path, monkeypatch):
    import shutil
    from pathlib import Path

    large = rows > approximate.EXACT
    if not benchmark.enabled:
        rows = 4000
        monkeypatch.setattr(approximate, "EXACT", 1000 if large else 10_000)
    if shutil.disk_usage(tmp_path).free < 4 * rows * DIMENSIONS * 2:
        pytest.skip("too little disk")
    faiss.omp_set_num_threads(THREADS)
    paths = (Path(__file__).parent, Path(__file__).parents[1] / "support")
    built = peak_of(BUILD, *paths, tmp_path / "index", rows) if benchmark.enabled else 0.0
    if not benchmark.enabled:
        make(tmp_path / "index", rows)
    index, queries = SearchIndex.open(tmp_path / "index"), vectors(100, seed=2)
    assert (index.record.lists is not None) == large
    flat = faiss.IndexFlatIP(DIMENSIONS)
    for start in range(0, rows, SHARD):
        flat.add(index.vectors[start : start + SHARD].astype(np.float32))
    wide = queries.astype(np.float32)
    one_by_one = range(len(queries))
    mine, theirs, found = against(
        benchmark,
        ours=lambda: [index.search(wide[n : n + 1], TOP)[0] for n in one_by_one],
        opponents={
            "exact search, all at once": lambda: search(queries, index.vectors, TOP),
            "faiss IndexFlatIP, one at a time": lambda: [flat.search(wide[n : n + 1], TOP) for n in one_by_one],
        },
        rounds=3,
    )
    exact = found["exact search, all at once"].passage
    hits = [[int(hit.id[1:]) for hit in query] for query in found["ours"]]
    recall = np.mean([len(set(one) & set(best)) / TOP for one, best in zip(hits, exact.tolist(), strict=True)])
    assert recall > 0.95 if large else recall == 1
    if not benchmark.enabled:
        return
    peak = peak_of(SEARCH, *paths, tmp_path / "index")
    for name, seconds in theirs.items():
        ratio(
            f"index of {rows:,}, one query; recall@10 {recall:.3f}, build peak {built:.2f} GiB",
            name,
            ours=1000 * mine / len(queries),
            theirs=1000 * seconds / len(queries),
            unit="ms",
            target="5 ms, .99" if large else "–",
            peak_gib=peak,
        )
