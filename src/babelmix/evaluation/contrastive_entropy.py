"""Contrastive entropy on held-out pairs: the training loss of queries that no training has seen, by language scope.

    contrastive_entropy(qrels, CosineScorer(queries, passages), temperature=0.05)    # {"monolingual": 1.2, ...}, nats

It falls smoothly where mAP and recall move in steps, so it is what scaling laws of retrieval are fitted to
(Fang et al. 2024, arXiv 2403.18684).
"""

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from babelmix.benchmarks.qrels import Qrels
from babelmix.retrieval.scorers import Scorer

QUERIES = 512  # scored at once against all passages; they bound memory and do not change the result


def contrastive_entropy(qrels: Qrels, scorer: Scorer, temperature: float) -> dict[str, float | None]:
    """Return the mean InfoNCE of a benchmark of pairs in each scope, in nats.

    The scopes are those of the dev loss in training (training/dev_loss.py, a test holds them equal):

    - "monolingual": InfoNCE of the queries of a language among the passages of that language; the mean over languages;
    - "crosslingual": the queries of A among the passages of B, over the questions that both have; the mean over ordered
      pairs of languages;
    - "pooled": each (query, right passage in any language) among the passages of all other questions; the other
      translations of the right passage are not negatives. The mean over all of these.

    Args:
        qrels: of held-out pairs, see benchmarks/dev.py: each question has one query and one passage in each language
            that it has, and each passage answers one question.
        scorer: cosines.
        temperature: of the softmax, that of the training; below .003 an exponential may vanish in float64.

    Returns:
        The three figures; None for a scope without two questions to tell apart.
    """
    lang = np.array([query.lang for query in qrels.queries])
    own = np.array(qrels.languages)[qrels.passage_language[qrels.passage]] == lang[qrels.query]
    pairs = np.flatnonzero(own)
    pairs = pairs[np.argsort(lang[qrels.query[pairs]], kind="stable")]  # language by language
    query, passage = qrels.query[pairs].astype(np.intp), qrels.passage[pairs]
    names, code = np.unique(lang[query], return_inverse=True)
    questions, question = np.unique([qrels.queries[row].parallel_id for row in query.tolist()], return_inverse=True)
    has = np.zeros((len(names), len(questions)), dtype=np.bool_)
    has[code, question] = True
    comparable = has.astype(np.int64) @ has.T > 1  # [asked in, answered in]: questions to tell apart
    total, count = np.zeros(comparable.shape), np.zeros(comparable.shape, dtype=np.int64)
    score = scorer.score_block(slice(0, scorer.shape[1]))
    pooled, answers = 0.0, 0
    for asked in range(len(names)):
        rival = has[asked, question]  # what an InfoNCE of this language's queries is over
        rivals_of, start = np.unique(code[rival], return_index=True)
        for rows in _blocks(np.flatnonzero(code == asked)):
            with threadpool_limits(1, "blas"):  # as in ranks: small products on one core
                scores = score(query[rows])[:, passage].astype(np.float64) / temperature
            most = scores.max(axis=1)
            likely = np.exp(scores - most[:, None])
            row, right = np.nonzero(question[rows, None] == question)
            loss = most[row] - scores[row, right]
            sums = np.add.reduceat(likely[:, rival], start, axis=1)
            single = np.log(sums[row, np.searchsorted(rivals_of, code[right])]) + loss
            np.add.at(total[asked], code[right], single)
            np.add.at(count[asked], code[right], 1)
            if len(questions) > 1:
                answer = likely[row, right]
                likely[row, right] = 0
                pooled += float((np.log(likely.sum(axis=1)[row] + answer) + loss).sum())
                answers += len(right)
    count[~comparable] = 0
    means = np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)
    diagonal = np.eye(len(names), dtype=np.bool_)
    return {
        "monolingual": _mean(means[diagonal]),
        "crosslingual": _mean(means[~diagonal]),
        "pooled": pooled / answers if answers else None,
    }


def _blocks(rows: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    return [rows[start : start + QUERIES] for start in range(0, len(rows), QUERIES)]


def _mean(means: NDArray[np.float64]) -> float | None:
    """Return the mean of those that are there; None if none is."""
    there = means[~np.isnan(means)]
    return float(there.mean()) if len(there) else None
