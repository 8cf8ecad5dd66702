"""A retrieval benchmark: queries in any language, passages in any language, and the qrels that join them.

Queries that share a `parallel_id` are translations of one question. The qrels say which passages, in any language,
answer that question, and how well. A passage that is the question itself (equal id, equal text) does not answer it: the
rankings of that question leave it out, in every language of the question. A benchmark of words leaves it out of the
rankings of one query alone: "Hund" does not find "Hund", and "dog" does.
"""

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field

from babelmix.common.text import spaced_form
from babelmix.corpus.records import Id


@dataclass(frozen=True, slots=True)
class Query:
    """A question as asked in one language; its translations share the `parallel_id`."""

    id: Id
    parallel_id: Id = field(metadata={"old": "question"})
    lang: str
    text: str


@dataclass(frozen=True, slots=True)
class Passage:
    """A candidate answer. `context` is the paragraph around it, empty if there is none."""

    id: Id
    lang: str
    text: str
    context: str = ""


@dataclass(frozen=True, slots=True)
class Qrel:
    """Passage `passage` answers the question `parallel_id`, across languages; a higher `relevance` is better."""

    parallel_id: Id = field(metadata={"old": "question"})
    passage: Id
    relevance: int = field(default=1, metadata={"old": "grade"})


@dataclass(frozen=True, slots=True)
class Itself:
    """Passage `passage` is the question `parallel_id` itself, by id and by text: its rankings leave the passage out.

    If `query` names a query of the question, the passage is that query alone, and only its ranking leaves it out.
    """

    parallel_id: Id = field(metadata={"old": "question"})
    passage: Id
    query: Id = ""

    def is_left_out_for(self, query: Query) -> bool:
        """Return whether the ranking of a query leaves the passage out."""
        return self.parallel_id == query.parallel_id and self.query in ("", query.id)


@dataclass(frozen=True, slots=True)
class Lost:
    """A relevant passage that no system can find: the files name it in a language and lack its text.

    It counts as relevant and not found, in the denominators of every measure, as in trec_eval.
    """

    parallel_id: Id = field(metadata={"old": "question"})
    lang: str
    relevance: int = field(default=1, metadata={"old": "grade"})


@dataclass(frozen=True, slots=True)
class OwnId:
    """The id of a text in the user's own file; `id` is the benchmark's, empty if the build left the text out."""

    own: Id = ""
    id: Id = ""
    lang: str = ""


@dataclass(frozen=True, slots=True)
class About:
    """Which files a benchmark was built from, and how many of their rows the build left out, by reason.

    `form` is "own", "beir" or "squad", and empty unless a user's files were read; `split` is BEIR's.
    """

    form: str = ""
    split: str | None = None
    left_out: Mapping[str, int] = field(default_factory=dict[str, int])


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A retrieval benchmark in memory.

    Queries and passages ascend by id; the order of passages breaks ties between equal scores. `own_queries` and
    `own_passages` name all texts of the user's own files in their order, those left out too: they join vectors that
    were made from these files to the benchmark.
    """

    name: str
    queries: tuple[Query, ...]
    passages: tuple[Passage, ...]
    qrels: tuple[Qrel, ...]
    itself: tuple[Itself, ...] = ()
    own_queries: tuple[OwnId, ...] = ()
    own_passages: tuple[OwnId, ...] = ()
    lost: tuple[Lost, ...] = ()

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages of its passages, in alphabetical order."""
        return tuple(sorted({passage.lang for passage in self.passages}))


def itself_of(benchmark: Benchmark) -> tuple[Itself, ...]:
    """Return the passages that are their own question: those that the benchmark names, or else those that show it.

    A query and a passage are one if their ids are equal and their texts too, white space aside.
    """
    if benchmark.itself:
        return benchmark.itself
    queries = {query.id: query for query in benchmark.queries}
    found = (as_itself(queries, passage) for passage in benchmark.passages)
    return tuple(row for row in found if row is not None)


def as_itself(queries: Mapping[str, Query], passage: Passage) -> Itself | None:
    """Return the passage as its own question if a query, of those by id, has its id and its text; None otherwise."""
    query = queries.get(passage.id)
    if query is None or spaced_form(query.text) != spaced_form(passage.text):
        return None
    return Itself(query.parallel_id, passage.id)


def own_ids(rows: Iterable[OwnId], kept: Container[str]) -> tuple[OwnId, ...]:
    """Return the texts of a user's files, in their order, without the ids of those left out and of repeated ones.

    Args:
        rows: every text of the files, with the id that the benchmark would give it.
        kept: the ids that the benchmark has.
    """
    seen: set[str] = set()
    found: list[OwnId] = []
    for row in rows:
        found.append(row if row.id in kept and row.id not in seen else OwnId(row.own, "", row.lang))
        seen.add(row.id)
    return tuple(found)
