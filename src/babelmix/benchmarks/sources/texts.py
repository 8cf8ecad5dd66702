"""A benchmark from the texts and judgements of a user's files, with counts of what it leaves out, by reason.

queries = Texts[Query]()
queries.read(Path("queries.jsonl"), read_query)         # each id once, every row remembered
benchmark, left_out = judged_texts("mine", Path("qrels.jsonl"), queries, passages, judgements, ...)
"""

from collections.abc import Callable, Container, Iterable, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

from babelmix.benchmarks.benchmark import Benchmark, Itself, Lost, OwnId, Passage, Qrel, Query, own_ids
from babelmix.benchmarks.sources.judgements import Judgements
from babelmix.common.errors import UserError
from babelmix.common.reading import checked_text, json_rows, shown
from babelmix.common.text import kept_form

Row = TypeVar("Row", Query, Passage)


@dataclass(frozen=True)  # slots and Generic do not go together in Python 3.11
class Texts(Generic[Row]):
    """The queries or the passages of a user's files by id; a missing text is "".

    `all_rows` has the user's id of every row of the files in their order, repeated rows too.
    """

    rows: dict[str, Row] = field(default_factory=dict[str, Row])
    all_rows: list[OwnId] = field(default_factory=list[OwnId])

    def read(self, file: Path, read: Callable[[dict[str, Any], str], tuple[str, Row]]) -> None:
        """Add a file of JSON lines; `read` makes (the user's id, row) of an object and its place.

        UserError for an id with two contents.
        """
        for where, raw in json_rows(file):
            own, row = read(raw, where)
            if self.rows.setdefault(row.id, row) != row:
                first = next(place for place, other in json_rows(file) if read(other, place)[1].id == row.id)
                raise two_texts(own, file, first, where)
            self.all_rows.append(OwnId(own, row.id, row.lang))


class Held(NamedTuple):
    """A passage of a judged document: its id, its language, and whether it has a text."""

    id: str
    lang: str
    full: bool


class PassageCounts(NamedTuple):
    """How many passages of the files have no text, repeat another, or have the text of another in their language."""

    without_text: int
    repeated: int
    with_text_of_another: int


class Joined(NamedTuple):
    """A benchmark but for its passages, sorted as in its files, and the counts of what is left out, by reason."""

    queries: tuple[Query, ...]
    qrels: tuple[Qrel, ...]
    itself: tuple[Itself, ...]
    own_queries: tuple[OwnId, ...]
    lost: tuple[Lost, ...]
    counts: dict[str, int]


def two_texts(own: str, file: Path, first: str, where: str) -> UserError:
    """Return the error for an id that has one text at `first` and another at `where`, both in `file`."""
    how = f"{first.removeprefix(f'{file}, ')} has it already: keep one of them"
    return UserError(f"duplicate id {shown(own)} with another text", where=where, how=how)


def judged_texts(
    name: str,
    file: Path,
    queries: Texts[Query],
    passages: Texts[Passage],
    judgements: Judgements,
    itself: Set[tuple[str, str]],
    *,
    holders: Callable[[str], Iterable[str]],
    languages: Callable[[str], Iterable[str]],
) -> tuple[Benchmark, dict[str, int]]:
    """Return the benchmark of the queries that have an answer, and how much it leaves out, see `join_judgements`.

    Args:
        name: of the benchmark.
        file: see `join_judgements`, as for the queries, the judgements, `itself` and `languages`.
        queries: all of them, judged or not.
        passages: all of them.
        judgements: by the user's ids.
        itself: (question, passage id) where the passage is the question.
        holders: from a document in a judgement to the ids of its passages, in every language that has it.
        languages: from a missing document to the languages whose rankings miss it.
    """
    full = {passage.id: passage for passage in passages.rows.values() if passage.text}
    joined = join_judgements(
        file,
        queries,
        judgements,
        itself,
        held=lambda document: [Held(row, passages.rows[row].lang, row in full) for row in holders(document)],
        languages=languages,
        full=full,
        spoken={passage.lang for passage in full.values()},
        passages=PassageCounts(
            len(passages.rows) - len(full),
            len(passages.all_rows) - len(passages.rows),
            len(full) - len({(row.lang, row.text) for row in full.values()}),
        ),
    )
    return Benchmark(
        name,
        joined.queries,
        tuple(sorted(full.values(), key=lambda row: row.id)),
        joined.qrels,
        itself=joined.itself,
        own_queries=joined.own_queries,
        own_passages=own_ids(passages.all_rows, full),
        lost=joined.lost,
    ), joined.counts


