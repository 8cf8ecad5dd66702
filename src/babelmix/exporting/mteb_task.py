"""A benchmark as a retrieval task of mteb, read from its folder: mteb runs it on any of its models, without a download.

    task = pool_task(Path("data/benchmarks/xquad-r"))       # all languages in one pool
    task = pairs_task(Path("data/benchmarks/xquad-r"))      # a subset for each pair of languages: "en-de"
    mteb.evaluate(SentenceTransformer("models/hybrid"), task, cache=None)

The measures are those of exporting/mteb_results.py, and so are the names of tasks, subsets and languages. mteb breaks
ties by the passage's id from z to a, and keeps the best 1,000 passages; ours goes from a to z, and keeps all.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from babelmix.benchmarks.files import read_passages
from babelmix.benchmarks.qrels import Qrels, read_qrels
from babelmix.common.errors import UserError
from babelmix.exporting.mteb_results import CUTOFFS, MAIN_SCORE, SPLIT, revision_of, subsets_of, task_name
from babelmix.exporting.topics import ALL, LOST, PAIRS, POOL, Topics, topics_of

if TYPE_CHECKING:
    from mteb.abstasks import AbsTaskRetrieval


def pool_task(folder: Path) -> "AbsTaskRetrieval":
    """Return a benchmark folder as a task in which every query is asked against the passages of all languages.

    Raises:
        UserError: the folder is no benchmark; a language has no name in mteb; or passages are their own queries in a
            way that mteb cannot leave out.
    """
    return _task(folder, POOL)


def pairs_task(folder: Path) -> "AbsTaskRetrieval":
    """Return a benchmark folder as a task with a subset for each pair of languages; otherwise as `pool_task`."""
    return _task(folder, PAIRS)


def _task(folder: Path, scope: str) -> Any:
    """Return an instance of a class of its own: mteb takes a task's metadata from its class."""
    from datasets import Dataset
    from mteb.abstasks import AbsTaskRetrieval

    qrels = read_qrels(folder)
    topics = topics_of(qrels, scope)
    subsets = subsets_of(qrels, topics, scope)
    ids = [passage.id for passage in read_passages(folder)]
    itself = leaves_itself_out(qrels, ids)

    class FolderTask(AbsTaskRetrieval):
        """A benchmark folder as a task."""

        metadata = _metadata(folder, qrels, scope, {name: languages for name, (languages, _) in subsets.items()})
        k_values = CUTOFFS
        ignore_identical_ids = itself

        def load_data(self, num_proc: int | None = None, **_: Any) -> None:
            """Read the texts of the folder, where mteb's own tasks ask the hub; `num_proc` has no use here."""
            if self.data_loaded:
                return
            texts = [passage.text for passage in read_passages(folder)]
            loaded: Any = {}
            for name, (_languages, mine) in subsets.items():
                kept = passages_of(qrels, topics, mine.tolist())
                asked = [qrels.queries[row] for row in topics.query[mine].tolist()]
                corpus = {"id": [ids[row] for row in kept], "text": [texts[row] for row in kept]}
                queries = {"id": [query.id for query in asked], "text": [query.text for query in asked]}
                split: Any = {
                    "corpus": Dataset.from_dict(corpus),
                    "queries": Dataset.from_dict(queries),
                    "relevant_docs": answers_of(qrels, topics, mine.tolist(), ids),
                    "top_ranked": None,
                }
                loaded[name] = {SPLIT: split}
            self.dataset, self.data_loaded = loaded, True

    return FolderTask()


def _metadata(folder: Path, qrels: Qrels, scope: str, languages: dict[str, list[str]]) -> Any:
    from mteb.abstasks.task_metadata import TaskMetadata

    # No hub has this path: mteb reads it only where a task does not load its own data.
    dataset: Any = {"path": f"babelmix/{qrels.name}", "revision": revision_of(folder)}
    return TaskMetadata(
        name=task_name(qrels.name, scope),
        description=f"The benchmark {qrels.name} of babelmix, scope {scope}.",
        type="Retrieval",
        category="t2t",
        eval_splits=[SPLIT],
        eval_langs=languages,
        main_score=MAIN_SCORE,
        dataset=dataset,
        is_public=False,
    )


def passages_of(qrels: Qrels, topics: Topics, mine: list[int]) -> list[int]:
    """Return the rows of the passages that the topics of a subset are asked against: one language's, or all."""
    language = int(topics.language[mine[0]])
    return [row for row, code in enumerate(qrels.passage_language.tolist()) if language in (code, ALL)]


def answers_of(qrels: Qrels, topics: Topics, mine: list[int], ids: list[str]) -> dict[str, dict[str, int]]:
    """Return the relevance of each relevant passage of each query of a subset, by their ids.

    A passage whose text the benchmark lacks is named, and is not in the corpus: it counts as not found.
    """
    found: dict[str, dict[str, int]] = {}
    wanted = {topic: qrels.queries[int(topics.query[topic])].id for topic in mine}
    columns = (topics.topic.tolist(), topics.passage.tolist(), topics.relevance.tolist())
    for number, (topic, passage, relevance) in enumerate(zip(*columns, strict=True)):
        if topic in wanted:
            name = f"babelmix-lost-{number}" if passage == LOST else ids[passage]
            found.setdefault(wanted[topic], {})[name] = relevance
    return found


def leaves_itself_out(qrels: Qrels, ids: list[str]) -> bool:
    """Return whether mteb has to leave a passage out of the ranking of the query with its id.

    UserError where that would not be what the benchmark asks for.
    """
    barred = {
        (qrels.queries[query].id, ids[passage])
        for query, passage in zip(qrels.itself_query.tolist(), qrels.itself_passage.tolist(), strict=True)
    }
    known = set(ids)
    shared = {(query.id, query.id) for query in qrels.queries if query.id in known}
    if barred and barred != shared:
        what = "passages are their own queries, and mteb leaves a passage out for the query with its id alone"
        how = "score it with `babelmix evaluate --format mteb`, which leaves them out in every language"
        raise UserError(what, where=qrels.name, how=how)
    return bool(barred)
