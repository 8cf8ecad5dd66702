"""The mean of each language in an index: sums that an update adds to and takes from, exactly.

    sums = add_rows(np.zeros((0, 384)), vectors, codes)
    means = means_of(sums, counts, languages)

Sums of float16 unit vectors are exact in float64. So an index that was updated has the means of one that was made at
once, bit for bit.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from babelmix.retrieval.language_means import TOO_FEW, LanguageMeans
from babelmix.searching.record import Record
from babelmix.searching.segments import open_array


def add_rows(
    sums: NDArray[np.float64], vectors: NDArray[np.floating[Any]], codes: NDArray[np.int16], *, sign: int = 1
) -> NDArray[np.float64]:
    """Return the sum of each language, [L, d], after rows, [n, d], came in or, with sign -1, went out.

    L grows with the codes. Rows of no known language, code -1, count for no sum.
    """
    width = vectors.shape[1]
    grown = np.zeros((max(len(sums), int(codes.max(initial=-1)) + 1), width))
    grown[: len(sums)] = sums
    for code in np.unique(codes[codes >= 0]).tolist():
        grown[code] += sign * vectors[codes == code].astype(np.float64).sum(axis=0)
    return grown


def means_of(sums: NDArray[np.float64], counts: Sequence[int], languages: Sequence[str]) -> LanguageMeans:
    """Return the means of the languages, as retrieval/language_means.py defines them.

    A language with TOO_FEW passages has none of its own. Where none has one, no language is moved.
    """
    own = {lang: sums[code] / counts[code] for code, lang in enumerate(languages) if counts[code] > TOO_FEW}
    overall = np.mean(list(own.values()), axis=0) if own else np.zeros(sums.shape[1])
    return LanguageMeans(own, overall)


def offsets_of(folder: Path, record: Record, codes: NDArray[np.int16], live: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return what moves each language's passages to the common mean, [L + 1, d]; the last row, of code -1, is zero."""
    shape = (len(record.languages), record.model.dimensions)
    sums = np.array(open_array(folder, "sums", record.number, np.float64, shape))
    counts = np.bincount(codes[live] + 1, minlength=len(record.languages) + 1).tolist()[1:]
    means = means_of(sums, counts, record.languages)
    moves = [means.overall - means.of(lang) for lang in record.languages]
    return np.array([*moves, np.zeros(shape[1])])
