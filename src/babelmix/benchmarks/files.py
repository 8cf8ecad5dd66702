"""The folder of a built benchmark: JSON lines of queries, passages and qrels, sorted by id and checked.

write_benchmark(Path("data/benchmarks/xquad-r"), benchmark)
benchmark = read_benchmark(Path("data/benchmarks/xquad-r"))
for passage in read_passages(Path("data/benchmarks/miracl-sw")):      # one line at a time, of millions
    ...
"""

from collections.abc import Callable, Collection, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from babelmix.benchmarks.benchmark import About, Benchmark, Itself, Lost, OwnId, Passage, Qrel, Query
from babelmix.common.errors import UserError, unknown_name
from babelmix.common.files import new_folder, write_json
from babelmix.common.languages import LANGUAGES
from babelmix.common.outputs import written_files
from babelmix.common.reading import checked_text, parse_json, read_text, shown
from babelmix.corpus.records import read_rows, write_rows


class Answers(NamedTuple):
    """What joins the queries of a benchmark to its passages."""

    qrels: tuple[Qrel, ...]
    itself: tuple[Itself, ...]
    lost: tuple[Lost, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Others:
    """What a benchmark folder has beside the passages; queries come in ascending order of id."""

    queries: Iterable[Query]
    qrels: Iterable[Qrel]
    itself: Iterable[Itself] = ()
    own_queries: Iterable[OwnId] = ()
    own_passages: Iterable[OwnId] = ()
    lost: Iterable[Lost] = ()
    about: About | None = None


def write_benchmark(folder: Path, benchmark: Benchmark, about: About | None = None) -> None:
    """Write a benchmark's files, replacing the folder as a whole; see `stream_benchmark`."""
    others = Others(
        queries=benchmark.queries,
        qrels=benchmark.qrels,
        itself=benchmark.itself,
        own_queries=benchmark.own_queries,
        own_passages=benchmark.own_passages,
        lost=benchmark.lost,
        about=about,
    )
    stream_benchmark(folder, benchmark.passages, lambda: others)


def stream_benchmark(folder: Path, passages: Iterable[Passage], others: Callable[[], Others]) -> None:
    """Write a benchmark row by row: the passages, in ascending order of id, and then what `others` returns.

    It is called when all passages are written, so it may use what their iterator gathered. The files are
    `queries.jsonl`, `passages.jsonl` and `qrels.jsonl`, and if they have rows `itself.jsonl`, `own-queries.jsonl`,
    `own-passages.jsonl` and `lost.jsonl`; `about.json` says what the build left out.
    """
    with new_folder(folder) as staging:
        write_rows(staging / "passages.jsonl", passages)
        rest = others()
        write_rows(staging / "queries.jsonl", rest.queries)
        write_rows(staging / "qrels.jsonl", rest.qrels)
        optional = {
            "itself": rest.itself,
            "own-queries": rest.own_queries,
            "own-passages": rest.own_passages,
            "lost": rest.lost,
        }
        for name, rows in optional.items():
            file = staging / f"{name}.jsonl"
            write_rows(file, rows)
            if not file.stat().st_size:
                file.unlink()
        if rest.about is not None:
            about = rest.about
            left_out = {reason: number for reason, number in about.left_out.items() if number}
            write_json(staging / "about.json", {"form": about.form, "split": about.split, "left_out": left_out})


def is_built(folder: Path) -> bool:
    """Return whether babelmix wrote the benchmark in a folder; it is then sorted and checked."""
    return "passages.jsonl" in written_files(folder)


def read_benchmark(folder: Path) -> Benchmark:
    """Read and check a benchmark folder; its name is the folder's.

    UserError for a missing file, a broken line, ids that are not unique and ascending, an unknown language, a qrel that
    repeats another or names an unknown passage or parallel_id, and a query that has no answer in any language.
    """
    queries, answers = read_queries(folder), read_answers(folder)
    passages = tuple(read_passages(folder))
    check_answers(folder, queries, answers, {row.id for row in passages}, {row.lang for row in passages})
    own_queries, own_passages = (tuple(read_own_ids(folder, name)) for name in ("queries", "passages"))
    return Benchmark(
        folder.name,
        queries,
        passages,
        answers.qrels,
        itself=answers.itself,
        own_queries=own_queries,
        own_passages=own_passages,
        lost=answers.lost,
    )


def read_about(folder: Path) -> About:
    """Return how a benchmark folder was built; UserError for a file that says something else."""
    file = folder / "about.json"
    if not file.is_file():
        return About()
    stored: Any = parse_json(read_text(file), str(file))
    form, split, left_out = (
        stored.get(name) if isinstance(stored, dict) else None for name in ("form", "split", "left_out")
    )
    counts: dict[Any, Any] = left_out if isinstance(left_out, dict) else {"": ""}
    if not all(isinstance(number, int) and not isinstance(number, bool) for number in counts.values()):
        how = "make the benchmark again"
        raise UserError(f"not what was left out, by reason: {shown(left_out)}", where=f"{file}, left_out", how=how)
    split = None if split is None else checked_text(split, f"{file}, split")
    return About(checked_text(form, f"{file}, form"), split, counts)


def read_own_ids(folder: Path, name: str) -> Iterator[OwnId]:
    """Yield the ids of the "queries" or "passages" in the user's own files, in the order of those files.

    A benchmark that was not built from a user's files has none.
    """
    return _optional(folder, f"own-{name}", OwnId)


def read_passages(folder: Path) -> Iterator[Passage]:
    """Yield the passages of a benchmark folder, one line at a time."""
    return _ascending(folder / "passages.jsonl", Passage)


def read_queries(folder: Path) -> tuple[Query, ...]:
    """Read the queries of a benchmark folder, and check that their ids ascend."""
    if not (folder / "queries.jsonl").is_file():
        how = f"run `dvc repro benchmark@{folder.name}`"
        raise UserError("no benchmark here (queries.jsonl is missing)", where=str(folder), how=how)
    return tuple(_ascending(folder / "queries.jsonl", Query))


def read_answers(folder: Path) -> Answers:
    """Read the qrels of a benchmark folder, and the passages that are their own query, or lost, if it has some."""
    qrels = tuple(qrel for _, qrel in read_rows(folder / "qrels.jsonl", Qrel))
    return Answers(qrels, tuple(_optional(folder, "itself", Itself)), tuple(_optional(folder, "lost", Lost)))


def check_answers(
    folder: Path, queries: Sequence[Query], answers: Answers, passages: Container[str], languages: Collection[str]
) -> None:
    """Raise UserError, with file and line, for an answer that does not fit the other files, and a query without one.

    Args:
        folder: of the benchmark; errors name its files.
        queries: all of them.
        answers: what the folder joins.
        passages: the ids of all passages, or of those that the answers name.
        languages: of the passages.
    """
    asked = {query.id: query.parallel_id for query in queries}
    known = set(asked.values())
    _check_qrels(folder / "qrels.jsonl", answers.qrels, known, passages)
    _check_lost(folder / "lost.jsonl", answers.lost, known, languages)
    answered = {row.parallel_id for row in (*answers.qrels, *answers.lost)}
    for query in queries:
        if query.parallel_id not in answered:
            where = f"{folder / 'queries.jsonl'}, id {query.id!r}"
            raise UserError("no passage answers this query", where=where, how="add its qrels or leave the query out")
    for line, row in enumerate(answers.itself, start=1):
        where = f"{folder / 'itself.jsonl'}, line {line}"
        _check_names(row, known, passages, where)
        if row.query and asked.get(row.query) != row.parallel_id:
            what = f"{row.query!r} is no query of {row.parallel_id!r}"
            raise UserError(what, where=f"{where}, query", how="name ids of the other files")


def _optional(folder: Path, name: str, kind: type[Any]) -> Iterator[Any]:
    """Yield the rows of a file that some benchmark folders lack."""
    file = folder / f"{name}.jsonl"
    if file.is_file():
        yield from (row for _, row in read_rows(file, kind))


def _check_names(row: Qrel | Itself, known: Container[str], passages: Container[str], where: str) -> None:
    for kind, name, valid in (("passage", row.passage, passages), ("parallel_id", row.parallel_id, known)):
        if name not in valid:
            raise UserError(f"unknown {kind} {name!r}", where=where, how="name ids of the other files")


def _check_qrels(file: Path, qrels: Sequence[Qrel], known: Container[str], passages: Container[str]) -> None:
    seen: set[tuple[str, str]] = set()
    for line, qrel in enumerate(qrels, start=1):
        where = f"{file}, line {line}"
        _check_names(qrel, known, passages, where)
        if qrel.relevance < 1:
            how = "drop the line: a passage that is judged not relevant counts as any other"
            raise UserError(f"relevance {qrel.relevance}", where=f"{where}, relevance", how=how)
        if (qrel.parallel_id, qrel.passage) in seen:
            raise UserError(f"duplicate qrel of {qrel.parallel_id!r} and {qrel.passage!r}", where=where, how="drop one")
        seen.add((qrel.parallel_id, qrel.passage))


def _check_lost(file: Path, lost: Sequence[Lost], known: Container[str], languages: Collection[str]) -> None:
    for line, row in enumerate(lost, start=1):
        where = f"{file}, line {line}"
        if row.parallel_id not in known or row.relevance < 1:
            how = "name a parallel_id of the other files, and a relevance of 1 or more"
            raise UserError(f"parallel_id {row.parallel_id!r}, relevance {row.relevance}", where=where, how=how)
        if row.lang not in languages:
            raise unknown_name("language of the passages", row.lang, languages, where=f"{where}, lang")


def _ascending(file: Path, kind: type[Any]) -> Iterator[Any]:
    previous = None
    for where, row in read_rows(file, kind):
        if row.lang not in LANGUAGES:
            raise unknown_name("language code", row.lang, LANGUAGES, where=f"{where}, lang")
        if previous is not None and row.id <= previous:
            what = "duplicate id" if row.id == previous else "ids out of order:"
            raise UserError(f"{what} {row.id!r}", where=where, how="sort the file by id and keep one row for each")
        previous = row.id
        yield row
