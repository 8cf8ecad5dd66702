"""Score a system on a benchmark: monolingual, cross-lingual and multilingual retrieval from one set of exact ranks.

    evaluation = evaluate(qrels_of(benchmark), CosineScorer(query_vectors, passage_vectors))
    write_evaluation(evaluation, "hybrid", Path("scores.json"), Path("scores.npz"))      # see score_files

`query_scores` defines the three scopes. On a benchmark with passages in one language (BEIR) the pool is that language,
and `by` holds one row for each language of the queries.

A relevant passage that the system did not find (see ranks) scores zero in every measure. So does a relevant passage
whose text the benchmark lacks (benchmark.Lost). Both count in the denominators.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from babelmix.benchmarks.qrels import Qrels
from babelmix.benchmarks.registry import main_score
from babelmix.evaluation.hubness import Hubness, hubness, sampled_queries
from babelmix.evaluation.language_bias import Bias, language_bias
from babelmix.evaluation.measures import MEASURES, mean_of_means, measures
from babelmix.evaluation.query_scores import POOL, QueryScores, short_id
from babelmix.evaluation.ranks import rank_relevant
from babelmix.retrieval.scorers import Scorer


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One system on one benchmark: the scores of every query, the language bias, and the hubs."""

    benchmark: str
    main_score: str  # the measure that the benchmark's own papers report: a name in MEASURES
    scores: QueryScores
    bias: Bias
    hubness: Hubness  # of a hundred of the queries, to hold that of nonsense queries against
    left_out: Mapping[str, int] = field(default_factory=dict[str, int])  # rows missing from the rankings, by reason

    def mean(self, scope: str, measure: str = "map") -> float | None:
        """Return a scope's score, the mean of its group means; None if the benchmark has no such queries."""
        mask, groups = self.scores.groups(scope)
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


def evaluate(qrels: Qrels, scores: Scorer) -> Evaluation:
    """Score a system on a benchmark in all three scopes, over whole rankings, in one pass over its scores.

    Raises UserError for scores that do not fit the benchmark, see ranks.rank_relevant.
    """
    ranks = rank_relevant(qrels, scores)
    languages = qrels.languages
    lost = np.full(len(qrels.lost_query), np.inf)
    pool, own = (np.concatenate([np.where(ranks.found, rank, np.inf), lost]) for rank in (ranks.pool, ranks.own))
    asked = np.concatenate([qrels.query, qrels.lost_query])
    relevance = np.concatenate([qrels.relevance, qrels.lost_relevance])
    # A query against one language is one ranking, numbered by (query, language); against the pool, by query.
    language = np.concatenate([qrels.passage_language[qrels.passage], qrels.lost_language]).astype(np.int64)
    single, single_measures = measures(asked * len(languages) + language, own, relevance)
    pooled, pooled_measures = measures(asked, pool, relevance)
    query = np.concatenate([single // len(languages), pooled])
    query_language = np.array([q.lang for q in qrels.queries])[query]
    passage_language = np.concatenate([np.array(languages)[single % len(languages)], [POOL] * len(pooled)])
    multilingual, monolingual = passage_language == POOL, passage_language == query_language
    scope = np.where(multilingual, "multilingual", np.where(monolingual, "monolingual", "crosslingual"))
    parallel_id = np.array([short_id(q.parallel_id) for q in qrels.queries])[query]
    columns = np.concatenate([single_measures, pooled_measures], axis=1)
    found = QueryScores(scope, parallel_id, query_language, passage_language, *columns)
    measure = main_score(qrels.name, bool((relevance > 1).any()))
    hubs = hubness(ranks.top[sampled_queries(qrels)])
    return Evaluation(qrels.name, measure, found, language_bias(qrels, ranks), hubs, qrels.left_out)
