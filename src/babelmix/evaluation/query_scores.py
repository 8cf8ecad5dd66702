"""The scores of every query, in the three scopes of multilingual retrieval.

    mask, pairs = scores.groups("crosslingual")          # pairs: "de-en", ... for each row that the mask selects
    mean_of_means(scores.average_precision[mask], pairs)

- monolingual: queries of a language against the passages of that language; the mean over languages;
- crosslingual: queries of A against passages of B, A != B; the mean over ordered pairs. A question without a
  relevant passage in B is left out of that pair;
- multilingual: queries of A against the pool of all languages; the mean over query languages.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SCOPES = ("monolingual", "crosslingual", "multilingual")
POOL = "pool"  # in place of the passage language, for the passages of all languages
ID_CHARACTERS = 100


@dataclass(frozen=True, slots=True)
class QueryScores:
    """Columns with one row for each query and each set of passages that it is scored against."""

    scope: NDArray[np.str_]  # one of SCOPES
    parallel_id: NDArray[np.str_]  # shared by the translations of a query; see short_id
    query_language: NDArray[np.str_]
    passage_language: NDArray[np.str_]  # or "pool"
    average_precision: NDArray[np.float64]
    average_precision_at_20: NDArray[np.float64]
    ndcg_at_10: NDArray[np.float64]
    recall_at_1: NDArray[np.float64]
    recall_at_10: NDArray[np.float64]
    recall_at_100: NDArray[np.float64]

    def groups(self, scope: str) -> tuple[NDArray[np.bool_], NDArray[np.str_]]:
        """Return the mask of a scope's rows, and the group of each selected row; each group weighs the same.

        A group is a query language ("de"), or in the cross-lingual scope an ordered pair of languages ("de-en").
        """
        mask = self.scope == scope
        group = self.query_language[mask]
        if scope == "crosslingual":
            group = np.strings.add(np.strings.add(group, "-"), self.passage_language[mask])
        return mask, group

    def questions(self, scope: str) -> list[str]:
        """Return the parallel ids of a scope's queries, each once, in their order."""
        return np.unique(self.parallel_id[self.scope == scope]).tolist()


def short_id(question: str) -> str:
    """Return a question's id; of an id with over 100 characters, its first 20 and a hash.

    A numpy column of texts is as wide as its widest text: one id of 200,000 characters would make it gigabytes.
    """
    if len(question) <= ID_CHARACTERS:
        return question
    return f"{question[:20]}:{hashlib.sha256(question.encode()).hexdigest()}"
