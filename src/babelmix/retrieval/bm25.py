"""BM25 with one index for each language of the passages: the baseline of word overlap.

    evaluation = evaluate(qrels_of(benchmark), Bm25Scorer.build(benchmark))

The index of the passage's language scores the query's words, whatever the query's language. So monolingual,
cross-lingual and pooled rankings are views over one set of scores. A passage that shares no word with the query scores
zero: it is not retrieved and has no rank.
"""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from bm25s import BM25
from numpy.typing import NDArray
from scipy.sparse import csr_array, hstack

from babelmix.benchmarks.benchmark import Benchmark
from babelmix.common.text import compared_form

# The defaults of Anserini and Pyserini, the usual tools for BM25 baselines.
K1, B = 0.9, 0.4

_MARKS = "".join(filter(lambda c: unicodedata.category(c).startswith("M"), map(chr, range(0x10000))))
_CJK = (
    "\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Chinese characters
    "\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff"  # Hiragana, Katakana
)
_THAI = "\u0e01-\u0e30\u0e32\u0e33\u0e40-\u0e46\u0e50-\u0e59"
_RUN = re.compile(
    f"(?P<unspaced>(?:[{_CJK}][{_MARKS}]*)+|(?:[{_THAI}][{_MARKS}]*)+)|(?:[^\\W{_CJK}{_THAI}][{_MARKS}]*)+"
)
_CHARACTER = re.compile(f"[^{_MARKS}][{_MARKS}]*")


def words(text: str) -> list[str]:
    r"""Return the words of a text in any language, in order, with repetitions.

    A word is a run of `\w` with the marks on its letters (the vowel signs of Hindi do not match `\w`), in the form of
    `common.text.compared_form`: no case, no invisible characters, dotted and dotless i alike. Chinese, Japanese and
    Thai write no spaces between words: there every two neighbouring characters are a word, and so is a character
    without neighbours. Lucene's CJK analyser does the same for Chinese and Japanese; Thai is our addition. There is no
    stemming and no stop word list.
    """
    found: list[str] = []
    for run in _RUN.finditer(compared_form(text)):
        if run["unspaced"] is None:
            found.append(run[0])
        else:
            characters: list[str] = _CHARACTER.findall(run[0])
            pairs = [a + b for a, b in pairwise(characters)]
            found += pairs or characters
    return found


@dataclass(frozen=True, slots=True)
class Bm25Scorer:
    """The BM25 scores of a benchmark as two sparse matrices; a term is a word in one language of the passages."""

    queries: csr_array  # float64 [Q, terms]: how often the query has the word, in each language that has it
    passages: csr_array  # float64 [P, terms]: the score that one occurrence in the query adds to the passage

    @property
    def not_found(self) -> float:
        """Zero: the passage shares no word with the query."""
        return 0.0

    @classmethod
    def build(cls, benchmark: Benchmark) -> "Bm25Scorer":
        """Index the passages of each language separately and look up the queries' words in every language.

        A passage is its text, without its context. The formula is Lucene's with exact lengths, as bm25s computes it
        (Lù 2024, arXiv 2407.03618). Let the language have N passages, n of them with the word, and L words a passage
        on average. Let this passage have l words, f of them the word. Then each occurrence in the query adds
        log(1 + (N - n + 0.5) / (n + 0.5)) * f / (f + k1 * (1 - b + b * l / L)).
        """
        asked = [words(query.text) for query in benchmark.queries]
        spoken = np.array([passage.lang for passage in benchmark.passages])
        queries: list[csr_array] = []
        passages: list[csr_array] = []
        for lang in benchmark.languages:
            rows = np.flatnonzero(spoken == lang)
            texts = [words(benchmark.passages[row].text) for row in rows]
            number = {word: i for i, word in enumerate(sorted({word for text in texts for word in text}))}
            if number:
                queries.append(_counts(asked, number))
                passages.append(_weights(texts, number, rows, len(spoken)))
        if not passages:  # no passage has a word: one term that no text uses
            return cls(csr_array((len(asked), 1)), csr_array((len(spoken), 1)))
        return cls(csr_array(hstack(queries, format="csr")), csr_array(hstack(passages, format="csr")))

    @property
    def shape(self) -> tuple[int, int]:
        """The number of queries and of passages."""
        queries, passages = self.queries, self.passages
        return int(queries.indptr.size) - 1, int(passages.indptr.size) - 1

    def score_block(self, passages: slice) -> Callable[[NDArray[np.intp]], NDArray[np.float32]]:
        """Return a function that scores query rows, [n], against these passages: float32 [n, passages].

        The score is 0 if no word is shared. A score is an exact sum, rounded once: it depends only on its two texts,
        never on the order of the words or the limits of the block.
        """
        columns: Any = self.passages[passages].T

        def score(query: NDArray[np.intp]) -> NDArray[np.float32]:
            found: NDArray[np.float64] = (self.queries[query] @ columns).toarray()
            return found.astype(np.float32)

        return score

    def pairs(self, query: NDArray[np.integer[Any]], passage: NDArray[np.integer[Any]]) -> NDArray[np.float32]:
        """Return the score of each (query row, passage row), [n], bit for bit that of `score_block`."""
        shared = self.queries[query].multiply(self.passages[passage])
        return np.asarray(shared.sum(axis=1)).ravel().astype(np.float32)


def _counts(texts: list[list[str]], number: dict[str, int]) -> csr_array:
    """Return float64 [texts, words of one language], how often a text has a word."""
    known = [[number[word] for word in text if word in number] for text in texts]
    row = np.repeat(np.arange(len(known)), [len(text) for text in known])
    column = np.array([i for text in known for i in text], dtype=np.intp)
    return csr_array((np.ones(len(column)), (row, column)), shape=(len(texts), len(number)))


def _weights(texts: list[list[str]], number: dict[str, int], rows: NDArray[np.intp], passages: int) -> csr_array:
    """Return float64 [passages, words of one language]; only the rows of that language are not zero."""
    index = BM25(k1=K1, b=B, method="lucene")
    ids = [[number[word] for word in text] for text in texts]
    index.index((ids, number), create_empty_token=False, show_progress=False)
    scores: dict[str, Any] = index.scores  # a sparse matrix, passages by words, column by column
    column = np.repeat(np.arange(len(number)), np.diff(scores["indptr"]))
    # Whole multiples of 2^-24: their sums are exact in float64, in any order.
    exact = np.round(scores["data"].astype(np.float64) * 2.0**24) / 2.0**24
    entries = exact, (rows[scores["indices"]], column)
    return csr_array(entries, shape=(passages, len(number)))
