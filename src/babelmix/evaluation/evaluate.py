"""Monolingual, cross-lingual and multilingual retrieval as views over one set of exact ranks.

    evaluation = evaluate(qrels_of(benchmark), CosineScorer(query_vectors, passage_vectors))
    to_json(evaluation, "models/hybrid")["settings"]["multilingual"]["map"]
    numpy.savez_compressed("scores.npz", **per_query(evaluation))
    QueryScores(**numpy.load("scores.npz"))

- monolingual: queries of a language against its own passages; the mean over languages;
- crosslingual: queries of A against passages of B, A != B; the mean over ordered pairs. A question without a
  relevant passage in B is left out of that pair;
- multilingual: queries of A against the pool of all languages; the mean over query languages.

On a benchmark with passages in one language (BEIR) the pool is that language, and `by` holds one row for each language
of the queries.

A relevant passage that the system did not find (see rank) earns nothing in any measure, wherever its id stands; nor
does one that nothing can find (benchmark.Lost). Both count in the denominators.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from babelmix.benchmarks.qrels import Qrels
from babelmix.benchmarks.registry import main_score
from babelmix.common.files import new_binary_file, new_file
from babelmix.evaluation.language_bias import Bias, group_means, language_bias, mean_of_means
from babelmix.evaluation.ranks import rank_relevant
from babelmix.retrieval.scorers import Scorer

SETTINGS = ("monolingual", "crosslingual", "multilingual")
MEASURES = {  # name in the JSON -> column of QueryScores
    "map": "average_precision",
    "map_at_20": "average_precision_at_20",
    "ndcg_at_10": "ndcg_at_10",
    "recall_at_1": "recall_at_1",
    "recall_at_10": "recall_at_10",
    "recall_at_100": "recall_at_100",
}
ID_CHARACTERS = 100
# What stands in every file of scores, and in every file of the scores of each query: a result is known by it.
KEYS, COLUMNS = ("benchmark", "model", "settings", "bias"), ("setting", "average_precision")
POOL = "pool"  # stands for the passage language where the passages are those of all languages


@dataclass(frozen=True, slots=True)
class QueryScores:
    """Columns with one row for each query and each set of passages that it is scored against."""

    setting: NDArray[np.str_]  # one of SETTINGS
    parallel_id: NDArray[np.str_]  # shared by the translations of a query; see short_id
    query_language: NDArray[np.str_]
    passage_language: NDArray[np.str_]  # or "pool"
    average_precision: NDArray[np.float64]
    average_precision_at_20: NDArray[np.float64]
    ndcg_at_10: NDArray[np.float64]
    recall_at_1: NDArray[np.float64]
    recall_at_10: NDArray[np.float64]
    recall_at_100: NDArray[np.float64]

    def groups(self, setting: str) -> tuple[NDArray[np.bool_], NDArray[np.str_]]:
        """Return the mask of a setting's rows, and for each of these the group whose mean counts once in it.

        A group is a query language ("de"), or an ordered pair of languages ("de-en") in the cross-lingual
        setting.
        """
        mask = self.setting == setting
        group = self.query_language[mask]
        if setting == "crosslingual":
            group = np.strings.add(np.strings.add(group, "-"), self.passage_language[mask])
        return mask, group


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One system on one benchmark: the scores of every query, and the language bias."""

    benchmark: str
    headline: str  # the measure that the benchmark's own papers report: a name in MEASURES
    scores: QueryScores
    bias: Bias
    left_out: Mapping[str, int] = field(default_factory=dict[str, int])  # of the rankings: how often, by reason

    def mean(self, setting: str, measure: str = "map") -> float | None:
        """Return a setting's figure, the mean of its group means; None where the benchmark has no such queries."""
        mask, groups = self.scores.groups(setting)
        return mean_of_means(getattr(self.scores, MEASURES[measure])[mask], groups)

    def by_language_pair(self, measure: str = "map") -> dict[tuple[str, str], float]:
        """Return the mean over queries for each (query language, passage language) that has any, "pool" left out."""
        scores = self.scores
        single = scores.passage_language != POOL
        pairs, pair = np.unique(
            np.stack([scores.query_language[single], scores.passage_language[single]]), axis=1, return_inverse=True
        )
        means = np.bincount(pair, weights=getattr(scores, MEASURES[measure])[single]) / np.bincount(pair)
        return {(query, passage): mean for (query, passage), mean in zip(pairs.T.tolist(), means.tolist(), strict=True)}


