"""The mean vector of each language and their common mean: where languages lie in an encoder's vectors.

    means = language_means(LanguageRows.of(vectors, [passage.lang for passage in passages]))
    means.of("de"), means.overall                # float64 [d]
    write_means(Path("data/offsets/hybrid.npz"), Means(query_means, passage_means))

A mean of a few texts says more about these texts than about their language. So a language with TOO_FEW texts or fewer
has no mean of its own, and the common one stands for it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from babelmix.common.arrays import read_arrays
from babelmix.common.errors import UserError
from babelmix.common.files import new_binary_file
from babelmix.retrieval.scorers import checked
from babelmix.retrieval.vectors import Rows

TOO_FEW = 10
BLOCK = 8192  # rows in memory at once, 25 MB of 384 dimensions
HOW = "estimate the means again"
ARRAYS = ("languages", "queries", "passages", "overall")  # in an .npz file of means


@dataclass(frozen=True, slots=True)
class LanguageRows:
    """Vectors, unit rows in memory or on disk, and the language of each."""

    rows: Rows
    languages: tuple[str, ...]  # distinct
    codes: NDArray[np.integer[Any]]  # [n] index in `languages`

    @classmethod
    def of(cls, rows: Rows, spoken: Sequence[str]) -> "LanguageRows":
        """Take the language of each row by its name; UserError if their numbers differ."""
        if rows.shape[0] != len(spoken):
            what = f"{rows.shape[0]} rows and {len(spoken)} languages"
            raise UserError(what, where="embeddings", how="give one row and one language for each text")
        languages, codes = np.unique(np.array(spoken, dtype=np.str_), return_inverse=True)
        return cls(rows, tuple(languages.tolist()), codes)


@dataclass(frozen=True, slots=True)
class LanguageMeans:
    """The mean vector of each language that has enough text, and `overall`, their mean: float64 [d].

    Every language weighs the same in `overall`, however many texts it has.
    """

    by_language: dict[str, NDArray[np.float64]]
    overall: NDArray[np.float64]

    def of(self, lang: str) -> NDArray[np.float64]:
        """Return the mean of a language; `overall` for a language without one."""
        return self.by_language.get(lang, self.overall)

    def lacking(self, languages: Iterable[str]) -> tuple[str, ...]:
        """Return those of the languages that have no mean of their own, in alphabetical order."""
        return tuple(sorted(set(languages) - self.by_language.keys()))


@dataclass(frozen=True, slots=True)
class Means:
    """The means that queries are moved by, and those that passages are moved by."""

    queries: LanguageMeans
    passages: LanguageMeans


def language_means(texts: LanguageRows, *, where: str = "embeddings") -> LanguageMeans:
    """Return the means of vectors by language, reading them in blocks of rows.

    The sums are exact (see scorers.CosineScorer), so the order of the rows and the size of a block change no bit. Where
    no language has more than TOO_FEW texts, `overall` is the mean of all of them. `where` names the vectors in errors.

    Raises:
        UserError: there are no rows, or one has not unit length, or holds a number that is not finite.
    """
    number, width = texts.rows.shape
    if not number:
        raise UserError("no text to take the mean of", where=where, how="give it some text")
    sums = np.zeros((len(texts.languages), width))
    for start in range(0, number, BLOCK):
        rows = checked(texts.rows[start : start + BLOCK], where, start)
        codes = texts.codes[start : start + BLOCK]
        for code in np.unique(codes).tolist():
            sums[code] += rows[codes == code].sum(axis=0)
    counts = np.bincount(texts.codes, minlength=len(texts.languages)).tolist()
    by_language = {
        lang: sums[code] / counts[code] for code, lang in enumerate(texts.languages) if counts[code] > TOO_FEW
    }
    overall = np.mean(list(by_language.values()), axis=0) if by_language else sums.sum(axis=0) / number
    return LanguageMeans(by_language, overall)


def common_mean(rows: Rows, *, where: str = "embeddings") -> LanguageMeans:
    """Return the mean of all rows as that of every language."""
    texts = LanguageRows(rows, ("",), np.zeros(rows.shape[0], dtype=np.int8))
    found = language_means(texts, where=where)
    return LanguageMeans({}, found.overall)


def write_means(path: Path, means: Means) -> None:
    """Write means of training text as an .npz file without pickle, float32; the same means give the same bytes.

    Raises:
        ValueError: queries and passages have different languages.
    """
    languages = sorted(means.queries.by_language)
    if languages != sorted(means.passages.by_language):
        raise ValueError("queries and passages of training pairs have the same languages")
    both, width = (means.queries, means.passages), len(means.queries.overall)
    rows = [np.array([part.of(lang) for lang in languages], dtype=np.float32).reshape(-1, width) for part in both]
    with new_binary_file(path) as stream:
        np.savez(
            stream,
            allow_pickle=False,
            languages=np.array(languages, dtype=np.str_),
            queries=rows[0],
            passages=rows[1],
            overall=np.array([part.overall for part in both], dtype=np.float32),
        )


def read_means(path: Path) -> Means:
    """Read a file of `write_means`; UserError if it is missing or damaged."""
    languages, queries, passages, overall = read_arrays(path, ARRAYS, what="means", how=HOW)
    if not _sound(languages, queries, passages, overall):
        raise UserError("the arrays are not means of languages", where=str(path), how=HOW)
    names = languages.tolist()
    both = (
        LanguageMeans(dict(zip(names, rows.astype(np.float64), strict=True)), common.astype(np.float64))
        for rows, common in zip((queries, passages), overall, strict=True)
    )
    return Means(*both)


def _sound(languages: NDArray[Any], queries: NDArray[Any], passages: NDArray[Any], overall: NDArray[Any]) -> bool:
    """Return whether these are languages [L], means of unit vectors, [L, d] twice, and their common ones, [2, d]."""
    if languages.ndim != 1 or languages.dtype.kind != "U" or len(set(languages.tolist())) != len(languages):
        return False
    if overall.ndim != 2 or overall.shape[0] != 2 or not overall.shape[1]:
        return False
    if not queries.shape == passages.shape == (len(languages), overall.shape[1]):
        return False
    if not queries.dtype == passages.dtype == overall.dtype == np.float32:
        return False
    parts = (queries, passages, overall)
    if not all((np.abs(rows) <= 1.02).all() for rows in parts):  # False for NaN
        return False
    return all(bool((np.linalg.norm(rows, axis=1) <= 1.02).all()) for rows in parts)
