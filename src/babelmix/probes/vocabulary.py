"""The vectors of a language's words, looked up by word: a list is encoded once, however many directions read it.

>>> words = Vocabulary(["a", "b"], np.eye(2, dtype=np.float32))
>>> words(["b", "a", "b"]).tolist()
[[0.0, 1.0], [1.0, 0.0], [0.0, 1.0]]
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


class Vocabulary:
    """Distinct words and their vectors."""

    def __init__(self, words: Sequence[str], vectors: NDArray[np.float32]) -> None:
        """Take distinct words and [words, d] vectors."""
        self._row = {word: row for row, word in enumerate(words)}
        self._vectors = vectors

    def __call__(self, words: Sequence[str]) -> NDArray[np.float32]:
        """Return the vectors of words, all of which are known."""
        return self._vectors[[self._row[word] for word in words]]
