"""Contrastive entropy on held-out pairs: the training loss of queries that no training has seen, by language scope.

    contrastive_entropy(qrels, CosineScorer(queries, passages), temperature=0.05)    # {"monolingual": 1.2, ...}, nats

It falls smoothly where mAP and recall move in steps, so it is what scaling laws of retrieval are fitted to
(Fang et al. 2024, arXiv 2403.18684).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

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
        temperature: of the softmax, that of the training.

    Returns:
        The three figures; None for a scope without two questions to tell apart.
    """
    lang = np.array([query.lang for query in qrels.queries])
    own = np.array(qrels.languages)[qrels.passage_language[qrels.passage]] == lang[qrels.query]
    query, passage = qrels.query[own], qrels.passage[own]  # the pairs
    lang = lang[query]
    _, question = np.unique([qrels.queries[row].parallel_id for row in query.tolist()], return_inverse=True)
    score = scorer.score_block(slice(0, scorer.shape[1]))
    several = len(set(question.tolist())) > 1
    rows = {name: np.flatnonzero(lang == name) for name in sorted(set(lang.tolist()))}
    sums: dict[tuple[str, str], float] = {}
    counts: dict[tuple[str, str], int] = {}
    pooled, answers = 0.0, 0
    for asked, asking in rows.items():
        common = {name: np.intersect1d(question[asking], question[at]) for name, at in rows.items()}
        for start in range(0, len(asking), QUERIES):
            part = asking[start : start + QUERIES]
            scores = score(query[part].astype(np.intp))[:, passage].astype(np.float64) / temperature
            same = question[part, None] == question
            negatives = _log_sum_exp(np.where(same, -np.inf, scores))
            if several:
                pooled += float((np.logaddexp(scores, negatives[:, None]) - scores)[same].sum())
                answers += int(np.count_nonzero(same))
            for name, at in rows.items():
                if len(common[name]) < 2:
                    continue
                both = np.isin(question[part], common[name])
                columns = at[np.isin(question[at], common[name])]
                each = scores[np.ix_(both, columns)]
                losses = _log_sum_exp(each) - each[question[part[both], None] == question[columns]]
                sums[asked, name] = sums.get((asked, name), 0.0) + float(losses.sum())
                counts[asked, name] = counts.get((asked, name), 0) + len(losses)
    means = {pair: total / counts[pair] for pair, total in sums.items()}
    return {
        "monolingual": _mean([mean for (asked, name), mean in means.items() if asked == name]),
        "crosslingual": _mean([mean for (asked, name), mean in means.items() if asked != name]),
        "pooled": pooled / answers if answers else None,
    }


def _log_sum_exp(scores: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Return log(sum(exp(row))) of each row of [n, m]; minus infinity for a row of minus infinities."""
    most = scores.max(axis=1)
    shift = np.where(np.isfinite(most), most, 0.0)
    with np.errstate(divide="ignore"):  # the log of 0
        return np.log(np.exp(scores - shift[:, None]).sum(axis=1)) + shift


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None
