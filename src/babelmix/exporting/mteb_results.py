"""Our scores in the form of mteb's results: a JSON file that mteb's TaskResult reads.

    result = task_result(qrels, rank_relevant(qrels, scorer), form="mteb", revision=revision, about={})
    write_json(Path("scores.json"), result)

The measures are trec_eval's, as mteb takes them from pytrec_eval: a cutoff k counts the first k passages, and the
denominator of `map_at_k` is the number of all relevant passages. (Our own `map` has no cutoff; our `map_at_20` divides
by the smaller of 20 and that number.) They are means over queries, rounded to 5 decimals, as mteb's are.

What mteb computes from the scores of passages and not from their ranks, nAUC, is left out.
"""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from babelmix.benchmarks.qrels import Qrels
from babelmix.evaluation.ranks import Ranks
from babelmix.exporting.mteb_languages import mteb_languages
from babelmix.exporting.topics import LOST, PAIRS, POOL, Topics, language_pairs, topics_of

FORMS = {"mteb": POOL, "mteb-pairs": PAIRS}  # form of `evaluate --format` -> scope
KEYS = ("task_name", "scores", "babelmix")  # of every such file that babelmix wrote
MAIN_SCORE = "ndcg_at_10"  # of mteb's retrieval tasks
CUTOFFS = (1, 3, 5, 10, 20, 100, 1000)  # of mteb's retrieval tasks
DECIMALS = 5
SPLIT = "test"


def task_name(benchmark: str, scope: str) -> str:
    """Return the name of a benchmark as a task of mteb.

    >>> task_name("xquad-r", "pool")
    'xquad-r-pool'
    """
    return f"{benchmark}-{scope}"


def revision_of(folder: Path) -> str:
    """Return a name of a benchmark folder's texts and judgements, 40 hexadecimal digits."""
    digest = hashlib.sha256()
    for name in ("passages", "queries", "qrels", "itself", "lost"):
        file = folder / f"{name}.jsonl"
        if file.is_file():
            with file.open("rb") as stream:
                digest.update(f"{name} {hashlib.file_digest(stream, 'sha256').hexdigest()} ".encode())
    return digest.hexdigest()[:40]


def subsets_of(qrels: Qrels, topics: Topics, scope: str) -> dict[str, tuple[list[str], NDArray[np.int64]]]:
    """Return the subsets of a task: mteb's languages of each, and its topics.

    The pool is one subset, "pool". The pairs of languages are one each, "en-de": queries in English, passages in
    German; it has mteb's languages of the queries, then of the passages.
    """
    if scope == POOL:
        spoken = sorted({query.lang for query in qrels.queries} | set(qrels.languages))
        return {POOL: (mteb_languages(spoken), np.arange(len(topics.names)))}
    pairs = language_pairs(qrels, topics)
    names = np.array([f"{query}-{passage}" for query, passage in pairs])
    return {
        f"{query}-{passage}": (mteb_languages((query, passage)), np.flatnonzero(names == f"{query}-{passage}"))
        for query, passage in sorted(set(pairs))
    }


def task_result(qrels: Qrels, ranks: Ranks, *, form: str, revision: str, about: dict[str, Any]) -> dict[str, Any]:
    """Return the scores of a system on a benchmark as mteb's TaskResult writes them.

    Args:
        qrels: of the benchmark.
        ranks: of its relevant passages.
        form: "mteb" for the pool, "mteb-pairs" for a subset of each pair of languages.
        revision: names the texts and judgements, so that scores of others are not mixed up with these.
        about: facts of the system, under the key "babelmix", which mteb does not read.
    """
    scope = FORMS[form]
    topics = topics_of(qrels, scope)
    values = measures_of(topics, _ranks_of(qrels, ranks, topics, scope))
    scores = [
        {
            **{name: round(float(of_topics[mine].mean()), DECIMALS) for name, of_topics in values.items()},
            "main_score": round(float(values[MAIN_SCORE][mine].mean()), DECIMALS),
            "hf_subset": subset,
            "languages": languages,
        }
        for subset, (languages, mine) in subsets_of(qrels, topics, scope).items()
    ]
    return {
        "dataset_revision": revision,
        "task_name": task_name(qrels.name, scope),
        "mteb_version": None,  # mteb did not compute them
        "scores": {SPLIT: scores},
        "evaluation_time": None,
        "kg_co2_emissions": None,
        "babelmix": {**about, "topics": len(topics.names), "topics_without_an_answer": topics.unanswered},
    }


def measures_of(topics: Topics, rank: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """Return mteb's measures of each topic, [T], by mteb's names; `rank`, [J], is that of each judgement's passage.

    A rank is 1 or more, and infinite for a passage that was not found.
    """
    number = len(topics.names)
    order = np.lexsort((rank, topics.topic))
    topic, rank, relevance = topics.topic[order], rank[order], topics.relevance[order]
    relevant = np.bincount(topic, minlength=number)
    place = np.arange(len(topic)) - (np.cumsum(relevant) - relevant)[topic]  # 0 for the first that was found
    best = relevance[np.lexsort((-relevance, topic))]  # in the best order, topic by topic

    def total(weights: NDArray[Any]) -> NDArray[np.float64]:
        return np.bincount(topic, weights=weights, minlength=number).astype(np.float64)

    found: dict[str, NDArray[np.float64]] = {}
    for k in CUTOFFS:
        inside = rank <= k
        hits = total(inside)
        ideal = total(best / np.log2(place + 2) * (place < k))
        found[f"ndcg_at_{k}"] = total(relevance / np.log2(rank + 1) * inside) / ideal
        found[f"map_at_{k}"] = total((place + 1) / rank * inside) / relevant
        found[f"recall_at_{k}"] = hits / relevant
        found[f"precision_at_{k}"] = hits / k
        found[f"mrr_at_{k}"] = total(1 / rank * inside * (place == 0))
        found[f"hit_rate_at_{k}"] = (hits > 0).astype(np.float64)
    found["accuracy"] = found["recall_at_1"]
    return found


def _ranks_of(qrels: Qrels, ranks: Ranks, topics: Topics, scope: str) -> NDArray[np.float64]:
    """Return the rank of each judgement's passage in its topic's ranking, infinite if it was not found: [J]."""
    own = np.where(ranks.found, ranks.pool if scope == POOL else ranks.own, np.inf)
    # Qrels ascends by query, then passage: the row of a judgement there is found by both.
    wide = len(qrels.passage_language) + 1
    known = qrels.query.astype(np.int64) * wide + qrels.passage
    wanted = topics.query[topics.topic] * wide + topics.passage
    found = np.full(len(wanted), np.inf)
    there = topics.passage != LOST
    found[there] = own[np.searchsorted(known, wanted[there])]
    return found
