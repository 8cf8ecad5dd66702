"""An index of a million passages: recall against exact search, time of a question, memory; prints a Markdown table.

    python tests/speed/million.py FOLDER                 # after `make repro`; 3 GB of disk, some ten minutes
    python tests/speed/million.py FOLDER --rows 150000

There is no million of encoded passages at hand, so they are made of those that `make repro` encoded with hybrid: a +
.4 (b - c), where a, b and c are passages of one language. Neighbours are then as near as those of real passages. The
questions are those of the benchmarks. Exact search is a float32 product with all rows.
"""

import argparse
import json
import re
from pathlib import Path
from time import perf_counter

import faiss
import numpy as np

from babelmix.searching.build import index_vectors
from babelmix.searching.documents import Document
from babelmix.searching.index import SearchIndex
from babelmix.searching.record import Model

BENCHMARKS, SYSTEM = ("gnome-help", "debian-handbook", "dev"), "hybrid"
SHARE, BLOCK, TOP, THREADS = 0.4, 16_384, 10, 2
QUESTIONS, OF_LANGUAGE = 1000, 100
DATA = Path("data")


class Passages:
    """Passages whose vectors or texts are made when they are read."""

    def __init__(self, vectors, languages, rows, *, texts):
        own = {lang: np.flatnonzero(languages == lang) for lang in np.unique(languages)}
        rng = np.random.default_rng(1)
        a = rng.integers(len(vectors), size=rows)
        self.vectors, self.languages, self.texts = vectors, languages[a], texts
        self.parts = np.stack([a, np.zeros_like(a), np.zeros_like(a)])
        for lang, among in own.items():
            at = np.flatnonzero(self.languages == lang)
            self.parts[1:, at] = rng.choice(among, (2, len(at)))

    def __len__(self):
        return self.parts.shape[1]

    def __getitem__(self, key):
        if self.texts:
            rows = range(*key.indices(len(self)))
            return [Document(f"d{row}", f"passage {row}", None, str(self.languages[row])) for row in rows]
        a, b, c = (self.vectors[rows] for rows in self.parts[:, key])
        found = a + np.float32(SHARE) * (b - c)
        return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float16)


def read():
    """Vectors, languages and questions of the benchmarks, in an order drawn by a seed."""
    vectors, questions, languages = [], [], []
    for name in BENCHMARKS:
        folder = DATA / "embeddings" / SYSTEM / name
        vectors.append(np.load(folder / "passages.npy", allow_pickle=False).astype(np.float32))
        questions.append(np.load(folder / "queries.npy", allow_pickle=False).astype(np.float32))
        lines = (DATA / "benchmarks" / name / "passages.jsonl").read_text(encoding="utf-8").splitlines()
        languages += [json.loads(line)["lang"] for line in lines]
    found = np.concatenate(questions)
    found /= np.linalg.norm(found, axis=1, keepdims=True)  # as the index does: its scores are then those of `exact`
    return np.concatenate(vectors), np.array(languages), found[np.random.default_rng(2).permutation(len(found))]


def exact(index, questions, wanted):
    """The ten highest scores of each question, of the rows that are wanted; [questions, 10]."""
    best = np.full((len(questions), TOP), -2, np.float32)
    for start in range(0, len(wanted), BLOCK):
        at = start + np.flatnonzero(wanted[start : start + BLOCK])
        if not len(at):
            continue
        scores = np.concatenate([best, questions @ index.vectors[at].astype(np.float32).T], axis=1)
        best = -np.sort(np.partition(-scores, TOP - 1, axis=1)[:, :TOP], axis=1)
    return best


def measured(index, questions, **options):
    """Recall@10, and the median and 95 % quantile of seconds. A hit counts if it is as good as the tenth best."""
    wanted = index.live & (
        np.isin(index.codes, [index.record.languages.index(lang) for lang in options["languages"]]) if options else True
    )
    truth = exact(index, questions, wanted)
    index.search(questions[:1], TOP, **options)
    seconds, right = [], 0
    for question, best in zip(questions, truth, strict=True):
        start = perf_counter()
        (hits,) = index.search(question[None], TOP, **options)
        seconds.append(perf_counter() - start)
        right += sum(hit.score >= best[-1] - 1e-6 for hit in hits)
    return right / truth.size, *np.quantile(seconds, (0.5, 0.95))


def peak():
    """GiB of memory that this process had at most, with the pages of files that it read."""
    found = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())
    return int(found[1]) / 2**20


def main(arguments=None):
    """Build, search, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="of the index; it is made, or replaced if babelmix wrote it")
    parser.add_argument("--rows", type=int, default=1_000_000)
    given = parser.parse_args(arguments)
    faiss.omp_set_num_threads(THREADS)
    vectors, languages, questions = read()
    start, model = perf_counter(), Model(name="made", fingerprint="0" * 64, dimensions=vectors.shape[1], max_tokens=512)
    documents, made = (Passages(vectors, languages, given.rows, texts=texts) for texts in (True, False))
    record = index_vectors(documents, made, model, given.folder)
    print(f"| {given.rows:,} passages | result |\n|---|---|")
    print(f"| build | {perf_counter() - start:.0f} s, peak {peak():.2f} GiB |", flush=True)
    index = SearchIndex.open(given.folder)
    recall, middle, slow = measured(index, questions[:QUESTIONS])
    lists = f"{record.lists.overall.probes} of {record.lists.lists:,} lists" if record.lists else "exact"
    print(f"| a question | recall@10 {recall:.3f}, median {1e3 * middle:.1f} ms, 95 % {1e3 * slow:.1f} ms; {lists} |")
    print(f"| peak memory | {peak():.2f} GiB |", flush=True)
    for lang, rows in sorted(index.languages.items(), key=lambda one: -one[1]):
        recall, middle, _ = measured(index, questions[:OF_LANGUAGE], languages=[lang])
        print(f"| {lang} alone, {rows:,} passages | recall@10 {recall:.3f}, median {1e3 * middle:.1f} ms |", flush=True)


if __name__ == "__main__":
    main()
