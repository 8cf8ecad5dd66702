"""Free debiasing by mean offsets: move the vectors of each language to where the other languages are.

    means = read_means(Path("data/offsets/hybrid.npz"))      # of training text; or means_of_index(...)["shift-index"]
    queries, passages = move("shift", means, 0.75, query_rows, passage_rows)       # two Rows

With the mean vector m_L of each language, the mean m of these, and a strength s:

- shift: x + s (m - m_L), normalised again. All languages come to one centre, which stays where it was (SHIFT,
  arXiv 2606.18801);
- centre: x - s m_L, normalised again. All languages come to the origin, so that what all texts share goes too.

The means are those of training text ("shift", "centre"), or of the index's own passages, without labels: then the
method is transductive, and named so. "shift-index" leaves the queries as they are. "centre-index" moves them by m.
"centre-asked" moves them by the mean of a hundred past questions.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from babelmix.common.errors import UserError
from babelmix.common.hashing import hash_order
from babelmix.retrieval.language_means import LanguageMeans, LanguageRows, Means, common_mean, language_means
from babelmix.retrieval.scorers import checked
from babelmix.retrieval.vectors import Picked, Rows

TRAINING, TRANSDUCTIVE = ("shift", "centre"), ("shift-index", "centre-index", "centre-asked")
STRENGTHS = (0.25, 0.5, 0.75, 1.0)
ASKED = 100  # past questions
LOST = float(np.finfo(np.float16).eps)  # a remainder below this length is float16 rounding


def past_questions(ids: Sequence[str]) -> NDArray[np.intp]:
    """Return the rows of the ASKED questions with the lowest sha256 of their id, ascending; all if there are fewer."""
    chosen = sorted(range(len(ids)), key=lambda row: hash_order(ids[row]))[:ASKED]
    return np.array(sorted(chosen), dtype=np.intp)


def means_of_index(
    passages: LanguageRows, queries: Rows, query_ids: Sequence[str], *, where: str = "embeddings"
) -> dict[str, Means]:
    """Return the means of each transductive form, in one pass over the passages of an index.

    Of the queries only the mean of ASKED past ones is used, see `past_questions`. `where` names the vectors in errors.

    Raises:
        UserError: a vector has not unit length, or holds a number that is not finite.
    """
    own = language_means(passages, where=f"{where}, passages")
    everyone = LanguageMeans({}, own.overall)
    asked = common_mean(Picked(queries, past_questions(query_ids)), where=f"{where}, past questions")
    by_form = dict.fromkeys(TRANSDUCTIVE, everyone) | {"centre-asked": asked}
    return {name: Means(of_queries, own) for name, of_queries in by_form.items()}


def move(
    name: str,
    means: Means,
    strength: float,
    queries: LanguageRows,
    passages: LanguageRows,
    *,
    where: str = "embeddings",
) -> tuple[Rows, Rows]:
    """Return queries and passages, debiased by a form; rows are moved when they are read.

    Args:
        name: a form of TRAINING or TRANSDUCTIVE.
        means: those of the form. "shift-index" has the common mean for queries of any language, which moves none.
        strength: s, the share of the offset that is added.
        queries: unit vectors and their languages.
        passages: likewise.
        where: names the vectors in errors.

    Raises:
        UserError: the means have another width than the vectors.
    """
    offsets = _shift if name.startswith("shift") else _centre
    moved: list[Rows] = []
    for texts, of_texts, kind in ((queries, means.queries, "queries"), (passages, means.passages, "passages")):
        if texts.rows.shape[1] != len(of_texts.overall):
            what = f"vectors of {texts.rows.shape[1]} dimensions, means of {len(of_texts.overall)}"
            raise UserError(what, where=where, how="estimate the means with the same model")
        moved.append(Moved(texts, strength * offsets(of_texts, texts.languages), where=f"{where}, {kind}"))
    return moved[0], moved[1]


class Moved:
    """Rows plus the offset of their language, normalised again: float16 unit vectors, made when they are read.

    A row whose offset is zero comes back as it is, and so does one of which the offset leaves nothing: a text that is
    the mean of its language, as in an index of equal texts.
    """

    def __init__(self, texts: LanguageRows, offsets: NDArray[np.float64], *, where: str = "embeddings") -> None:
        """Add `offsets`, [L, d], one for each language of the texts; `where` names the vectors in errors."""
        self._texts, self._offsets, self._where = texts, offsets, where
        self._moves: NDArray[np.bool_] = (offsets != 0).any(axis=1)

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows and dimensions."""
        return self._texts.rows.shape

    def __getitem__(self, key: Any, /) -> NDArray[np.floating[Any]]:
        """Return the rows of a slice, or of an array of row numbers; UserError for a row that has not unit length."""
        before, codes = self._texts.rows[key], self._texts.codes[key]
        first = (key.start or 0) if isinstance(key, slice) else key
        after = checked(before, self._where, first) + self._offsets[codes]
        length = np.linalg.norm(after, axis=1, keepdims=True)
        moves = self._moves[codes][:, None] & (length > LOST)
        return np.where(moves, np.divide(after, length, out=after, where=moves).astype(np.float16), before)


def _shift(means: LanguageMeans, languages: Sequence[str]) -> NDArray[np.float64]:
    return np.array([means.overall - means.of(lang) for lang in languages])


def _centre(means: LanguageMeans, languages: Sequence[str]) -> NDArray[np.float64]:
    return np.array([-means.of(lang) for lang in languages])
