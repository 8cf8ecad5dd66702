"""Where a score stands among the scores of its language, for one query.

    standings = Standings(vectors, rows, codes)
    standings.of(query, codes_of_hits, scores_of_hits)        # [2.9, 1.4]

A cosine of .82 may be high in one language and low in another: an encoder reads the query's own language more easily.
The standing is (score - mean) / standard deviation, both over the scores of the language's passages for this query.
They are estimated on SAMPLE passages of the language, evenly spaced; of a language with fewer, on all. A language whose
sample has one score alone has standing 0.
"""

import numpy as np
from numpy.typing import NDArray

from babelmix.retrieval.vectors import Rows

SAMPLE = 256


class Standings:
    """A sample of each language's vectors in memory."""

    def __init__(self, vectors: Rows, rows: NDArray[np.int64], codes: NDArray[np.int16]) -> None:
        """Take vectors of all rows of an index, the rows that are alive, ascending, and their languages."""
        self._of: dict[int, NDArray[np.float32]] = {}
        for code in np.unique(codes).tolist():
            own = rows[codes == code]
            picked = own[np.linspace(0, len(own) - 1, min(SAMPLE, len(own))).astype(np.intp)]
            self._of[code] = vectors[picked].astype(np.float32)

    def of(self, query: NDArray[np.float64], codes: NDArray[np.int16], scores: NDArray[np.float32]) -> list[float]:
        """Return the standing of each hit."""
        level: dict[int, tuple[float, float]] = {}
        for code in np.unique(codes).tolist():
            found = self._of[code] @ query.astype(np.float32)
            level[code] = float(found.mean()), float(found.std())
        pairs = zip(codes.tolist(), scores.tolist(), strict=True)
        return [(score - level[code][0]) / level[code][1] if level[code][1] > 1e-6 else 0.0 for code, score in pairs]
