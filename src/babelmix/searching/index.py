"""An index of passages, opened for search.

index = SearchIndex.open(Path("my-index"))
index.languages                                          # {"de": 1200, "en": 3400}
index.search(query_vectors, 10)[0][0].text               # the best passage of the first query
index.search(query_vectors, 10, equal_share=True)        # as many hits of each language
"""

from bisect import bisect_right
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from babelmix.common.arrays import whole_arrays
from babelmix.common.errors import UserError, unknown_name
from babelmix.retrieval.language_means import LanguageRows
from babelmix.retrieval.offsets import Moved
from babelmix.retrieval.vectors import Rows, unit_rows
from babelmix.searching.approximate import OpenLists
from babelmix.searching.documents import Document
from babelmix.searching.exact import ExactRows, Found, exact_scores
from babelmix.searching.means import offsets_of
from babelmix.searching.record import AGAIN, Record, file_of, read_record, state_of
from babelmix.searching.segments import Ids, MappedRows, Texts, open_array
from babelmix.searching.standing import Standings


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage that a search found."""

    id: str
    text: str
    title: str | None
    language: str | None
    score: float  # cosine of the query and the passage, which may be moved
    rank: int  # from 1, among all hits
    language_rank: int  # from 1, among all passages of its language
    standing: float  # standard deviations above the mean score of its language's passages, see standing.py


@dataclass(frozen=True, slots=True)
class _State:
    """The rows of an index at a strength of the shift, and what of them is in memory."""

    shift: float
    rows: Rows
    exact: ExactRows
    standings: Standings


class SearchIndex:
    """An index on disk. It stays as it was opened: an update, also one that deletes its files, is seen by `open`."""

    def __init__(self, folder: Path, record: Record) -> None:
        """Use `open`."""
        self.folder, self.record = folder, record
        segments = record.segments
        self._starts = [0, *accumulate(segment.rows for segment in segments)]
        self._texts = [Texts(folder, segment.number, segment.rows) for segment in segments]
        self._ids = [Ids(folder, one.number, one.rows, texts) for one, texts in zip(segments, self._texts, strict=True)]
        width = record.model.dimensions
        vectors = [open_array(folder, "vectors", one.number, np.float16, (one.rows, width)) for one in segments]
        self.vectors = MappedRows(vectors)
        parts = [open_array(folder, "languages", one.number, np.int16, (one.rows,)) for one in segments]
        self.codes: NDArray[np.int16] = np.concatenate(parts)  # [rows] position in record.languages, or -1
        if self.codes.min() < -1 or self.codes.max() >= len(record.languages):
            raise UserError("a language that the index does not name", where=str(folder), how=AGAIN)
        self.live = np.ones(record.rows, dtype=np.bool_)  # [rows] False for a deleted row
        self.live[deleted_rows(folder, record)] = False
        self.offsets = offsets_of(folder, record, self.codes, self.live)  # [languages + 1, d], see means.py
        first = segments[0].rows
        facts = record.lists
        self._lists = facts and OpenLists(folder, record, facts, self.codes[:first], self.live[:first])
        self._state: _State | None = None

    @classmethod
    def open(cls, folder: Path, *, check: bool = False) -> "SearchIndex":
        """Open an index; `check`: compare the sha256 of each of its files.

        Raises:
            UserError: not an index, an index of another version, or a file that is missing or damaged.
        """
        while True:
            state = state_of(folder)
            try:
                return cls(folder, read_record(folder, check=check))
            except (UserError, OSError):
                if state == state_of(folder):  # else another process has replaced it meanwhile
                    raise

    @cached_property
    def languages(self) -> Mapping[str, int]:
        """The number of passages of each language, by name; those in no known language are not here."""
        counts = np.bincount(self.codes[self.live] + 1, minlength=len(self.record.languages) + 1).tolist()
        return {lang: n for lang, n in sorted(zip(self.record.languages, counts[1:], strict=True)) if n}

    @property
    def model(self) -> str:
        """The folder or hub name of the model that it was made with."""
        return self.record.model.name

    def __len__(self) -> int:
        """Return the number of passages."""
        return int(np.count_nonzero(self.live))

    def search(
        self,
        vectors: NDArray[np.float32],
        k: int,
        *,
        languages: Collection[str] | None = None,
        equal_share: bool = False,
        shift: float = 0.0,
    ) -> list[list[Hit]]:
        """Return the k best passages of each query, best first; fewer if there are fewer.

        Args:
            vectors: [Q, d], encoded as queries by the index's model.
            k: how many hits a query gets.
            languages: search only the passages of these languages.
            equal_share: give each language as many hits, to within one: the best of each language, then the second of
                each, and so on. A passage in no known language is then no hit.
            shift: from 0 to 1: move the passages of each language by this share of the way from the language's mean to
                the mean of all languages (retrieval/offsets.py, `shift-index`).

        Raises:
            UserError: vectors of another width, a language that the index does not have, a shift outside 0 to 1.
        """
        queries, codes = self._checked(vectors), self._codes(languages)
        state = self._at(shift)
        found: list[list[Hit]] = []
        for query in queries:
            if equal_share:
                parts = [self._best(query, k, [code], state) for code in (codes if codes is not None else self._spoken)]
                found.append(self._hits(query, merged(parts, k), state))
            else:
                found.append(self._hits(query, self._best(query, k, codes, state), state))
        return found

    def ranks(self, vector: NDArray[np.float32], ids: Collection[str], *, shift: float = 0.0) -> dict[str, int]:
        """Return the exact rank of each of these passages for a query, [d], by id: from 1, among all passages.

        Reads all vectors, in memory where the search is exact. An id that the index does not have is left out.
        """
        query = self._checked(vector[None])[0]
        rows = self.rows_of(ids)
        if self._lists is None:
            return dict(zip(rows, self._at(shift).exact.ranks(query, list(rows.values())), strict=True))
        moved = self._rows_at(shift)
        own = {
            name: float(np.float32(query @ moved[np.array([row])][0].astype(np.float64))) for name, row in rows.items()
        }
        counts = dict.fromkeys(rows, 1)
        for start in range(0, len(self.live), 8192):
            stop = min(start + 8192, len(self.live))
            scores = (moved[start:stop].astype(np.float64) @ query).astype(np.float32)
            alive, numbers = self.live[start:stop], np.arange(start, stop)
            for name, row in rows.items():
                better = (scores > own[name]) | ((scores == own[name]) & (numbers < row))
                counts[name] += int(np.count_nonzero(better & alive))
        return counts

    def rows_of(self, ids: Collection[str]) -> dict[str, int]:
        """Return {id: row} of the passages with these ids; a deleted one has none."""
        found: dict[str, int] = {}
        for own, start in zip(self._ids, self._starts, strict=False):
            for name, row in own.find(ids):
                if self.live[start + row]:
                    found[name] = start + row
        return found

    def document(self, row: int) -> Document:
        """Return the document of a row."""
        number = bisect_right(self._starts, row) - 1
        name, title, text = self._texts[number].parts(row - self._starts[number])
        code = int(self.codes[row])
        return Document(name, text, title, None if code < 0 else self.record.languages[code])

    def _checked(self, vectors: NDArray[np.float32]) -> NDArray[np.float64]:
        width = self.record.model.dimensions
        if vectors.ndim != 2 or vectors.shape[1] != width:
            what = f"query vectors of shape {vectors.shape}, where the index has {width} dimensions"
            raise UserError(what, where="search", how="encode the queries with the index's model")
        return unit_rows(vectors).astype(np.float64)

    def _codes(self, languages: Collection[str] | None) -> list[int] | None:
        if languages is None:
            return None
        for lang in languages:
            if lang not in self.languages:
                raise unknown_name("language", lang, self.languages, where=str(self.folder))
        return [self.record.languages.index(lang) for lang in sorted(set(languages))]

    @cached_property
    def _spoken(self) -> list[int]:
        """The codes of the languages that passages are in."""
        return self._codes(list(self.languages)) or []

    def _best(self, query: NDArray[np.float64], k: int, codes: list[int] | None, state: "_State") -> Found:
        """Return the k best rows of these languages: those in memory exactly, of the others what the lists find."""
        found = state.exact.best(query, k, codes)
        if self._lists is None:
            return found
        # A shift moves all rows of a language alike, but for their length: each language's best are looked for.
        groups = (
            [codes] if not state.shift else [[code] for code in (codes if codes is not None else [-1, *self._spoken])]
        )
        rows = np.unique(
            np.concatenate([self._lists.candidates(query.astype(np.float32), k, group) for group in groups])
        )
        scores = exact_scores(query, state.rows[rows])
        return Found.best(np.concatenate([found.rows, rows]), np.concatenate([found.scores, scores]), k)

    def _rows_at(self, shift: float) -> Rows:
        if not 0 <= shift <= 1:
            raise UserError(f"a shift of {shift}", where="shift", how="give a strength from 0 to 1")
        if not shift:
            return self.vectors
        texts = LanguageRows(self.vectors, self.record.languages, self.codes)
        return Moved(texts, shift * self.offsets, where=str(self.folder))

    def _at(self, shift: float) -> "_State":
        """Return what a search at a strength needs in memory; that of the last strength is kept."""
        if self._state is None or self._state.shift != shift:
            self._state = None
            rows, live = self._rows_at(shift), np.flatnonzero(self.live)
            exact = live if self.record.lists is None else live[live >= self.record.segments[0].rows]
            standings = Standings(rows, live, self.codes[live])
            self._state = _State(shift, rows, ExactRows(rows, exact, self.codes[exact]), standings)
        return self._state

    def _hits(self, query: NDArray[np.float64], found: Found, state: "_State") -> list[Hit]:
        hits: list[Hit] = []
        of_language: dict[int, int] = {}
        standing = state.standings.of(query, self.codes[found.rows], found.scores)
        for rank, (row, score) in enumerate(zip(found.rows.tolist(), found.scores.tolist(), strict=True), start=1):
            code = int(self.codes[row])
            of_language[code] = of_language.get(code, 0) + 1
            own, where = self.document(row), standing[rank - 1]
            hits.append(Hit(own.id, own.text, own.title, own.language, score, rank, of_language[code], where))
        return hits


def merged(parts: Sequence[Found], k: int) -> Found:
    """Return the first of each part by score, then the second of each, and so on, k in all."""
    rows = np.concatenate([part.rows for part in parts] or [np.empty(0, np.int64)])
    scores = np.concatenate([part.scores for part in parts] or [np.empty(0, np.float32)])
    ranks = np.concatenate([np.arange(len(part.rows)) for part in parts] or [np.empty(0, np.int64)])
    order = np.lexsort((rows, -scores, ranks))[:k]
    return Found(rows[order], scores[order])


def deleted_rows(folder: Path, record: Record) -> NDArray[np.int64]:
    """Return the rows that are deleted, ascending; UserError for a damaged file."""
    path = file_of(folder, "deleted", record.number)
    with whole_arrays(str(path), what=".npy array", how=AGAIN):
        found = np.load(path, allow_pickle=False)
    if found.dtype != np.int64 or found.ndim != 1 or (len(found) and not 0 <= found.min() <= found.max() < record.rows):
        raise UserError("not the deleted rows of this index", where=str(path), how=AGAIN)
    return found