def evaluate(judged: Qrels, scores: Scorer) -> Evaluation:
    """Score a system on a benchmark in all three settings, whole rankings, in one pass over its scores.

    Raises UserError for scores that do not fit the benchmark, see rank.rank_relevant.
    """
    ranks = rank_relevant(judged, scores)
    languages = judged.languages
    lost = np.full(len(judged.lost_query), np.inf)
    pool, own = (np.concatenate([np.where(ranks.found, rank, np.inf), lost]) for rank in (ranks.pool, ranks.own))
    asked = np.concatenate([judged.query, judged.lost_query])
    grade = np.concatenate([judged.relevance, judged.lost_relevance])
    # A query against one language is one ranking, numbered by (query, language); against the pool, by query.
    language = np.concatenate([judged.passage_language[judged.passage], judged.lost_language]).astype(np.int64)
    single, single_measures = measures(asked * len(languages) + language, own, grade)
    pooled, pooled_measures = measures(asked, pool, grade)
    query = np.concatenate([single // len(languages), pooled])
    query_language = np.array([q.lang for q in judged.queries])[query]
    passage_language = np.concatenate([np.array(languages)[single % len(languages)], [POOL] * len(pooled)])
    multilingual, monolingual = passage_language == POOL, passage_language == query_language
    setting = np.where(multilingual, "multilingual", np.where(monolingual, "monolingual", "crosslingual"))
    question = np.array([short_id(q.parallel_id) for q in judged.queries])[query]
    columns = np.concatenate([single_measures, pooled_measures], axis=1)
    found = QueryScores(setting, question, query_language, passage_language, *columns)
    headline = main_score(judged.name, bool((grade > 1).any()))
    return Evaluation(judged.name, headline, found, language_bias(judged, ranks), judged.left_out)


def short_id(question: str) -> str:
    """Return a question's id, or for one of over 100 characters its first 20 and a hash.

    A column of texts is as wide as its widest: one id of 200,000 characters would make it gigabytes.
    """
    if len(question) <= ID_CHARACTERS:
        return question
    return f"{question[:20]}:{hashlib.sha256(question.encode()).hexdigest()}"


def measures(
    ranking: NDArray[np.integer[Any]], rank: NDArray[np.number[Any]], grade: NDArray[np.integer[Any]]
) -> tuple[NDArray[np.integer[Any]], NDArray[np.float64]]:
    """Compute the measures of many rankings from the ranks of their relevant passages alone.

    Average precision is the mean over relevant passages of the precision at their ranks, over the whole
    ranking. AP@20 is XTREME-R's (arXiv 2104.07412): the sum of the precisions at ranks up to 20, divided by
    min(relevant, 20). nDCG@10 is trec_eval's: the sum of grade / log2(1 + rank) over ranks up to 10, divided by
    that of the best order. Recall@k is the share of the relevant within the first k.

    Args:
        ranking: int [R], which ranking each relevant passage belongs to, in any order.
        rank: int or float [R], its 1-based rank there; infinite where it was not found, which earns nothing.
        grade: int [R], how relevant it is, 1 or more; only nDCG looks at it.

    Returns:
        The distinct rankings in ascending order, [N], and their AP, AP@20, nDCG@10, recall@1, @10 and @100,
        [6, N] in [0, 1].
    """
    order = np.lexsort((rank, ranking))
    rank, grade = rank[order], grade[order]
    distinct, start, of_ranking, relevant = np.unique(
        ranking[order], return_index=True, return_inverse=True, return_counts=True
    )
    place = np.arange(len(rank)) - start[of_ranking]  # 0 for the first relevant passage of a ranking
    precision = (place + 1) / rank
    best = grade[np.lexsort((-grade, of_ranking))]  # grades in the best order, ranking by ranking
    ideal = np.bincount(of_ranking, weights=best / np.log2(place + 2) * (place < 10))
    values = [
        np.bincount(of_ranking, weights=precision) / relevant,
        np.bincount(of_ranking, weights=precision * (rank <= 20)) / np.minimum(relevant, 20),
        np.bincount(of_ranking, weights=grade / np.log2(rank + 1.0) * (rank <= 10)) / ideal,
        *(np.bincount(of_ranking, weights=rank <= k) / relevant for k in (1, 10, 100)),
    ]
    return distinct, np.array(values)


def per_query(evaluation: Evaluation) -> dict[str, NDArray[Any]]:
    """Return the columns of QueryScores by name, ready for numpy.savez_compressed."""
    return {name: getattr(evaluation.scores, name) for name in QueryScores.__dataclass_fields__}


def to_json(evaluation: Evaluation, model: str, **about: Any) -> dict[str, Any]:
    """Return the figures as the stable JSON that `babelmix evaluate` writes; numbers rounded to 6 decimals.

    `about` is what else is to be told of the system and of the benchmark: its similarity, say. What it says was left
    out is told together with what the rankings left out.

    `queries` counts rankings: in the cross-lingual setting a query counts once for each language it is
    scored against. A figure that the benchmark does not allow is None, never NaN: the cross-lingual ones
    where no question is answered in another language, say.
    """
    scores, bias = evaluation.scores, evaluation.bias
    settings = {setting: _setting(scores, setting) for setting in SETTINGS}
    pooled = scores.average_precision[scores.setting == "multilingual"]
    settings["multilingual"]["map_over_questions"] = float(pooled.mean())
    mono, cross = settings["monolingual"]["map"], settings["crosslingual"]["map"]
    return _rounded(
        {
            "benchmark": evaluation.benchmark,
            "model": model,
            **about,
            "left_out": {**about.get("left_out", {}), **evaluation.left_out},
            "headline": evaluation.headline,
            "settings": settings,
            "bias": {
                "rank_distance": bias.rank_distance,
                "rank_distance_share": bias.rank_distance_share,
                "max_rank": bias.max_rank,
                "language_share_top10": bias.language_share_top10,
                "language_share_pool": bias.language_share_pool,
                "language_share_by": bias.language_share_by,
                "same_language_share_top10": bias.same_language_share_top10,
                "peer": bias.peer,
                "mono_minus_cross": None if mono is None or cross is None else mono - cross,
                "by": bias.rank_distance_by,
            },
        }
    )


def _setting(scores: QueryScores, setting: str) -> dict[str, Any]:
    mask, groups = scores.groups(setting)
    columns: dict[str, NDArray[np.float64]] = {
        measure: getattr(scores, column)[mask] for measure, column in MEASURES.items()
    }
    names, counts = np.unique(groups, return_counts=True)
    by: dict[str, dict[str, float]] = {name: {} for name in names.tolist()}
    for measure, values in columns.items():
        for name, mean in group_means(values, groups).items():
            by[name][measure] = mean
    for name, count in zip(names.tolist(), counts.tolist(), strict=True):
        by[name]["queries"] = count
    figures: dict[str, Any] = {measure: mean_of_means(values, groups) for measure, values in columns.items()}
    return figures | {"queries": len(groups), "by": by}


def _rounded(figure: Any) -> Any:
    if isinstance(figure, dict):
        return {name: _rounded(value) for name, value in figure.items()}
    return round(figure, 6) if isinstance(figure, float) else figure


def write_evaluation(
    evaluation: Evaluation, model: str, output: Path, per_query_output: Path | None = None, **about: Any
) -> None:
    """Write the scores as JSON, see `to_json`, and the score of every query as .npz (no pickle) where asked for."""
    if per_query_output is not None:
        with new_binary_file(per_query_output) as stream:
            np.savez_compressed(stream, allow_pickle=False, **per_query(evaluation))
    with new_file(output) as stream:
        stream.write(json.dumps(to_json(evaluation, model, **about), indent=1, ensure_ascii=False) + "\n")