def join_judgements(
    file: Path,
    queries: Texts[Query],
    judgements: Judgements,
    itself: Set[tuple[str, str]],
    *,
    held: Callable[[str], Iterable[Held]],
    languages: Callable[[str], Iterable[str]],
    full: Container[str],
    spoken: Set[str],
    passages: PassageCounts,
) -> Joined:
    """Join queries to the passages that the judgements name, and count what is left out, by reason.

    It needs no texts of passages, so these may be larger than memory. No system finds a relevant document that is
    missing or has no text; it counts in the denominators, as in trec_eval (`Benchmark.lost`). A query that is itself a
    document does not find itself (`Benchmark.itself`).

    - `queries without judgements` in this split, `queries without a relevant document` (no score of 1 or more),
      `queries without text`, `queries known to judgements alone`: left out, as are `judgements of queries without
      text`.
    - `judgements below 1`: judged and not relevant; left out.
    - `documents without text`: left out.
    - `judgements of documents without text`, `judgements of documents that are not in the corpus`: never found.
    - `repeated queries`, `repeated documents`, `repeated judgements`: equal ones, of which one is kept.
    - `judgements of one pair with two scores`: the highest is kept.
    - `documents with the text of another`: kept, for the judgements name one of them.
    - `passages that are their own query`, and `qrels of a query to itself`, which are left out.

    Args:
        file: with the judgements; the UserError for queries without any answer names it.
        queries: all of them, judged or not.
        judgements: by the user's ids.
        itself: (question, passage id) where the passage is the question.
        held: from a document in a judgement to its passages, in every language that has it.
        languages: from a missing document to the languages whose rankings miss it.
        full: the ids of the passages that have a text, of those at least that `itself` names.
        spoken: the languages of the passages that have a text.
        passages: what was counted of them.
    """
    asking = {query.parallel_id for query in queries.rows.values() if query.text}
    qrels: list[Qrel] = []
    lost: list[Lost] = []
    mute = below = empty = unknown = own = 0
    for (question, document), score in judgements.scores.items():
        found = list(held(document))
        if question not in asking:
            mute += 1
        elif score < 1:
            below += 1
        elif any((question, row.id) in itself for row in found):
            own += 1
        else:
            blank = [row.lang for row in found if not row.full]
            qrels += (Qrel(question, row.id, score) for row in found if row.full)
            missed = blank if found else languages(document)
            lost += (Lost(question, lang, score) for lang in missed if lang in spoken)
            empty, unknown = empty + len(blank), unknown + (not found)
    answered = {row.parallel_id for row in (*qrels, *lost)}
    named = {question for question, _ in judgements.scores}
    kept = {query.id: query for query in queries.rows.values() if query.text and query.parallel_id in answered}
    unanswered = [query for query in queries.rows.values() if query.text and query.id not in kept]
    found_themselves = [Itself(*pair) for pair in itself if pair[0] in answered and pair[1] in full]
    counts = {
        "queries without judgements": sum(query.parallel_id not in named for query in unanswered),
        "queries without a relevant document": sum(query.parallel_id in named for query in unanswered),
        "queries without text": sum(not query.text for query in queries.rows.values()),
        "queries known to judgements alone": len(named - {query.parallel_id for query in queries.rows.values()}),
        "repeated queries": len(queries.all_rows) - len(queries.rows),
        "documents without text": passages.without_text,
        "repeated documents": passages.repeated,
        "documents with the text of another": passages.with_text_of_another,
        "repeated judgements": judgements.repeated,
        "judgements of one pair with two scores": judgements.differing,
        "judgements of queries without text": mute,
        "judgements below 1": below,
        "judgements of documents without text": empty,
        "judgements of documents that are not in the corpus": unknown,
        "qrels of a query to itself": own,
        "passages that are their own query": len(found_themselves),
    }
    if not qrels:
        reasons = ", ".join(f"{number:,} {reason}" for reason, number in counts.items() if number)
        what = f"no query has an answer ({reasons})" if reasons else "no query has an answer"
        how = "give at least one judgement of 1 or more to a document that has a text"
        raise UserError(what, where=str(file), how=how)
    return Joined(
        tuple(sorted(kept.values(), key=lambda row: row.id)),
        tuple(sorted(qrels, key=lambda row: (row.parallel_id, row.passage))),
        tuple(sorted(found_themselves, key=lambda row: (row.parallel_id, row.passage))),
        own_ids(queries.all_rows, kept),
        tuple(sorted(lost, key=lambda row: (row.parallel_id, row.lang, row.relevance))),
        counts,
    )


def text_of(row: dict[str, Any], name: str, where: str, *, needed: bool = True) -> str:
    """Return a field as a text in NFC, "" if it is null or blank; UserError for a needed field that is missing."""
    if name not in row and needed:
        what = f"missing; the fields are {shown(', '.join(row))}"
        raise UserError(what, where=f"{where}, {name}", how="give it a text, or null if there is none")
    value = row.get(name)
    text = "" if value is None else kept_form(checked_text(value, f"{where}, {name}"))
    return text if text.strip() else ""
