"""The approximate index of many passages: inverted lists of faiss, whose recall against exact search is measured.

    facts = build_lists(folder, 1, vectors, codes, languages)         # lists-000001.faiss; facts.overall.recall
    lists = OpenLists(folder, record, codes, live)
    lists.candidates(query, 10, None)                                 # rows that the best ten are among

Every row is in the list of its nearest centroid, as 4 bits for two dimensions (a product quantiser, which the processor
adds up in its registers). A query reads the lists of its nearest centroids (`probes`); the best candidates, many more
than hits, are then scored again by their exact vectors. Lists rather than a graph (HNSW): threads build a graph in any
order, so with other bytes every time; lists take less memory, skip deleted rows and other languages while they are
read, and more of them can be read where a language is rare.

How many lists are read is chosen when the index is built: so many that recall@10 against exact search is TARGET. Half
of the trial queries choose, the other half measures; the same is done for a search in each language alone. A trial
query is the mean of two passages. Passages themselves would not do: a question lies between passages, and the lists of
its nearest centroids have fewer of its best ones (docs/search.md has figures for real questions).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from babelmix.common.errors import UserError
from babelmix.retrieval.vectors import Rows
from babelmix.searching.record import AGAIN, Lists, Recall, Record, file_of

EXACT = 100_000  # rows that are searched exactly; more get lists
TARGET = 0.996  # recall@10 of trial queries; real questions have a little less
TOP = 10
QUERIES = 1000  # trial ones for the whole index; half of them choose
BY_LANGUAGE = 100  # of these, for each language
ITERATIONS, PER_CENTROID, SEED = 10, 64, 13  # of k-means
BITS = 4  # of each part of a vector: two dimensions, or one where their number is odd
BLOCK = 16_384  # rows in memory at once
CANDIDATES = 400  # that are scored exactly, or FACTOR times the hits that are asked for
FACTOR = 20
SMALL = 4_000  # rows of the languages asked for, all of which are then scored exactly


def build_lists(folder: Path, number: int, vectors: Rows, codes: NDArray[np.int16], languages: Sequence[str]) -> Lists:
    """Write the lists of a segment's rows, and return what was measured.

    Memory holds a sample for k-means and the rows at 4 bits for two dimensions. The same rows give the same bytes, at
    the same number of threads on the same kind of machine.

    Args:
        folder: of the index.
        number: of the segment.
        vectors: float16 [n, d] unit vectors.
        codes: [n] the language of each row, a position in `languages` or -1.
        languages: their names.
    """
    import faiss

    count, width = vectors.shape
    lists = number_of_lists(count)
    parts = width // 2 if width % 2 == 0 else width
    index: Any = faiss.IndexIVFPQFastScan(
        faiss.IndexFlatIP(width), width, lists, parts, BITS, faiss.METRIC_INNER_PRODUCT
    )
    index.cp.niter, index.cp.seed, index.cp.max_points_per_centroid = ITERATIONS, SEED, PER_CENTROID
    index.cp.min_points_per_centroid = 1  # faiss warns of fewer than 39
    index.cp.spherical = True
    sample = np.linspace(0, count - 1, min(count, lists * PER_CENTROID)).astype(np.intp)
    index.train(vectors[sample].astype(np.float32))
    for start in range(0, count, BLOCK):
        index.add(vectors[start : start + BLOCK].astype(np.float32))
    facts = _measured(index, vectors, codes, languages)
    faiss.write_index(index, str(file_of(folder, "lists", number)))
    return facts


def number_of_lists(rows: int) -> int:
    """Return the power of two nearest to twice the root of the rows: 2,048 of a million."""
    return 2 ** round(np.log2(2 * np.sqrt(rows)))


class OpenLists:
    """The lists of an index, read from disk as they are needed."""

    def __init__(
        self, folder: Path, record: Record, facts: Lists, codes: NDArray[np.int16], live: NDArray[np.bool_]
    ) -> None:
        """Open the lists of the first segment; `codes` and `live` are those of its rows. UserError for damaged ones."""
        import faiss

        path = file_of(folder, "lists", record.segments[0].number)
        self._facts, self._names = facts, record.languages
        try:
            self._index: Any = faiss.read_index(str(path), faiss.IO_FLAG_MMAP)
        except RuntimeError as error:
            raise UserError("not the lists that belong here", where=str(path), how=AGAIN) from error
        if (self._index.ntotal, self._index.d) != (len(codes), record.model.dimensions):
            raise UserError("not the lists that belong here", where=str(path), how=AGAIN)
        self._index.parallel_mode = 1  # threads share the lists of one query
        self._codes, self._live = codes, live
        self._wanted: dict[tuple[int, ...] | None, tuple[NDArray[np.int64] | None, Any]] = {}

    def candidates(self, query: NDArray[np.float32], k: int, codes: Sequence[int] | None) -> NDArray[np.int64]:
        """Return rows among which the k best of these languages are, ascending; of all languages for None."""
        key = None if codes is None else tuple(codes)
        if key not in self._wanted:
            self._wanted[key] = self._rows_or_selector(key)
        rows, selector = self._wanted[key]
        if rows is not None:
            return rows
        probes = self._facts.overall.probes
        if key is not None:
            own = (self._facts.by_language.get(self._names[code]) if code >= 0 else None for code in key)
            probes = max((facts.probes if facts else self._facts.lists for facts in own), default=probes)
        return _search(self._index, query[None], max(CANDIDATES, FACTOR * k), probes, selector)[0]

    def _rows_or_selector(self, codes: tuple[int, ...] | None) -> tuple[NDArray[np.int64] | None, Any]:
        """Return all rows of these languages if they are few, else what picks them while lists are read."""
        wanted = self._live if codes is None else self._live & np.isin(self._codes, codes)
        if codes is not None and np.count_nonzero(wanted) <= SMALL:
            return np.flatnonzero(wanted), None
        return None, None if codes is None and wanted.all() else _selector(wanted)


def _selector(wanted: NDArray[np.bool_]) -> Any:
    import faiss

    kind: Any = faiss.IDSelectorBitmap  # in Python it takes an array
    return kind(np.packbits(wanted, bitorder="little"))


def _search(index: Any, queries: NDArray[np.float32], k: int, probes: int, selector: Any) -> list[NDArray[np.int64]]:
    """Return the rows that the lists find for each query, ascending."""
    import faiss

    kind: Any = faiss.SearchParametersIVF
    options = kind(nprobe=probes, **({"sel": selector} if selector is not None else {}))
    _, found = index.search(queries, k, params=options)
    return [np.sort(rows[rows >= 0]) for rows in found]


def _measured(index: Any, vectors: Rows, codes: NDArray[np.int16], languages: Sequence[str]) -> Lists:
    """Choose how many lists are read, of all rows and of each language's, and measure what that finds."""
    queries = _trial_queries(vectors)
    spoken = [code for code in range(len(languages)) if np.count_nonzero(codes == code) > SMALL]
    truth = _exact(queries, vectors, codes, spoken)
    overall = _recall(index, vectors, queries, truth[-1], None, 4)
    by_language: dict[str, Recall] = {}
    for code in spoken:
        few, selector = queries[:BY_LANGUAGE], _selector(codes == code)
        start = max(overall.probes, index.nlist // 2)  # fewer were not enough for questions in other languages
        by_language[languages[code]] = _recall(index, vectors, few, truth[code], selector, start)
    return Lists(lists=index.nlist, overall=overall, by_language=by_language)


def _trial_queries(vectors: Rows) -> NDArray[np.float32]:
    """Return the means of two passages each, as unit vectors."""
    count = vectors.shape[0]
    rows = np.unique(np.linspace(0, count - 1, min(QUERIES, count)).astype(np.int64))
    passages = vectors[rows].astype(np.float32)
    rng = np.random.default_rng(SEED)
    both = passages[rng.permutation(len(rows))] + passages[rng.permutation(len(rows))]
    return both / np.maximum(np.linalg.norm(both, axis=1, keepdims=True), 1e-6)


def _recall(
    index: Any,
    vectors: Rows,
    queries: NDArray[np.float32],
    truth: NDArray[np.int64],
    selector: Any,
    probes: int,
) -> Recall:
    """Read more and more lists until the first half of the queries reaches TARGET; return what the second half has."""
    half = len(queries) // 2

    def found(part: slice, probes: int) -> float:
        rows = _search(index, queries[part], CANDIDATES, probes, selector)
        hits = [
            len(np.intersect1d(_best(vectors, query, near), best))
            for near, query, best in zip(rows, queries[part], truth[part], strict=True)
        ]
        return sum(hits) / (TOP * len(hits))

    while probes < index.nlist and found(slice(0, half), probes) < TARGET:
        probes = probes * 3 // 2 if probes.bit_count() == 1 else probes * 4 // 3
    return Recall(probes=min(probes, index.nlist), recall=found(slice(half, None), probes), queries=len(queries) - half)


def _best(vectors: Rows, query: NDArray[np.float32], rows: NDArray[np.int64]) -> NDArray[np.int64]:
    scores = vectors[rows].astype(np.float64) @ query.astype(np.float64)
    return rows[np.lexsort((rows, -scores))[:TOP]]


def _exact(
    queries: NDArray[np.float32],
    vectors: Rows,
    codes: NDArray[np.int16],
    spoken: Sequence[int],
) -> dict[int, NDArray[np.int64]]:
    """Return the exact TOP rows of each query, of each language by code, and under -1 of all rows."""
    parts = {-1: len(queries)} | dict.fromkeys(spoken, min(BY_LANGUAGE, len(queries)))
    best = {code: (np.full((n, TOP), -2.0, np.float32), np.full((n, TOP), -1, np.int64)) for code, n in parts.items()}
    for start in range(0, vectors.shape[0], BLOCK):
        block = vectors[start : start + BLOCK].astype(np.float32)
        scores = queries @ block.T
        of_block = codes[start : start + len(block)]
        for code, (score, row) in best.items():
            columns = np.arange(len(block)) if code < 0 else np.flatnonzero(of_block == code)
            if not len(columns):
                continue
            near = scores[: len(score)] if code < 0 else scores[: len(score), columns]
            if near.shape[1] > TOP:
                top = np.argpartition(-near, TOP - 1, axis=1)[:, :TOP]
                near, columns = np.take_along_axis(near, top, 1), columns[top]
            else:
                columns = np.broadcast_to(columns, near.shape)
            both, rows = np.concatenate([score, near], 1), np.concatenate([row, columns + start], 1)
            order = np.argsort(-both, axis=1, kind="stable")[:, :TOP]
            best[code] = np.take_along_axis(both, order, 1), np.take_along_axis(rows, order, 1)
    return {code: rows for code, (_, rows) in best.items()}
